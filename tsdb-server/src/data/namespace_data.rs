//! A namespace, wherever its series are.

use tsdb_cluster::message::Want;
use tsdb_core::model::Texts;
use tsdb_core::{Labels, Limited, Matcher, MetricMetadata, Namespace, SelectLimits, TimeRange};

use super::cluster_namespace::ClusterNamespace;
use super::series_source::SeriesSource;
use crate::store::StoreError;

/// A namespace of the server's own database, or of a cluster. Its calls wait, so not for async tasks.
#[derive(Clone, Debug)]
pub(crate) enum NamespaceData {
    /// Of the server's own database.
    Own(Namespace),
    /// Of a cluster.
    Cluster(ClusterNamespace),
}

impl NamespaceData {
    /// Its name.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Own(own) => own.name(),
            Self::Cluster(cluster) => cluster.name(),
        }
    }

    /// [`Namespace::select_with`].
    pub(crate) fn select(
        &self,
        range: TimeRange,
        matchers: &[Matcher],
        limits: SelectLimits,
    ) -> Result<SeriesSource, StoreError> {
        match self {
            Self::Own(own) => {
                let set = own.select_with(range, matchers, limits)?;
                Ok(SeriesSource::of_database(set))
            }
            Self::Cluster(cluster) => cluster.select(range, matchers, limits),
        }
    }

    /// [`Namespace::series`].
    pub(crate) fn series(
        &self,
        range: TimeRange,
        matchers: &[Matcher],
        limit: usize,
    ) -> Result<Limited<Vec<Labels>>, StoreError> {
        match self {
            Self::Own(own) => Ok(own.series(range, matchers, limit)?),
            Self::Cluster(cluster) => cluster.series(range, matchers, limit),
        }
    }

    /// [`Namespace::label_names`].
    pub(crate) fn label_names(
        &self,
        range: TimeRange,
        matchers: &[Matcher],
        limit: usize,
    ) -> Result<Limited<Texts>, StoreError> {
        match self {
            Self::Own(own) => Ok(own.label_names(range, matchers, limit)?),
            Self::Cluster(cluster) => cluster.texts(range, matchers, Want::Names, limit),
        }
    }

    /// [`Namespace::label_values`].
    pub(crate) fn label_values(
        &self,
        name: &str,
        range: TimeRange,
        matchers: &[Matcher],
        limit: usize,
    ) -> Result<Limited<Texts>, StoreError> {
        match self {
            Self::Own(own) => Ok(own.label_values(name, range, matchers, limit)?),
            Self::Cluster(cluster) => {
                let want = Want::Values(name.to_owned());
                cluster.texts(range, matchers, want, limit)
            }
        }
    }

    /// What is known of its metrics. Those of a cluster are not spread, and nobody knows them all.
    pub(crate) fn metadata(&self) -> Vec<MetricMetadata> {
        match self {
            Self::Own(own) => own.metadata(None, usize::MAX),
            Self::Cluster(_) => Vec::new(),
        }
    }

    /// [`Namespace::delete`].
    pub(crate) fn delete(&self, range: TimeRange, matchers: &[Matcher]) -> Result<(), StoreError> {
        match self {
            Self::Own(own) => {
                let report = own.delete(range, matchers)?;
                tracing::info!(series = report.series, ?matchers, ?range, "deleted");
            }
            Self::Cluster(cluster) => {
                cluster.delete(range, matchers)?;
                tracing::info!(?matchers, ?range, "deleted in the cluster");
            }
        }
        Ok(())
    }
}
