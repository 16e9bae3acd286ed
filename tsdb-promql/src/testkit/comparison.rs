//! Whether a result is what a script expects.

use tsdb_core::model::{CUSTOM_BUCKETS_SCHEMA, is_stale};

use super::bucket_map::{Counts, buckets, counts};
use super::expectation::{Annotation, Expectation, ExpectedSeries};
use super::reply::{Reply, ReplyHistogram, ReplySeries, ReplyValue};
use super::series_line::{SequencePoint, WrittenHistogram};
use crate::FloatHistogram;

/// Two floats may differ by this part of their sum.
const EPSILON: f64 = 1e-6;

/// Whether two floats are the same for a test: NaN is NaN, a stale marker only a stale marker, and
/// others differ by less than a millionth of their sum.
#[must_use]
pub fn almost_equal(a: f64, b: f64) -> bool {
    if is_stale(a) || is_stale(b) {
        return is_stale(a) && is_stale(b);
    }
    if a == b || (a.is_nan() && b.is_nan()) {
        return true;
    }
    let total = a.abs() + b.abs();
    let difference = (a - b).abs();
    if a == 0.0 || b == 0.0 || total < f64::MIN_POSITIVE {
        return difference < EPSILON * f64::MIN_POSITIVE;
    }
    difference / total.min(f64::MAX) < EPSILON
}

fn all_almost_equal(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| almost_equal(*a, *b))
}

/// Whether two sides have the same buckets, empty ones aside.
fn same_buckets(a: &Counts, b: &Counts) -> bool {
    let filled = |counts: &Counts| -> (Vec<i32>, Vec<f64>) {
        let filled = counts.iter().filter(|(_, count)| **count != 0.0);
        filled.map(|(index, count)| (*index, *count)).unzip()
    };
    let ((a_indices, a_counts), (b_indices, b_counts)) = (filled(a), filled(b));
    a_indices == b_indices && all_almost_equal(&a_counts, &b_counts)
}

fn same_histogram(written: &WrittenHistogram, found: &FloatHistogram) -> bool {
    let expected = &written.histogram;
    let positive = |of: &FloatHistogram| counts(&of.positive_spans, &of.positive_buckets);
    let negative = |of: &FloatHistogram| counts(&of.negative_spans, &of.negative_buckets);
    expected.schema == found.schema
        && almost_equal(expected.count, found.count)
        && almost_equal(expected.sum, found.sum)
        && (expected.schema != CUSTOM_BUCKETS_SCHEMA
            || expected.custom_values == found.custom_values)
        && expected.zero_threshold == found.zero_threshold
        && almost_equal(expected.zero_count, found.zero_count)
        && same_buckets(&negative(expected), &negative(found))
        && same_buckets(&positive(expected), &positive(found))
        && (!written.hint_written || expected.reset_hint == found.reset_hint)
}

fn matches_histogram(written: &WrittenHistogram, found: &ReplyHistogram) -> bool {
    let (found_count, found_sum, found_buckets) = match found {
        ReplyHistogram::Whole(found) => return same_histogram(written, found),
        ReplyHistogram::Buckets {
            count,
            sum,
            buckets,
        } => (count, sum, buckets),
    };
    let expected = buckets(&written.histogram);
    let same_bucket = |a: &super::Bucket, b: &super::Bucket| {
        almost_equal(a.lower, b.lower)
            && almost_equal(a.upper, b.upper)
            && almost_equal(a.count, b.count)
    };
    almost_equal(written.histogram.count, *found_count)
        && almost_equal(written.histogram.sum, *found_sum)
        && expected.len() == found_buckets.len()
        && expected
            .iter()
            .zip(found_buckets)
            .all(|(a, b)| same_bucket(a, b))
}

