//! A native histogram with float counts.

use tsdb_core::{BucketSpan, ResetHint};

/// A native histogram with float counts, absolute in every bucket.
#[derive(Clone, Debug, Default)]
pub struct FloatHistogram {
    /// What is known of a counter reset.
    pub reset_hint: ResetHint,
    /// Resolution, or [`CUSTOM_BUCKETS_SCHEMA`](tsdb_core::model::CUSTOM_BUCKETS_SCHEMA).
    pub schema: i32,
    /// Values up to this distance from zero are in the zero bucket.
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    pub zero_count: f64,
    /// All observations.
    pub count: f64,
    /// Sum of all observations.
    pub sum: f64,
    /// Where the buckets of positive values are.
    pub positive_spans: Vec<BucketSpan>,
    /// Where the buckets of negative values are.
    pub negative_spans: Vec<BucketSpan>,
    /// Counts of the buckets of positive values.
    pub positive_buckets: Vec<f64>,
    /// Counts of the buckets of negative values.
    pub negative_buckets: Vec<f64>,
    /// Upper bounds of custom buckets.
    pub custom_values: Vec<f64>,
}
