//! Reads a whole folder, and notes what is damaged of it and what is given up for that.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::blocks::{Named, salvage_block};
use super::logs::examine_logs;
use super::names::Definitions;
use super::report::{Damage, Lost, LostSamples, SalvageReport};
use super::runs::salvage_run;
use crate::block::BlockError;
use crate::db::open::{CATALOG_PATH, FORMAT_PATH};
use crate::db::paths::{block_path, open_block, open_run, run_path};
use crate::db::{Error, NamespaceOptions};
use crate::exemplar::exemplars_path;
use crate::manifest::{
    BlockEntry, Catalog, DataFormat, Manifest, ManifestError, NamespaceEntry, RunEntry,
    SeriesFileEntry, check_namespace_name,
};
use crate::model::{BlockId, Generation, NamespaceId, RunId};
use crate::run::RunError;
use crate::series::{SERIES_HEADER_BYTES, decode_header, series_path};
use crate::vfs::{OpenMode, Vfs, read_exact_at};

/// What is known of a folder when all of it was read.
#[derive(Debug)]
pub(super) struct Examined {
    /// What the file FORMAT says, if it can be read.
    pub(super) format: Option<DataFormat>,
    pub(super) catalog: Catalog,
    /// Numbers below it that none of the namespaces has were those of some that were removed: what
    /// logs hold of these is nobody's. 0 where the catalog is lost, and so not known.
    pub(super) removed_below: NamespaceId,
    pub(super) namespaces: Vec<ExaminedNamespace>,
    /// Logs that are not flushed, in order.
    pub(super) logs: Vec<Generation>,
    /// Whether any of them is damaged, or names what has no name.
    pub(super) logs_damaged: bool,
    pub(super) report: SalvageReport,
}

/// What is known of a namespace.
#[derive(Debug)]
pub(super) struct ExaminedNamespace {
    pub(super) entry: NamespaceEntry,
    pub(super) folder: PathBuf,
    /// What is live, without files of which nothing can be read.
    pub(super) manifest: Manifest,
    pub(super) names: Definitions,
    /// Whether names must be written anew.
    pub(super) names_damaged: bool,
    pub(super) damaged_runs: BTreeSet<RunId>,
    pub(super) damaged_blocks: BTreeSet<BlockId>,
    /// Whether there is a file of exemplars, and it is whole.
    pub(super) exemplars: bool,
}

/// Tells what is being read: the file.
pub(super) type Progress<'p> = &'p mut dyn FnMut(&Path);

/// Reads a folder. Changes nothing.
pub(super) fn examine(vfs: &dyn Vfs, progress: Progress<'_>) -> Result<Examined, Error> {
    let mut report = SalvageReport::default();
    let format = small(
        &mut report,
        FORMAT_PATH,
        DataFormat::read(vfs, Path::new(FORMAT_PATH)),
    )?;
    if let (None, Some(damage)) = (&format, report.damage.last_mut()) {
        damage
            .what
            .push_str("; the key of label fingerprints is made anew");
    }
    let read = Catalog::read(vfs, Path::new(CATALOG_PATH));
    let (catalog, removed_below) = match small(&mut report, CATALOG_PATH, read)? {
        Some(catalog) => {
            let next = catalog.next_namespace;
            (catalog, next)
        }
        None => (catalog_of(vfs, &mut report)?, NamespaceId(0)),
    };
    let mut namespaces = Vec::new();
    for entry in &catalog.namespaces {
        namespaces.push(examine_namespace(vfs, entry, progress, &mut report)?);
    }
    let mut examined = Examined {
        format,
        catalog,
        removed_below,
        namespaces,
        logs: Vec::new(),
        logs_damaged: false,
        report,
    };
    examine_logs(vfs, &mut examined, progress)?;
    let names = examined.namespaces.iter().map(|one| one.names.len() as u64);
    examined.report.series = names.sum();
    let report = &mut examined.report;
    for namespace in &examined.namespaces {
        report.name_series(&namespace.entry.name, &namespace.names);
    }
    Ok(examined)
}

