//! Opening: take the lock, check what is there, replay, make it durable, and only then change
//! anything.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use parking_lot::{Mutex, RwLock};

use super::copy::remove_folder;
use super::database::{DEFAULT_NAMESPACE, Inner, SeriesFiles};
use super::exemplars::{self, RingBounds};
use super::listed_files::ListedFiles;
use super::logs::{self, Logs, Replayed, Target, Targets};
use super::maintenance::{Closed, Upkeep};
use super::namespace::NamespaceState;
use super::paths::{block_path, run_path};
use super::read_series::{ReadSeries, SeriesSource, read_series};
use super::recovery::{RecoveryReport, RefusedSnapshot};
use super::removal::{making_path, remove_leftover, remove_unlisted_folders};
use super::series_snapshot::LoadedSeries;
use super::snapshot::remove_unfinished;
use super::stats::Counters;
use super::{DbOptions, Error, NamespaceOptions, OpeningPhase};
use crate::clock::{Clock, TrustedClock};
use crate::manifest::{Catalog, DataFormat, Manifest, NamespaceEntry, SeriesFileEntry};
use crate::model::{
    FingerprintKey, Generation, HashSet, MetricMetadata, NamespaceId, SeriesId, Tombstone,
};
use crate::series::{SeriesEnd, SeriesFile, SeriesHeader, series_path, snapshot_path};
use crate::shard::{Delete, Exemplars, GenerationBuffers, Head, Live, MemoryLedger, Names};
use crate::vfs::{FileLock, LazyFiles, OpenMode, Vfs};
use crate::wal::{CommitLog, LogFile};

/// Path of the catalog.
pub(super) const CATALOG_PATH: &str = "CATALOG";
pub(super) const FORMAT_PATH: &str = "FORMAT";
const LOCK_PATH: &str = "LOCK";

/// What was read of a namespace, before anything is changed.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) entry: NamespaceEntry,
    pub(super) folder: PathBuf,
    pub(super) manifest: Manifest,
    pub(super) names: Names,
    pub(super) metadata: BTreeMap<String, MetricMetadata>,
    pub(super) files: ListedFiles,
    /// Deletes that the manifest lists.
    deletes: Vec<Arc<Delete>>,
    /// Filled by [`exemplars::read_all`], then by replay.
    pub(super) exemplars: Arc<Exemplars>,
    /// The end of each series file, in the manifest's order.
    ends: Vec<SeriesEnd>,
}

/// Opens for reading and writing.
pub(super) fn open(
    vfs: Arc<dyn Vfs>,
    clock: Arc<dyn Clock>,
    options: DbOptions,
) -> Result<Inner, Error> {
    let began_ms = clock.monotonic_ms();
    let lock = take_lock(&*vfs)?;
    let key = prepare(&*vfs, &options)?;
    if options.rules.recovery_syncs {
        sync_listed(&*vfs)?;
    }
    let catalog = Catalog::read(&*vfs, Path::new(CATALOG_PATH))?;
    prepare_namespaces(&*vfs, &catalog, &options)?;
    let mut report = RecoveryReport::default();
    let files = Arc::new(LazyFiles::new(Arc::clone(&vfs)));
    let source = FolderSource {
        vfs: &*vfs,
        files: &files,
        key: &key,
        threads: options.open_threads,
    };
    let mut found = read_namespaces(source, &catalog, &mut report)?;
    exemplars::read_all(&*vfs, &mut found, RingBounds::of(&options), &options)?;
    options.enter(OpeningPhase::Replay);
    let mut targets = targets(&found, &catalog);
    let logs = logs::replay(&*vfs, &options, &mut targets, &mut report)?;
    let replayed: Vec<_> = targets.all.into_iter().map(Target::replayed).collect();
    options.enter(OpeningPhase::Finish);
    // Everything was found right: from here on the folder is changed.
    logs.make_durable(&*vfs, &options)?;
    let next = Generation(logs.last_generation.0 + 1);
    let mut namespaces = Vec::new();
    for (found, replayed) in found.into_iter().zip(replayed) {
        namespaces.push(Arc::new(revive(
            &*vfs, found, replayed, next, &key, &options,
        )?));
    }
    remove_unlisted(&*vfs, &namespaces, &logs, &mut report)?;
    remove_unlisted_folders(&*vfs, &catalog, &mut report)?;
    let series_files = series_files_of(&namespaces);
    let log_file = LogFile::prepare(&*vfs, next)?;
    log_file.begin(&*vfs, logs.last_lsn + 1, &options.rules)?;
    let trusted_clock = trust(&clock, &namespaces, &logs);
    let log = CommitLog::new(
        log_file,
        logs.last_lsn,
        series_files.clone(),
        trusted_clock.clone(),
        options.rules,
    );
    report.duration_ms = clock.monotonic_ms() - began_ms;
    Ok(assemble(
        Parts {
            vfs,
            files,
            clock,
            trusted_clock,
            options,
            key,
            catalog,
            namespaces,
            report,
            lock: Some(lock),
        },
        Some(Arc::new(log)),
        series_files,
        &logs,
    ))
}

