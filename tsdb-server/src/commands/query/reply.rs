//! An answer of Prometheus' API, as far as it is shown.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

/// An answer.
#[derive(Debug, Deserialize)]
pub(super) struct Reply {
    pub(super) data: Found,
    #[serde(default)]
    pub(super) warnings: Vec<String>,
    #[serde(default)]
    pub(super) infos: Vec<String>,
}

/// A refusal.
#[derive(Debug, Deserialize)]
pub(super) struct Refusal {
    #[serde(rename = "errorType")]
    pub(super) kind: String,
    pub(super) error: String,
}

/// The result.
#[derive(Debug, Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
pub(super) enum Found {
    Scalar(Point<String>),
    String(Point<String>),
    Vector(Vec<Sample>),
    Matrix(Vec<Line>),
}

/// A series at one moment.
#[derive(Debug, Deserialize)]
pub(super) struct Sample {
    pub(super) metric: BTreeMap<String, String>,
    value: Option<Point<String>>,
    histogram: Option<Point<Buckets>>,
}

/// A series at many.
#[derive(Debug, Deserialize)]
pub(super) struct Line {
    pub(super) metric: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) values: Vec<Point<String>>,
    #[serde(default)]
    pub(super) histograms: Vec<Point<Buckets>>,
}

/// Seconds since the epoch, and what is then.
#[derive(Debug, Deserialize)]
pub(super) struct Point<V>(pub(super) f64, pub(super) V);

/// A native histogram.
#[derive(Debug, Deserialize)]
pub(super) struct Buckets {
    pub(super) count: String,
    sum: String,
    #[serde(default)]
    buckets: Vec<(u8, String, String, String)>,
}

impl Sample {
    /// When it is.
    pub(super) fn time(&self) -> f64 {
        let of_value = self.value.as_ref().map(|point| point.0);
        let of_histogram = self.histogram.as_ref().map(|point| point.0);
        of_value.or(of_histogram).unwrap_or_default()
    }

    /// A number, or a histogram.
    pub(super) fn text(&self) -> String {
        match (&self.value, &self.histogram) {
            (Some(point), _) => point.1.clone(),
            (None, Some(point)) => point.1.to_string(),
            (None, None) => String::new(),
        }
    }
}

impl Line {
    /// All points, by time.
    pub(super) fn points(&self) -> Vec<(f64, String)> {
        let floats = self.values.iter().map(|point| (point.0, point.1.clone()));
        let histograms = self.histograms.iter();
        let histograms = histograms.map(|point| (point.0, point.1.to_string()));
        let mut all: Vec<_> = floats.chain(histograms).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        all
    }
}

impl fmt::Display for Buckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{count:{}, sum:{}", self.count, self.sum)?;
        for (rule, lower, upper, count) in &self.buckets {
            let (open, close) = match rule {
                0 => ('(', ']'),
                1 => ('[', ')'),
                2 => ('(', ')'),
                _ => ('[', ']'),
            };
            write!(f, ", {open}{lower},{upper}{close}:{count}")?;
        }
        f.write_str("}")
    }
}
