//! Samples on their way: those of a few series or of a part of one, stored together.

use tsdb_core::{Histogram, Labels, Sample, SeriesKey, WriteBatch};
use tsdb_formats::prometheus_block::ChunkSamples;

/// Bytes that a native histogram is counted for beside its lists.
const HISTOGRAM_BYTES: usize = 128;

/// Samples that are stored together.
#[derive(Debug, Default)]
pub(super) struct Group {
    series: Vec<GroupSeries>,
    samples: Vec<Sample>,
    histograms: Vec<(i64, Histogram)>,
    bytes: usize,
}

/// A series of a group, and where its samples end; they begin where those before end.
#[derive(Debug)]
struct GroupSeries {
    labels: Labels,
    samples: usize,
    histograms: usize,
}

impl Group {
    /// Adds samples of a series; those of the same one in a row share an entry.
    pub(super) fn push(&mut self, labels: &Labels, chunk: &mut ChunkSamples) {
        if chunk.is_empty() {
            return;
        }
        self.bytes += size_of_val(chunk.samples.as_slice());
        let histograms = chunk.histograms.iter();
        let heap = histograms.map(|(_, histogram)| histogram.heap_bytes() + HISTOGRAM_BYTES);
        self.bytes += heap.sum::<usize>();
        self.samples.append(&mut chunk.samples);
        self.histograms.append(&mut chunk.histograms);
        let ends = (self.samples.len(), self.histograms.len());
        match self.series.last_mut().filter(|last| last.labels == *labels) {
            Some(last) => (last.samples, last.histograms) = ends,
            None => {
                self.bytes += labels.as_bytes().len();
                self.series.push(GroupSeries {
                    labels: labels.clone(),
                    samples: ends.0,
                    histograms: ends.1,
                });
            }
        }
    }

    /// Bytes of memory, about.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many samples there are, floats and histograms.
    pub(super) fn len(&self) -> u64 {
        (self.samples.len() + self.histograms.len()) as u64
    }

    pub(super) fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// Each series with its floats and its histograms.
    pub(super) fn series(&self) -> impl Iterator<Item = (&Labels, &[Sample], &[(i64, Histogram)])> {
        let (mut samples, mut histograms) = (0, 0);
        self.series.iter().map(move |series| {
            let floats = self.samples.get(samples..series.samples);
            let others = self.histograms.get(histograms..series.histograms);
            (samples, histograms) = (series.samples, series.histograms);
            (
                &series.labels,
                floats.unwrap_or_default(),
                others.unwrap_or_default(),
            )
        })
    }

    /// The same for the database.
    pub(super) fn batch(&self) -> WriteBatch<'_> {
        let mut batch = WriteBatch::new();
        for (labels, samples, histograms) in self.series() {
            batch.begin(SeriesKey::Labels(labels));
            for sample in samples {
                batch.sample(sample.timestamp, sample.value);
            }
            for (timestamp, histogram) in histograms {
                batch.histogram(*timestamp, histogram.clone());
            }
        }
        batch
    }
}
