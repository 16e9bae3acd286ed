//! Reading a chunk of histograms back.

use super::layout::{HEADER_BYTES, Layout, flags_hint};
use super::varbit::{signed, unsigned};
use crate::bits::{BitReader, DecodeError};
use crate::chunk::xor::XorReader;
use crate::model::{BucketSpan, Histogram, HistogramCounts, ResetHint};

/// A whole number on its way: the last one and its last change.
#[derive(Clone, Copy, Debug, Default)]
struct Running {
    value: u64,
    delta: u64,
}

impl Running {
    fn new(value: u64) -> Self {
        Self { value, delta: 0 }
    }

    fn take(&mut self, reader: &mut BitReader<'_>) -> Result<(), DecodeError> {
        self.delta = self.delta.wrapping_add(signed(reader)?.cast_unsigned());
        self.value = self.value.wrapping_add(self.delta);
        Ok(())
    }
}

#[derive(Clone, Debug)]
enum Counts {
    Integer {
        count: Running,
        zero_count: Running,
        buckets: Vec<Running>,
    },
    Float {
        count: XorReader,
        zero_count: XorReader,
        buckets: Vec<XorReader>,
    },
}

/// What is known behind the first histogram.
#[derive(Clone, Debug)]
struct State {
    layout: Layout,
    /// How many of the buckets count positive values.
    positive: usize,
    time: Running,
    sum: XorReader,
    counts: Counts,
}

/// Times and histograms of one complete chunk in order. Ends after the first error.
///
/// The first histogram says of a counter reset what the chunk says; the others that there was
/// none, or that they are gauges.
#[derive(Clone, Debug)]
pub struct HistogramChunkIter<'a> {
    reader: BitReader<'a>,
    is_float: bool,
    hint: ResetHint,
    state: Option<State>,
    left: u16,
}

impl<'a> HistogramChunkIter<'a> {
    /// Starts at the first histogram of a chunk of integer histograms, or of float ones.
    ///
    /// # Errors
    /// When the chunk is shorter than its header.
    pub fn new(chunk: &'a [u8], is_float: bool) -> Result<Self, DecodeError> {
        let Some([high, low, flags]) = chunk.first_chunk::<HEADER_BYTES>() else {
            return Err(DecodeError {
                what: "truncated header of a histogram chunk",
                offset: 0,
            });
        };
        Ok(Self {
            reader: BitReader::new(chunk, HEADER_BYTES),
            is_float,
            hint: flags_hint(*flags),
            state: None,
            left: u16::from(*high) << 8 | u16::from(*low),
        })
    }

    /// How many histograms are left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        usize::from(self.left)
    }

    fn step(&mut self) -> Result<(i64, Histogram), DecodeError> {
        let reader = &mut self.reader;
        match &mut self.state {
            None => {
                let state = self.state.insert(State::first(reader, self.is_float)?);
                Ok(state.histogram(self.hint))
            }
            Some(state) => {
                state.next(reader)?;
                let gauge = self.hint == ResetHint::Gauge;
                Ok(state.histogram(if gauge { self.hint } else { ResetHint::NoReset }))
            }
        }
    }
}

impl Iterator for HistogramChunkIter<'_> {
    type Item = Result<(i64, Histogram), DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let item = self.step();
        if item.is_err() {
            self.left = 0;
        }
        Some(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::from(self.left > 0), Some(self.remaining()))
    }
}

