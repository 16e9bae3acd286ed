//! A namespace, wherever its series are.

use tsdb_cluster::message::Want;
use tsdb_cluster::topology::ReadLevel;
use tsdb_core::model::Texts;
use tsdb_core::{
    AppendReport, Labels, Limited, Matcher, MetricMetadata, Namespace, SelectLimits,
    SeriesExemplars, TimeRange, WriteBatch,
};

use super::cluster_data::ClusterData;
use super::cluster_namespace::ClusterNamespace;
use super::marks::Marks;
use super::series_source::SeriesSource;
use super::writing::Writing;
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
    /// The namespace called as `own` is: that of the cluster, where there is one, read at a level or
    /// at the server's own.
    pub(crate) fn of(
        cluster: Option<&ClusterData>,
        own: Namespace,
        level: Option<ReadLevel>,
    ) -> Self {
        match cluster {
            None => Self::Own(own),
            Some(cluster) => Self::Cluster(cluster.namespace(own.name(), level)),
        }
    }

    /// Whether it is one of a cluster.
    pub(crate) fn is_of_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }

    /// What has to be said of what is read of it.
    pub(crate) fn marks(&self) -> Marks {
        match self {
            Self::Own(_) => Marks::default(),
            Self::Cluster(cluster) => cluster.marks().clone(),
        }
    }

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

    /// [`Namespace::exemplars`].
    pub(crate) fn exemplars(
        &self,
        range: TimeRange,
        matchers: &[Matcher],
    ) -> Result<Vec<SeriesExemplars>, StoreError> {
        match self {
            Self::Own(own) => Ok(own.exemplars(range, matchers)?),
            Self::Cluster(cluster) => cluster.exemplars(range, matchers),
        }
    }

    /// [`Namespace::metadata`].
    pub(crate) fn metadata(
        &self,
        metric: Option<&str>,
        limit: usize,
    ) -> Result<Vec<MetricMetadata>, StoreError> {
        match self {
            Self::Own(own) => Ok(own.metadata(metric, limit)),
            Self::Cluster(cluster) => cluster.metadata(metric, limit),
        }
    }

    /// [`Namespace::append`], and [`Namespace::set_metadata`] behind it.
    pub(crate) fn write(
        &self,
        batch: &WriteBatch<'_>,
        metadata: &[MetricMetadata],
    ) -> Result<Writing, StoreError> {
        let own = match self {
            Self::Own(own) => own,
            Self::Cluster(cluster) => return cluster.write(batch, metadata),
        };
        let mut tickets = Vec::new();
        let mut report = AppendReport::default();
        if !batch.is_empty() {
            let append = own.append(batch)?;
            report = append.report;
            tickets.push(append.ticket);
        }
        if !metadata.is_empty() {
            tickets.push(own.set_metadata(metadata)?);
        }
        Ok(Writing::of_database(report, tickets))
    }

    /// Deletes every sample, and tells how many series had any.
    pub(crate) fn truncate(&self) -> Result<u64, StoreError> {
        match self {
            Self::Own(own) => Ok(own.delete_all_series(TimeRange::ALL)?.series),
            Self::Cluster(cluster) => cluster.truncate(),
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
