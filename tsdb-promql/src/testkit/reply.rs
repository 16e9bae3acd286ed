//! What a query gave, as far as scripts look at it.

use tsdb_core::Labels;

use super::bucket_map::Bucket;
use crate::FloatHistogram;
use crate::answer::{Answer, PointValue, Value};

/// A histogram of a result, as much of it as the subject tells.
#[derive(Clone, Debug)]
pub enum ReplyHistogram {
    /// All of it.
    Whole(Box<FloatHistogram>),
    /// Buckets that are not empty, as the HTTP API has them.
    Buckets {
        /// All observations.
        count: f64,
        /// Their sum.
        sum: f64,
        /// The buckets, from the lowest up.
        buckets: Vec<Bucket>,
    },
}

/// A series of a result; times are milliseconds since the epoch.
#[derive(Clone, Debug, Default)]
pub struct ReplySeries {
    /// The labels.
    pub labels: Labels,
    /// Its floats by time.
    pub floats: Vec<(i64, f64)>,
    /// Its histograms by time.
    pub histograms: Vec<(i64, ReplyHistogram)>,
}

/// A result.
#[derive(Clone, Debug)]
pub enum ReplyValue {
    /// A number.
    Scalar(f64),
    /// A text.
    String(String),
    /// Series of one point each.
    Vector(Vec<ReplySeries>),
    /// Series of many points.
    Matrix(Vec<ReplySeries>),
}

/// What a query gave.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The result.
    pub value: ReplyValue,
    /// The warnings.
    pub warnings: Vec<String>,
    /// The infos.
    pub infos: Vec<String>,
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        let whole = |histogram| ReplyHistogram::Whole(Box::new(histogram));
        let value = match answer.value {
            Value::Scalar { value, .. } => ReplyValue::Scalar(value),
            Value::String { value, .. } => ReplyValue::String(value),
            Value::Vector(samples) => {
                ReplyValue::Vector(Vec::from_iter(samples.into_iter().map(|sample| {
                    let mut series = ReplySeries {
                        labels: sample.labels,
                        ..ReplySeries::default()
                    };
                    match sample.value {
                        PointValue::Float(value) => series.floats.push((sample.timestamp, value)),
                        PointValue::Histogram(histogram) => {
                            series
                                .histograms
                                .push((sample.timestamp, whole(*histogram)));
                        }
                    }
                    series
                })))
            }
            Value::Matrix(all) => ReplyValue::Matrix(Vec::from_iter(all.into_iter().map(|one| {
                let histograms = one.histograms.into_iter();
                ReplySeries {
                    labels: one.labels,
                    floats: one.floats,
                    histograms: histograms.map(|(time, one)| (time, whole(one))).collect(),
                }
            }))),
        };
        Self {
            value,
            warnings: answer.warnings,
            infos: answer.infos,
        }
    }
}
