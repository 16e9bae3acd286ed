//! Classic histograms made native ones with custom buckets.

use tsdb_core::BucketSpan;
use tsdb_core::model::CUSTOM_BUCKETS_SCHEMA;

use crate::number::GeneralNumber;

use super::classic::ClassicBucket;
use super::float_histogram::FloatHistogram;

/// Why the parts of a classic histogram make no histogram.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum ClassicError {
    /// A bound is no number.
    #[error("bucket boundary must not be NaN")]
    NanBound,
    /// A bucket counts less than nothing.
    #[error("bucket count must be non-negative: le={}, count={}", GeneralNumber(*.0), GeneralNumber(*.1))]
    NegativeBucket(f64, f64),
    /// A bucket counts less than one below it.
    #[error("count is not cumulative: {} < {}", GeneralNumber(*.0), GeneralNumber(*.1))]
    NotCumulative(f64, f64),
    /// The histogram counts less than nothing.
    #[error("count must be non-negative: count={}", GeneralNumber(*.0))]
    NegativeCount(f64),
    /// There are neither buckets nor a count.
    #[error("count must be provided when no buckets are present")]
    NothingCounted,
    /// The bucket of infinity does not count all.
    #[error("count mismatch: count={} != le=+Inf count={}", GeneralNumber(*.0), GeneralNumber(*.1))]
    CountMismatch(f64, f64),
}

impl FloatHistogram {
    /// A native histogram with the buckets of a classic one. The first of several buckets of one
    /// bound counts; without a bucket of infinity the count is its count, without a count the last
    /// bucket has it.
    ///
    /// # Errors
    /// When counts are negative or contradict each other.
    pub fn from_classic(
        mut buckets: Vec<ClassicBucket>,
        count: Option<f64>,
        sum: f64,
    ) -> Result<Self, ClassicError> {
        for bucket in &buckets {
            if bucket.upper_bound.is_nan() {
                return Err(ClassicError::NanBound);
            }
            if bucket.count < 0.0 {
                return Err(ClassicError::NegativeBucket(
                    bucket.upper_bound,
                    bucket.count,
                ));
            }
        }
        if let Some(count) = count.filter(|count| *count < 0.0) {
            return Err(ClassicError::NegativeCount(count));
        }
        buckets.sort_by(|left, right| left.upper_bound.total_cmp(&right.upper_bound));
        buckets.dedup_by(|bucket, kept| bucket.upper_bound == kept.upper_bound);
        let fall = buckets
            .iter()
            .zip(buckets.iter().skip(1))
            .find(|(before, bucket)| bucket.count < before.count);
        if let Some((before, bucket)) = fall {
            return Err(ClassicError::NotCumulative(bucket.count, before.count));
        }
        let count = count
            .or_else(|| buckets.last().map(|last| last.count))
            .ok_or(ClassicError::NothingCounted)?;
        match buckets.last() {
            Some(last) if last.upper_bound == f64::INFINITY => {
                if last.count != count {
                    return Err(ClassicError::CountMismatch(count, last.count));
                }
            }
            _ => buckets.push(ClassicBucket {
                upper_bound: f64::INFINITY,
                count,
            }),
        }
        Ok(Self::from_cumulative(&buckets, count, sum))
    }

    fn from_cumulative(buckets: &[ClassicBucket], count: f64, sum: f64) -> Self {
        let mut before = 0.0;
        let counts = buckets.iter().map(|bucket| {
            let within = bucket.count - before;
            before = bucket.count;
            within
        });
        let mut histogram = Self {
            schema: CUSTOM_BUCKETS_SCHEMA,
            count,
            sum,
            positive_buckets: counts.collect(),
            custom_values: buckets
                .iter()
                .map(|bucket| bucket.upper_bound)
                .filter(|bound| *bound != f64::INFINITY)
                .collect(),
            positive_spans: vec![BucketSpan {
                offset: 0,
                length: u32::try_from(buckets.len()).unwrap_or(u32::MAX),
            }],
            ..Self::default()
        };
        let whole = buckets.iter().all(|bucket| bucket.count.fract() == 0.0);
        histogram.compact(if whole { 2 } else { 0 });
        histogram
    }
}
