//! The cluster as routes use it.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::runtime::Handle;
use tsdb_cluster::coordinator::{Coordinator, CoordinatorError, WriteOutcome};
use tsdb_cluster::{Batch, SeriesTable};
use tsdb_core::{AppendReport, WriteBatch};

use super::cluster_namespace::ClusterNamespace;
use crate::store::StoreError;

/// Series that are found again without parsing their labels, as they were written.
const SERIES_MAX: usize = 4_000_000;

/// The cluster that a server writes to and reads from. Cloning shares it.
#[derive(Clone, Debug)]
pub(crate) struct ClusterData {
    coordinator: Coordinator,
    /// Where the coordinator's work runs while a query thread waits for it.
    runtime: Handle,
    table: Arc<RwLock<Option<Arc<SeriesTable>>>>,
}

impl ClusterData {
    /// A coordinator's cluster, of a task of the runtime.
    pub(crate) fn new(coordinator: Coordinator) -> Self {
        Self {
            coordinator,
            runtime: Handle::current(),
            table: Arc::default(),
        }
    }

    pub(crate) fn coordinator(&self) -> &Coordinator {
        &self.coordinator
    }

    /// A namespace of it.
    pub(crate) fn namespace(&self, name: &str) -> ClusterNamespace {
        ClusterNamespace::new(self.clone(), name.into())
    }

    /// The samples of a batch, ready to be sent. What has no valid labels is refused in `report`.
    pub(crate) fn batch(
        &self,
        from: &WriteBatch<'_>,
        report: &mut AppendReport,
    ) -> Result<Batch, StoreError> {
        Ok(self.table()?.batch(from, report))
    }

    /// Writes, and reports what was refused beside what `report` says already.
    pub(crate) async fn write(
        &self,
        namespace: &Arc<str>,
        batch: Batch,
        mut report: AppendReport,
    ) -> Result<AppendReport, StoreError> {
        if batch.is_empty() {
            return Ok(report);
        }
        let written = self.coordinator.write(namespace, Arc::new(batch)).await;
        let WriteOutcome { report: stored } = written?;
        report.merge(stored);
        Ok(report)
    }

    /// Runs a task beside whoever calls.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(self.runtime.spawn(task));
    }

    /// Waits for the coordinator on a thread that may wait.
    pub(super) fn wait<T>(
        &self,
        work: impl Future<Output = Result<T, CoordinatorError>>,
    ) -> Result<T, StoreError> {
        Ok(self.runtime.block_on(work)?)
    }

    /// The table of the placement that is there now: their number of shards stays.
    fn table(&self) -> Result<Arc<SeriesTable>, StoreError> {
        let known = self.coordinator.topology().known();
        let known = known.ok_or(CoordinatorError::NoPlacement)?;
        let shards = known.topology.shard_count();
        let is_it = |table: &&Arc<SeriesTable>| table.shards() == shards;
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(table) = table.as_ref().filter(is_it) {
            return Ok(Arc::clone(table));
        }
        drop(table);
        // Another placement after the first was removed.
        let fresh = Arc::new(SeriesTable::new(shards, SERIES_MAX));
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(table.insert(fresh)))
    }
}
