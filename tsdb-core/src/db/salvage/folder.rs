//! Writes a folder that opens, of what an examined one still holds.

use std::path::{Path, PathBuf};

use super::blocks::salvage_block;
use super::examine::{Examined, ExaminedNamespace, Progress};
use super::logs::{LogTarget, pass};
use super::report::SalvageReport;
use super::runs::salvage_run;
use crate::block::{BlockWriter, Sealing};
use crate::db::Error;
use crate::db::copy::{copy_between, file_len, link_or_copy, make_folder, sync};
use crate::db::open::{CATALOG_PATH, FORMAT_PATH, random_key};
use crate::db::paths::{block_path, open_block, open_run, run_path};
use crate::exemplar::exemplars_path;
use crate::manifest::{BlockEntry, DataFormat, Manifest, RunEntry};
use crate::model::SeriesId;
use crate::run::RunWriter;
use crate::vfs::{Vfs, create_anew};
use crate::wal::log_path;

/// Where a salvaged folder is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    /// Where the damaged folder is.
    pub(super) from: &'a dyn Vfs,
    pub(super) to: &'a dyn Vfs,
    /// The salvaged folder, below the root of `to`.
    pub(super) root: &'a Path,
    /// Whether both are on one disk, so that files that never change need not be copied.
    pub(super) shared: bool,
}

impl Place<'_> {
    /// Brings a file that is whole, and never changes, over.
    fn keep(&self, path: &Path) -> Result<(), Error> {
        let len = file_len(self.from, path)?;
        if self.shared {
            return link_or_copy(self.from, path, &self.root.join(path), len).map(|_| ());
        }
        self.copy(path)
    }

    /// Copies a file that will go on changing.
    fn copy(&self, path: &Path) -> Result<(), Error> {
        let len = file_len(self.from, path)?;
        let target = self.root.join(path);
        copy_between((self.from, path), (self.to, &target), len)
    }
}

/// Writes the salvaged folder: its catalog first and the file FORMAT last, so that nothing opens
/// it before it is whole. What is given up was told when the folder was examined; what the disk
/// refuses only now is added to the report.
pub(super) fn write(
    place: Place<'_>,
    examined: &mut Examined,
    progress: Progress<'_>,
) -> Result<(), Error> {
    make_folder(place.to, place.root)?;
    let wal = place.root.join("wal");
    make_folder(place.to, &wal)?;
    examined
        .catalog
        .write(place.to, &place.root.join(CATALOG_PATH))?;
    let mut again = SalvageReport::default();
    let mut rewritten = Vec::new();
    for namespace in &mut examined.namespaces {
        write_namespace(place, namespace, progress, (&mut again, &mut rewritten))?;
    }
    if examined.logs_damaged {
        let target = LogTarget {
            vfs: place.to,
            root: place.root,
        };
        let read = (examined.logs.as_slice(), examined.namespaces.as_mut_slice());
        let below = examined.removed_below;
        pass(place.from, read, below, Some(target), progress, &mut again)?;
        rewritten.extend(examined.logs.iter().map(|one| log_path(*one)));
    } else {
        for generation in &examined.logs {
            place.copy(&log_path(*generation))?;
        }
    }
    sync(place.to, &wal)?;
    let key = examined.format.map(|format| format.fingerprint_key);
    let format = DataFormat {
        fingerprint_key: key.unwrap_or_else(random_key),
    };
    sync(place.to, place.root)?;
    format.write(place.to, &place.root.join(FORMAT_PATH))?;
    let report = &mut examined.report;
    report.add_later(again.damage);
    report.rewritten = rewritten;
    Ok(())
}

fn write_namespace(
    place: Place<'_>,
    namespace: &mut ExaminedNamespace,
    progress: Progress<'_>,
    (report, rewritten): (&mut SalvageReport, &mut Vec<PathBuf>),
) -> Result<(), Error> {
    let folder = place.root.join(&namespace.folder);
    make_folder(place.to, &folder)?;
    let parts = ["series", "runs", "blocks"].map(|part| folder.join(part));
    for part in &parts {
        make_folder(place.to, part)?;
    }
    let mut manifest = Manifest {
        runs: Vec::new(),
        blocks: Vec::new(),
        ..namespace.manifest.clone()
    };
    for entry in namespace.manifest.runs.clone() {
        let path = run_path(&namespace.folder, entry.id);
        progress(&path);
        if !namespace.damaged_runs.contains(&entry.id) {
            place.keep(&path)?;
            manifest.runs.push(entry);
            continue;
        }
        let written = rewrite_run(place, namespace, &path, report)?;
        rewritten.extend(written.is_some().then_some(path));
        manifest.runs.extend(written);
    }
    for entry in namespace.manifest.blocks.clone() {
        let path = block_path(&namespace.folder, entry.id);
        progress(&path);
        if !namespace.damaged_blocks.contains(&entry.id) {
            place.keep(&path)?;
            manifest.blocks.push(entry);
            continue;
        }
        let written = rewrite_block(place, namespace, &path, report)?;
        rewritten.extend(written.is_some().then_some(path));
        manifest.blocks.extend(written);
    }
    if namespace.names_damaged {
        let number = manifest.next_file.max(1);
        manifest.next_file = number.saturating_add(1);
        let entry = namespace
            .names
            .write(place.to, (&folder, namespace, number))?;
        rewritten.push(crate::series::series_path(&namespace.folder, number));
        manifest.series_files = vec![entry];
    } else {
        for (_, path) in namespace.series_paths() {
            place.copy(&path)?;
        }
    }
    if namespace.exemplars {
        place.keep(&exemplars_path(&namespace.folder))?;
    }
    for part in &parts {
        sync(place.to, part)?;
    }
    manifest.sequence = manifest.sequence.saturating_add(1);
    let next = namespace.names.next_id.max(SeriesId(1));
    manifest.next_series = manifest.next_series.max(next);
    manifest.write(place.to, &folder.join("MANIFEST"))?;
    sync(place.to, &folder)
}

fn rewrite_run(
    place: Place<'_>,
    namespace: &mut ExaminedNamespace,
    path: &Path,
    report: &mut SalvageReport,
) -> Result<Option<RunEntry>, Error> {
    let reader = open_run(place.from, path)?;
    let target = place.root.join(path);
    let file = create_anew(place.to, &target).map_err(Error::io("creating", &target))?;
    let out = RunWriter::create(&target, file, reader.meta().header)?;
    let names = (namespace.entry.name.as_str(), &mut namespace.names);
    let (_, written) = salvage_run(&reader, names, Some(out), report)?;
    let entry = written.as_ref().and_then(RunEntry::of);
    if entry.is_none() {
        place
            .to
            .remove(&target)
            .map_err(Error::io("removing", &target))?;
    }
    Ok(entry)
}

fn rewrite_block(
    place: Place<'_>,
    namespace: &mut ExaminedNamespace,
    path: &Path,
    report: &mut SalvageReport,
) -> Result<Option<BlockEntry>, Error> {
    let reader = open_block(place.from, path)?;
    let target = place.root.join(path);
    let file = create_anew(place.to, &target).map_err(Error::io("creating", &target))?;
    let out = BlockWriter::create(&target, file, reader.meta().header, Sealing::Fresh)?;
    let names = (namespace.entry.name.as_str(), &mut namespace.names);
    let (_, written) = salvage_block(&reader, names, (Some(out), None), report)?;
    let entry = written.as_ref().map(BlockEntry::of);
    if entry.is_none() {
        place
            .to
            .remove(&target)
            .map_err(Error::io("removing", &target))?;
    }
    Ok(entry)
}
