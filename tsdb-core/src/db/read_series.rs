//! A namespace's series read back: from its snapshot as far as one fits, from its series files
//! beyond that.

use std::path::Path;

use super::Error;
use super::recovery::{RecoveryReport, RefusedSnapshot, TornTail};
use super::series_snapshot::{LoadedSeries, load};
use crate::manifest::{Manifest, SeriesFileEntry};
use crate::model::{FingerprintKey, NamespaceId};
use crate::series::{HashedRecord, SeriesEnd, SeriesImage, series_path, snapshot_path};
use crate::shard::Head;
use crate::vfs::Vfs;

/// What the series files of a namespace say.
#[derive(Debug)]
pub(super) struct ReadSeries {
    pub(super) series: LoadedSeries,
    /// The end of each file, in the manifest's order.
    pub(super) ends: Vec<SeriesEnd>,
    torn: Vec<TornTail>,
}

/// Where series are read from, and what with.
#[derive(Clone, Copy, Debug)]
pub(super) struct SeriesSource<'a> {
    pub(super) vfs: &'a dyn Vfs,
    pub(super) folder: &'a Path,
    pub(super) namespace: NamespaceId,
    pub(super) manifest: &'a Manifest,
    pub(super) key: &'a FingerprintKey,
    pub(super) threads: usize,
}

/// Reads the series of a namespace. Changes nothing.
pub(super) fn read_series(
    source: SeriesSource<'_>,
    report: &mut RecoveryReport,
) -> Result<ReadSeries, Error> {
    let namespace = (source.folder, source.namespace);
    let mut images = Vec::new();
    for file in &source.manifest.series_files {
        images.push(SeriesImage::open(source.vfs, namespace, file.number)?);
    }
    let loaded = load(source.vfs, namespace, source.key, &images, source.threads);
    // What the snapshot does not cover must fit it; else the files alone say what is right.
    let read = loaded.and_then(|loaded| {
        let Some(loaded) = loaded else {
            return Ok(None);
        };
        let held = loaded.names.registry.len();
        let read = read_files(source, &images, loaded);
        read.map(|read| Some((held, read)))
            .map_err(|error| format!("what was added does not fit: {error}"))
    });
    let read = match read {
        Ok(Some((held, read))) => {
            report.series_from_snapshots += held as u64;
            read
        }
        other => {
            if let Err(what) = other {
                let path = snapshot_path(source.folder);
                report
                    .refused_snapshots
                    .push(RefusedSnapshot { path, what });
            }
            read_files(source, &images, LoadedSeries::new())?
        }
    };
    report.torn.extend(read.torn.iter().cloned());
    Ok(read)
}

fn read_files(
    source: SeriesSource<'_>,
    images: &[SeriesImage],
    mut series: LoadedSeries,
) -> Result<ReadSeries, Error> {
    let (mut ends, mut torn) = (Vec::new(), Vec::new());
    for (file, image) in source.manifest.series_files.iter().zip(images) {
        let LoadedSeries {
            names,
            metadata,
            covered,
        } = &mut series;
        let covered = covered.iter().find(|covered| covered.number == file.number);
        let with = (source.key, source.threads);
        let end = image.read_ahead(covered, with, &mut |record| {
            match record {
                HashedRecord::Series(id, fingerprint, labels) => {
                    Head::define(names, fingerprint, id, &labels)?;
                }
                HashedRecord::Metadata(one) => {
                    metadata.insert(one.metric.clone(), one);
                }
            }
            Ok(())
        })?;
        names.registry.skip_ids_below(end.header.next_id);
        torn.extend(torn_end(source.folder, file, &end)?);
        ends.push(end);
    }
    let LoadedSeries { mut names, .. } = series;
    names.registry.skip_ids_below(source.manifest.next_series);
    // Series that had left and came back are defined twice.
    series.names = names.without_leaving();
    Ok(ReadSeries { series, ends, torn })
}

/// What is cut off a series file, if anything; below what was synced nothing may be.
fn torn_end(
    folder: &Path,
    file: &SeriesFileEntry,
    end: &SeriesEnd,
) -> Result<Option<TornTail>, Error> {
    let path = series_path(folder, file.number);
    if end.end < file.synced_len {
        return Err(Error::Corrupt {
            path,
            offset: end.end,
            what: format!(
                "a bad record, although the manifest says that {} bytes were synced",
                file.synced_len
            ),
        });
    }
    Ok((end.torn_bytes > 0).then(|| TornTail {
        path,
        offset: end.end,
        bytes: end.torn_bytes,
        what: "a record is cut short or its checksum does not match".to_owned(),
    }))
}