impl State {
    fn first(reader: &mut BitReader<'_>, is_float: bool) -> Result<Self, DecodeError> {
        let layout = Layout::take(reader)?;
        let time = Running::new(signed(reader)?.cast_unsigned());
        let buckets = |spans: &[BucketSpan]| spans.iter().map(|span| u64::from(span.length)).sum();
        let (positive, negative): (u64, u64) = (
            buckets(&layout.positive_spans),
            buckets(&layout.negative_spans),
        );
        let least_bits = if is_float { 64 } else { 1 };
        let most = (reader.remaining() / least_bits) as u64;
        if positive.checked_add(negative).is_none_or(|all| all > most) {
            return Err(DecodeError {
                what: "more buckets than a histogram chunk has bits for",
                offset: reader.offset(),
            });
        }
        let all = positive + negative;
        let float = |reader: &mut BitReader<'_>| reader.read(64).map(f64::from_bits);
        let (sum, counts) = if is_float {
            let (count, zero_count) = (float(reader)?, float(reader)?);
            let sum = float(reader)?;
            let buckets = (0..all).map(|_| float(reader).map(XorReader::new));
            let counts = Counts::Float {
                count: XorReader::new(count),
                zero_count: XorReader::new(zero_count),
                buckets: buckets.collect::<Result<_, _>>()?,
            };
            (sum, counts)
        } else {
            let (count, zero_count) = (unsigned(reader)?, unsigned(reader)?);
            let sum = float(reader)?;
            let buckets = (0..all).map(|_| signed(reader).map(|v| Running::new(v.cast_unsigned())));
            let counts = Counts::Integer {
                count: Running::new(count),
                zero_count: Running::new(zero_count),
                buckets: buckets.collect::<Result<_, _>>()?,
            };
            (sum, counts)
        };
        Ok(Self {
            layout,
            positive: usize::try_from(positive).unwrap_or(usize::MAX),
            time,
            sum: XorReader::new(sum),
            counts,
        })
    }

    fn next(&mut self, reader: &mut BitReader<'_>) -> Result<(), DecodeError> {
        self.time.take(reader)?;
        match &mut self.counts {
            Counts::Integer {
                count,
                zero_count,
                buckets,
            } => {
                count.take(reader)?;
                zero_count.take(reader)?;
                self.sum.take(reader)?;
                if !is_stale(self.sum) {
                    buckets
                        .iter_mut()
                        .try_for_each(|bucket| bucket.take(reader))?;
                }
            }
            Counts::Float {
                count,
                zero_count,
                buckets,
            } => {
                count.take(reader)?;
                zero_count.take(reader)?;
                self.sum.take(reader)?;
                if !is_stale(self.sum) {
                    let mut buckets = buckets.iter_mut();
                    buckets.try_for_each(|bucket| bucket.take(reader).map(drop))?;
                }
            }
        }
        Ok(())
    }

    fn histogram(&self, reset_hint: ResetHint) -> (i64, Histogram) {
        let (sum, layout) = (self.sum.value(), self.layout.clone());
        let counts = self.counts(is_stale(self.sum));
        let histogram = if is_stale(self.sum) {
            Histogram {
                sum,
                counts,
                reset_hint,
                ..Histogram::default()
            }
        } else {
            Histogram {
                schema: layout.schema,
                zero_threshold: layout.zero_threshold,
                sum,
                reset_hint,
                start_timestamp: 0,
                positive_spans: layout.positive_spans,
                negative_spans: layout.negative_spans,
                custom_values: layout.custom_values,
                counts,
            }
        };
        (self.time.value.cast_signed(), histogram)
    }

    fn counts(&self, stale: bool) -> HistogramCounts {
        match &self.counts {
            Counts::Integer { .. } if stale => HistogramCounts::default(),
            Counts::Integer {
                count,
                zero_count,
                buckets,
            } => {
                let (positive, negative) = buckets.split_at(self.positive.min(buckets.len()));
                let values = |side: &[Running]| {
                    let values = side.iter().map(|bucket| bucket.value.cast_signed());
                    values.collect()
                };
                HistogramCounts::Integer {
                    count: count.value,
                    zero_count: zero_count.value,
                    positive: values(positive),
                    negative: values(negative),
                }
            }
            Counts::Float {
                count,
                zero_count,
                buckets,
            } => {
                let kept = if stale { 0 } else { buckets.len() };
                let buckets = buckets.get(..kept).unwrap_or_default();
                let (positive, negative) = buckets.split_at(self.positive.min(kept));
                let values = |side: &[XorReader]| side.iter().map(XorReader::value).collect();
                let value = |of: &XorReader| if stale { 0.0 } else { of.value() };
                HistogramCounts::Float {
                    count: value(count),
                    zero_count: value(zero_count),
                    positive: values(positive),
                    negative: values(negative),
                }
            }
        }
    }
}

fn is_stale(sum: XorReader) -> bool {
    crate::model::is_stale(sum.value())
}
