//! What a native histogram must be: the rules of Prometheus, nearly in its words.

use super::histogram::{BucketSpan, CUSTOM_BUCKETS_SCHEMA, Histogram, HistogramCounts};

/// Why a histogram is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistogramError {
    /// The schema is none that is stored.
    #[error(
        "histogram has an invalid schema, which must be between -4 and 8 for exponential buckets, or -53 for custom buckets, got schema {schema}"
    )]
    InvalidSchema {
        /// The schema.
        schema: i32,
    },
    /// A span lies before the one before it.
    #[error(
        "{side}: span number {number} with offset {offset}: histogram has a span whose offset is negative"
    )]
    NegativeOffset {
        /// `positive side`, `negative side` or `custom buckets`.
        side: &'static str,
        /// Which span, from 1.
        number: usize,
        /// Its offset.
        offset: i32,
    },
    /// Spans and buckets disagree.
    #[error(
        "{side}: spans need {spans} buckets, have {buckets} buckets: histogram spans specify different number of buckets than provided"
    )]
    SpansBucketsMismatch {
        /// `positive side`, `negative side` or `custom buckets`.
        side: &'static str,
        /// Buckets that the spans need.
        spans: u64,
        /// Buckets there are.
        buckets: usize,
    },
    /// A bucket counts less than nothing.
    #[error(
        "{side}: bucket number {number} has observation count of {count}: histogram has a bucket whose observation count is negative"
    )]
    NegativeBucket {
        /// `positive side` or `negative side`.
        side: &'static str,
        /// Which bucket, from 1; 0 is the zero bucket.
        number: usize,
        /// Its count.
        count: String,
    },
    /// All observations are less than nothing.
    #[error("observation count is {count}: histogram's observation count is negative")]
    NegativeCount {
        /// The count.
        count: String,
    },
    /// The count is not that of the buckets.
    #[error(
        "{buckets} observations found in buckets, but the Count field is {count}: histogram's observation count should equal the number of observations found in the buckets (in absence of NaN)"
    )]
    CountMismatch {
        /// Observations in buckets.
        buckets: u64,
        /// Observations in all.
        count: u64,
    },
    /// The count is less than that of the buckets, with a sum that is NaN.
    #[error(
        "{buckets} observations found in buckets, but the Count field is {count}: histogram's observation count should be at least the number of observations found in the buckets"
    )]
    CountNotBigEnough {
        /// Observations in buckets.
        buckets: u64,
        /// Observations in all.
        count: u64,
    },
    /// Custom bounds do not rise.
    #[error(
        "custom buckets: histogram custom bounds must be in strictly increasing order: bound number {number} is not above the one before"
    )]
    BoundsNotIncreasing {
        /// Which bound, from 1.
        number: usize,
    },
    /// A custom bound is NaN.
    #[error("custom buckets: histogram custom bounds must not be NaN")]
    BoundNan,
    /// The last custom bound is infinity, which is meant anyway.
    #[error(
        "custom buckets: last +Inf bound must not be explicitly defined: histogram custom bounds must be finite"
    )]
    BoundInfinite,
    /// More buckets than custom bounds.
    #[error(
        "custom buckets: only {bounds} custom bounds defined which is insufficient to cover total span length of {length}: histogram custom bounds are too few"
    )]
    TooFewBounds {
        /// Bounds there are.
        bounds: usize,
        /// Buckets that the spans reach over.
        length: u64,
    },
    /// Something that histograms of custom buckets do not have.
    #[error("custom buckets: must {what}")]
    NotForCustomBuckets {
        /// What they must.
        what: &'static str,
    },
    /// Bounds of exponential buckets follow from the schema.
    #[error("histogram with exponential schema must not have custom bounds")]
    ExponentialWithBounds,
}

const POSITIVE: &str = "positive side";
const NEGATIVE: &str = "negative side";
const CUSTOM: &str = "custom buckets";

impl Histogram {
    /// Checks it by Prometheus' rules. A stale marker is valid whatever else it holds.
    ///
    /// # Errors
    /// The first rule it breaks.
    pub fn validate(&self) -> Result<(), HistogramError> {
        if self.is_stale() {
            return Ok(());
        }
        let (positive_len, negative_len, no_zeros) = match &self.counts {
            HistogramCounts::Integer {
                positive,
                negative,
                zero_count,
                ..
            } => (positive.len(), negative.len(), *zero_count == 0),
            HistogramCounts::Float {
                positive,
                negative,
                zero_count,
                ..
            } => (positive.len(), negative.len(), *zero_count == 0.0),
        };
        match self.schema {
            CUSTOM_BUCKETS_SCHEMA => self.check_custom(positive_len, negative_len, no_zeros)?,
            -4..=8 => {
                check_spans(POSITIVE, &self.positive_spans, positive_len)?;
                check_spans(NEGATIVE, &self.negative_spans, negative_len)?;
            }
            schema => return Err(HistogramError::InvalidSchema { schema }),
        }
        self.check_counts()?;
        if self.schema != CUSTOM_BUCKETS_SCHEMA && !self.custom_values.is_empty() {
            return Err(HistogramError::ExponentialWithBounds);
        }
        Ok(())
    }