/// A small file that is read whole. A version of a newer build is no damage.
fn small<T>(
    report: &mut SalvageReport,
    path: impl Into<PathBuf>,
    read: Result<T, ManifestError>,
) -> Result<Option<T>, Error> {
    report.files += 1;
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error @ ManifestError::Version { .. }) => Err(error.into()),
        Err(error) => {
            report.damage.push(Damage {
                path: path.into(),
                offset: 0,
                bytes: 0,
                what: whole_text(&error),
                lost: Lost::Nothing,
            });
            Ok(None)
        }
    }
}

/// An error with its causes.
fn whole_text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

fn names_in(vfs: &dyn Vfs, folder: &Path) -> Vec<String> {
    // A folder that cannot be listed shows in what is missing of it.
    vfs.list(folder).unwrap_or_default()
}

/// The catalog as the folders tell it.
fn catalog_of(vfs: &dyn Vfs, report: &mut SalvageReport) -> Result<Catalog, Error> {
    let mut namespaces: Vec<NamespaceEntry> = Vec::new();
    for name in vfs.list(Path::new("")).map_err(Error::io("listing", "."))? {
        let folder = Path::new(&name);
        if check_namespace_name(&name).is_err() {
            continue;
        }
        let Some(id) = namespace_id(vfs, folder) else {
            continue;
        };
        report.damage.push(Damage {
            path: PathBuf::from(CATALOG_PATH),
            offset: 0,
            bytes: 0,
            what: format!("retention, window and acks of {name} are those of a new namespace"),
            lost: Lost::Options {
                namespace: name.clone(),
            },
        });
        namespaces.push(NamespaceOptions::default().entry(id, &name));
    }
    report.damage.push(Damage {
        path: PathBuf::from(CATALOG_PATH),
        offset: 0,
        bytes: 0,
        what: "documents stand in the catalog alone: whether there were any is not known"
            .to_owned(),
        lost: Lost::Documents,
    });
    namespaces.sort_by_key(|entry| entry.id);
    namespaces.dedup_by_key(|entry| entry.id);
    let last = namespaces.last().map(|entry| entry.id.0);
    Ok(Catalog {
        // Far past the one that was lost: versions of documents are taken from it.
        sequence: 1 << 40,
        next_namespace: NamespaceId(last.map_or(0, |last| last.saturating_add(1))),
        namespaces,
        documents: Vec::new(),
    })
}

/// The id of a namespace as its files tell it.
fn namespace_id(vfs: &dyn Vfs, folder: &Path) -> Option<NamespaceId> {
    if let Ok(manifest) = Manifest::read(vfs, &folder.join("MANIFEST")) {
        return Some(manifest.namespace);
    }
    for (number, path) in numbered(vfs, folder, "series", "series") {
        let header = || {
            let file = vfs.open(&path, OpenMode::Read).ok()?;
            let mut bytes = [0; SERIES_HEADER_BYTES];
            read_exact_at(&*file, &mut bytes, 0).ok()?;
            decode_header(&bytes).ok()
        };
        if let Some(header) = header().filter(|header| header.number == number) {
            return Some(header.namespace);
        }
    }
    let runs = numbered(vfs, folder, "runs", "run").into_iter();
    let mut of_runs = runs.filter_map(|(_, path)| open_run(vfs, &path).ok());
    if let Some(run) = of_runs.next() {
        return Some(run.meta().header.namespace);
    }
    let blocks = numbered(vfs, folder, "blocks", "block").into_iter();
    let mut of_blocks = blocks.filter_map(|(_, path)| open_block(vfs, &path).ok());
    of_blocks.next().map(|block| block.meta().header.namespace)
}

