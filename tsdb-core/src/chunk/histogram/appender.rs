//! The growing end of a chunk of histograms.

use super::layout::{Layout, hint_flags};
use super::varbit::{put_signed, put_unsigned};
use crate::bits::{BitWriter, put_pending};
use crate::chunk::xor::XorWriter;
use crate::model::{Histogram, HistogramCounts, ResetHint};

/// A complete chunk of histograms of one kind and layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistogramChunk {
    /// Time of its first histogram, milliseconds since the epoch.
    pub min: i64,
    /// Time of its last histogram.
    pub max: i64,
    /// Whether its counts are floats: Prometheus' encoding 3 instead of 2.
    pub is_float: bool,
    /// Count, flags and bits.
    pub bytes: Vec<u8>,
}

/// A whole number on its way: the last one and its last change.
#[derive(Clone, Copy, Debug, Default)]
struct Running {
    value: u64,
    delta: u64,
}

impl Running {
    /// Writes how the change changed.
    fn put(&mut self, writer: &mut BitWriter<'_>, value: u64) {
        let delta = value.wrapping_sub(self.value);
        put_signed(writer, delta.wrapping_sub(self.delta).cast_signed());
        *self = Self { value, delta };
    }

    /// Takes a value whose change is not written.
    fn skip(&mut self, writer: &mut BitWriter<'_>, value: u64) {
        let delta = value.wrapping_sub(self.value);
        put_signed(writer, 0);
        *self = Self { value, delta };
    }
}

/// The counts of the last histogram, by kind.
#[derive(Clone, Debug)]
enum Counts {
    Integer {
        count: Running,
        zero_count: Running,
        buckets: Vec<Running>,
    },
    Float {
        count: XorWriter,
        zero_count: XorWriter,
        buckets: Vec<XorWriter>,
    },
}

/// A chunk that is still growing. Encodings 2 and 3 have no start timestamps.
#[derive(Clone, Debug)]
pub struct HistogramChunkAppender {
    layout: Layout,
    hint: ResetHint,
    min: i64,
    time: Running,
    sum: XorWriter,
    counts: Counts,
    /// The last one, to see whether the next one may follow.
    last: Histogram,
    samples: u16,
    out: Vec<u8>,
    word: u64,
    filled: u8,
}

impl HistogramChunkAppender {
    /// A chunk that begins with `histogram`, and says `hint` of what was before it.
    #[must_use]
    pub fn new(timestamp: i64, histogram: &Histogram, hint: ResetHint) -> Self {
        let first = plain(histogram);
        let layout = Layout::of(&first);
        let (mut out, hint) = (
            Vec::new(),
            if is_gauge(histogram) {
                ResetHint::Gauge
            } else {
                hint
            },
        );
        let mut writer = BitWriter::new(&mut out);
        layout.put(&mut writer);
        put_signed(&mut writer, timestamp);
        let counts = put_first(&mut writer, &first);
        let (word, filled) = writer.suspend();
        let time = Running {
            value: timestamp.cast_unsigned(),
            delta: 0,
        };
        Self {
            layout,
            hint,
            min: timestamp,
            time,
            sum: XorWriter::new(first.sum),
            counts,
            last: first,
            samples: 1,
            out,
            word,
            filled,
        }
    }

    /// How many histograms it holds.
    #[must_use]
    pub fn samples_len(&self) -> u16 {
        self.samples
    }

    /// Why a histogram cannot follow the last one in this chunk: what the next chunk has to say of
    /// a counter reset. `None` when it can.
    #[must_use]
    pub fn refuses(&self, histogram: &Histogram) -> Option<ResetHint> {
        let gauge = self.hint == ResetHint::Gauge;
        if self.samples == u16::MAX || histogram.is_float() != self.last.is_float() {
            return Some(histogram.reset_hint);
        }
        if histogram.is_stale() {
            return None;
        }
        if gauge != is_gauge(histogram) || self.last.is_stale() {
            return Some(histogram.reset_hint);
        }
        if !gauge && (histogram.reset_hint == ResetHint::Reset || falls(&self.last, histogram)) {
            return Some(ResetHint::Reset);
        }
        (!self.layout.is_of(histogram)).then_some(histogram.reset_hint)
    }

    /// Appends a histogram that [`HistogramChunkAppender::refuses`] not.
    ///
    /// # Panics
    /// In debug builds, when it is refused.
    pub fn push(&mut self, timestamp: i64, histogram: &Histogram) {
        debug_assert!(self.refuses(histogram).is_none(), "a chunk has one layout");
        let mut writer = BitWriter::resume(&mut self.out, self.word, self.filled);
        self.time.put(&mut writer, timestamp.cast_unsigned());
        let next = plain(histogram);
        let stale = next.is_stale();
        match (&mut self.counts, &next.counts) {
            (
                Counts::Integer {
                    count,
                    zero_count,
                    buckets,
                },
                HistogramCounts::Integer {
                    count: next_count,
                    zero_count: next_zeros,
                    positive,
                    negative,
                },
            ) => {
                for (running, value) in [(count, *next_count), (zero_count, *next_zeros)] {
                    match stale {
                        true => running.skip(&mut writer, value),
                        false => running.put(&mut writer, value),
                    }
                }
                self.sum.put(&mut writer, next.sum);
                let deltas = positive.iter().chain(negative);
                for (running, delta) in buckets.iter_mut().zip(deltas) {
                    running.put(&mut writer, delta.cast_unsigned());
                }
            }
            (
                Counts::Float {
                    count,
                    zero_count,
                    buckets,
                },
                HistogramCounts::Float {
                    count: next_count,
                    zero_count: next_zeros,
                    positive,
                    negative,
                },
            ) => {
                count.put(&mut writer, *next_count);
                zero_count.put(&mut writer, *next_zeros);
                self.sum.put(&mut writer, next.sum);
                for (running, value) in buckets.iter_mut().zip(positive.iter().chain(negative)) {
                    running.put(&mut writer, *value);
                }
            }
            // Refused above; a caller who does not ask loses nothing but this one.
            _ => {}
        }
        (self.word, self.filled) = writer.suspend();
        self.last = next;
        self.samples += 1;
    }

