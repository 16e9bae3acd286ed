//! The cluster as routes use it.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::runtime::Handle;
use tsdb_cluster::coordinator::{Coordinator, CoordinatorError, WriteOutcome};
use tsdb_cluster::topology::ReadLevel;
use tsdb_cluster::{Batch, SeriesTable, shard_of_metric};
use tsdb_core::model::FingerprintKey;
use tsdb_core::{AppendReport, MetricMetadata, WriteBatch};

use super::cluster_namespace::ClusterNamespace;
use crate::store::StoreError;
use crate::telemetry::Telemetry;

/// Series that are found again without parsing their labels, as they were written.
const SERIES_MAX: usize = 4_000_000;
/// Bytes of metadata of one request at most: less than nodes take beside samples.
const METADATA_BYTES_MAX: usize = 2 << 20;

/// The cluster that a server writes to and reads from. Cloning shares it.
#[derive(Clone, Debug)]
pub(crate) struct ClusterData {
    coordinator: Coordinator,
    /// Where the coordinator's work runs while a query thread waits for it.
    runtime: Handle,
    table: Arc<RwLock<Option<Arc<SeriesTable>>>>,
    /// Of the fingerprints of series.
    key: Arc<FingerprintKey>,
    telemetry: Arc<Telemetry>,
}

impl ClusterData {
    /// A coordinator's cluster, of a task of the runtime.
    pub(crate) fn new(
        coordinator: Coordinator,
        key: Arc<FingerprintKey>,
        telemetry: Arc<Telemetry>,
    ) -> Self {
        Self {
            coordinator,
            runtime: Handle::current(),
            table: Arc::default(),
            key,
            telemetry,
        }
    }

    pub(super) fn coordinator(&self) -> &Coordinator {
        &self.coordinator
    }

    pub(super) fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// A namespace of it, read at a level or at the server's own.
    pub(super) fn namespace(&self, name: &str, level: Option<ReadLevel>) -> ClusterNamespace {
        ClusterNamespace::new(self.clone(), name.into(), level)
    }

    /// The samples of a batch and metadata, ready to be sent. What has no valid labels is refused in
    /// `report`.
    pub(super) fn batch(
        &self,
        from: &WriteBatch<'_>,
        metadata: &[MetricMetadata],
        report: &mut AppendReport,
    ) -> Result<Batch, StoreError> {
        let bytes_of = |one: &MetricMetadata| one.metric.len() + one.help.len() + one.unit.len();
        let bytes: usize = metadata.iter().map(bytes_of).sum();
        if bytes > METADATA_BYTES_MAX {
            return Err(StoreError::Refused(format!(
                "{bytes} bytes of metadata in one request, the limit METADATA_BYTES_MAX is {METADATA_BYTES_MAX}: send fewer metrics at a time"
            )));
        }
        let table = self.table()?;
        let mut batch = table.batch(from, report);
        for one in metadata {
            batch.metadata(shard_of_metric(&one.metric, table.shards()), one.clone());
        }
        Ok(batch)
    }

    /// Writes, and reports what was refused beside what `report` says already.
    pub(super) async fn write(
        &self,
        namespace: &Arc<str>,
        batch: Batch,
        mut report: AppendReport,
    ) -> Result<AppendReport, StoreError> {
        if batch.is_empty() {
            return Ok(report);
        }
        let (all, histograms) = (batch.samples_len(), batch.histograms_len());
        let written = self.coordinator.write(namespace, Arc::new(batch)).await;
        let WriteOutcome { report: mut stored } = written?;
        count(&mut stored, (all - histograms) as u64, histograms as u64);
        report.merge(stored);
        Ok(report)
    }

    /// Runs a task beside whoever calls.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(self.runtime.spawn(task));
    }

    /// Waits for the coordinator on a thread that may wait.
    pub(super) fn wait<T>(
        &self,
        work: impl Future<Output = Result<T, CoordinatorError>>,
    ) -> Result<T, StoreError> {
        Ok(self.runtime.block_on(work)?)
    }

    /// The error of a select of too many series.
    pub(super) fn too_many_series(&self, limit: usize) -> StoreError {
        CoordinatorError::too_many_series(limit).into()
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
        let fresh = Arc::new(SeriesTable::new(shards, SERIES_MAX, Arc::clone(&self.key)));
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(table.insert(fresh)))
    }
}

/// Counts what is stored of a batch: each node stores a part of it, and reports on that alone. Of
/// floats and histograms in one batch nobody says which were refused: what a node stored stands then.
fn count(report: &mut AppendReport, floats: u64, histograms: u64) {
    let refused = report.rejected_samples;
    if refused == 0 || histograms == 0 {
        report.appended = floats.saturating_sub(refused);
    }
    if refused == 0 || floats == 0 {
        report.appended_histograms = histograms.saturating_sub(refused);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_node_stores_a_part_of_is_counted_once() {
        let counted = |refused: u64, batch: (u64, u64)| {
            // The most that any of five nodes has stored of it.
            let mut report = AppendReport {
                appended: batch.0.min(30),
                appended_histograms: batch.1.min(3),
                rejected_samples: refused,
                ..AppendReport::default()
            };
            count(&mut report, batch.0, batch.1);
            (report.appended, report.appended_histograms)
        };
        assert_eq!(counted(0, (50, 5)), (50, 5));
        assert_eq!(counted(2, (50, 0)), (48, 0));
        assert_eq!(counted(2, (0, 5)), (0, 3));
        // Nobody knows which were refused.
        assert_eq!(counted(2, (50, 5)), (30, 3));
    }
}
