//! One pass over a remote write 1.0 request, borrowing the labels as they lie in the body.

use tsdb_core::bits;
use tsdb_core::model::{MetricKind, MetricMetadata, WriteBatch};

use super::charge::Charge;
use super::exemplar::{self, ExemplarScratch};
use super::extras::{Extras, METADATA_BYTES};
use super::histogram;
use super::labels::{encoded_key, split};
use crate::error::DecodeError;
use crate::inflight::BytePermit;
use crate::wire::{Wire, WireType};

/// Key bytes of the fields that make up nearly all of a request.
const TIME_SERIES: u8 = 1 << 3 | 2;
const LABEL: u8 = 1 << 3 | 2;
const VALUE: u8 = 1 << 3 | 1;
const TIMESTAMP: u8 = 2 << 3;

/// Memory of one series and one sample in a batch, in bytes.
const SERIES_BYTES: u64 = 48;
const SAMPLE_BYTES: u64 = 16;
/// Decodes a request into `batch` and gives back what it holds besides floats. Label bytes stay
/// in `body`; only of series whose labels do not lie in one piece are they copied to `arena`.
/// Memory beyond the length of the body is taken out of `permit`.
///
/// # Errors
/// [`DecodeError::Malformed`] when `body` is no `prometheus.WriteRequest`, and
/// [`DecodeError::Request`] when the memory for it is not there. Malformed labels of a series
/// with samples show only when the store parses them.
pub fn decode_v1<'s>(
    body: &'s [u8],
    arena: &'s mut Vec<u8>,
    batch: &mut WriteBatch<'s>,
    permit: Option<&BytePermit>,
) -> Result<Extras, DecodeError> {
    decode(body, arena, batch, permit, false)
}

/// As [`decode_v1`], but takes what looks like one sample at the end of a series for one, without
/// walking the labels before it, and marks the batch as guessed.
///
/// # Errors
/// As [`decode_v1`], of which it sees less: the store tells when a guess was wrong.
pub fn guess_v1<'s>(
    body: &'s [u8],
    arena: &'s mut Vec<u8>,
    batch: &mut WriteBatch<'s>,
    permit: Option<&BytePermit>,
) -> Result<Extras, DecodeError> {
    batch.mark_guessed();
    decode(body, arena, batch, permit, true)
}

fn decode<'s>(
    body: &'s [u8],
    arena: &'s mut Vec<u8>,
    batch: &mut WriteBatch<'s>,
    permit: Option<&BytePermit>,
    guess: bool,
) -> Result<Extras, DecodeError> {
    let mut decoder = Decoder {
        batch,
        extras: Extras::default(),
        exemplars: ExemplarScratch::default(),
        pieces: Vec::new(),
        charge: Charge::new(body, permit),
        guess,
    };
    let mut wire = Wire::new(body);
    while !wire.is_empty() {
        if wire.eat(TIME_SERIES) {
            decoder.series(wire.message()?)?;
            continue;
        }
        let (field, wire_type) = wire.key()?;
        match field {
            1 => {
                wire.expect(wire_type, WireType::Bytes)?;
                decoder.series(wire.message()?)?;
            }
            3 => {
                wire.expect(wire_type, WireType::Bytes)?;
                decoder.metadata(wire.message()?)?;
            }
            _ => wire.skip(field, wire_type)?,
        }
    }
    decoder.series_in_pieces(arena)?;
    Ok(decoder.extras)
}

struct Decoder<'d, 's> {
    batch: &'d mut WriteBatch<'s>,
    extras: Extras,
    exemplars: ExemplarScratch,
    /// Series whose labels do not lie in one piece; they come last.
    pieces: Vec<Series<'s>>,
    charge: Charge<'d>,
    /// Whether labels may be taken to end where a sample seems to begin.
    guess: bool,
}

/// A series whose fields were all seen.
#[derive(Clone, Copy, Debug)]
struct Series<'s> {
    message: Wire<'s>,
    samples: u64,
    histograms: u64,
    exemplars: u64,
}

