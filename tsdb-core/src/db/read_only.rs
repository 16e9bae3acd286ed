//! Reading a folder that another process may be writing: takes no lock, writes nothing.

use std::path::Path;
use std::sync::Arc;

use super::database::SeriesFiles;
use super::open::{CATALOG_PATH, Parts};
use super::{Db, DbOptions, Error, RecoveryReport};
use crate::clock::{Clock, SystemClock};
use crate::vfs::{OsVfs, Vfs};

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
                Err(error) if attempt < ATTEMPTS && is_gone(&error) => attempt += 1,
                done => return done,
            }
        }
    }
}

fn try_open(vfs: &Arc<dyn Vfs>, clock: &Arc<dyn Clock>) -> Result<Db, Error> {
    let began_ms = clock.monotonic_ms();
    let options = DbOptions::default();
    let format = crate::manifest::DataFormat::read(&**vfs, Path::new("FORMAT"))?;
    let key = crate::model::FingerprintKey::new(format.fingerprint_key);
    let catalog = crate::manifest::Catalog::read(&**vfs, Path::new(CATALOG_PATH))?;
    let mut report = RecoveryReport::default();
    let mut found = Vec::new();
    for entry in &catalog.namespaces {
        found.push(super::open::read_namespace(
            &**vfs,
            entry,
            &key,
            &mut report,
        )?);
    }
    let mut targets: Vec<_> = found.iter().map(super::open::target).collect();
    let logs = super::logs::replay(&**vfs, &options, &mut targets, &mut report)?;
    let generations: Vec<_> = targets
        .into_iter()
        .map(|target| target.generations)
        .collect();
    let next = crate::model::Generation(logs.last_generation.0 + 1);
    let mut namespaces = Vec::new();
    for (found, generations) in found.into_iter().zip(generations) {
        namespaces.push(Arc::new(found.assemble(
            generations,
            next,
            &key,
            &options,
            None,
        )));
    }
    report.duration_ms = clock.monotonic_ms() - began_ms;
    let parts = Parts {
        vfs: Arc::clone(vfs),
        clock: Arc::clone(clock),
        options,
        key,
        catalog,
        namespaces,
        report,
        lock: None,
    };
    let inner = super::open::assemble(parts, None, Arc::new(SeriesFiles::default()), &logs);
    Ok(Db {
        inner: Arc::new(inner),
    })
}

fn is_gone(error: &Error) -> bool {
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