fn check_annotation(kind: &str, expected: &Annotation, found: &[String]) -> Result<(), String> {
    let wanted = match expected {
        Annotation::Unchecked => return Ok(()),
        Annotation::None if found.is_empty() => return Ok(()),
        Annotation::None => return Err(format!("no {kind} is expected, there is {found:?}")),
        Annotation::Some(wanted) => wanted,
    };
    for one in wanted {
        if !found.iter().any(|found| one.matches(found)) {
            return Err(format!("{kind} {one:?} is expected, found {found:?}"));
        }
    }
    match found
        .iter()
        .find(|found| !wanted.iter().any(|one| one.matches(found)))
    {
        Some(unexpected) => Err(format!("{kind} {unexpected:?} is not expected")),
        None => Ok(()),
    }
}

/// Whether warnings and infos are the expected ones.
pub(super) fn check_annotations(expected: &Expectation, reply: &Reply) -> Result<(), String> {
    for (prefix, found) in [
        ("PromQL warning: ", &reply.warnings),
        ("PromQL info: ", &reply.infos),
    ] {
        if let Some(other) = found.iter().find(|text| !text.starts_with(prefix)) {
            return Err(format!("{other:?} does not begin with {prefix:?}"));
        }
    }
    check_annotation("warning", &expected.warnings, &reply.warnings)?;
    check_annotation("info", &expected.infos, &reply.infos)
}

/// Whether the result is the expected one; `times` are those of a matrix: first, last, step.
pub(super) fn check_value(
    expected: &Expectation,
    times: (i64, i64, i64),
    value: &ReplyValue,
) -> Result<(), String> {
    match value {
        ReplyValue::Scalar(found) => match expected.scalar {
            Some(scalar) if almost_equal(scalar, *found) => Ok(()),
            Some(scalar) => Err(format!("scalar {scalar} is expected, found {found}")),
            None => Err(format!("series are expected, found the scalar {found}")),
        },
        ReplyValue::String(found) => match expected.string.as_deref().unwrap_or("") {
            string if string == found => Ok(()),
            string => Err(format!("text {string:?} is expected, found {found:?}")),
        },
        ReplyValue::Vector(_) | ReplyValue::Matrix(_) if expected.scalar.is_some() => {
            Err(format!("a scalar is expected, found {}", describe(value)))
        }
        ReplyValue::Matrix(_) if expected.ordered => {
            Err("series in order are expected, found a matrix, which has its own".to_owned())
        }
        ReplyValue::Vector(found) => check_series(expected, found, |expected, found| {
            vector_series(expected, found)
        }),
        ReplyValue::Matrix(found) => {
            check_sorted(found)?;
            check_series(expected, found, |expected, found| {
                matrix_series(expected, found, times)
            })
        }
    }
}

/// Whether series are in order of their labels.
pub(super) fn check_sorted(matrix: &[ReplySeries]) -> Result<(), String> {
    match matrix
        .iter()
        .zip(matrix.iter().skip(1))
        .find(|(a, b)| a.labels > b.labels)
    {
        Some((a, b)) => {
            let (a, b) = (&a.labels, &b.labels);
            Err(format!("a matrix is not sorted: {b} stands behind {a}"))
        }
        None => Ok(()),
    }
}

fn check_series(
    expected: &Expectation,
    found: &[ReplySeries],
    check: impl Fn(&ExpectedSeries, &ReplySeries) -> Result<(), String>,
) -> Result<(), String> {
    for (place, series) in found.iter().enumerate() {
        let labels = &series.labels;
        let of_labels = expected
            .series
            .iter()
            .rposition(|one| one.labels == *labels);
        let Some((index, one)) = of_labels.and_then(|at| Some((at, expected.series.get(at)?)))
        else {
            return Err(format!("{} is not expected", describe_series(series)));
        };
        if found
            .iter()
            .take(place)
            .any(|before| before.labels == *labels)
        {
            return Err(format!("{labels} is found twice"));
        }
        if expected.ordered && index != place {
            return Err(format!(
                "{labels} is expected at place {index}, found at {place}"
            ));
        }
        check(one, series)?;
    }
    let is_found = |one: &&ExpectedSeries| found.iter().any(|found| found.labels == one.labels);
    match expected.series.iter().find(|one| !is_found(one)) {
        Some(missing) => Err(format!("{} is expected, not found", missing.labels)),
        None => Ok(()),
    }
}

