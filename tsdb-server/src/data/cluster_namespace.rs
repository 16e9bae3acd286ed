//! A namespace of a cluster, for threads that may wait.

use std::sync::Arc;

use tsdb_cluster::coordinator::{Answer, ReadQuery, SeriesStream};
use tsdb_cluster::message::Want;
use tsdb_cluster::topology::ReadLevel;
use tsdb_core::model::Texts;
use tsdb_core::{
    AppendReport, Labels, Limited, Matcher, MetricMetadata, SelectLimits, SeriesExemplars,
    TimeRange, WriteBatch,
};

use super::cluster_data::ClusterData;
use super::marks::Marks;
use super::series_source::SeriesSource;
use super::writing::Writing;
use crate::store::StoreError;

/// Most series of which a truncated namespace is told how many there were.
const COUNTED_MAX: usize = 10_000_000;

/// A namespace of a cluster. Its calls wait for the nodes, so not for async tasks.
#[derive(Clone, Debug)]
pub(crate) struct ClusterNamespace {
    cluster: ClusterData,
    name: Arc<str>,
    /// How many replicas must be asked; `None` for the server's own level.
    level: Option<ReadLevel>,
    marks: Marks,
}

impl ClusterNamespace {
    pub(super) fn new(cluster: ClusterData, name: Arc<str>, level: Option<ReadLevel>) -> Self {
        Self {
            cluster,
            name,
            level,
            marks: Marks::default(),
        }
    }

    pub(super) fn cluster(&self) -> &ClusterData {
        &self.cluster
    }

    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(super) fn marks(&self) -> &Marks {
        &self.marks
    }

    fn read(
        &self,
        range: TimeRange,
        matchers: &[Matcher],
        want: Want,
        (limit, max_samples): (usize, u64),
    ) -> Result<Answer, StoreError> {
        let mut query = ReadQuery::everything(Arc::clone(&self.name), range);
        query.matchers = matchers.to_vec();
        query.want = want;
        query.limit = limit;
        query.max_samples = max_samples;
        query.level = self.level;
        let answer = self.cluster.wait(self.cluster.coordinator().read(query))?;
        self.note(&answer.series)?;
        Ok(answer)
    }

    /// Notes what has to be said of series that were read.
    pub(super) fn note(&self, series: &SeriesStream) -> Result<(), StoreError> {
        let telemetry = self.cluster.telemetry();
        self.marks.note(series.warnings(), telemetry)
    }

    pub(super) fn select(
        &self,
        range: TimeRange,
        matchers: &[Matcher],
        limits: SelectLimits,
    ) -> Result<SeriesSource, StoreError> {
        if limits.series < SelectLimits::default().series {
            // Told before the answer begins, as a single database does it.
            let found = self.series(range, matchers, limits.series)?;
            if found.truncated {
                return Err(self.cluster.too_many_series(limits.series));
            }
        }
        let bounds = (limits.series, limits.samples);
        let answer = self.read(range, matchers, Want::Samples, bounds)?;
        Ok(SeriesSource::of_cluster(self.clone(), answer.series))
    }

    pub(super) fn series(
        &self,
        range: TimeRange,
        matchers: &[Matcher],
        limit: usize,
    ) -> Result<Limited<Vec<Labels>>, StoreError> {
        let answer = self.read(range, matchers, Want::Labels, (limit, u64::MAX))?;
        let (mut series, mut truncated) = (answer.series, answer.is_truncated);
        let mut values = Vec::new();
        while let Some((labels, _)) = self.cluster.wait(series.next())? {
            if values.len() == limit {
                truncated = true;
                break;
            }
            values.push(labels);
        }
        self.note(&series)?;
        Ok(Limited { values, truncated })
    }

    pub(super) fn texts(
        &self,
        range: TimeRange,
        matchers: &[Matcher],
        want: Want,
        limit: usize,
    ) -> Result<Limited<Texts>, StoreError> {
        let answer = self.read(range, matchers, want, (limit, u64::MAX))?;
        let mut values = Texts::new();
        answer.texts.iter().for_each(|text| values.push(text));
        Ok(Limited {
            values,
            truncated: answer.is_truncated,
        })
    }

    pub(super) fn exemplars(
        &self,
        range: TimeRange,
        matchers: &[Matcher],
    ) -> Result<Vec<SeriesExemplars>, StoreError> {
        let unbounded = (usize::MAX, u64::MAX);
        let answer = self.read(range, matchers, Want::Exemplars, unbounded)?;
        Ok(answer.exemplars)
    }

    pub(super) fn metadata(
        &self,
        metric: Option<&str>,
        limit: usize,
    ) -> Result<Vec<MetricMetadata>, StoreError> {
        let want = Want::Metadata(metric.map(str::to_owned));
        let answer = self.read(TimeRange::ALL, &[], want, (limit, u64::MAX))?;
        Ok(answer.metadata)
    }

    pub(super) fn write(
        &self,
        batch: &WriteBatch<'_>,
        metadata: &[MetricMetadata],
    ) -> Result<Writing, StoreError> {
        let mut report = AppendReport::default();
        let batch = self.cluster.batch(batch, metadata, &mut report)?;
        Ok(Writing::of_cluster(self.clone(), batch, report))
    }

    pub(super) fn delete(&self, range: TimeRange, matchers: &[Matcher]) -> Result<(), StoreError> {
        let delete = self
            .cluster
            .coordinator()
            .delete(&self.name, range, matchers);
        self.cluster.wait(delete).map(drop)
    }

    /// Deletes all, and tells how many series there were.
    pub(super) fn truncate(&self) -> Result<u64, StoreError> {
        // Of all time, series are listed as well that have no samples.
        let counted = TimeRange::inclusive(i64::MIN + 1, i64::MAX).unwrap_or(TimeRange::ALL);
        let series = self.series(counted, &[], COUNTED_MAX)?;
        self.delete(TimeRange::ALL, &[])?;
        Ok(series.values.len() as u64)
    }
}
