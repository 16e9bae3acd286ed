//! A native histogram in a line: `[milliseconds, {...}]` with the fields, the names and the lists
//! of remote write's message, so that nothing is lost. Fields that are zero or empty are left out,
//! but for the count, whose name tells the kind.

use serde::{Deserialize, Serialize};
use tsdb_core::model::{BucketSpan, Histogram, HistogramCounts, ResetHint};

use super::value::SampleValue;

/// The object of a histogram.
#[derive(Serialize, Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawHistogram {
    #[serde(skip_serializing_if = "Option::is_none")]
    count_int: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count_float: Option<SampleValue>,
    sum: SampleValue,
    #[serde(skip_serializing_if = "is_default")]
    schema: i32,
    #[serde(skip_serializing_if = "is_default")]
    zero_threshold: SampleValue,
    #[serde(skip_serializing_if = "is_default")]
    zero_count_int: u64,
    #[serde(skip_serializing_if = "is_default")]
    zero_count_float: SampleValue,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    negative_spans: Vec<(i32, u32)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    negative_deltas: Vec<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    negative_counts: Vec<SampleValue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    positive_spans: Vec<(i32, u32)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    positive_deltas: Vec<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    positive_counts: Vec<SampleValue>,
    #[serde(skip_serializing_if = "is_default")]
    reset_hint: Hint,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    custom_values: Vec<SampleValue>,
    #[serde(skip_serializing_if = "is_default")]
    start_timestamp: i64,
}

#[derive(Serialize, Deserialize, Clone, Copy, Default, PartialEq)]
#[serde(rename_all = "UPPERCASE")]
enum Hint {
    #[default]
    Unknown,
    Yes,
    No,
    Gauge,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn values(values: &[f64]) -> Vec<SampleValue> {
    values.iter().copied().map(SampleValue).collect()
}

fn floats(values: Vec<SampleValue>) -> Vec<f64> {
    values.into_iter().map(|value| value.0).collect()
}

fn pairs(spans: &[BucketSpan]) -> Vec<(i32, u32)> {
    let spans = spans.iter();
    spans.map(|span| (span.offset, span.length)).collect()
}

fn spans(pairs: Vec<(i32, u32)>) -> Vec<BucketSpan> {
    let span = |(offset, length)| BucketSpan { offset, length };
    pairs.into_iter().map(span).collect()
}

impl From<&Histogram> for RawHistogram {
    fn from(histogram: &Histogram) -> Self {
        let mut raw = Self {
            sum: SampleValue(histogram.sum),
            schema: histogram.schema,
            zero_threshold: SampleValue(histogram.zero_threshold),
            negative_spans: pairs(&histogram.negative_spans),
            positive_spans: pairs(&histogram.positive_spans),
            reset_hint: match histogram.reset_hint {
                ResetHint::Unknown => Hint::Unknown,
                ResetHint::Reset => Hint::Yes,
                ResetHint::NoReset => Hint::No,
                ResetHint::Gauge => Hint::Gauge,
            },
            custom_values: values(&histogram.custom_values),
            start_timestamp: histogram.start_timestamp,
            ..Self::default()
        };
        match &histogram.counts {
            HistogramCounts::Integer {
                count,
                zero_count,
                positive,
                negative,
            } => {
                raw.count_int = Some(*count);
                raw.zero_count_int = *zero_count;
                (raw.positive_deltas, raw.negative_deltas) = (positive.clone(), negative.clone());
            }
            HistogramCounts::Float {
                count,
                zero_count,
                positive,
                negative,
            } => {
                raw.count_float = Some(SampleValue(*count));
                raw.zero_count_float = SampleValue(*zero_count);
                (raw.positive_counts, raw.negative_counts) = (values(positive), values(negative));
            }
        }
        raw
    }
}

impl RawHistogram {
    /// The histogram, unless it is of no kind or of both.
    pub(super) fn histogram(self) -> Result<Histogram, &'static str> {
        let of_integers = !is_default(&self.zero_count_int)
            || !self.positive_deltas.is_empty()
            || !self.negative_deltas.is_empty();
        let of_floats = !is_default(&self.zero_count_float)
            || !self.positive_counts.is_empty()
            || !self.negative_counts.is_empty();
        let counts = match (self.count_int, self.count_float) {
            (Some(count), None) if !of_floats => HistogramCounts::Integer {
                count,
                zero_count: self.zero_count_int,
                positive: self.positive_deltas,
                negative: self.negative_deltas,
            },
            (None, Some(count)) if !of_integers => HistogramCounts::Float {
                count: count.0,
                zero_count: self.zero_count_float.0,
                positive: floats(self.positive_counts),
                negative: floats(self.negative_counts),
            },
            _ => {
                return Err(
                    "a histogram has count_int, or count_float, and no counts of the other kind",
                );
            }
        };
        Ok(Histogram {
            schema: self.schema,
            zero_threshold: self.zero_threshold.0,
            sum: self.sum.0,
            reset_hint: match self.reset_hint {
                Hint::Unknown => ResetHint::Unknown,
                Hint::Yes => ResetHint::Reset,
                Hint::No => ResetHint::NoReset,
                Hint::Gauge => ResetHint::Gauge,
            },
            start_timestamp: self.start_timestamp,
            positive_spans: spans(self.positive_spans),
            negative_spans: spans(self.negative_spans),
            custom_values: floats(self.custom_values),
            counts,
        })
    }
}

/// Appends a histogram as it stands in a line.
pub(super) fn write_histogram(out: &mut Vec<u8>, (timestamp, histogram): &(i64, Histogram)) {
    let mut serializer = serde_json::Serializer::new(out);
    let written = (timestamp, RawHistogram::from(histogram)).serialize(&mut serializer);
    debug_assert!(written.is_ok(), "writing to a Vec failed");
}
