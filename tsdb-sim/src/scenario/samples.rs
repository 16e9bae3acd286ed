//! The samples of the workload: their values follow from series and time, so that a retry changes
//! nothing.

use std::num::NonZeroU32;
use std::sync::Arc;

use tsdb_cluster::{Batch, SeriesEntry, ShardId};
use tsdb_core::{Labels, Sample, shard_of};

use crate::clock::BEGIN_MS;
use crate::history::SeriesNumber;

/// The namespace that is written to.
pub(super) const NAMESPACE: &str = "default";
/// The name of all series.
pub(super) const METRIC: &str = "simulated";
/// The label that tells them apart.
pub(super) const NUMBER: &str = "number";
/// How many series there are.
pub(super) const SERIES: u64 = 12;

fn value_of(series: SeriesNumber, timestamp: i64) -> f64 {
    let seconds = i32::try_from((timestamp - BEGIN_MS) / 1000).unwrap_or(0);
    f64::from(seconds) + f64::from(u8::try_from(series).unwrap_or(0)) / 256.0
}

pub(super) fn labels_of(series: SeriesNumber) -> Option<Labels> {
    let text = series.to_string();
    Labels::from_pairs([("__name__", METRIC), (NUMBER, &text)]).ok()
}

/// The shard of a series, of so many.
pub(super) fn shard_of_series(series: SeriesNumber, shards: u32) -> ShardId {
    let of = NonZeroU32::new(shards).zip(labels_of(series));
    of.map_or(0, |(of, labels)| shard_of(&labels, of))
}

/// Samples of one time.
pub(super) struct Samples {
    pub(super) series: Vec<SeriesNumber>,
    pub(super) timestamp: i64,
    pub(super) batch: Arc<Batch>,
}

impl Samples {
    pub(super) fn new(series: Vec<SeriesNumber>, timestamp: i64, shards: u32) -> Self {
        let mut batch = Batch::default();
        for number in &series {
            let Some(labels) = labels_of(*number) else {
                continue;
            };
            let entry = SeriesEntry {
                labels,
                shard: shard_of_series(*number, shards),
                key: *number,
            };
            batch.begin(Arc::new(entry));
            batch.sample(Sample::new(timestamp, value_of(*number, timestamp)));
        }
        Self {
            series,
            timestamp,
            batch: Arc::new(batch),
        }
    }

    /// Each series with its value.
    pub(super) fn values(&self) -> impl Iterator<Item = (SeriesNumber, f64)> {
        let of = |number: &SeriesNumber| (*number, value_of(*number, self.timestamp));
        self.series.iter().map(of)
    }
}
