//! Series ready made: written when a Db is closed, read by the next start instead of what it
//! covers of the series files. It is never needed: what does not match is left aside.

use std::collections::BTreeMap;
use std::path::Path;

use parking_lot::Mutex;

use super::Error;
use super::copy::replace;
use super::database::Inner;
use super::namespace::NamespaceState;
use crate::bits::{crc32c_append, share_out};
use crate::index::MemIndex;
use crate::manifest::SeriesFileEntry;
use crate::model::{FingerprintKey, MetricMetadata, NamespaceId};
use crate::series::{
    CoveredFile, Registry, SeriesImage, SeriesSnapshot, SnapshotHead, encode_snapshot, series_path,
    snapshot_path,
};
use crate::shard::Names;
use crate::vfs::{OpenMode, Vfs, open_if_there, read_exact_at, read_to_end};

/// Bytes of a series file that are summed at once.
const READ_BYTES: usize = 1 << 20;

/// For a smaller snapshot no thread is started.
const BYTES_WORTH_THREADS: usize = 64 << 10;

/// What a namespace's series are, as far as read.
#[derive(Debug)]
pub(super) struct LoadedSeries {
    pub(super) names: Names,
    pub(super) metadata: BTreeMap<String, MetricMetadata>,
    /// What of the series files is in it already.
    pub(super) covered: Vec<CoveredFile>,
}

impl LoadedSeries {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self {
            names: Names {
                registry: Registry::new(),
                index: MemIndex::new(),
            },
            metadata: BTreeMap::new(),
            covered: Vec::new(),
        }
    }
}

/// Reads the snapshot of a namespace, if there is one that was made of what its series files
/// begin with. The error says why one cannot be used.
pub(super) fn load(
    vfs: &dyn Vfs,
    (folder, namespace): (&Path, NamespaceId),
    key: &FingerprintKey,
    images: &[SeriesImage],
    threads: usize,
) -> Result<Option<LoadedSeries>, String> {
    let file = open_if_there(vfs, &snapshot_path(folder), OpenMode::Read);
    let Some(file) = file.map_err(|error| format!("it cannot be opened: {error}"))? else {
        return Ok(None);
    };
    let bytes = read_to_end(&*file).map_err(|error| format!("it cannot be read: {error}"))?;
    let snapshot = SeriesSnapshot::decode(&bytes, key).map_err(|error| error.to_string())?;
    let head = &snapshot.head;
    if head.namespace != namespace {
        return Err("it is of another namespace".to_owned());
    }
    // Only behind the last of its files may definitions have been added.
    let numbers = images.iter().map(SeriesImage::number);
    let listed = head.files.iter().map(|file| file.number);
    if head.files.is_empty() || !numbers.take(head.files.len()).eq(listed) {
        return Err("it is of other series files".to_owned());
    }
    let (index, registry) = (Mutex::new(None), Mutex::new(None));
    let other = Mutex::new(false);
    // The index takes longest.
    let work = |task: usize| match task {
        0 => *index.lock() = Some(MemIndex::read_snapshot(snapshot.index)),
        1 => *registry.lock() = Some(snapshot.registry()),
        _ => {
            let pair = images.iter().zip(&head.files).nth(task - 2);
            if pair.is_some_and(|(image, file)| !image.begins_as(file)) {
                *other.lock() = true;
            }
        }
    };
    let is_small = bytes.len() < BYTES_WORTH_THREADS;
    let threads = if is_small { 1 } else { threads };
    share_out(threads, 2 + head.files.len(), &work, || ());
    if other.into_inner() {
        return Err("the series files do not begin as those it was made of".to_owned());
    }
    let (Some(index), Some(registry)) = (index.into_inner(), registry.into_inner()) else {
        return Err("it was not read".to_owned());
    };
    let index = index.map_err(|error| error.to_string())?;
    let registry = registry.map_err(|error| error.to_string())?;
    if index.len() != registry.len() {
        return Err("its index has other series than its registry".to_owned());
    }
    let metadata = snapshot.metadata.into_iter();
    Ok(Some(LoadedSeries {
        names: Names { registry, index },
        metadata: metadata.map(|one| (one.metric.clone(), one)).collect(),
        covered: snapshot.head.files,
    }))
}

