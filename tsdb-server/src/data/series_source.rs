//! Series on their way out, from a database or a cluster.

use tsdb_cluster::coordinator::SeriesStream;
use tsdb_core::{Series, SeriesChunks, SeriesSet, TimeRange};

use super::cluster_data::ClusterData;
use crate::store::StoreError;

/// Series that match, sorted by labels. Waits, so not for async tasks.
#[derive(Debug)]
pub(crate) struct SeriesSource {
    from: From,
}

#[derive(Debug)]
enum From {
    Database(Box<SeriesSet>),
    Cluster {
        cluster: ClusterData,
        stream: Box<SeriesStream>,
        range: TimeRange,
    },
}

impl SeriesSource {
    pub(super) fn of_database(set: SeriesSet) -> Self {
        let from = From::Database(Box::new(set));
        Self { from }
    }

    pub(super) fn of_cluster(cluster: ClusterData, stream: SeriesStream, range: TimeRange) -> Self {
        let stream = Box::new(stream);
        Self {
            from: From::Cluster {
                cluster,
                stream,
                range,
            },
        }
    }

    /// The next series, decoded; those of a cluster are merged of what its replicas have.
    pub(crate) fn next_series(&mut self) -> Result<Option<Series>, StoreError> {
        match &mut self.from {
            From::Database(set) => set.next().transpose().map_err(StoreError::database),
            From::Cluster {
                cluster,
                stream,
                range,
            } => loop {
                let Some((labels, chunks)) = cluster.wait(stream.next())? else {
                    return Ok(None);
                };
                let series = Series::from_chunks(labels, chunks, *range);
                let series = series.map_err(StoreError::database)?;
                // What lies at the ends of chunks only is in no range.
                if !(series.timestamps().is_empty() && series.histograms().is_empty()) {
                    return Ok(Some(series));
                }
            },
        }
    }

    /// The next series as chunks that do not overlap.
    pub(crate) fn next_chunks(&mut self) -> Result<Option<SeriesChunks>, StoreError> {
        match &mut self.from {
            From::Database(set) => set.next_chunks().map_err(StoreError::database),
            From::Cluster { .. } => {
                let series = self.next_series()?;
                Ok(series.map(|series| series.into_chunks()))
            }
        }
    }
}
