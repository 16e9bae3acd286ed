//! Reading: matchers to series, series to samples. Sorted by labels, read in small batches.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::{Head, Limited, Live, SelectLimits, ShardError};
use crate::index::Cardinality;
use crate::model::{Labels, Matcher, Sample, ShardId, TimeRange};
use crate::postings::Postings;
use crate::run::RowKey;
use crate::series::{ChunkPart, MergedSamples, disjoint_parts, merge_parts};

/// How many series are read at a time.
const BATCH_SERIES: usize = 128;

/// The samples of one series, decoded, merged, in the range that was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    labels: Labels,
    samples: MergedSamples,
}

impl Series {
    /// The labels.
    #[must_use]
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The labels, and nothing else.
    #[must_use]
    pub fn into_labels(self) -> Labels {
        self.labels
    }

    /// Timestamps in milliseconds since the epoch, rising.
    #[must_use]
    pub fn timestamps(&self) -> &[i64] {
        &self.samples.timestamps
    }

    /// The values, one a timestamp.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.samples.values
    }

    /// The samples in order of time.
    pub fn samples(&self) -> impl ExactSizeIterator<Item = Sample> + '_ {
        let columns = self.samples.timestamps.iter().zip(&self.samples.values);
        columns.map(|(&timestamp, &value)| Sample::new(timestamp, value))
    }
}

/// The samples of one series as chunks that do not overlap, in order of time. Chunks at the ends
/// may reach beyond the range that was asked for.
#[derive(Clone, Debug)]
pub struct SeriesChunks {
    /// The labels.
    pub labels: Labels,
    /// Chunks in Prometheus' XOR encoding.
    pub chunks: Vec<ChunkPart>,
}

/// The series that match, sorted by labels; those without samples in the range are left out.
/// Lazy: a batch of series is read when it is asked for. An error ends it.
#[derive(Debug)]
pub struct SeriesSet {
    head: Arc<Head>,
    live: Arc<Live>,
    range: TimeRange,
    limits: SelectLimits,
    samples: u64,
    slots: std::vec::IntoIter<u32>,
    ready: VecDeque<(Labels, Vec<ChunkPart>)>,
}

impl SeriesSet {
    /// How many series at most are still to come.
    #[must_use]
    pub fn len_at_most(&self) -> usize {
        self.slots.len() + self.ready.len()
    }

    fn next_parts(&mut self) -> Result<Option<(Labels, Vec<ChunkPart>)>, ShardError> {
        while self.ready.is_empty() {
            let slots: Vec<u32> = self.slots.by_ref().take(BATCH_SERIES).collect();
            if slots.is_empty() {
                return Ok(None);
            }
            let found = self.head.read_parts(&self.live, &slots, self.range)?;
            let names = self.head.names.read();
            let read = slots
                .iter()
                .zip(found)
                .filter(|(_, parts)| !parts.is_empty());
            self.ready
                .extend(read.filter_map(|(&slot, parts)| Some((names.index.labels(slot)?, parts))));
        }
        Ok(self.ready.pop_front())
    }

    fn count(&mut self, samples: u64) -> Result<(), ShardError> {
        self.samples += samples;
        if self.samples > self.limits.samples {
            self.end();
            let limit = self.limits.samples;
            return Err(ShardError::QueryLimit {
                what: "samples",
                name: "max_samples",
                limit,
            });
        }
        Ok(())
    }

    fn end(&mut self) {
        self.ready.clear();
        self.slots = Vec::new().into_iter();
    }

    /// The next series as chunks, copied where they need no merging.
    ///
    /// # Errors
    /// When it cannot be read, or a limit is exceeded; nothing more comes after it.
    pub fn next_chunks(&mut self) -> Result<Option<SeriesChunks>, ShardError> {
        let next = self.next_parts().and_then(|next| {
            let Some((labels, parts)) = next else {
                return Ok(None);
            };
            let mut chunks = disjoint_parts(parts)?;
            chunks.retain(|chunk| self.range.overlaps(chunk.min, chunk.max));
            self.count(chunks.iter().map(|chunk| u64::from(chunk.count)).sum())?;
            Ok(Some(SeriesChunks { labels, chunks }))
        });
        next.inspect_err(|_| self.end())
    }

    fn next_series(&mut self) -> Result<Option<Series>, ShardError> {
        while let Some((labels, mut parts)) = self.next_parts()? {
            let samples = merge_parts(&mut parts, self.range)?;
            if !samples.timestamps.is_empty() {
                self.count(samples.timestamps.len() as u64)?;
                return Ok(Some(Series { labels, samples }));
            }
        }
        Ok(None)
    }
}

impl Iterator for SeriesSet {
    type Item = Result<Series, ShardError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_series().inspect_err(|_| self.end()).transpose()
    }
}

impl Head {
    /// The series that match all `matchers` and have samples in `range`.
    ///
    /// # Errors
    /// When more series match than `limits` allows.
    pub fn select(
        self: &Arc<Self>,
        range: TimeRange,
        matchers: &[Matcher],
        limits: SelectLimits,
    ) -> Result<SeriesSet, ShardError> {
        let live = self.live();
        let names = self.names.read();
        let mut slots: Vec<u32> = names.index.matches(matchers).iter().collect();
        if slots.len() > limits.series {
            let limit = limits.series as u64;
            return Err(ShardError::QueryLimit {
                what: "series",
                name: "max_series",
                limit,
            });
        }
        names.index.sort(&mut slots);
        drop(names);
        Ok(SeriesSet {
            head: Arc::clone(self),
            live,
            range,
            limits,
            samples: 0,
            slots: slots.into_iter(),
            ready: VecDeque::new(),
        })
    }