fn series_files_of(namespaces: &[Arc<NamespaceState>]) -> Arc<SeriesFiles> {
    let files = namespaces.iter();
    let files = files.filter_map(|state| state.head().series_file().cloned());
    Arc::new(SeriesFiles(RwLock::new(files.collect())))
}

/// Makes sure that nobody else has the folder open for writing.
pub(super) fn take_lock(vfs: &dyn Vfs) -> Result<Box<dyn FileLock>, Error> {
    let locked = vfs.lock(Path::new(LOCK_PATH));
    locked.map_err(|error| match error.kind() {
        std::io::ErrorKind::WouldBlock => Error::Locked {
            path: PathBuf::from(LOCK_PATH),
        },
        _ => Error::io("locking", LOCK_PATH)(error),
    })
}

/// The clock, as far as what was noted last before this start lets it be trusted.
pub(super) fn trust(
    clock: &Arc<dyn Clock>,
    namespaces: &[Arc<NamespaceState>],
    logs: &Logs,
) -> Arc<TrustedClock> {
    let noted = namespaces
        .iter()
        .map(|state| state.manifest.lock().last_wall_clock_ms);
    let noted_ms = noted
        .chain(logs.last_wall_ms)
        .max()
        .filter(|&wall_ms| wall_ms != 0);
    let windows = namespaces
        .iter()
        .map(|state| state.options.read().window_ms());
    let step_ms = windows.min().unwrap_or(i64::MAX);
    Arc::new(TrustedClock::new(Arc::clone(clock), noted_ms, step_ms))
}

/// What [`assemble`] puts together.
pub(super) struct Parts {
    pub(super) vfs: Arc<dyn Vfs>,
    pub(super) files: Arc<LazyFiles>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) trusted_clock: Arc<TrustedClock>,
    pub(super) options: DbOptions,
    pub(super) key: FingerprintKey,
    pub(super) catalog: Catalog,
    pub(super) namespaces: Vec<Arc<NamespaceState>>,
    pub(super) report: RecoveryReport,
    pub(super) lock: Option<Box<dyn crate::vfs::FileLock>>,
}

pub(super) fn assemble(
    parts: Parts,
    log: Option<Arc<CommitLog>>,
    series_files: Arc<SeriesFiles>,
    logs: &Logs,
) -> Inner {
    let Parts {
        vfs,
        files,
        clock,
        trusted_clock,
        options,
        key,
        catalog,
        namespaces,
        report,
        lock,
    } = parts;
    let closed: Vec<Closed> = logs
        .live
        .iter()
        .map(|&(generation, log_bytes)| Closed {
            generation,
            log_bytes,
        })
        .collect();
    let counters = Counters::default();
    let closed_bytes = closed.iter().map(|closed| closed.log_bytes).sum();
    counters
        .closed_log_bytes
        .store(closed_bytes, std::sync::atomic::Ordering::Relaxed);
    let memory = MemoryLedger::new("memory_budget_bytes", options.memory_budget_bytes);
    Inner {
        vfs,
        files,
        clock,
        options,
        key,
        log,
        gate: RwLock::new(()),
        namespaces: RwLock::new(namespaces),
        removed: RwLock::default(),
        catalog: RwLock::new(catalog),
        catalog_in_doubt: AtomicBool::new(false),
        series_files,
        upkeep: Mutex::new(Upkeep {
            closed,
            ..Upkeep::default()
        }),
        trusted_clock,
        recovery: report,
        lock: Mutex::new(lock),
        closed: AtomicBool::new(false),
        counters,
        memory,
    }
}

