//! One line on its way in.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use tsdb_core::model::{Histogram, Labels};
use tsdb_formats::LineError;

use super::histogram::RawHistogram;
use super::value::SampleValue;

/// One series with its samples; both columns of floats are equally long.
#[derive(Clone, Debug)]
pub struct SeriesLine {
    /// The series.
    pub labels: Labels,
    /// Milliseconds since the epoch.
    pub timestamps: Vec<i64>,
    /// A value for each timestamp.
    pub values: Vec<f64>,
    /// Native histograms, each with its milliseconds since the epoch.
    pub histograms: Vec<(i64, Histogram)>,
}

/// Reads one line, without its line feed.
///
/// # Errors
/// The first thing that is wrong, with its column.
pub fn parse_line(line: &[u8]) -> Result<SeriesLine, LineError> {
    if !line.trim_ascii_start().starts_with(b"{") {
        // Serde would take an array for the fields in their order.
        return Err(LineError {
            column: 1,
            reason: "a line is an object with metric, values and timestamps".to_owned(),
        });
    }
    let raw: RawLine = serde_json::from_slice(line).map_err(|error| LineError {
        column: error.column(),
        reason: without_position(&error.to_string()),
    })?;
    if raw.values.len() != raw.timestamps.len() {
        let (values, timestamps) = (raw.values.len(), raw.timestamps.len());
        return Err(LineError {
            column: 0,
            reason: format!("{values} values do not go with {timestamps} timestamps"),
        });
    }
    let labels = Labels::from_pairs(raw.metric.0).map_err(|error| LineError {
        column: 0,
        reason: format!("metric is no set of labels: {error}"),
    })?;
    let histogram = |(timestamp, raw): (i64, RawHistogram)| Ok((timestamp, raw.histogram()?));
    let histograms: Result<Vec<_>, &'static str> =
        raw.histograms.into_iter().map(histogram).collect();
    let histograms = histograms.map_err(|reason| LineError {
        column: 0,
        reason: reason.to_owned(),
    })?;
    Ok(SeriesLine {
        histograms,
        labels,
        timestamps: raw.timestamps,
        values: raw.values.into_iter().map(|value| value.0).collect(),
    })
}

/// The error without the position that serde puts behind it: the caller knows the line better.
fn without_position(text: &str) -> String {
    match text.rfind(" at line ") {
        Some(end) => text.get(..end).unwrap_or(text).to_owned(),
        None => text.to_owned(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLine {
    metric: Pairs,
    values: Vec<SampleValue>,
    timestamps: Vec<i64>,
    #[serde(default)]
    histograms: Vec<(i64, RawHistogram)>,
}

/// Labels as they stand in the line, so that a name given twice is seen and not overwritten.
struct Pairs(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of label names and values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry::<String, String>()? {
            pairs.push(pair);
        }
        Ok(Pairs(pairs))
    }
}