    /// The complete chunk.
    #[must_use]
    pub fn finish(&self) -> HistogramChunk {
        let mut bytes = self.samples.swap_bytes().to_le_bytes().to_vec();
        bytes.push(hint_flags(self.hint));
        bytes.extend_from_slice(&self.out);
        put_pending(&mut bytes, self.word, self.filled);
        HistogramChunk {
            min: self.min,
            max: self.time.value.cast_signed(),
            is_float: self.last.is_float(),
            bytes,
        }
    }
}

fn is_gauge(histogram: &Histogram) -> bool {
    histogram.reset_hint == ResetHint::Gauge
}

/// A stale marker has a sum and nothing else.
fn plain(histogram: &Histogram) -> Histogram {
    match histogram.is_stale() {
        true => Histogram::stale(histogram.is_float()),
        false => histogram.clone(),
    }
}

/// Writes the first histogram's counts and sum in full.
fn put_first(writer: &mut BitWriter<'_>, first: &Histogram) -> Counts {
    match &first.counts {
        HistogramCounts::Integer {
            count,
            zero_count,
            positive,
            negative,
        } => {
            put_unsigned(writer, *count);
            put_unsigned(writer, *zero_count);
            writer.write(first.sum.to_bits(), 64);
            let running = |value: u64| Running { value, delta: 0 };
            let mut buckets = Vec::with_capacity(positive.len() + negative.len());
            for delta in positive.iter().chain(negative) {
                put_signed(writer, *delta);
                buckets.push(running(delta.cast_unsigned()));
            }
            Counts::Integer {
                count: running(*count),
                zero_count: running(*zero_count),
                buckets,
            }
        }
        HistogramCounts::Float {
            count,
            zero_count,
            positive,
            negative,
        } => {
            for value in [*count, *zero_count, first.sum] {
                writer.write(value.to_bits(), 64);
            }
            let mut buckets = Vec::with_capacity(positive.len() + negative.len());
            for value in positive.iter().chain(negative) {
                writer.write(value.to_bits(), 64);
                buckets.push(XorWriter::new(*value));
            }
            Counts::Float {
                count: XorWriter::new(*count),
                zero_count: XorWriter::new(*zero_count),
                buckets,
            }
        }
    }
}

/// Whether a count is less than it was: all of them, zeros, or a bucket of the same layout.
fn falls(last: &Histogram, next: &Histogram) -> bool {
    match (&last.counts, &next.counts) {
        (
            HistogramCounts::Integer {
                count,
                zero_count,
                positive,
                negative,
            },
            HistogramCounts::Integer {
                count: next_count,
                zero_count: next_zeros,
                positive: next_positive,
                negative: next_negative,
            },
        ) => {
            next_count < count
                || next_zeros < zero_count
                || falls_below(positive, next_positive)
                || falls_below(negative, next_negative)
        }
        (
            HistogramCounts::Float {
                count,
                zero_count,
                positive,
                negative,
            },
            HistogramCounts::Float {
                count: next_count,
                zero_count: next_zeros,
                positive: next_positive,
                negative: next_negative,
            },
        ) => {
            let below = |last: &[f64], next: &[f64]| last.iter().zip(next).any(|(l, n)| n < l);
            next_count < count
                || next_zeros < zero_count
                || below(positive, next_positive)
                || below(negative, next_negative)
        }
        _ => false,
    }
}

/// Whether the running sum of one list is below that of another at some place.
fn falls_below(last: &[i64], next: &[i64]) -> bool {
    let mut ahead = 0i64;
    last.iter().zip(next).any(|(last, next)| {
        ahead = ahead.wrapping_add(next.wrapping_sub(*last));
        ahead < 0
    })
}

/// Chunks of at most `most` histograms each that hold all of `histograms`, which must be in rising
/// order of time. A chunk ends where kind or layout change, or counts fall.
#[must_use]
pub fn encode_histograms<'h>(
    histograms: impl IntoIterator<Item = (i64, &'h Histogram)>,
    most: u16,
) -> Vec<HistogramChunk> {
    let mut chunks = Vec::new();
    let mut open: Option<HistogramChunkAppender> = None;
    for (timestamp, histogram) in histograms {
        let hint = match &mut open {
            None => histogram.reset_hint,
            Some(appender) => match appender.refuses(histogram) {
                None if appender.samples < most => {
                    appender.push(timestamp, histogram);
                    continue;
                }
                None => ResetHint::NoReset,
                Some(hint) => hint,
            },
        };
        let next = HistogramChunkAppender::new(timestamp, histogram, hint);
        chunks.extend(open.replace(next).map(|full| full.finish()));
    }
    chunks.extend(open.map(|last| last.finish()));
    chunks
}
