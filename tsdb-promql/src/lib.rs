#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod annotations;
mod answer;
mod engine;
mod error;
mod eval;
mod histogram;
mod kahan;
mod namespace;
mod number;
mod plan;
mod queryable;
pub mod syntax;
#[cfg(feature = "testkit")]
pub mod testkit;
mod text;
mod trace;

pub use answer::{Answer, MatrixSeries, PointValue, QueryStats, Value, VectorSample};
pub use engine::{Cancel, Engine, EngineOptions, Features};
pub use error::QueryError;
pub use histogram::{
    Bucket, ClassicBucket, ClassicError, FloatHistogram, ForcedMonotonicity, MixedSchemas,
    NanObservations, Reconciled, bucket_fraction, bucket_quantile,
};
pub use kahan::KahanSum;
pub use namespace::NamespaceStream;
pub use number::{GeneralNumber, PlainNumber, SampleNumber, parse_float};
pub use queryable::{Queryable, Selection, SeriesSamples, SeriesStream, SourceError};
pub use trace::{Stopwatch, Trace};
