//! Where samples go: the database of a folder, or a running server.

use std::path::Path;

use tsdb_core::{AppendReport, Db, MetricMetadata, Namespace, Vfs, WriteBatch};

use super::group::Group;
use super::tally::Tally;
use crate::commands::CommandError;
use crate::commands::named_namespace::namespace_of;
use crate::commands::offline::offline_options;
use crate::commands::target::Folder;

/// How often a write is tried again after upkeep has made room.
const TRIES_MAX: usize = 100;

/// Samples to store, and how far the import is once they are.
#[derive(Debug, Default)]
pub(super) struct Load {
    pub(super) group: Group,
    /// What was read for it.
    pub(super) tally: Tally,
    /// Series of the block that are done with it.
    pub(super) series: u64,
    /// Chunks of the next one that are done with it.
    pub(super) chunks: usize,
}

/// Takes loads whose samples are durable, in the order they were sent; the tally tells what became
/// of them.
pub(super) type Settled<'s> = dyn FnMut(Load) -> Result<(), CommandError> + 's;

/// Where samples go.
pub(super) trait Destination {
    /// Bytes of a group that are best stored together.
    fn group_bytes(&self) -> usize;

    /// Stores samples, or begins to; those that are stored by now are settled.
    fn send(&mut self, load: Load, settled: &mut Settled<'_>) -> Result<(), CommandError>;

    /// Waits for all that was sent.
    fn flush(&mut self, settled: &mut Settled<'_>) -> Result<(), CommandError>;

    /// Ends it.
    fn close(self: Box<Self>) -> Result<(), CommandError>;
}

/// A data folder that no server has open.
#[derive(Debug)]
pub(super) struct DataFolder {
    folder: Folder,
    db: Db,
    namespace: Namespace,
}

impl DataFolder {
    /// Whether nothing is there yet, or an empty folder.
    pub(super) fn is_new(path: &Path) -> bool {
        match Folder::at(path).vfs().list(Path::new("")) {
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
            Ok(names) => names.is_empty(),
        }
    }

    /// Opens it; one that is not there, or is empty, becomes a database.
    pub(super) fn open(path: &Path, namespace: Option<&str>) -> Result<Self, CommandError> {
        let folder = match Self::is_new(path) {
            true => Folder::at(path),
            false => Folder::existing(path)?,
        };
        let db = Db::open(path, offline_options()).map_err(folder.failed())?;
        let namespace = namespace_of(&db, namespace)?;
        Ok(Self {
            folder,
            db,
            namespace,
        })
    }

    /// Stores samples durably; upkeep makes room where there is too little.
    pub(super) fn write(&self, batch: &WriteBatch<'_>) -> Result<AppendReport, CommandError> {
        let mut tries = 0;
        let report = loop {
            match self.namespace.write(batch) {
                Err(error) if error.is_retryable() && tries < TRIES_MAX => {
                    tries += 1;
                    self.maintain()?;
                }
                report => break report.map_err(self.folder.failed())?,
            }
        };
        self.maintain()?;
        Ok(report)
    }

    /// Stores what metrics are, durably.
    pub(super) fn describe(&self, metadata: &[MetricMetadata]) -> Result<(), CommandError> {
        let ticket = self.namespace.set_metadata(metadata);
        let ticket = ticket.map_err(self.folder.failed())?;
        ticket
            .wait()
            .map_err(|error| self.folder.failed()(error.into()))
    }

    /// Whatever is due, so that there is room for more.
    fn maintain(&self) -> Result<(), CommandError> {
        let done = self.db.maintain().map_err(self.folder.failed())?;
        debug_assert!(self.db.poisoned().is_none(), "{done:?}");
        Ok(())
    }
}

impl Destination for DataFolder {
    fn group_bytes(&self) -> usize {
        1 << 20
    }

    fn send(&mut self, mut load: Load, settled: &mut Settled<'_>) -> Result<(), CommandError> {
        let batch = load.group.batch();
        let report = self.write(&batch)?;
        drop(batch);
        load.tally.appended(&report);
        settled(load)
    }

    fn flush(&mut self, _: &mut Settled<'_>) -> Result<(), CommandError> {
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<(), CommandError> {
        self.db.close().map_err(self.folder.failed())
    }
}

/// Nowhere: for looking only.
#[derive(Debug)]
pub(super) struct Nowhere;

impl Destination for Nowhere {
    fn group_bytes(&self) -> usize {
        1 << 20
    }

    fn send(&mut self, load: Load, settled: &mut Settled<'_>) -> Result<(), CommandError> {
        settled(load)
    }

    fn flush(&mut self, _: &mut Settled<'_>) -> Result<(), CommandError> {
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<(), CommandError> {
        Ok(())
    }
}