/// Files of a part of a namespace that are named by a number, by rising number.
fn numbered(vfs: &dyn Vfs, folder: &Path, part: &str, extension: &str) -> Vec<(u64, PathBuf)> {
    let folder = folder.join(part);
    let mut found: Vec<(u64, PathBuf)> = names_in(vfs, &folder)
        .iter()
        .filter_map(|name| {
            let number = name.strip_suffix(extension)?.strip_suffix('.')?;
            Some((number.parse().ok()?, folder.join(name)))
        })
        .collect();
    found.sort_unstable();
    found
}

fn examine_namespace(
    vfs: &dyn Vfs,
    entry: &NamespaceEntry,
    progress: Progress<'_>,
    report: &mut SalvageReport,
) -> Result<ExaminedNamespace, Error> {
    let folder = PathBuf::from(&entry.name);
    let path = folder.join("MANIFEST");
    progress(&path);
    let read = Manifest::read(vfs, &path);
    let manifest = match small(report, &path, read)? {
        Some(manifest) => manifest,
        None => manifest_of(vfs, entry, report)?,
    };
    let place = (folder.as_path(), entry.name.as_str(), entry.id);
    let files = (manifest.series_files.as_slice(), manifest.next_series);
    let (names, mut names_damaged) = Definitions::read(vfs, place, files, report);
    names_damaged |= manifest.series_files.is_empty();
    let mut namespace = ExaminedNamespace {
        entry: entry.clone(),
        folder,
        manifest,
        names,
        names_damaged,
        damaged_runs: BTreeSet::new(),
        damaged_blocks: BTreeSet::new(),
        exemplars: false,
    };
    namespace.exemplars = has_exemplars(vfs, entry, report);
    // Blocks first: they know names that series files may have lost.
    namespace.blocks(vfs, progress, report)?;
    namespace.runs(vfs, progress, report)?;
    Ok(namespace)
}

/// Whether there is a file of exemplars that is whole.
fn has_exemplars(vfs: &dyn Vfs, entry: &NamespaceEntry, report: &mut SalvageReport) -> bool {
    let folder = Path::new(&entry.name);
    match crate::db::exemplars::read(vfs, folder, entry.id) {
        Ok(image) => image.is_some(),
        Err(error) => {
            report.damage.push(Damage {
                path: exemplars_path(folder),
                offset: 0,
                bytes: 0,
                what: error.to_string(),
                lost: Lost::Exemplars {
                    namespace: Some(entry.name.clone()),
                    exemplars: None,
                },
            });
            false
        }
    }
}

/// What is live, as the files themselves tell it.
fn manifest_of(
    vfs: &dyn Vfs,
    entry: &NamespaceEntry,
    report: &mut SalvageReport,
) -> Result<Manifest, Error> {
    let folder = Path::new(&entry.name);
    let mut manifest = Manifest {
        namespace: entry.id,
        sequence: 1,
        ..Manifest::default()
    };
    let mut last_number = 0;
    for (number, _) in numbered(vfs, folder, "series", "series") {
        last_number = last_number.max(number);
        manifest.series_files.push(SeriesFileEntry {
            number,
            synced_len: 0,
        });
    }
    for (number, path) in numbered(vfs, folder, "runs", "run") {
        last_number = last_number.max(number);
        match open_run(vfs, &path) {
            Ok(run) => manifest.runs.extend(RunEntry::of(run.meta())),
            Err(error @ Error::Run(RunError::Version { .. })) => return Err(error),
            Err(error) => report.damage.push(unread(entry, path, &error)),
        }
    }
    for (number, path) in numbered(vfs, folder, "blocks", "block") {
        last_number = last_number.max(number);
        match open_block(vfs, &path) {
            Ok(block) => manifest.blocks.push(BlockEntry::of(block.meta())),
            Err(error @ Error::Block(BlockError::Version { .. })) => return Err(error),
            Err(error) => report.damage.push(unread(entry, path, &error)),
        }
    }
    let runs = manifest.runs.iter().map(|run| run.generation);
    let blocks = manifest.blocks.iter().map(|block| block.generation);
    manifest.flushed_generation = runs.chain(blocks).max().unwrap_or_default();
    // Whatever delete a writer has seen was flushed, or its log is there.
    manifest.last_delete = manifest.flushed_generation;
    manifest.next_file = last_number.saturating_add(1);
    report.damage.push(Damage {
        path: folder.join("MANIFEST"),
        offset: 0,
        bytes: 0,
        what: "which deletes compaction had not yet applied is not known, nor which files it had \
               replaced: samples that were deleted or had expired may be seen again"
            .to_owned(),
        lost: Lost::Deletes {
            namespace: Some(entry.name.clone()),
            generation: None,
        },
    });
    Ok(manifest)
}