/// What was found, as replay needs it.
pub(super) fn targets<'a>(found: &'a [Found], catalog: &Catalog) -> Targets<'a> {
    Targets {
        all: found.iter().map(target).collect(),
        next_namespace: catalog.next_namespace,
    }
}

fn target(found: &Found) -> Target<'_> {
    Target {
        id: found.entry.id,
        flushed: found.manifest.flushed_generation,
        window_ms: NamespaceOptions::of(&found.entry).window_ms(),
        registry: &found.names.registry,
        index: &found.names.index,
        exemplars: &found.exemplars,
        definitions: definitions_end(&found.folder, &found.manifest, &found.ends),
        generations: Vec::new(),
        deletes: found.deletes.clone(),
        last_delete: found.manifest.last_delete,
    }
}

/// Makes what every data folder has, and answers its key.
fn prepare(vfs: &dyn Vfs, options: &DbOptions) -> Result<FingerprintKey, Error> {
    vfs.create_dir(Path::new("wal"))
        .map_err(Error::io("making the folder", "wal"))?;
    let names = vfs.list(Path::new("")).map_err(Error::io("listing", "."))?;
    super::salvage::refuse_unfinished(&names)?;
    let has = |name: &str| names.iter().any(|found| found == name);
    if !has(FORMAT_PATH) {
        if has(CATALOG_PATH) {
            return Err(Error::Corrupt {
                path: PathBuf::from(FORMAT_PATH),
                offset: 0,
                what: "the file is missing although there is a catalog: restore it".to_owned(),
            });
        }
        let key = options.fingerprint_key.unwrap_or_else(random_key);
        DataFormat {
            fingerprint_key: key,
        }
        .write(vfs, Path::new(FORMAT_PATH))?;
    }
    let format = DataFormat::read(vfs, Path::new(FORMAT_PATH))?;
    let key = FingerprintKey::new(format.fingerprint_key);
    if !has(CATALOG_PATH) {
        if !logs::list(vfs)?.is_empty() {
            return Err(Error::Corrupt {
                path: PathBuf::from(CATALOG_PATH),
                offset: 0,
                what: "the file is missing although there are logs: restore it".to_owned(),
            });
        }
        let entry = NamespaceOptions::default().entry(NamespaceId(0), DEFAULT_NAMESPACE);
        make_namespace(vfs, &entry)?;
        let catalog = Catalog {
            sequence: 1,
            next_namespace: NamespaceId(1),
            namespaces: vec![entry],
            documents: Vec::new(),
        };
        catalog.write(vfs, Path::new(CATALOG_PATH))?;
    }
    Ok(key)
}

/// Two states of the standard library's hasher, each seeded by the system.
pub(super) fn random_key() -> [u8; 16] {
    use std::hash::{BuildHasher, Hasher};
    let half = || {
        std::hash::RandomState::new()
            .build_hasher()
            .finish()
            .to_le_bytes()
    };
    let mut key = [0; 16];
    let halves = half().into_iter().chain(half());
    key.iter_mut().zip(halves).for_each(|(to, from)| *to = from);
    key
}

/// Makes the folder of a namespace with an empty series file and a manifest; the catalog lists
/// it afterwards.
fn make_namespace(vfs: &dyn Vfs, entry: &NamespaceEntry) -> Result<(), Error> {
    // Elsewhere, so that it has its name only when it is whole.
    let folder: &Path = &making_path(entry.id);
    remove_folder(vfs, folder)?;
    let make = |path: &Path| {
        vfs.create_dir(path)
            .map_err(Error::io("making the folder", path))
    };
    make(folder)?;
    make(&folder.join("series"))?;
    make(&folder.join("runs"))?;
    make(&folder.join("blocks"))?;
    let sync = |path: &Path| {
        vfs.sync_dir(path)
            .map_err(Error::io("syncing the folder", path))
    };
    let header = SeriesHeader {
        namespace: entry.id,
        number: 1,
        next_id: SeriesId(1),
    };
    let file = SeriesFile::create(vfs, folder, header)?;
    let manifest = Manifest {
        namespace: entry.id,
        series_files: vec![SeriesFileEntry {
            number: 1,
            synced_len: file.synced_end(),
        }],
        next_series: SeriesId(1),
        next_file: 2,
        ..Manifest::default()
    };
    manifest.write(vfs, &NamespaceState::manifest_path(folder))?;
    sync(folder)?;
    let lasting = Path::new(&entry.name);
    remove_leftover(vfs, lasting, entry.id)?;
    vfs.rename(folder, lasting)
        .map_err(Error::io("renaming", folder))?;
    sync(Path::new(""))
}

