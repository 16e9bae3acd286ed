//! One value at one time, and which of two values at the same time stays.

/// The bits of the NaN with which Prometheus marks the end of a series.
pub const STALE_NAN_BITS: u64 = 0x7ff0_0000_0000_0002;

/// Whether `value` is the stale marker, and not just any NaN.
#[inline]
#[must_use]
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_NAN_BITS
}

/// Which of two values at one timestamp of one series stays, in whatever order they came:
/// a real value beats the stale marker, else the larger bits win.
#[inline]
#[must_use]
pub fn winner(a: f64, b: f64) -> f64 {
    let rank = |value: f64| (!is_stale(value), value.to_bits());
    if rank(a) >= rank(b) { a } else { b }
}

/// Which of two histograms at one timestamp of one series stays, both given by their canonical
/// bytes: a real one beats a stale marker, else the larger bytes win.
#[must_use]
pub fn winning_histogram<'b>(a: &'b [u8], b: &'b [u8]) -> &'b [u8] {
    let rank = |bytes: &'b [u8]| (!super::histogram_bytes::is_stale(bytes), bytes);
    if rank(a) >= rank(b) { a } else { b }
}

/// A value at a time.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Milliseconds since 1970-01-01 UTC.
    pub timestamp: i64,
    /// Any 64 bits: NaN payloads and -0.0 are kept.
    pub value: f64,
}

impl Sample {
    /// Puts a value at a time.
    #[must_use]
    pub const fn new(timestamp: i64, value: f64) -> Self {
        Self { timestamp, value }
    }

    /// The bits of the value.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.value.to_bits()
    }
}

/// Equal means the same time and the same bits, so that a NaN equals itself.
impl PartialEq for Sample {
    fn eq(&self, other: &Self) -> bool {
        self.timestamp == other.timestamp && self.bits() == other.bits()
    }
}

impl Eq for Sample {}
