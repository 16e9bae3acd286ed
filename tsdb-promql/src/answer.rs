//! What a query gives.

use tsdb_core::Labels;

use crate::histogram::FloatHistogram;
use crate::trace::Trace;

/// A float or a native histogram.
#[derive(Clone, Debug)]
pub enum PointValue {
    /// A float.
    Float(f64),
    /// A native histogram.
    Histogram(Box<FloatHistogram>),
}

/// A series at one time.
#[derive(Clone, Debug)]
pub struct VectorSample {
    /// The labels.
    pub labels: Labels,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// Its value then.
    pub value: PointValue,
}

/// A series over time.
#[derive(Clone, Debug)]
pub struct MatrixSeries {
    /// The labels.
    pub labels: Labels,
    /// Floats, by time.
    pub floats: Vec<(i64, f64)>,
    /// Native histograms, by time.
    pub histograms: Vec<(i64, FloatHistogram)>,
}

/// A query's result.
#[derive(Clone, Debug)]
pub enum Value {
    /// A number at a time.
    Scalar {
        /// Milliseconds since the epoch.
        timestamp: i64,
        /// The number.
        value: f64,
    },
    /// A text at a time.
    String {
        /// Milliseconds since the epoch.
        timestamp: i64,
        /// The text.
        value: String,
    },
    /// Of an instant query: series with a sample each.
    Vector(Vec<VectorSample>),
    /// Series with many samples, sorted by labels.
    Matrix(Vec<MatrixSeries>),
}

/// What a query read and spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueryStats {
    /// Series that were read.
    pub series: u64,
    /// Samples that were read, or told by the source without reading them.
    pub samples: u64,
    /// Most samples that were held at one time.
    pub peak_samples: u64,
    /// Most bytes that were held at one time.
    pub peak_bytes: u64,
}

/// A query's result and what has to be said of it.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The result.
    pub value: Value,
    /// `PromQL warning: ...`, in the order they came up, each once, with positions.
    pub warnings: Vec<String>,
    /// `PromQL info: ...`
    pub infos: Vec<String>,
    /// What it cost.
    pub stats: QueryStats,
    /// Where the time went, with [`EngineOptions::stopwatch`](crate::EngineOptions::stopwatch).
    pub trace: Option<Trace>,
}
