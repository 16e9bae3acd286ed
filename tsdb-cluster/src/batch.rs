//! Samples on their way to replicas: owned, so that a slow one may still get them when the others
//! have answered.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;

use tsdb_core::model::METRIC_NAME;
use tsdb_core::{
    ChunkPart, Exemplar, Histogram, Labels, MetricMetadata, Sample, Series, TimeRange, WriteBatch,
    shard_of,
};

use crate::identity::ShardId;
use crate::message::NodeError;

/// A series as a coordinator knows it.
#[derive(Debug)]
pub struct SeriesEntry {
    /// Its labels.
    pub labels: Labels,
    /// The shard it belongs to.
    pub shard: ShardId,
    /// Names it on this coordinator, as long as the coordinator runs: stands for these labels
    /// and no others. 0 where it has no such name.
    pub key: u64,
}

/// One series of a batch.
#[derive(Clone, Debug)]
pub struct BatchSeries {
    /// Which.
    pub entry: Arc<SeriesEntry>,
    /// Where its floats are in the batch.
    pub samples: Range<usize>,
    /// Where its histograms are.
    pub histograms: Range<usize>,
    /// Where its exemplars are.
    pub exemplars: Range<usize>,
}

/// Samples of many series, and metadata of metrics.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    series: Vec<BatchSeries>,
    samples: Vec<Sample>,
    histograms: Vec<(i64, Histogram)>,
    exemplars: Vec<Exemplar>,
    metadata: Vec<(ShardId, MetricMetadata)>,
}

/// The shard that what is known of a metric belongs to: that of the series with its name and
/// nothing else, the first where no series can have the name.
#[must_use]
pub fn shard_of_metric(metric: &str, shards: NonZeroU32) -> ShardId {
    let labels = Labels::from_pairs([(METRIC_NAME, metric)]);
    labels.map_or(0, |labels| shard_of(&labels, shards))
}

impl Batch {
    /// An empty batch with room for so many series and floats.
    #[must_use]
    pub fn with_capacity(series: usize, samples: usize) -> Self {
        Self {
            series: Vec::with_capacity(series),
            samples: Vec::with_capacity(samples),
            ..Self::default()
        }
    }

    /// Begins a series, to which what is pushed belongs.
    pub fn begin(&mut self, entry: Arc<SeriesEntry>) {
        self.series.push(BatchSeries {
            entry,
            samples: self.samples.len()..self.samples.len(),
            histograms: self.histograms.len()..self.histograms.len(),
            exemplars: self.exemplars.len()..self.exemplars.len(),
        });
    }

    /// Adds a float to the series begun last.
    pub fn sample(&mut self, sample: Sample) {
        if let Some(last) = self.series.last_mut() {
            self.samples.push(sample);
            last.samples.end = self.samples.len();
        }
    }

    /// Adds floats to the series begun last.
    pub fn samples(&mut self, timestamps: &[i64], values: &[f64]) {
        if let Some(last) = self.series.last_mut() {
            let columns = timestamps.iter().zip(values);
            self.samples
                .extend(columns.map(|(&time, &value)| Sample::new(time, value)));
            last.samples.end = self.samples.len();
        }
    }

    /// Adds a histogram to the series begun last.
    pub fn histogram(&mut self, timestamp: i64, histogram: Histogram) {
        if let Some(last) = self.series.last_mut() {
            self.histograms.push((timestamp, histogram));
            last.histograms.end = self.histograms.len();
        }
    }

    /// Adds an exemplar to the series begun last.
    pub fn exemplar(&mut self, exemplar: Exemplar) {
        if let Some(last) = self.series.last_mut() {
            self.exemplars.push(exemplar);
            last.exemplars.end = self.exemplars.len();
        }
    }

    /// Adds what is known of a metric, which belongs to `shard`.
    pub fn metadata(&mut self, shard: ShardId, metadata: MetricMetadata) {
        self.metadata.push((shard, metadata));
    }

    /// What it says of metrics, and the shard of each.
    #[must_use]
    pub fn all_metadata(&self) -> &[(ShardId, MetricMetadata)] {
        &self.metadata
    }