/// Makes durable what a crash may have left in the folders: names first, then contents.
fn sync_listed(vfs: &dyn Vfs) -> Result<(), Error> {
    for folder in ["", "wal"] {
        vfs.sync_dir(Path::new(folder))
            .map_err(Error::io("syncing the folder", folder))?;
    }
    sync_file(vfs, Path::new(FORMAT_PATH))?;
    sync_file(vfs, Path::new(CATALOG_PATH))
}

/// Makes folders that 0.1.0 did not have, and all that is listed durable.
fn prepare_namespaces(vfs: &dyn Vfs, catalog: &Catalog, options: &DbOptions) -> Result<(), Error> {
    for entry in &catalog.namespaces {
        let folder = Path::new(&entry.name);
        let blocks = folder.join("blocks");
        vfs.create_dir(&blocks)
            .map_err(Error::io("making the folder", blocks))?;
        if options.rules.recovery_syncs {
            sync_namespace(vfs, folder)?;
        }
    }
    Ok(())
}

fn sync_namespace(vfs: &dyn Vfs, folder: &Path) -> Result<(), Error> {
    for folder in [
        folder.to_path_buf(),
        folder.join("series"),
        folder.join("runs"),
        folder.join("blocks"),
    ] {
        vfs.sync_dir(&folder)
            .map_err(Error::io("syncing the folder", folder))?;
    }
    exemplars::sync_if_there(vfs, folder)?;
    sync_file(vfs, &NamespaceState::manifest_path(folder))
}

fn sync_file(vfs: &dyn Vfs, path: &Path) -> Result<(), Error> {
    let file = vfs
        .open(path, OpenMode::ReadWrite)
        .map_err(Error::io("opening", path))?;
    file.sync().map_err(Error::io("syncing", path))
}

/// Where a folder is read from, and what with.
#[derive(Clone, Copy, Debug)]
pub(super) struct FolderSource<'a> {
    pub(super) vfs: &'a dyn Vfs,
    pub(super) files: &'a Arc<LazyFiles>,
    pub(super) key: &'a FingerprintKey,
    pub(super) threads: usize,
}

/// Reads all namespaces.
pub(super) fn read_namespaces(
    source: FolderSource<'_>,
    catalog: &Catalog,
    report: &mut RecoveryReport,
) -> Result<Vec<Found>, Error> {
    let mut found = Vec::new();
    for entry in &catalog.namespaces {
        found.push(read_namespace(source, entry, report)?);
    }
    Ok(found)
}

/// Reads a namespace: manifest and series files; that runs and blocks are there. Changes nothing.
fn read_namespace(
    source: FolderSource<'_>,
    entry: &NamespaceEntry,
    report: &mut RecoveryReport,
) -> Result<Found, Error> {
    let FolderSource { vfs, key, .. } = source;
    let folder = PathBuf::from(&entry.name);
    let mut manifest = Manifest::read(vfs, &NamespaceState::manifest_path(&folder))?;
    let series = SeriesSource {
        vfs,
        folder: &folder,
        namespace: entry.id,
        manifest: &manifest,
        key,
        threads: source.threads,
    };
    let ReadSeries { series, ends, .. } = read_series(series, report)?;
    let LoadedSeries {
        names, metadata, ..
    } = series;
    let deletes = compile_deletes(&folder, &manifest)?;
    let files = ListedFiles::find(vfs, source.files, &folder, &mut manifest)?;
    files.check_ids(&names.registry, &definitions_end(&folder, &manifest, &ends))?;
    report.series += names.registry.len() as u64;
    report.runs += files.runs.len() as u64;
    report.blocks += files.blocks.len() as u64;
    Ok(Found {
        entry: entry.clone(),
        folder,
        manifest,
        names,
        metadata,
        files,
        deletes,
        exemplars: Arc::new(Exemplars::none()),
        ends,
    })
}

