//! Which samples are imported, and what is added to their labels.

use std::collections::BTreeMap;

use tsdb_core::model::LabelsError;
use tsdb_core::{Labels, Matcher, TimeRange};
use tsdb_formats::prometheus_block::{ChunkMeta, ChunkSamples};

/// Which samples are imported, and what is added to their labels.
#[derive(Debug)]
pub(super) struct Selection {
    /// A series has to meet one of them, if there are any.
    pub(super) sets: Vec<Vec<Matcher>>,
    pub(super) range: TimeRange,
    /// Labels that series get that have none of the name.
    pub(super) labels: BTreeMap<String, String>,
}

impl Selection {
    /// Whether a series is imported.
    pub(super) fn has(&self, labels: &Labels) -> bool {
        let mut sets = self.sets.iter();
        self.sets.is_empty() || sets.any(|set| Matcher::all_match(set, labels))
    }

    /// Whether a chunk may have samples that are imported.
    pub(super) fn overlaps(&self, chunk: &ChunkMeta) -> bool {
        chunk.min_time <= self.range.max() && chunk.max_time >= self.range.min()
    }

    /// Whether all samples of a chunk are imported.
    pub(super) fn holds(&self, chunk: &ChunkMeta) -> bool {
        chunk.min_time >= self.range.min() && chunk.max_time <= self.range.max()
    }

    /// Leaves those samples that are imported.
    pub(super) fn cut(&self, samples: &mut ChunkSamples) {
        let times = self.range.min()..=self.range.max();
        samples.retain(|time| times.contains(&time));
    }

    /// Labels with those that are added.
    pub(super) fn labelled(&self, labels: Labels) -> Result<Labels, LabelsError> {
        if self.labels.is_empty() {
            return Ok(labels);
        }
        let own = labels.iter().map(|label| (label.name, label.value));
        let more = self.labels.iter();
        let more = more.filter(|(name, _)| labels.get(name).is_none());
        let more = more.map(|(name, value)| (name.as_str(), value.as_str()));
        Labels::from_pairs(own.chain(more))
    }
}