    /// The shards that anything of it belongs to.
    pub fn shards(&self) -> impl Iterator<Item = ShardId> {
        let of_series = self.series.iter().map(|series| series.entry.shard);
        of_series.chain(self.metadata.iter().map(|(shard, _)| *shard))
    }

    /// Adds what chunks of a series hold in a range, as replicas answer them.
    ///
    /// # Errors
    /// When a chunk is damaged.
    pub fn push_chunks(
        &mut self,
        shard: ShardId,
        labels: Labels,
        chunks: Vec<ChunkPart>,
        range: TimeRange,
    ) -> Result<(), NodeError> {
        let series = Series::from_chunks(labels.clone(), chunks, range);
        let series = series.map_err(|error| NodeError::Failed(error.to_string()))?;
        let key = 0;
        self.begin(Arc::new(SeriesEntry { labels, shard, key }));
        self.samples(series.timestamps(), series.values());
        for (timestamp, histogram) in series.histograms() {
            self.histogram(*timestamp, histogram.clone());
        }
        Ok(())
    }

    /// Its series, in the order they were begun.
    #[must_use]
    pub fn series(&self) -> &[BatchSeries] {
        &self.series
    }

    /// The floats of a series of this batch.
    #[must_use]
    pub fn samples_of(&self, series: &BatchSeries) -> &[Sample] {
        self.samples.get(series.samples.clone()).unwrap_or_default()
    }

    /// The histograms of a series of this batch, each with its time in milliseconds.
    #[must_use]
    pub fn histograms_of(&self, series: &BatchSeries) -> &[(i64, Histogram)] {
        self.histograms
            .get(series.histograms.clone())
            .unwrap_or_default()
    }

    /// The exemplars of a series of this batch.
    #[must_use]
    pub fn exemplars_of(&self, series: &BatchSeries) -> &[Exemplar] {
        self.exemplars
            .get(series.exemplars.clone())
            .unwrap_or_default()
    }

    /// Floats and histograms.
    #[must_use]
    pub fn samples_len(&self) -> usize {
        self.samples.len() + self.histograms.len()
    }

    /// Histograms.
    #[must_use]
    pub fn histograms_len(&self) -> usize {
        self.histograms.len()
    }

    /// Whether it holds neither a series nor metadata.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.series.is_empty() && self.metadata.is_empty()
    }

    /// Of which time the samples of each shard are, among the series at `places`.
    #[must_use]
    pub fn times(&self, places: impl Iterator<Item = usize>) -> BTreeMap<ShardId, TimeRange> {
        let mut times: BTreeMap<ShardId, (i64, i64)> = BTreeMap::new();
        for series in places.filter_map(|place| self.series.get(place)) {
            let floats = self.samples_of(series).iter().map(|one| one.timestamp);
            let histograms = self.histograms_of(series).iter().map(|one| one.0);
            for at in floats.chain(histograms) {
                let (min, max) = times.entry(series.entry.shard).or_insert((at, at));
                (*min, *max) = (at.min(*min), at.max(*max));
            }
        }
        let range = |(shard, (min, max))| Some((shard, TimeRange::inclusive(min, max).ok()?));
        times.into_iter().filter_map(range).collect()
    }

    /// Adds the series at `places` to a batch of the engine's, but what `hides` says of a series
    /// and a time in milliseconds.
    pub fn fill<'a>(
        &'a self,
        places: impl Iterator<Item = usize>,
        hides: impl Fn(&Labels, i64) -> bool,
        to: &mut WriteBatch<'a>,
    ) {
        for series in places.filter_map(|place| self.series.get(place)) {
            let labels = &series.entry.labels;
            let samples = self.samples_of(series).iter();
            for sample in samples.filter(|sample| !hides(labels, sample.timestamp)) {
                to.push(labels, *sample);
            }
            let histograms = self.histograms_of(series).iter();
            for (timestamp, histogram) in histograms.filter(|(at, _)| !hides(labels, *at)) {
                to.push_histogram(labels, *timestamp, histogram.clone());
            }
            let exemplars = self.exemplars_of(series).iter();
            for exemplar in exemplars.filter(|exemplar| !hides(labels, exemplar.timestamp)) {
                to.push_exemplar(labels, exemplar.clone());
            }
        }
    }
}