/// A file that no manifest tells about, and that does not open.
fn unread(entry: &NamespaceEntry, path: PathBuf, error: &Error) -> Damage {
    Damage {
        path,
        offset: 0,
        bytes: 0,
        what: error.to_string(),
        lost: Lost::Samples(LostSamples {
            namespace: Some(entry.name.clone()),
            ..LostSamples::default()
        }),
    }
}

impl ExaminedNamespace {
    fn blocks(
        &mut self,
        vfs: &dyn Vfs,
        progress: Progress<'_>,
        report: &mut SalvageReport,
    ) -> Result<(), Error> {
        let mut named = Named::new();
        for entry in std::mem::take(&mut self.manifest.blocks) {
            let path = block_path(&self.folder, entry.id);
            progress(&path);
            report.files += 1;
            let reader = match open_block(vfs, &path) {
                Ok(reader) => reader,
                Err(error @ Error::Block(BlockError::Version { .. })) => return Err(error),
                Err(error) => {
                    let lost = ((entry.min_time, entry.max_time), entry.samples, entry.bytes);
                    report.damage.push(self.unread(path, &error, lost));
                    continue;
                }
            };
            let names = (self.entry.name.as_str(), &mut self.names);
            let named = self.names_damaged.then_some(&mut named);
            let (whole, _) = salvage_block(&reader, names, (None, named), report)?;
            if !whole {
                self.damaged_blocks.insert(entry.id);
            }
            self.manifest.blocks.push(entry);
        }
        self.names.recover(named);
        Ok(())
    }

    fn runs(
        &mut self,
        vfs: &dyn Vfs,
        progress: Progress<'_>,
        report: &mut SalvageReport,
    ) -> Result<(), Error> {
        for entry in std::mem::take(&mut self.manifest.runs) {
            let path = run_path(&self.folder, entry.id);
            progress(&path);
            report.files += 1;
            let reader = match open_run(vfs, &path) {
                Ok(reader) => reader,
                Err(error @ Error::Run(RunError::Version { .. })) => return Err(error),
                Err(error) => {
                    let times = (entry.windows_min, entry.windows_max);
                    let lost = (times, entry.samples, entry.bytes);
                    report.damage.push(self.unread(path, &error, lost));
                    continue;
                }
            };
            let names = (self.entry.name.as_str(), &mut self.names);
            let (whole, _) = salvage_run(&reader, names, None, report)?;
            if !whole {
                self.damaged_runs.insert(entry.id);
            }
            self.manifest.runs.push(entry);
        }
        Ok(())
    }

    /// A file of which nothing can be read; the manifest tells what was in it.
    fn unread(
        &self,
        path: PathBuf,
        error: &Error,
        (times, samples, bytes): ((i64, i64), u64, u64),
    ) -> Damage {
        Damage {
            path,
            offset: 0,
            bytes,
            what: whole_text(error),
            lost: Lost::Samples(LostSamples {
                namespace: Some(self.entry.name.clone()),
                series: None,
                labels: None,
                times: Some(times),
                samples: Some(samples),
            }),
        }
    }

    /// Paths of its series files.
    pub(super) fn series_paths(&self) -> impl Iterator<Item = (SeriesFileEntry, PathBuf)> {
        let files = self.manifest.series_files.iter();
        files.map(|file| (*file, series_path(&self.folder, file.number)))
    }
}
