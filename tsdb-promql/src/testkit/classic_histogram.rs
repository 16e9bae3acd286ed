//! Classic histograms of a load, turned into native ones with custom buckets.

use std::collections::BTreeMap;

use tsdb_core::Labels;
use tsdb_core::model::{CUSTOM_BUCKETS_SCHEMA, METRIC_NAME};

use super::bucket_map::{Counts, spans};
use super::script::{LoadedPoint, LoadedSeries};
use crate::FloatHistogram;
use crate::answer::PointValue;

/// The samples of one classic histogram at one time.
#[derive(Default)]
struct Collected {
    /// Bounds and what is counted up to them.
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
}

/// What a series of a classic histogram counts.
enum Part {
    /// Observations up to a bound.
    Bucket(f64),
    /// All observations.
    Count,
    /// The sum of all.
    Sum,
}

/// What a series counts, if it is one of a classic histogram.
fn part(labels: &Labels) -> Option<Part> {
    let name = labels.metric_name().unwrap_or("");
    match name.rsplit_once('_')?.1 {
        "bucket" => {
            let bound: f64 = labels.get("le")?.parse().ok()?;
            (!bound.is_nan()).then_some(Part::Bucket(bound))
        }
        "count" => Some(Part::Count),
        "sum" => Some(Part::Sum),
        _ => None,
    }
}

/// The native histograms of all classic ones among `series`.
pub(super) fn convert(series: &[LoadedSeries]) -> Result<Vec<LoadedSeries>, String> {
    let mut found: BTreeMap<Labels, BTreeMap<i64, Collected>> = BTreeMap::new();
    for one in series {
        let Some(part) = part(&one.labels) else {
            continue;
        };
        let at_times = found.entry(base(&one.labels)?).or_default();
        for point in &one.points {
            let PointValue::Float(value) = point.value else {
                continue;
            };
            let into = at_times.entry(point.timestamp).or_default();
            match part {
                Part::Bucket(bound) => into.buckets.push((bound, value)),
                Part::Count => into.count = Some(value),
                Part::Sum => into.sum = value,
            }
        }
    }
    let all = found.into_iter();
    all.map(|(labels, times)| converted(labels, times))
        .collect()
}

/// The labels without the bound and the suffix of the name.
fn base(labels: &Labels) -> Result<Labels, String> {
    let name = labels.metric_name().unwrap_or("");
    let base = name.rsplit_once('_').map_or(name, |(base, _)| base);
    let others = labels
        .iter()
        .filter(|label| !["le", METRIC_NAME].contains(&label.name));
    let others = others.map(|label| (label.name, label.value));
    Labels::from_pairs(others.chain([(METRIC_NAME, base)])).map_err(|error| error.to_string())
}

fn converted(labels: Labels, times: BTreeMap<i64, Collected>) -> Result<LoadedSeries, String> {
    let mut points = Vec::new();
    for (timestamp, collected) in times {
        let histogram = native(collected).map_err(|error| format!("{labels}: {error}"))?;
        points.push(LoadedPoint {
            timestamp,
            start_timestamp: 0,
            value: PointValue::Histogram(Box::new(histogram)),
        });
    }
    Ok(LoadedSeries { labels, points })
}

fn native(mut collected: Collected) -> Result<FloatHistogram, String> {
    collected.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    collected.buckets.dedup_by(|a, b| a.0 == b.0);
    let highest = collected.buckets.last().copied();
    let count = collected.count.or(highest.map(|(_, count)| count));
    let count = count.ok_or("a classic histogram has neither count nor buckets")?;
    if highest.is_none_or(|(bound, _)| bound != f64::INFINITY) {
        collected.buckets.push((f64::INFINITY, count));
    }
    let mut before = 0.0;
    let mut counts = Counts::new();
    let mut custom_values = Vec::new();
    for (index, (bound, up_to)) in (0..).zip(&collected.buckets) {
        if *up_to < before {
            return Err("buckets of a classic histogram do not add up".to_owned());
        }
        if *up_to != before {
            counts.insert(index, up_to - before);
        }
        before = *up_to;
        custom_values.extend(bound.is_finite().then_some(*bound));
    }
    if before != count {
        return Err(format!(
            "a classic histogram counts {count}, but {before} in its buckets"
        ));
    }
    let (positive_spans, positive_buckets) = spans(&counts);
    Ok(FloatHistogram {
        schema: CUSTOM_BUCKETS_SCHEMA,
        count,
        sum: collected.sum,
        positive_spans,
        positive_buckets,
        custom_values,
        ..FloatHistogram::default()
    })
}
