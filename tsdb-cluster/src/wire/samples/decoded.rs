//! What a payload held.

use std::sync::Arc;

use tsdb_core::model::BatchHistogram;
use tsdb_core::{BatchExemplar, Exemplar, SeriesKey, WriteBatch};

use crate::batch::{Batch, SeriesEntry};

/// One series of a decoded payload.
#[derive(Clone, Debug)]
pub struct DecodedSeries {
    /// Its labels and its placement shard, as the sender says; shared with the dictionary. The
    /// key is its number.
    pub entry: Arc<SeriesEntry>,
    /// Its number in the dictionary, until that begins anew.
    pub number: u32,
    /// Where its floats end in the columns.
    end: u32,
}

/// A decoded payload: columns, of no use to the decoder any more. Reused: keeps its buffers.
#[derive(Debug, Default)]
pub struct Decoded {
    /// The number of the request on its connection.
    pub(super) request: u64,
    /// Whether the dictionary began anew.
    pub(super) reset: bool,
    /// The first series that the dictionary did not hold before.
    pub(super) first_new: u32,
    pub(super) series: Vec<DecodedSeries>,
    pub(super) timestamps: Vec<i64>,
    pub(super) values: Vec<f64>,
    /// Both in the order of their series, which is counted in `series`.
    pub(super) histograms: Vec<BatchHistogram>,
    pub(super) exemplars: Vec<BatchExemplar>,
}

impl Decoded {
    /// The number of the request on its connection, from 0.
    #[must_use]
    pub fn request(&self) -> u64 {
        self.request
    }

    /// Whether the dictionary began anew with it: numbers of before mean nothing any more.
    #[must_use]
    pub fn reset(&self) -> bool {
        self.reset
    }

    /// Series with this number or a higher one came for the first time.
    #[must_use]
    pub fn first_new_number(&self) -> u32 {
        self.first_new
    }

    /// The series, in the order in which the sender chose them. One may come more than once.
    #[must_use]
    pub fn series(&self) -> &[DecodedSeries] {
        &self.series
    }

    /// How many floats there are.
    #[must_use]
    pub fn samples_len(&self) -> usize {
        self.timestamps.len()
    }

    /// The native histograms, in the order of their series, whose places are those of
    /// [`Decoded::series`].
    #[must_use]
    pub fn histograms(&self) -> &[BatchHistogram] {
        &self.histograms
    }

    /// The exemplars, in the order of their series, whose places are those of
    /// [`Decoded::series`].
    #[must_use]
    pub fn exemplars(&self) -> &[BatchExemplar] {
        &self.exemplars
    }

    /// Timestamps in milliseconds and values of the series at `index`.
    #[must_use]
    pub fn columns(&self, index: usize) -> (&[i64], &[f64]) {
        let before = index.checked_sub(1).and_then(|at| self.series.get(at));
        let start = before.map_or(0, |before| before.end as usize);
        let end = self.series.get(index).map_or(start, |one| one.end as usize);
        let timestamps = self.timestamps.get(start..end);
        let values = self.values.get(start..end);
        timestamps.zip(values).unwrap_or_default()
    }

    /// Adds the series that `wanted` names to a batch. Their histograms and exemplars go there;
    /// those of others are dropped.
    pub fn fill<'d>(
        &'d mut self,
        batch: &mut WriteBatch<'d>,
        wanted: impl Fn(&DecodedSeries) -> bool,
    ) {
        let mut histograms = self.histograms.drain(..).peekable();
        let mut exemplars = self.exemplars.drain(..).peekable();
        let mut start = 0;
        for (index, series) in self.series.iter().enumerate() {
            let range = start..series.end as usize;
            start = range.end;
            let wants = wanted(series);
            if wants {
                batch.begin(SeriesKey::Labels(&series.entry.labels));
                let timestamps = self.timestamps.get(range.clone()).unwrap_or_default();
                let values = self.values.get(range).unwrap_or_default();
                for (&timestamp, &value) in timestamps.iter().zip(values) {
                    batch.sample(timestamp, value);
                }
            }
            while let Some(row) = histograms.next_if(|row| row.series == index) {
                if wants {
                    batch.histogram(row.timestamp, row.histogram);
                }
            }
            while let Some(row) = exemplars.next_if(|row| row.series == index) {
                if wants {
                    batch.exemplar(row.timestamp, row.value, row.labels);
                }
            }
        }
    }

    /// Takes everything out as a batch of its own, and keeps the memory of the columns.
    #[must_use]
    pub fn take_batch(&mut self) -> Batch {
        let mut batch = Batch::with_capacity(self.series.len(), self.timestamps.len());
        let mut histograms = self.histograms.drain(..).peekable();
        let mut exemplars = self.exemplars.drain(..).peekable();
        let mut start = 0;
        for (index, series) in self.series.drain(..).enumerate() {
            let range = start..series.end as usize;
            start = range.end;
            batch.begin(series.entry);
            let timestamps = self.timestamps.get(range.clone()).unwrap_or_default();
            let values = self.values.get(range).unwrap_or_default();
            batch.samples(timestamps, values);
            while let Some(row) = histograms.next_if(|row| row.series == index) {
                batch.histogram(row.timestamp, row.histogram);
            }
            while let Some(row) = exemplars.next_if(|row| row.series == index) {
                // The decoder takes none whose labels are no valid set.
                if let Ok(labels) = row.labels {
                    batch.exemplar(Exemplar {
                        labels,
                        value: row.value,
                        timestamp: row.timestamp,
                    });
                }
            }
        }
        self.timestamps.clear();
        self.values.clear();
        batch
    }

    /// Takes everything out and keeps the memory.
    pub fn clear(&mut self) {
        self.series.clear();
        self.timestamps.clear();
        self.values.clear();
        self.histograms.clear();
        self.exemplars.clear();
    }

    /// Bytes of memory that it keeps beside labels, histograms and exemplars themselves.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.series.capacity() * size_of::<DecodedSeries>()
            + self.timestamps.capacity() * size_of::<i64>()
            + self.values.capacity() * size_of::<f64>()
            + self.histograms.capacity() * size_of::<BatchHistogram>()
            + self.exemplars.capacity() * size_of::<BatchExemplar>()
    }

    /// Adds a series, whose floats are those that were added since the one before.
    #[inline]
    pub(super) fn end_series(&mut self, entry: Arc<SeriesEntry>, number: u32) {
        self.series.push(DecodedSeries {
            entry,
            number,
            end: u32::try_from(self.timestamps.len()).unwrap_or(u32::MAX),
        });
    }
}