fn vector_series(expected: &ExpectedSeries, found: &ReplySeries) -> Result<(), String> {
    let is_it = match (
        expected.points.first(),
        found.floats.first(),
        found.histograms.first(),
    ) {
        (Some(SequencePoint::Float(value)), Some((_, found)), None) => almost_equal(*value, *found),
        (Some(SequencePoint::Omitted), Some((_, found)), None) => almost_equal(0.0, *found),
        (Some(SequencePoint::Histogram(written)), None, Some((_, found))) => {
            matches_histogram(written, found)
        }
        _ => false,
    };
    match is_it {
        true => Ok(()),
        false => Err(format!(
            "{:?} is expected, found {}",
            expected.points,
            describe_series(found)
        )),
    }
}

fn matrix_series(
    expected: &ExpectedSeries,
    found: &ReplySeries,
    (start, end, step): (i64, i64, i64),
) -> Result<(), String> {
    let mut floats = Vec::new();
    let mut histograms = Vec::new();
    for (index, point) in (0_i64..).zip(&expected.points) {
        let time = start.saturating_add(step.saturating_mul(index));
        if time > end {
            let (labels, points) = (&expected.labels, expected.points.len());
            return Err(format!(
                "{points} points of {labels} are expected, more than steps"
            ));
        }
        match point {
            SequencePoint::Omitted => {}
            SequencePoint::Float(value) => floats.push((time, *value)),
            SequencePoint::Histogram(written) => histograms.push((time, written)),
        }
    }
    let counts = (floats.len(), histograms.len());
    if counts != (found.floats.len(), found.histograms.len()) {
        let (floats, histograms) = counts;
        let found = describe_series(found);
        return Err(format!(
            "{floats} floats and {histograms} histograms are expected, found {found}"
        ));
    }
    for ((time, value), (found_time, found_value)) in floats.iter().zip(&found.floats) {
        if time != found_time || !almost_equal(*value, *found_value) {
            let found = describe_series(found);
            return Err(format!("{value} is expected at {time}, found {found}"));
        }
    }
    for ((time, written), (found_time, found_value)) in histograms.iter().zip(&found.histograms) {
        if time != found_time || !matches_histogram(written, found_value) {
            let found = describe_series(found);
            return Err(format!(
                "{:?} is expected at {time}, found {found}",
                written.histogram
            ));
        }
    }
    Ok(())
}

fn describe_series(series: &ReplySeries) -> String {
    let ReplySeries {
        labels,
        floats,
        histograms,
    } = series;
    match histograms.is_empty() {
        true => format!("{labels} {floats:?}"),
        false => format!("{labels} {floats:?} {histograms:?}"),
    }
}

/// A result in words.
pub(super) fn describe(value: &ReplyValue) -> String {
    match value {
        ReplyValue::Scalar(value) => format!("scalar {value}"),
        ReplyValue::String(value) => format!("text {value:?}"),
        ReplyValue::Vector(series) | ReplyValue::Matrix(series) => {
            let all: Vec<String> = series.iter().map(describe_series).collect();
            format!("[{}]", all.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::almost_equal;

    #[test]
    fn floats_are_compared_as_prometheus_does() {
        let stale = f64::from_bits(tsdb_core::STALE_NAN_BITS);
        for (a, b) in [
            (1.0, 1.0000019),
            (f64::NAN, -f64::NAN),
            (f64::INFINITY, f64::INFINITY),
            (0.0, -0.0),
            (stale, stale),
            (f64::MAX, f64::MAX),
        ] {
            assert!(almost_equal(a, b), "{a} {b}");
        }
        for (a, b) in [
            (1.0, 1.0000021),
            (0.0, 1e-300),
            (f64::INFINITY, f64::MAX),
            (f64::INFINITY, f64::NEG_INFINITY),
            (stale, f64::NAN),
            (f64::NAN, 1.0),
        ] {
            assert!(!almost_equal(a, b), "{a} {b}");
        }
    }
}