    /// What each of the slots has in `range`, in memory and in runs.
    fn read_parts(
        &self,
        live: &Live,
        slots: &[u32],
        range: TimeRange,
    ) -> Result<Vec<Vec<ChunkPart>>, ShardError> {
        let mut parts = vec![Vec::new(); slots.len()];
        for generation in &live.generations {
            generation.read(slots, |at, buffer| {
                if let Some(parts) = parts.get_mut(at) {
                    buffer.read(range, parts);
                }
            });
        }
        if live.runs.is_empty() {
            return Ok(parts);
        }
        let keys = self.row_keys_of(slots);
        let sorted: Vec<RowKey> = keys.iter().map(|(key, _)| *key).collect();
        for run in &live.runs {
            run.read_series(&sorted, range, |key, meta, bytes| {
                let at = sorted.binary_search(&key).ok();
                let at = at.and_then(|at| keys.get(at));
                if let Some(parts) = at.and_then(|&(_, at)| parts.get_mut(at)) {
                    let (min, max, count) = (meta.min_time, meta.max_time, u32::from(meta.count));
                    parts.push(ChunkPart {
                        min,
                        max,
                        count,
                        bytes: bytes.into(),
                    });
                }
                ControlFlow::Continue(())
            })?;
        }
        Ok(parts)
    }

    /// Row keys of some slots with the slots' places, sorted.
    fn row_keys_of(&self, slots: &[u32]) -> Vec<(RowKey, usize)> {
        let names = self.names.read();
        let key = |slot| Some(RowKey::new(ShardId(0), names.registry.id(slot)?));
        let places = slots.iter().enumerate();
        let mut keys: Vec<_> = places
            .filter_map(|(at, &slot)| Some((key(slot)?, at)))
            .collect();
        drop(names);
        keys.sort_unstable();
        keys
    }

    /// The slots that match and have samples in `range`, to the exactness of chunks.
    fn matching(&self, range: TimeRange, matchers: &[Matcher]) -> Result<Postings, ShardError> {
        let live = self.live();
        let names = self.names.read();
        let mut matching = names.index.matches(matchers);
        drop(names);
        if range == TimeRange::ALL {
            return Ok(matching);
        }
        let mut present = Postings::new();
        let slots: Vec<u32> = matching.iter().collect();
        for generation in &live.generations {
            generation.read(&slots, |at, buffer| {
                if buffer.overlaps(range) {
                    present.extend(slots.get(at).copied());
                }
            });
        }
        let keys = self.row_keys_of(&slots);
        let sorted: Vec<RowKey> = keys.iter().map(|(key, _)| *key).collect();
        for run in &live.runs {
            present.extend(run.present(&sorted, range)?.iter().filter_map(|key| {
                let (_, at) = keys.get(sorted.binary_search(key).ok()?)?;
                slots.get(*at).copied()
            }));
        }
        matching &= present;
        Ok(matching)
    }

    /// Labels of the series that match and have samples in `range`, sorted, at most `limit`.
    ///
    /// # Errors
    /// When a run cannot be read.
    pub fn series(
        &self,
        range: TimeRange,
        matchers: &[Matcher],
        limit: usize,
    ) -> Result<Limited<Vec<Labels>>, ShardError> {
        let matching = self.matching(range, matchers)?;
        let names = self.names.read();
        let mut slots: Vec<u32> = matching.iter().collect();
        names.index.sort(&mut slots);
        let truncated = slots.len() > limit;
        slots.truncate(limit);
        let values = slots
            .iter()
            .filter_map(|&slot| names.index.labels(slot))
            .collect();
        Ok(Limited { values, truncated })
    }

    /// Names of the labels of those series, sorted, at most `limit`.
    ///
    /// # Errors
    /// When a run cannot be read.
    pub fn label_names(
        &self,
        range: TimeRange,
        matchers: &[Matcher],
        limit: usize,
    ) -> Result<Limited<Vec<String>>, ShardError> {
        let matching = self.restriction(range, matchers)?;
        let names = self.names.read();
        let (values, truncated) = names.index.label_names(matching.as_ref(), limit);
        Ok(Limited { values, truncated })
    }

    /// Values of one label of those series, sorted, at most `limit`.
    ///
    /// # Errors
    /// When a run cannot be read.
    pub fn label_values(
        &self,
        name: &str,
        range: TimeRange,
        matchers: &[Matcher],
        limit: usize,
    ) -> Result<Limited<Vec<String>>, ShardError> {
        let matching = self.restriction(range, matchers)?;
        let names = self.names.read();
        let (values, truncated) = names.index.label_values(name, matching.as_ref(), limit);
        Ok(Limited { values, truncated })
    }

    /// What makes the index in memory large; see [`crate::index::MemIndex::cardinality`].
    #[must_use]
    pub fn cardinality(&self, top: usize, label: Option<&str>) -> Cardinality {
        self.names.read().index.cardinality(top, label)
    }

    fn restriction(
        &self,
        range: TimeRange,
        matchers: &[Matcher],
    ) -> Result<Option<Postings>, ShardError> {
        if matchers.is_empty() && range == TimeRange::ALL {
            return Ok(None);
        }
        self.matching(range, matchers).map(Some)
    }
}
