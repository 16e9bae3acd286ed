//! A native histogram with float counts.

use tsdb_core::model::{CUSTOM_BUCKETS_SCHEMA, STALE_NAN_BITS};
use tsdb_core::{BucketSpan, Histogram, HistogramCounts, ResetHint};

use super::layout::{Indexed, Slot, compacted, reduced, same_spans, spans_of};

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

/// The buckets of one sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Positive,
    Negative,
}

impl Side {
    pub(super) const BOTH: [Self; 2] = [Self::Positive, Self::Negative];
}

impl FloatHistogram {
    /// Bytes of a histogram without buckets, as Prometheus counts them.
    const EMPTY_BYTES: usize = 168;

    /// A stored histogram with the differences of its integer counts summed up.
    #[must_use]
    pub fn from_core(stored: &Histogram) -> Self {
        let (count, zero_count, positive_buckets, negative_buckets) = match &stored.counts {
            HistogramCounts::Integer {
                count,
                zero_count,
                positive,
                negative,
            } => (
                *count as f64,
                *zero_count as f64,
                absolute(positive),
                absolute(negative),
            ),
            HistogramCounts::Float {
                count,
                zero_count,
                positive,
                negative,
            } => (*count, *zero_count, positive.clone(), negative.clone()),
        };
        Self {
            reset_hint: stored.reset_hint,
            schema: stored.schema,
            zero_threshold: stored.zero_threshold,
            zero_count,
            count,
            sum: stored.sum,
            positive_spans: stored.positive_spans.clone(),
            negative_spans: stored.negative_spans.clone(),
            positive_buckets,
            negative_buckets,
            custom_values: stored.custom_values.clone(),
        }
    }

    /// The histogram as it is stored, with float counts and without a start time.
    #[must_use]
    pub fn to_core(&self) -> Histogram {
        Histogram {
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            sum: self.sum,
            reset_hint: self.reset_hint,
            start_timestamp: 0,
            positive_spans: self.positive_spans.clone(),
            negative_spans: self.negative_spans.clone(),
            custom_values: self.custom_values.clone(),
            counts: HistogramCounts::Float {
                count: self.count,
                zero_count: self.zero_count,
                positive: self.positive_buckets.clone(),
                negative: self.negative_buckets.clone(),
            },
        }
    }

