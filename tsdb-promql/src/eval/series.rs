//! Series on their way through an evaluation.

use std::sync::Arc;

use tsdb_core::{Labels, LabelsBuilder};

use super::column::Column;
use crate::error::QueryError;
use crate::histogram::FloatHistogram;

/// Labels that a metric is described with.
pub(crate) const DESCRIBING: [&str; 3] = ["__name__", "__type__", "__unit__"];

/// A series with a value a step.
#[derive(Clone, Debug, Default)]
pub(crate) struct VectorSeries {
    pub(crate) labels: Labels,
    /// Whether its name goes at the end of the query.
    pub(crate) drop_name: bool,
    /// Its group, where the source numbers groups: its labels are those of the group then.
    pub(crate) group: Option<u32>,
    pub(crate) column: Column,
}

impl VectorSeries {
    /// Becomes the series that `range` is, whose labels are taken; those of a group are kept by both,
    /// and made once where series of one group follow each other.
    pub(crate) fn become_series(&mut self, range: &mut RangeSeries) {
        match range.group {
            None => self.labels = std::mem::take(&mut range.labels),
            group if group == self.group => {}
            Some(_) => self.labels.clone_from(&range.labels),
        }
        self.group = range.group;
        self.drop_name = range.drop_name;
    }

    pub(crate) fn new(labels: Labels, column: Column) -> Self {
        Self {
            labels,
            drop_name: false,
            group: None,
            column,
        }
    }
}

/// The samples of a series, stale markers left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct RangeSeries {
    pub(crate) labels: Labels,
    pub(crate) drop_name: bool,
    /// As [`VectorSeries::group`].
    pub(crate) group: Option<u32>,
    pub(crate) timestamps: Vec<i64>,
    pub(crate) values: Vec<f64>,
    /// When the counting of each float began; empty where nothing is known.
    pub(crate) starts: Vec<i64>,
    pub(crate) histograms: Vec<HistogramSample>,
    /// How many floats of the only range were not read.
    pub(crate) left_out: usize,
}

/// A native histogram at a time.
#[derive(Clone, Debug)]
pub(crate) struct HistogramSample {
    pub(crate) time: i64,
    /// When its counting began; 0 where unknown.
    pub(crate) start: i64,
    pub(crate) histogram: Arc<FloatHistogram>,
}

impl RangeSeries {
    pub(crate) fn metric(&self) -> &str {
        self.labels.metric_name().unwrap_or_default()
    }

    /// The times of the first and of the last sample.
    pub(crate) fn bounds(&self) -> Option<(i64, i64)> {
        let histograms = || self.histograms.iter().map(|sample| sample.time);
        let first = self.timestamps.first().copied().into_iter();
        let last = self.timestamps.last().copied().into_iter();
        let first = first.chain(histograms().next()).min()?;
        Some((first, last.chain(histograms().next_back()).max()?))
    }

    pub(crate) fn samples(&self) -> u64 {
        let histograms = self.histograms.iter().map(|one| one.histogram.samples());
        self.timestamps.len() as u64 + histograms.sum::<u64>()
    }
}

fn finish(builder: &mut LabelsBuilder) -> Result<Labels, QueryError> {
    builder
        .finish()
        .map_err(|error| QueryError::Execution(error.to_string()))
}

/// Labels without those of some names.
pub(crate) fn without(labels: &Labels, is_dropped: impl Fn(&str) -> bool) -> Labels {
    if !labels.iter().any(|label| is_dropped(label.name)) {
        return labels.clone();
    }
    let kept = labels.iter().filter(|label| !is_dropped(label.name));
    // A part of a valid set is one.
    Labels::from_pairs(kept.map(|label| (label.name, label.value))).unwrap_or_default()
}

/// Whether there is anything that [`without_description`] leaves out.
pub(crate) fn is_described(labels: &Labels) -> bool {
    labels.iter().any(|label| DESCRIBING.contains(&label.name))
}

/// Labels without name, type and unit.
pub(crate) fn without_description(labels: &Labels) -> Labels {
    without(labels, |name| DESCRIBING.contains(&name))
}

/// Only the labels of some names.
pub(crate) fn only(labels: &Labels, names: &[String]) -> Labels {
    without(labels, |name| !names.iter().any(|kept| kept == name))
}

/// Labels with some of them set; an empty value takes one away.
pub(crate) fn with<'a>(
    labels: &Labels,
    set: impl IntoIterator<Item = (&'a str, &'a str)> + Clone,
) -> Result<Labels, QueryError> {
    let mut builder = LabelsBuilder::new();
    for label in labels {
        if !set.clone().into_iter().any(|(name, _)| name == label.name) {
            builder.push(label.name, label.value);
        }
    }
    for (name, value) in set {
        builder.push(name, value);
    }
    finish(&mut builder)
}