    fn check_custom(
        &self,
        positive: usize,
        negative: usize,
        no_zeros: bool,
    ) -> Result<(), HistogramError> {
        self.check_bounds(positive)?;
        let must = [
            (no_zeros, "have zero count of 0"),
            (self.zero_threshold == 0.0, "have zero threshold of 0"),
            (self.negative_spans.is_empty(), "not have negative spans"),
            (negative == 0, "not have negative buckets"),
        ];
        match must.into_iter().find(|(kept, _)| !kept) {
            Some((_, what)) => Err(HistogramError::NotForCustomBuckets { what }),
            None => Ok(()),
        }
    }

    fn check_bounds(&self, buckets: usize) -> Result<(), HistogramError> {
        let bounds = &self.custom_values;
        if bounds.iter().any(|bound| bound.is_nan()) {
            return Err(HistogramError::BoundNan);
        }
        let mut pairs = bounds.iter().zip(bounds.iter().skip(1));
        if let Some(at) = pairs.position(|(before, bound)| bound <= before) {
            return Err(HistogramError::BoundsNotIncreasing { number: at + 2 });
        }
        if bounds.last() == Some(&f64::INFINITY) {
            return Err(HistogramError::BoundInfinite);
        }
        let spans = &self.positive_spans;
        if let Some(at) = spans.iter().position(|span| span.offset < 0) {
            return Err(HistogramError::NegativeOffset {
                side: CUSTOM,
                number: at + 1,
                offset: spans.get(at).map_or(0, |span| span.offset),
            });
        }
        check_spans(CUSTOM, spans, buckets)?;
        let reach =
            |span: &BucketSpan| u64::from(span.length) + u64::from(span.offset.unsigned_abs());
        let length: u64 = spans.iter().map(reach).sum();
        if (bounds.len() as u64) + 1 < length {
            return Err(HistogramError::TooFewBounds {
                bounds: bounds.len(),
                length,
            });
        }
        Ok(())
    }

    fn check_counts(&self) -> Result<(), HistogramError> {
        match &self.counts {
            HistogramCounts::Integer {
                count,
                zero_count,
                positive,
                negative,
            } => {
                let negative = sum_deltas(NEGATIVE, negative)?;
                let positive = sum_deltas(POSITIVE, positive)?;
                let buckets = negative.wrapping_add(positive).wrapping_add(*zero_count);
                let count = *count;
                match self.sum.is_nan() {
                    true if buckets > count => {
                        Err(HistogramError::CountNotBigEnough { buckets, count })
                    }
                    false if buckets != count => {
                        Err(HistogramError::CountMismatch { buckets, count })
                    }
                    _ => Ok(()),
                }
            }
            HistogramCounts::Float {
                count,
                zero_count,
                positive,
                negative,
            } => {
                check_floats(NEGATIVE, negative)?;
                if *zero_count < 0.0 {
                    return Err(HistogramError::NegativeBucket {
                        side: "zero bucket",
                        number: 0,
                        count: zero_count.to_string(),
                    });
                }
                if *count < 0.0 {
                    let count = count.to_string();
                    return Err(HistogramError::NegativeCount { count });
                }
                check_floats(POSITIVE, positive)
            }
        }
    }
}

fn check_spans(
    side: &'static str,
    spans: &[BucketSpan],
    buckets: usize,
) -> Result<(), HistogramError> {
    for (at, span) in spans.iter().enumerate().skip(1) {
        if span.offset < 0 {
            return Err(HistogramError::NegativeOffset {
                side,
                number: at + 1,
                offset: span.offset,
            });
        }
    }
    let needed: u64 = spans.iter().map(|span| u64::from(span.length)).sum();
    if needed != buckets as u64 {
        return Err(HistogramError::SpansBucketsMismatch {
            side,
            spans: needed,
            buckets,
        });
    }
    Ok(())
}

/// The sum of buckets given as differences, wrapping as Prometheus' does.
fn sum_deltas(side: &'static str, deltas: &[i64]) -> Result<u64, HistogramError> {
    let (mut sum, mut count) = (0u64, 0i64);
    for (at, delta) in deltas.iter().enumerate() {
        count = count.wrapping_add(*delta);
        if count < 0 {
            return Err(HistogramError::NegativeBucket {
                side,
                number: at + 1,
                count: count.to_string(),
            });
        }
        sum = sum.wrapping_add(count.cast_unsigned());
    }
    Ok(sum)
}

fn check_floats(side: &'static str, counts: &[f64]) -> Result<(), HistogramError> {
    match counts.iter().position(|count| *count < 0.0) {
        Some(at) => Err(HistogramError::NegativeBucket {
            side,
            number: at + 1,
            count: counts.get(at).map_or_else(String::new, f64::to_string),
        }),
        None => Ok(()),
    }
}
