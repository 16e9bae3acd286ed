//! One series with its samples, decoded or as chunks.

use super::ShardError;
use super::columns::merge_columns;
use crate::model::{Histogram, Labels, Sample, SeriesKey, TimeRange, WriteBatch};
use crate::series::{ChunkPart, HistogramForm, MergedSamples, SampleRef, given_columns};

/// The samples of one series, decoded, merged, in the range that was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    labels: Labels,
    samples: MergedSamples,
}

impl Series {
    pub(super) fn new(labels: Labels, samples: MergedSamples) -> Self {
        Self { labels, samples }
    }

    /// Makes one of chunks that came from elsewhere, of several replicas for instance, in any
    /// order: where they overlap one sample a timestamp is left, by the rule that knows no order.
    /// What lies outside of the range is left out. Native histograms have to be chunks of
    /// [`SeriesSet::next_exact_chunks`](super::SeriesSet::next_exact_chunks).
    ///
    /// # Errors
    /// [`ShardError::Given`] when a chunk cannot be decoded, is one that Prometheus reads and that
    /// has lost bits of its histograms, or holds other samples than it says.
    pub fn from_chunks(
        labels: Labels,
        chunks: Vec<ChunkPart>,
        range: TimeRange,
    ) -> Result<Self, ShardError> {
        let mut samples = merge_columns(given_columns(chunks)?);
        samples.trim(range);
        Ok(Self { labels, samples })
    }

    /// The labels.
    #[must_use]
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Its samples as chunks that do not overlap, as Prometheus encodes them.
    #[must_use]
    pub fn into_chunks(self) -> SeriesChunks {
        SeriesChunks {
            chunks: self.samples.encode(HistogramForm::Prometheus),
            labels: self.labels,
        }
    }

    /// The labels, and nothing else.
    #[must_use]
    pub fn into_labels(self) -> Labels {
        self.labels
    }

    /// The labels, and the samples as columns: see [`Series::timestamps`], [`Series::values`] and
    /// [`Series::histograms`].
    #[must_use]
    pub fn into_columns(self) -> (Labels, MergedSamples) {
        (self.labels, self.samples)
    }

    /// Timestamps of the floats, in milliseconds since the epoch, rising.
    #[must_use]
    pub fn timestamps(&self) -> &[i64] {
        &self.samples.timestamps
    }

    /// The values, one a timestamp.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.samples.values
    }

    /// The native histograms, each with its timestamp, rising; no float has the same timestamp.
    #[must_use]
    pub fn histograms(&self) -> &[(i64, Histogram)] {
        &self.samples.histograms
    }

    /// How many samples it has, of both kinds.
    #[must_use]
    pub fn samples_len(&self) -> usize {
        self.samples.len()
    }

    /// Floats and histograms in order of time.
    pub fn all_samples(&self) -> impl Iterator<Item = SampleRef<'_>> + '_ {
        self.samples.samples()
    }

    /// The floats in order of time.
    pub fn samples(&self) -> impl ExactSizeIterator<Item = Sample> + '_ {
        let columns = self.samples.timestamps.iter().zip(&self.samples.values);
        columns.map(|(&timestamp, &value)| Sample::new(timestamp, value))
    }

    /// Adds the series with all its samples to a batch, to be written elsewhere.
    pub fn push_to<'a>(&'a self, batch: &mut WriteBatch<'a>) {
        batch.begin(SeriesKey::Labels(&self.labels));
        batch.columns(&self.samples.timestamps, &self.samples.values);
        for (timestamp, histogram) in &self.samples.histograms {
            batch.histogram(*timestamp, histogram.clone());
        }
    }
}

/// The samples of one series as chunks that do not overlap, in order of time. Chunks at the ends
/// may reach beyond the range that was asked for.
#[derive(Clone, Debug)]
pub struct SeriesChunks {
    /// The labels.
    pub labels: Labels,
    /// Chunks as Prometheus encodes them: XOR, histogram or float histogram; or, where they were
    /// asked for exactly, XOR and our own of histograms.
    pub chunks: Vec<ChunkPart>,
}