impl Inner {
    /// Writes a snapshot of each namespace's series. Nothing may be appended any more.
    pub(super) fn save_series(&self) -> Result<(), Error> {
        for state in self.states() {
            if let Some(bytes) = self.series_snapshot(&state)? {
                replace(&*self.vfs, &snapshot_path(&state.folder), &bytes)?;
            }
        }
        Ok(())
    }

    /// The bytes of a snapshot; none where there is nothing to save, or it stands on disk.
    fn series_snapshot(&self, state: &NamespaceState) -> Result<Option<Vec<u8>>, Error> {
        let head = state.head();
        let Some(file) = head.series_file() else {
            return Ok(None);
        };
        let listed = state.manifest.lock().series_files.clone();
        head.read_names(|names, metadata| {
            // What is not durable may not be covered. With the names locked none can be added.
            // Where series are just leaving, one that came back would be there twice.
            let leaving = names.registry.any_leaving();
            if file.has_unsynced() || names.registry.is_empty() || leaving {
                return Ok(None);
            }
            let mut files = Vec::new();
            for entry in &listed {
                let active = entry.number == file.number();
                let end = active.then(|| (file.synced_end(), file.symbols_len()));
                files.push(cover(&*self.vfs, &state.folder, entry, end)?);
            }
            let head = SnapshotHead {
                namespace: state.id,
                next_id: names.registry.next_id(),
                files,
            };
            if self.saved_head(&state.folder).as_ref() == Some(&head) {
                return Ok(None);
            }
            let mut index = Vec::new();
            names.index.write_snapshot(&mut index);
            let metadata = metadata.values();
            let bytes = encode_snapshot(&head, &self.key, &names.registry, metadata, &index);
            Ok(Some(bytes))
        })
    }

    /// Whether the next start could use the snapshot that is there; none if there is none.
    pub(super) fn verify_series_snapshot(
        &self,
        state: &NamespaceState,
    ) -> Option<Result<(), String>> {
        let files = state.manifest.lock().series_files.clone();
        let namespace = (state.folder.as_path(), state.id);
        let images = files
            .iter()
            .map(|file| SeriesImage::open(&*self.vfs, namespace, file.number));
        // A series file that cannot be read is told of by itself.
        let images: Vec<SeriesImage> = images.collect::<Result<_, _>>().ok()?;
        let read = load(&*self.vfs, namespace, &self.key, &images, 1);
        read.map(|found| found.map(|_| ())).transpose()
    }

    /// What the snapshot on disk was made of, if it is a sound one.
    fn saved_head(&self, folder: &Path) -> Option<SnapshotHead> {
        let file = self.vfs.open(&snapshot_path(folder), OpenMode::Read).ok()?;
        let bytes = read_to_end(&*file).ok()?;
        Some(SeriesSnapshot::decode(&bytes, &self.key).ok()?.head)
    }
}

/// What a snapshot covers of a file; a sealed one as a whole, as nothing is added behind it.
fn cover(
    vfs: &dyn Vfs,
    folder: &Path,
    entry: &SeriesFileEntry,
    end: Option<(u64, u32)>,
) -> Result<CoveredFile, Error> {
    let path = series_path(folder, entry.number);
    let sum = || {
        let file = vfs.open(&path, OpenMode::Read)?;
        let (bytes, symbols) = match end {
            Some(end) => end,
            None => (file.len()?, 0),
        };
        let mut buffer = vec![0; READ_BYTES];
        let (mut at, mut crc) = (0, 0);
        while at < bytes {
            let step = usize::try_from(bytes - at).unwrap_or(READ_BYTES);
            let part = buffer.get_mut(..step.min(READ_BYTES)).unwrap_or_default();
            read_exact_at(&*file, part, at)?;
            crc = crc32c_append(crc, part);
            at += part.len() as u64;
        }
        Ok(CoveredFile {
            number: entry.number,
            bytes,
            symbols,
            crc,
        })
    };
    sum().map_err(Error::io("reading", path.clone()))
}
