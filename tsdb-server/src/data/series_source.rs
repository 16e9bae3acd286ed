//! Series on their way out, from a database or a cluster.

use tsdb_cluster::coordinator::SeriesStream;
use tsdb_core::{Series, SeriesChunks, SeriesSet};

use super::cluster_namespace::ClusterNamespace;
use crate::store::StoreError;

/// Series that match, sorted by labels. Waits, so not for async tasks.
#[derive(Debug)]
pub(crate) struct SeriesSource {
    from: From,
}

#[derive(Debug)]
enum From {
    Database(Box<SeriesSet>),
    Cluster(ClusterNamespace, Box<SeriesStream>),
}

impl SeriesSource {
    pub(super) fn of_database(set: SeriesSet) -> Self {
        let from = From::Database(Box::new(set));
        Self { from }
    }

    pub(super) fn of_cluster(namespace: ClusterNamespace, stream: SeriesStream) -> Self {
        let from = From::Cluster(namespace, Box::new(stream));
        Self { from }
    }

    /// The next series, decoded; those of a cluster are merged of what its replicas have.
    pub(crate) fn next_series(&mut self) -> Result<Option<Series>, StoreError> {
        match &mut self.from {
            From::Database(set) => set.next().transpose().map_err(StoreError::database),
            From::Cluster(namespace, stream) => {
                let series = namespace.cluster().wait(stream.next_series())?;
                namespace.note(stream)?;
                Ok(series)
            }
        }
    }

    /// The next series as chunks that do not overlap.
    pub(crate) fn next_chunks(&mut self) -> Result<Option<SeriesChunks>, StoreError> {
        match &mut self.from {
            From::Database(set) => set.next_chunks().map_err(StoreError::database),
            From::Cluster(..) => {
                let series = self.next_series()?;
                Ok(series.map(|series| series.into_chunks()))
            }
        }
    }
}
