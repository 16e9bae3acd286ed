//! Reading a folder that another process may be writing: takes no lock, writes nothing.

use std::path::Path;
use std::sync::Arc;

use super::database::SeriesFiles;
use super::exemplars::{self, RingBounds};
use super::open::{CATALOG_PATH, FolderSource, Parts};
use super::{Db, DbOptions, Error, RecoveryReport};
use crate::clock::{Clock, SystemClock};
use crate::manifest::{Catalog, Manifest};
use crate::model::NamespaceId;
use crate::vfs::{LazyFiles, OsVfs, Vfs};
use crate::wal::WalError;

/// How often opening starts over because a listed file was gone: the writer had replaced it.
const ATTEMPTS: usize = 16;

impl Db {
    /// Opens a folder for reading only. What is seen is what the logs hold at this moment, up to
    /// their last whole frame; it does not follow the writer.
    ///
    /// # Errors
    /// As [`Db::open`], but never locked.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, Error> {
        let vfs = Arc::new(OsVfs::new(path.as_ref()));
        Self::open_read_only_with(vfs, Arc::new(SystemClock::new()))
    }

    /// As [`Db::open_read_only`], with disk and time of the caller's choice.
    ///
    /// # Errors
    /// As [`Db::open_read_only`].
    pub fn open_read_only_with(vfs: Arc<dyn Vfs>, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let mut attempt = 1;
        loop {
            match try_open(&vfs, &clock) {
                Ok(Some(db)) => return Ok(db),
                Ok(None) if attempt < ATTEMPTS => attempt += 1,
                Err(error) if attempt < ATTEMPTS && may_pass(&error) => attempt += 1,
                Ok(None) => {
                    let busy = std::io::Error::from(std::io::ErrorKind::ResourceBusy);
                    return Err(Error::io(
                        "reading what a writer keeps changing",
                        "MANIFEST",
                    )(busy));
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// `None` if the writer changed what is listed meanwhile.
fn try_open(vfs: &Arc<dyn Vfs>, clock: &Arc<dyn Clock>) -> Result<Option<Db>, Error> {
    let read = || Catalog::read(&**vfs, Path::new(CATALOG_PATH));
    let names = vfs.list(Path::new("")).map_err(Error::io("listing", "."))?;
    super::salvage::refuse_unfinished(&names)?;
    let catalog = read()?;
    let opened = open_listed(vfs, clock, catalog.clone());
    // Where a namespace was made or removed, folders and logs are those of another catalog.
    let now = read()?;
    let ids = |catalog: &Catalog| -> Vec<NamespaceId> {
        catalog.namespaces.iter().map(|entry| entry.id).collect()
    };
    if (ids(&now), now.next_namespace) != (ids(&catalog), catalog.next_namespace) {
        return Ok(None);
    }
    opened
}

/// Opens what a catalog lists. `None` if the writer changed a manifest meanwhile.
fn open_listed(
    vfs: &Arc<dyn Vfs>,
    clock: &Arc<dyn Clock>,
    catalog: Catalog,
) -> Result<Option<Db>, Error> {
    let began_ms = clock.monotonic_ms();
    let options = DbOptions::default();
    let format = crate::manifest::DataFormat::read(&**vfs, Path::new("FORMAT"))?;
    let key = crate::model::FingerprintKey::new(format.fingerprint_key);
    let mut report = RecoveryReport::default();
    let files = Arc::new(LazyFiles::new(Arc::clone(vfs)));
    let source = FolderSource {
        vfs: &**vfs,
        files: &files,
        key: &key,
        threads: options.open_threads,
    };
    let mut found = super::open::read_namespaces(source, &catalog, &mut report)?;
    for found in &found {
        // The writer may remove them while they are read.
        found.files.hold()?;
    }
    exemplars::read_all(&**vfs, &mut found, RingBounds::Writer, &options)?;
    let mut targets = super::open::targets(&found, &catalog);
    let logs = super::logs::replay(&**vfs, &options, &mut targets, &mut report)?;
    // A log that was flushed and removed before it was listed would be missed.
    for (entry, found) in catalog.namespaces.iter().zip(&found) {
        let path = super::namespace::NamespaceState::manifest_path(Path::new(&entry.name));
        if Manifest::read(&**vfs, &path)?.sequence != found.manifest.sequence {
            return Ok(None);
        }
        if !exemplars::is_unchanged(&**vfs, &found.folder, found.exemplars.saved())? {
            return Ok(None);
        }
    }
    let replayed: Vec<_> = targets
        .all
        .into_iter()
        .map(super::logs::Target::replayed)
        .collect();
    let next = crate::model::Generation(logs.last_generation.0 + 1);
    let mut namespaces = Vec::new();
    for (found, replayed) in found.into_iter().zip(replayed) {
        namespaces.push(Arc::new(
            found.assemble(replayed, next, &key, &options, None),
        ));
    }
    report.duration_ms = clock.monotonic_ms() - began_ms;
    let parts = Parts {
        vfs: Arc::clone(vfs),
        files,
        clock: Arc::clone(clock),
        trusted_clock: super::open::trust(clock, &namespaces, &logs),
        options,
        key,
        catalog,
        namespaces,
        report,
        lock: None,
    };
    let inner = super::open::assemble(parts, None, Arc::new(SeriesFiles::default()), &logs);
    Ok(Some(Db {
        inner: Arc::new(inner),
    }))
}

/// Whether the writer may have been at it: a listed file is gone, or a log was read while frames
/// were written.
fn may_pass(error: &Error) -> bool {
    if matches!(error, Error::Wal(WalError::Corrupt { .. })) {
        return true;
    }
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        let io = error.downcast_ref::<std::io::Error>();
        let shared = || {
            error
                .downcast_ref::<Arc<std::io::Error>>()
                .map(|error| &**error)
        };
        if let Some(io) = io.or_else(shared) {
            return io.kind() == std::io::ErrorKind::NotFound;
        }
        source = error.source();
    }
    false
}