/// Makes the deletes that a manifest lists ready.
fn compile_deletes(folder: &Path, manifest: &Manifest) -> Result<Vec<Arc<Delete>>, Error> {
    let compile = |tombstone: &Tombstone| {
        let delete = Delete::new(tombstone.clone()).map_err(|error| Error::Corrupt {
            path: NamespaceState::manifest_path(folder),
            offset: 0,
            what: format!("the delete of generation {}: {error}", tombstone.generation),
        });
        delete.map(Arc::new)
    };
    manifest.tombstones.iter().map(compile).collect()
}

/// Where the definitions of a namespace end: what to look at when one is missing.
fn definitions_end(folder: &Path, manifest: &Manifest, ends: &[SeriesEnd]) -> String {
    let last = manifest.series_files.last().zip(ends.last());
    last.map_or_else(String::new, |(file, end)| {
        let path = series_path(folder, file.number);
        let torn = if end.torn_bytes > 0 {
            ", where it is torn"
        } else {
            ""
        };
        format!("{} ends at byte {}{torn}", path.display(), end.end)
    })
}

/// Makes a namespace ready for appends.
fn revive(
    vfs: &dyn Vfs,
    found: Found,
    replayed: Replayed,
    next: Generation,
    key: &FingerprintKey,
    options: &DbOptions,
) -> Result<NamespaceState, Error> {
    let Found {
        entry,
        folder,
        mut manifest,
        names,
        metadata,
        files,
        deletes,
        exemplars,
        ends,
    } = found;
    let mut active = None;
    for (file, end) in manifest.series_files.iter_mut().zip(ends) {
        let known = if options.rules.recovery_rewrites_unsynced {
            file.synced_len
        } else {
            end.end
        };
        let symbols = u32::try_from(end.symbols.len()).unwrap_or(u32::MAX);
        let open = SeriesFile::open(vfs, &folder, file.number, end.end, known, symbols)?;
        for (in_file, text) in (0u32..).zip(&end.symbols) {
            if let Some(symbol) = names.index.symbol_of(text) {
                open.know_symbol(symbol, in_file);
            }
        }
        // All of it was made durable: a sealed file is never asked again.
        file.synced_len = open.synced_end();
        active = Some(Arc::new(open));
    }
    let series_file = active.ok_or_else(|| Error::Corrupt {
        path: NamespaceState::manifest_path(&folder),
        offset: 0,
        what: "it lists no series file".to_owned(),
    })?;
    let found = Found {
        entry,
        folder,
        manifest,
        names,
        metadata,
        files,
        deletes,
        exemplars,
        ends: Vec::new(),
    };
    Ok(found.assemble(replayed, next, key, options, Some(series_file)))
}

impl Found {
    /// Puts the namespace together; without a series file it can only be read.
    pub(super) fn assemble(
        self,
        replayed: Replayed,
        next: Generation,
        key: &FingerprintKey,
        options: &DbOptions,
        series_file: Option<Arc<SeriesFile>>,
    ) -> NamespaceState {
        let namespace_options = NamespaceOptions::of(&self.entry);
        let open = Arc::new(GenerationBuffers::new(next, namespace_options.window_ms()));
        let generations = replayed.generations.into_iter().chain([open]).collect();
        let live = Live {
            blocks: self.files.blocks,
            runs: self.files.runs,
            generations,
            deletes: replayed.deletes,
            last_delete: replayed.last_delete,
        };
        let settings = (key.clone(), options.limits, options.rules);
        let live = (live, series_file, self.exemplars);
        let head = Head::new(self.entry.id, settings, self.names, self.metadata, live);
        head.pins().set_bytes_max(options.pinned_bytes_max);
        head.pins().readers().set_limits(options.reader_limits());
        let place = (self.entry.id, self.entry.name, self.folder);
        NamespaceState::new(place, namespace_options, head, self.manifest)
    }
}

