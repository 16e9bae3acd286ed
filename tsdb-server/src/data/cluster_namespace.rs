//! A namespace of a cluster, for threads that may wait.

use std::sync::Arc;

use tsdb_cluster::coordinator::{Answer, ReadQuery, SeriesStream};
use tsdb_cluster::message::Want;
use tsdb_core::model::Texts;
use tsdb_core::{Labels, Limited, Matcher, SelectLimits, TimeRange};

use super::cluster_data::ClusterData;
use super::series_source::SeriesSource;
use crate::store::StoreError;

/// A namespace of a cluster. Its calls wait for the nodes, so not for async tasks.
#[derive(Clone, Debug)]
pub(crate) struct ClusterNamespace {
    cluster: ClusterData,
    name: Arc<str>,
}

impl ClusterNamespace {
    pub(super) fn new(cluster: ClusterData, name: Arc<str>) -> Self {
        Self { cluster, name }
    }

    pub(crate) fn cluster(&self) -> &ClusterData {
        &self.cluster
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
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
        self.cluster.wait(self.cluster.coordinator().read(query))
    }

    pub(super) fn select(
        &self,
        range: TimeRange,
        matchers: &[Matcher],
        limits: SelectLimits,
    ) -> Result<SeriesSource, StoreError> {
        let bounds = (limits.series, limits.samples);
        let answer = self.read(range, matchers, Want::Samples, bounds)?;
        Ok(SeriesSource::of_cluster(
            self.cluster.clone(),
            answer.series,
            range,
        ))
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
        while let Some(labels) = self.next(&mut series)? {
            if values.len() == limit {
                truncated = true;
                break;
            }
            values.push(labels);
        }
        Ok(Limited { values, truncated })
    }

    fn next(&self, series: &mut SeriesStream) -> Result<Option<Labels>, StoreError> {
        let next = self.cluster.wait(series.next())?;
        Ok(next.map(|(labels, _)| labels))
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

    pub(super) fn delete(&self, range: TimeRange, matchers: &[Matcher]) -> Result<(), StoreError> {
        let delete = self
            .cluster
            .coordinator()
            .delete(&self.name, range, matchers);
        self.cluster.wait(delete).map(drop)
    }
}
