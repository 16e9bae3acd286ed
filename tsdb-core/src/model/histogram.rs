//! Native histograms, exactly as they came.

use super::histogram_bytes;
use super::sample::STALE_NAN_BITS;
use crate::bits::DecodeError;

/// The schema of histograms whose bucket bounds are listed.
pub const CUSTOM_BUCKETS_SCHEMA: i32 = -53;

/// Buckets next to each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct BucketSpan {
    /// How many buckets are left out since the span before; of the first span, its first bucket.
    pub offset: i32,
    /// How many buckets there are.
    pub length: u32,
}

/// What the sender knows of a counter reset between a histogram and the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ResetHint {
    /// Nothing: readers have to look for one.
    #[default]
    Unknown,
    /// Counting began anew.
    Reset,
    /// Counting went on.
    NoReset,
    /// The histogram is a gauge, whose counts go up and down.
    Gauge,
}

impl ResetHint {
    /// All hints, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Unknown, Self::Reset, Self::NoReset, Self::Gauge];

    /// The number of the hint in Prometheus' remote-write protocols and in our encodings.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Reset => 1,
            Self::NoReset => 2,
            Self::Gauge => 3,
        }
    }

    /// The hint of a number; `None` for a number no hint has.
    #[must_use]
    pub fn from_number(number: u64) -> Option<Self> {
        Self::ALL.get(usize::try_from(number).ok()?).copied()
    }
}

/// The counts of a histogram.
#[derive(Clone, Debug)]
pub enum HistogramCounts {
    /// Whole numbers; those of buckets are each the difference to the bucket before.
    Integer {
        /// All observations.
        count: u64,
        /// Those in the zero bucket.
        zero_count: u64,
        /// Those of the buckets of positive values.
        positive: Vec<i64>,
        /// Those of the buckets of negative values.
        negative: Vec<i64>,
    },
    /// Any numbers; those of buckets are absolute.
    Float {
        /// All observations.
        count: f64,
        /// Those in the zero bucket.
        zero_count: f64,
        /// Those of the buckets of positive values.
        positive: Vec<f64>,
        /// Those of the buckets of negative values.
        negative: Vec<f64>,
    },
}

/// A native histogram at one time. Nothing is rounded, merged or left out on its way through.
#[derive(Clone, Debug)]
pub struct Histogram {
    /// Resolution of exponential buckets, whose bounds are powers of `2^(2^-schema)`, or
    /// [`CUSTOM_BUCKETS_SCHEMA`].
    pub schema: i32,
    /// Values up to this distance from zero are in the zero bucket.
    pub zero_threshold: f64,
    /// Sum of all observations; a stale marker when the series ends.
    pub sum: f64,
    /// What is known of a counter reset.
    pub reset_hint: ResetHint,
    /// When counting began, in milliseconds since the Unix epoch; 0 when unknown.
    pub start_timestamp: i64,
    /// Where the buckets of positive values are.
    pub positive_spans: Vec<BucketSpan>,
    /// Where the buckets of negative values are.
    pub negative_spans: Vec<BucketSpan>,
    /// Upper bounds of the buckets of [`CUSTOM_BUCKETS_SCHEMA`]; the last bucket has none.
    pub custom_values: Vec<f64>,
    /// How much was observed.
    pub counts: HistogramCounts,
}

impl Default for HistogramCounts {
    fn default() -> Self {
        Self::Integer {
            count: 0,
            zero_count: 0,
            positive: Vec::new(),
            negative: Vec::new(),
        }
    }
}

impl Default for Histogram {
    /// An integer histogram without observations or buckets.
    fn default() -> Self {
        Self {
            schema: 0,
            zero_threshold: 0.0,
            sum: 0.0,
            reset_hint: ResetHint::Unknown,
            start_timestamp: 0,
            positive_spans: Vec::new(),
            negative_spans: Vec::new(),
            custom_values: Vec::new(),
            counts: HistogramCounts::default(),
        }
    }
}

impl Histogram {
    /// Canonical bytes that a histogram may have to be stored.
    pub const MAX_BYTES: usize = 256 << 10;

    /// The end of a series: a sum that says so, and nothing else.
    #[must_use]
    pub fn stale(is_float: bool) -> Self {
        let float = HistogramCounts::Float {
            count: 0.0,
            zero_count: 0.0,
            positive: Vec::new(),
            negative: Vec::new(),
        };
        Self {
            sum: f64::from_bits(STALE_NAN_BITS),
            counts: match is_float {
                true => float,
                false => HistogramCounts::default(),
            },
            ..Self::default()
        }
    }

    /// Whether its counts are floats.
    #[must_use]
    pub fn is_float(&self) -> bool {
        matches!(self.counts, HistogramCounts::Float { .. })
    }

    /// Whether it says that its series ended; nothing else it holds counts then.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.sum.to_bits() == STALE_NAN_BITS
    }

    /// Bytes of memory held by its lists.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let spans = self.positive_spans.capacity() + self.negative_spans.capacity();
        let buckets = match &self.counts {
            HistogramCounts::Integer {
                positive, negative, ..
            } => positive.capacity() + negative.capacity(),
            HistogramCounts::Float {
                positive, negative, ..
            } => positive.capacity() + negative.capacity(),
        };
        (spans + buckets + self.custom_values.capacity()) * size_of::<u64>()
    }

    /// Appends the canonical bytes (`docs/format/histogram.md`); equal histograms have equal bytes.
    pub fn put_bytes(&self, out: &mut Vec<u8>) {
        histogram_bytes::put(self, out);
    }

    /// Takes canonical bytes apart. Whether the histogram makes sense is not looked at:
    /// [`Histogram::validate`] does.
    ///
    /// # Errors
    /// When they are not exactly what [`Histogram::put_bytes`] gives for some histogram.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        histogram_bytes::take(bytes)
    }
}

/// By their bits: NaN is what it is, and zero has a sign.
impl PartialEq for Histogram {
    fn eq(&self, other: &Self) -> bool {
        let bytes = |histogram: &Self| {
            let mut out = Vec::new();
            histogram.put_bytes(&mut out);
            out
        };
        bytes(self) == bytes(other)
    }
}

impl Eq for Histogram {}