/// Removes files that nothing lists: what a crash left of files that were being made or removed.
fn remove_unlisted(
    vfs: &dyn Vfs,
    namespaces: &[Arc<NamespaceState>],
    logs: &Logs,
    report: &mut RecoveryReport,
) -> Result<(), Error> {
    let refused_snapshots = report.refused_snapshots.clone();
    let mut remove = |path: PathBuf| -> Result<(), Error> {
        vfs.remove(&path)
            .map_err(Error::io("removing", path.clone()))?;
        report.removed.push(path);
        Ok(())
    };
    let list = |folder: &Path| vfs.list(folder).map_err(Error::io("listing", folder));
    for &generation in &logs.dead {
        remove(crate::wal::log_path(generation))?;
    }
    for name in list(Path::new("wal"))?
        .iter()
        .filter(|name| name.ends_with(".tmp"))
    {
        remove(Path::new("wal").join(name))?;
    }
    for state in namespaces {
        let manifest = state.manifest.lock();
        let runs = manifest
            .runs
            .iter()
            .map(|run| run_path(&state.folder, run.id));
        let series = manifest.series_files.iter();
        let series = series.map(|file| series_path(&state.folder, file.number));
        let blocks = manifest.blocks.iter();
        let blocks = blocks.map(|block| block_path(&state.folder, block.id));
        let mut listed: HashSet<PathBuf> = runs.chain(series).chain(blocks).collect();
        let snapshot = snapshot_path(&state.folder);
        let refused = |one: &RefusedSnapshot| one.path == snapshot;
        if !refused_snapshots.iter().any(refused) {
            listed.insert(snapshot);
        }
        for folder in ["runs", "series", "blocks"] {
            let folder = state.folder.join(folder);
            for name in list(&folder)? {
                let path = folder.join(name);
                if !listed.contains(&path) {
                    remove(path)?;
                }
            }
        }
    }
    let folders = namespaces.iter().map(|state| state.folder.as_path());
    for folder in folders.chain([Path::new("")]) {
        for name in list(folder)?.iter().filter(|name| name.ends_with(".tmp")) {
            let path = folder.join(name);
            // A salvage in place that was cut short leaves a folder.
            if vfs.list(&path).is_err() {
                remove(path)?;
            }
        }
    }
    report.removed.extend(remove_unfinished(vfs)?);
    Ok(())
}

/// Makes a namespace, or changes the options of an existing one.
pub(super) fn namespace(
    inner: &Arc<Inner>,
    name: &str,
    options: NamespaceOptions,
) -> Result<(), Error> {
    // Held to the end, so that two callers do not make the same namespace twice.
    let upkeep = inner.upkeep.lock();
    inner.check_open()?;
    let existing = inner.states().into_iter().find(|state| state.name == name);
    if let Some(state) = existing {
        if *state.options.read() != options {
            inner.change_catalog(|catalog| {
                let of_name = |entry: &&mut NamespaceEntry| entry.name == name;
                for entry in catalog.namespaces.iter_mut().filter(of_name) {
                    *entry = options.entry(entry.id, name);
                }
                Ok(())
            })?;
            *state.options.write() = options;
            let memory = options.memory_max.unwrap_or(u64::MAX);
            state.ledger.set_budget(memory);
        }
        return Ok(());
    }
    // A change that failed may have listed the folder that is made now.
    inner.settle_catalog()?;
    let id = inner.catalog.read().next_namespace;
    let entry = options.entry(id, name);
    make_namespace(&*inner.vfs, &entry)?;
    let mut report = RecoveryReport::default();
    let source = FolderSource {
        vfs: &*inner.vfs,
        files: &inner.files,
        key: &inner.key,
        threads: 1,
    };
    let mut found = read_namespace(source, &entry, &mut report)?;
    let bounds = RingBounds::of(&inner.options);
    let one = std::slice::from_mut(&mut found);
    exemplars::read_all(&*inner.vfs, one, bounds, &inner.options)?;
    // No generation is cut meanwhile: upkeep is locked.
    let generation = inner
        .log
        .as_ref()
        .map(|log| log.position().0)
        .unwrap_or_default();
    let state = revive(
        &*inner.vfs,
        found,
        Replayed::default(),
        generation,
        &inner.key,
        &inner.options,
    )?;
    // Last of all that may fail, so that a caller can try again.
    inner.change_catalog(|catalog| {
        catalog.namespaces.push(entry);
        catalog.next_namespace = NamespaceId(id.0 + 1);
        Ok(())
    })?;
    inner
        .series_files
        .0
        .write()
        .extend(state.head().series_file().cloned());
    inner.namespaces.write().push(Arc::new(state));
    drop(upkeep);
    Ok(())
}