impl<'s> Decoder<'_, 's> {
    #[inline(always)]
    fn series(&mut self, message: Wire<'s>) -> Result<(), DecodeError> {
        if self.guess
            && let Some((labels, timestamp, value)) = message.usual_sample_at_end()
        {
            self.charge.take(SERIES_BYTES + SAMPLE_BYTES)?;
            self.batch.begin(encoded_key(labels));
            self.batch.sample(timestamp, value);
            return Ok(());
        }
        let mut wire = message;
        wire.skip_all(LABEL)?;
        self.charge.take(SERIES_BYTES)?;
        self.batch.begin(encoded_key(between(message, wire)));
        let before = self.batch.samples_len();
        while let Some((timestamp, value)) = wire.usual_sample() {
            self.charge.take(SAMPLE_BYTES)?;
            self.batch.sample(timestamp, value);
        }
        if wire.is_empty() && self.batch.samples_len() > before {
            return Ok(());
        }
        self.batch.cancel();
        self.uncommon_series(message)
    }

    /// A series with fields in any order, unknown ones, exemplars or histograms.
    fn uncommon_series(&mut self, message: Wire<'s>) -> Result<(), DecodeError> {
        let mut series = Series {
            message,
            samples: 0,
            histograms: 0,
            exemplars: 0,
        };
        let (mut first, mut last) = (message, message);
        let mut pieces = 0u64;
        let mut wire = message;
        while !wire.is_empty() {
            let start = wire;
            let (field, wire_type) = wire.key()?;
            if (1..=4).contains(&field) {
                wire.expect(wire_type, WireType::Bytes)?;
            }
            match field {
                1 => {
                    wire.bytes()?;
                    if pieces == 0 || start.offset() != last.offset() {
                        pieces += 1;
                        first = if pieces == 1 { start } else { first };
                    }
                    last = wire;
                }
                2 => {
                    wire.bytes()?;
                    series.samples += 1;
                }
                3 => {
                    wire.bytes()?;
                    series.exemplars += 1;
                }
                4 => {
                    wire.bytes()?;
                    series.histograms += 1;
                }
                _ => wire.skip(field, wire_type)?,
            }
        }
        if pieces > 1 {
            self.charge.take(size_of::<Series<'_>>() as u64)?;
            self.pieces.push(series);
            return Ok(());
        }
        self.store(between(first, last), series)
    }

    /// Adds a series with all its labels in one slice.
    fn store(&mut self, labels: &'s [u8], series: Series<'s>) -> Result<(), DecodeError> {
        if series.samples + series.histograms + series.exemplars == 0 {
            return Ok(split(labels, |_, _| {})?);
        }
        self.charge
            .take(SERIES_BYTES + series.samples * SAMPLE_BYTES)?;
        self.batch.begin(encoded_key(labels));
        let mut wire = series.message;
        while !wire.is_empty() {
            let (field, wire_type) = wire.key()?;
            match field {
                2 => {
                    let (timestamp, value) = sample(wire.message()?)?;
                    self.batch.sample(timestamp, value);
                }
                3 => {
                    let message = wire.message()?;
                    self.charge.take(exemplar::BYTES_AT_MOST)?;
                    let (timestamp, value, labels) = self.exemplars.take_v1(message)?;
                    self.batch.exemplar(timestamp, value, labels);
                }
                4 => {
                    let message = wire.message()?;
                    self.charge.take(histogram::bytes_at_most(message))?;
                    let (timestamp, histogram) = histogram::take(message, false)?;
                    self.batch.histogram(timestamp, histogram);
                }
                _ => wire.skip(field, wire_type)?,
            }
        }
        Ok(())
    }

    /// Adds the series put aside, their labels copied together.
    fn series_in_pieces(&mut self, arena: &'s mut Vec<u8>) -> Result<(), DecodeError> {
        arena.clear();
        let pieces = std::mem::take(&mut self.pieces);
        let mut ends = Vec::with_capacity(pieces.len());
        for series in &pieces {
            let mut wire = series.message;
            while !wire.is_empty() {
                let start = wire;
                let (field, wire_type) = wire.key()?;
                wire.skip(field, wire_type)?;
                if field == 1 {
                    arena.extend_from_slice(between(start, wire));
                }
            }
            ends.push(arena.len());
        }
        let mut rest: &'s [u8] = arena;
        let mut start = 0;
        for (series, end) in pieces.into_iter().zip(ends) {
            let (labels, after) = rest.split_at_checked(end - start).unwrap_or_default();
            (rest, start) = (after, end);
            self.store(labels, series)?;
        }
        Ok(())
    }

    fn metadata(&mut self, mut wire: Wire<'_>) -> Result<(), DecodeError> {
        let (mut kind, mut texts) = (0, [&[][..]; 3]);
        while !wire.is_empty() {
            let (field, wire_type) = wire.key()?;
            let text = match field {
                1 => {
                    wire.expect(wire_type, WireType::Varint)?;
                    kind = wire.varint()?;
                    continue;
                }
                2 => texts.get_mut(0),
                4 => texts.get_mut(1),
                5 => texts.get_mut(2),
                _ => None,
            };
            match text {
                Some(text) => {
                    wire.expect(wire_type, WireType::Bytes)?;
                    *text = wire.bytes()?;
                }
                None => wire.skip(field, wire_type)?,
            }
        }
        self.charge.take(METADATA_BYTES)?;
        match texts.map(std::str::from_utf8) {
            [Ok(metric), Ok(help), Ok(unit)] => self.extras.metadata.push(MetricMetadata {
                metric: metric.to_owned(),
                kind: MetricKind::from_number(kind & 0xffff_ffff).unwrap_or_default(),
                help: help.to_owned(),
                unit: unit.to_owned(),
            }),
            _ => self.extras.refused_metadata += 1,
        }
        Ok(())
    }
}

/// The bytes from one position of a message to a later one.
#[inline]
fn between<'s>(start: Wire<'s>, end: Wire<'s>) -> &'s [u8] {
    start
        .rest()
        .get(..end.offset() - start.offset())
        .unwrap_or_default()
}

#[inline(always)]
fn sample(mut wire: Wire<'_>) -> Result<(i64, f64), bits::DecodeError> {
    let (mut timestamp, mut value) = (0, 0.0);
    while !wire.is_empty() {
        if wire.eat(VALUE) {
            value = wire.double()?;
        } else if wire.eat(TIMESTAMP) {
            timestamp = wire.varint()?.cast_signed();
        } else {
            let (field, wire_type) = wire.key()?;
            match field {
                1 => {
                    wire.expect(wire_type, WireType::Fixed64)?;
                    value = wire.double()?;
                }
                2 => {
                    wire.expect(wire_type, WireType::Varint)?;
                    timestamp = wire.varint()?.cast_signed();
                }
                _ => wire.skip(field, wire_type)?,
            }
        }
    }
    Ok((timestamp, value))
}