    /// Whether it says that its series ended.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.sum.to_bits() == STALE_NAN_BITS
    }

    /// Whether the bounds of its buckets are listed.
    #[must_use]
    pub fn is_custom(&self) -> bool {
        self.schema == CUSTOM_BUCKETS_SCHEMA
    }

    /// How many samples it counts as where samples are limited, as in Prometheus.
    #[must_use]
    pub fn samples(&self) -> u64 {
        (self.size() as u64 + 8) / 16
    }

    /// Bytes it takes, as Prometheus counts them; a sixteenth of it is its number of samples.
    #[must_use]
    pub fn size(&self) -> usize {
        let eights = self.positive_spans.len()
            + self.negative_spans.len()
            + self.positive_buckets.len()
            + self.negative_buckets.len()
            + self.custom_values.len();
        Self::EMPTY_BYTES + eights * 8
    }

    /// Whether some number of it is infinite.
    #[must_use]
    pub fn has_overflow(&self) -> bool {
        [self.zero_count, self.count, self.sum]
            .iter()
            .chain(&self.positive_buckets)
            .chain(&self.negative_buckets)
            .chain(&self.custom_values)
            .any(|number| number.is_infinite())
    }

    /// Multiplies all counts and the sum. A negative factor makes it a gauge.
    pub fn mul(&mut self, factor: f64) {
        self.each_number(|number| *number *= factor);
        if factor < 0.0 {
            self.reset_hint = ResetHint::Gauge;
        }
    }

    /// Divides all counts and the sum. A negative divisor makes it a gauge; after one of zero no
    /// bucket is left.
    pub fn div(&mut self, divisor: f64) {
        if divisor == 0.0 {
            self.positive_spans.clear();
            self.negative_spans.clear();
            self.positive_buckets.clear();
            self.negative_buckets.clear();
        }
        self.each_number(|number| *number /= divisor);
        if divisor < 0.0 {
            self.reset_hint = ResetHint::Gauge;
        }
    }

    fn each_number(&mut self, mut change: impl FnMut(&mut f64)) {
        [&mut self.zero_count, &mut self.count, &mut self.sum]
            .into_iter()
            .chain(&mut self.positive_buckets)
            .chain(&mut self.negative_buckets)
            .for_each(&mut change);
    }

    /// Takes empty buckets out, but for those of at most `max_empty` between two others, which it
    /// puts in where they are not. Buckets next to each other share a span then.
    pub fn compact(&mut self, max_empty: usize) {
        for side in Side::BOTH {
            let slots = compacted(self.slots(side, None), max_empty);
            self.put_slots(side, None, &slots);
        }
    }

    /// Merges buckets to those of a coarser schema. Nothing happens when the schema is not coarser,
    /// or when either is not exponential.
    pub fn reduce_resolution(&mut self, schema: i32) {
        if self.is_custom() || schema == CUSTOM_BUCKETS_SCHEMA || schema >= self.schema {
            return;
        }
        let steps = self.schema.abs_diff(schema);
        for side in Side::BOTH {
            let (spans, counts) = self.side(side);
            let (indexes, counts): (Vec<i32>, Vec<f64>) =
                reduced(Indexed::new(spans, counts), steps).unzip();
            self.put_side(side, spans_of(indexes.into_iter()), counts);
        }
        self.schema = schema;
    }

    /// A copy with the buckets of a coarser schema; see [`FloatHistogram::reduce_resolution`].
    #[must_use]
    pub fn copy_to_schema(&self, schema: i32) -> Self {
        let mut copy = self.clone();
        if schema < self.schema {
            copy.reset_hint = ResetHint::Unknown;
        }
        copy.reduce_resolution(schema);
        copy
    }

    /// Whether both hold the same: counts and sums by their bits, so that NaN is what it is, and
    /// buckets at the same places, empty ones too. Reset hints do not count.
    #[must_use]
    pub fn equals(&self, other: &Self) -> bool {
        let same_bits = |left: &[f64], right: &[f64]| {
            let bits = |number: &f64| number.to_bits();
            left.iter().map(bits).eq(right.iter().map(bits))
        };
        self.schema == other.schema
            && same_bits(
                &[self.count, self.sum, self.zero_count],
                &[other.count, other.sum, other.zero_count],
            )
            && (!self.is_custom() || self.custom_values == other.custom_values)
            && self.zero_threshold == other.zero_threshold
            && same_spans(&self.negative_spans, &other.negative_spans)
            && same_bits(&self.negative_buckets, &other.negative_buckets)
            && same_spans(&self.positive_spans, &other.positive_spans)
            && same_bits(&self.positive_buckets, &other.positive_buckets)
    }

    /// Spans and counts of the buckets of one sign.
    pub(super) fn side(&self, side: Side) -> (&[BucketSpan], &[f64]) {
        match side {
            Side::Positive => (&self.positive_spans, &self.positive_buckets),
            Side::Negative => (&self.negative_spans, &self.negative_buckets),
        }
    }

    pub(super) fn indexed(&self, side: Side) -> Indexed<'_> {
        let (spans, counts) = self.side(side);
        Indexed::new(spans, counts)
    }

    pub(super) fn put_side(&mut self, side: Side, spans: Vec<BucketSpan>, counts: Vec<f64>) {
        match side {
            Side::Positive => (self.positive_spans, self.positive_buckets) = (spans, counts),
            Side::Negative => (self.negative_spans, self.negative_buckets) = (spans, counts),
        }
    }

    /// The buckets of one sign, with what rounding took from each when that is known.
    pub(super) fn slots(&self, side: Side, compensation: Option<&Self>) -> Vec<Slot> {
        let compensations = compensation.map_or(&[][..], |histogram| histogram.side(side).1);
        let compensations = compensations.iter().copied().chain(std::iter::repeat(0.0));
        self.indexed(side)
            .zip(compensations)
            .map(|((index, count), compensation)| Slot {
                index,
                count,
                compensation,
            })
            .collect()
    }

    pub(super) fn put_slots(
        &mut self,
        side: Side,
        compensation: Option<&mut Self>,
        slots: &[Slot],
    ) {
        let spans = spans_of(slots.iter().map(|slot| slot.index));
        if let Some(compensation) = compensation {
            let rounded = slots.iter().map(|slot| slot.compensation).collect();
            compensation.put_side(side, spans.clone(), rounded);
        }
        self.put_side(side, spans, slots.iter().map(|slot| slot.count).collect());
    }
}

fn absolute(differences: &[i64]) -> Vec<f64> {
    let mut count = 0_i64;
    let counts = differences.iter().map(|difference| {
        count = count.saturating_add(*difference);
        count as f64
    });
    counts.collect()
}
