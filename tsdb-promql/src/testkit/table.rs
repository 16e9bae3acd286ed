//! Series in memory.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use tsdb_core::{Grouping, Histogram, HistogramCounts, Labels, Matcher};

use super::script::{Load, LoadedPoint};
use crate::FloatHistogram;
use crate::answer::PointValue;
use crate::queryable::{Queryable, Selection, SeriesSamples, SeriesStream, SourceError};

/// In which order a table gives its series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SeriesOrder {
    /// By their labels.
    #[default]
    Sorted,
    /// By their labels, the last first.
    Reversed,
}

/// Series in memory, as `load` puts them there.
#[derive(Clone, Debug, Default)]
pub struct Table {
    order: SeriesOrder,
    series: BTreeMap<Labels, BTreeMap<i64, LoadedPoint>>,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(order: SeriesOrder) -> Self {
        Self {
            order,
            series: BTreeMap::new(),
        }
    }

    /// Forgets all series.
    pub fn clear(&mut self) {
        self.series.clear();
    }

    /// Adds the points of a load; a point at a time that a series has already takes its place.
    pub fn load(&mut self, load: &Load) {
        for series in &load.series {
            let points = self.series.entry(series.labels.clone()).or_default();
            points.extend(
                series
                    .points
                    .iter()
                    .map(|point| (point.timestamp, point.clone())),
            );
        }
    }
}

/// The samples of a series in a range of times.
fn samples(
    labels: &Labels,
    points: &BTreeMap<i64, LoadedPoint>,
    range: &RangeInclusive<i64>,
) -> SeriesSamples {
    let mut samples = SeriesSamples {
        labels: labels.clone(),
        ..SeriesSamples::default()
    };
    for point in points.range(..=range.end()).map(|(_, point)| point) {
        match &point.value {
            PointValue::Float(value) => {
                samples.timestamps.push(point.timestamp);
                samples.values.push(*value);
                samples.start_timestamps.push(point.start_timestamp);
            }
            PointValue::Histogram(histogram) => {
                let stored = Histogram {
                    start_timestamp: point.start_timestamp,
                    ..stored(histogram)
                };
                samples.histograms.push((point.timestamp, stored));
            }
        }
    }
    // Those before the range tell of those in it.
    samples.settle_reset_hints();
    samples.remove_before(*range.start());
    if samples.start_timestamps.iter().all(|start| *start == 0) {
        samples.start_timestamps.clear();
    }
    samples
}

/// The histogram as databases keep it.
pub(super) fn stored(histogram: &FloatHistogram) -> Histogram {
    Histogram {
        schema: histogram.schema,
        zero_threshold: histogram.zero_threshold,
        sum: histogram.sum,
        reset_hint: histogram.reset_hint,
        start_timestamp: 0,
        positive_spans: histogram.positive_spans.clone(),
        negative_spans: histogram.negative_spans.clone(),
        custom_values: histogram.custom_values.clone(),
        counts: HistogramCounts::Float {
            count: histogram.count,
            zero_count: histogram.zero_count,
            positive: histogram.positive_buckets.clone(),
            negative: histogram.negative_buckets.clone(),
        },
    }
}

/// A series of a table on its way: its place, its group where those are asked for, in place of its
/// labels, and what it has.
type Placed = (usize, Option<u32>, SeriesSamples);

/// Series of a table, one by one; without labels but with the numbers of groups, where those are
/// asked for.
struct TableStream {
    series: std::vec::IntoIter<Placed>,
    groups: Arc<Vec<Labels>>,
    place: usize,
    group: Option<u32>,
}

impl TableStream {
    fn new(series: Vec<SeriesSamples>, grouping: Option<&Grouping>) -> Self {
        let mut groups: Vec<Labels> = Vec::new();
        let mut number = |series: &mut SeriesSamples, grouping: &Grouping| {
            let labels = grouping.labels_of(&std::mem::take(&mut series.labels));
            let known = groups.iter().position(|group| *group == labels);
            let place = known.unwrap_or_else(|| {
                groups.push(labels);
                groups.len() - 1
            });
            u32::try_from(place).ok()
        };
        let placed = series.into_iter().enumerate().map(|(place, mut series)| {
            let group = grouping.and_then(|grouping| number(&mut series, grouping));
            (place, group, series)
        });
        Self {
            series: placed.collect::<Vec<Placed>>().into_iter(),
            groups: Arc::new(groups),
            place: 0,
            group: None,
        }
    }
}

impl SeriesStream for TableStream {
    fn next_series(&mut self) -> Result<Option<SeriesSamples>, SourceError> {
        let Some((place, group, series)) = self.series.next() else {
            return Ok(None);
        };
        (self.place, self.group) = (place, group);
        Ok(Some(series))
    }

    /// As if there were many, so that threads are worth their while.
    fn len_at_most(&self) -> usize {
        usize::MAX
    }

    fn place(&self) -> usize {
        self.place
    }

    /// Stripes of one series: there are few.
    fn split_off<'s>(&mut self, parts: usize, _: usize) -> Vec<Box<dyn SeriesStream + 's>>
    where
        Self: 's,
    {
        let mut dealt: Vec<Vec<Placed>> = Vec::new();
        dealt.resize_with(parts.max(1), Vec::new);
        for (number, one) in std::mem::take(&mut self.series).enumerate() {
            if let Some(part) = dealt.get_mut(number % parts.max(1)) {
                part.push(one);
            }
        }
        let mut streams = dealt.into_iter().map(|series| Self {
            series: series.into_iter(),
            groups: Arc::clone(&self.groups),
            place: 0,
            group: None,
        });
        let own = streams.next();
        let others = streams.map(|stream| Box::new(stream) as _).collect();
        if let Some(own) = own {
            *self = own;
        }
        others
    }

    fn group(&self) -> Option<u32> {
        self.group
    }

    fn group_labels(&self, group: u32) -> Labels {
        let labels = self.groups.get(group as usize);
        labels.cloned().unwrap_or_default()
    }
}

impl Queryable for Table {
    fn select<'q>(
        &'q self,
        selection: &Selection<'_>,
    ) -> Result<Box<dyn SeriesStream + 'q>, SourceError> {
        let range = selection.start..=selection.end;
        let found = self.series.iter().filter(|(labels, points)| {
            Matcher::all_match(selection.matchers, labels)
                && !range.is_empty()
                && points.range(range.clone()).next().is_some()
        });
        let mut series: Vec<_> = found
            .map(|(labels, points)| samples(labels, points, &range))
            .collect();
        if self.order == SeriesOrder::Reversed {
            series.reverse();
        }
        Ok(Box::new(TableStream::new(series, selection.grouping)))
    }
}
