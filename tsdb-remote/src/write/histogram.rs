//! Native histograms on the wire: one message for both remote write protocols and remote read.

use tsdb_core::bits;
use tsdb_core::model::{BucketSpan, Histogram, HistogramCounts, ResetHint};

use crate::put::{int_len, put_bytes, put_head, put_int};
use crate::wire::{Wire, WireType};

/// Wire types of the fields from 1; repeated numbers may also be written one by one.
const FIELDS: [WireType; 17] = {
    use WireType::{Bytes, Fixed64, Varint};
    [
        Varint, Fixed64, Fixed64, Varint, Fixed64, Varint, Fixed64, Bytes, Bytes, Bytes, Bytes,
        Bytes, Bytes, Varint, Varint, Bytes, Varint,
    ]
};
/// The start timestamp, which remote write 1.0 does not know.
const START_TIMESTAMP: u32 = 17;

/// Counts of both kinds as they come; which of them count shows at the end.
#[derive(Default)]
struct Parts {
    histogram: Histogram,
    timestamp: i64,
    is_float: bool,
    count: (u64, f64),
    zero_count: (u64, f64),
    deltas: [Vec<i64>; 2],
    counts: [Vec<f64>; 2],
}

/// Bytes of memory that a histogram takes at most: its own, and that of its lists, in which a number of one byte becomes eight in a list, whose
/// space doubles as it grows.
pub(super) fn bytes_at_most(message: Wire<'_>) -> u64 {
    size_of::<tsdb_core::model::BatchHistogram>() as u64 + 24 * message.rest().len() as u64
}

/// Reads a histogram and its timestamp; `started` if it may say when counting began. The kind of
/// its count decides which counts are its own.
pub(super) fn take(
    mut wire: Wire<'_>,
    started: bool,
) -> Result<(i64, Histogram), bits::DecodeError> {
    let mut parts = Parts::default();
    while !wire.is_empty() {
        let (field, wire_type) = wire.key()?;
        let known = usize::try_from(field)
            .ok()
            .and_then(|field| field.checked_sub(1));
        match known.and_then(|known| FIELDS.get(known)) {
            Some(wanted) if started || field != START_TIMESTAMP => {
                parts.field(&mut wire, field, wire_type, *wanted)?;
            }
            _ => wire.skip(field, wire_type)?,
        }
    }
    Ok(parts.finish())
}

impl Parts {
    fn field(
        &mut self,
        wire: &mut Wire<'_>,
        field: u32,
        found: WireType,
        wanted: WireType,
    ) -> Result<(), bits::DecodeError> {
        let lists = match field {
            9 | 12 => Some((WireType::Varint, usize::from(field == 9))),
            10 | 13 => Some((WireType::Fixed64, usize::from(field == 10))),
            16 => Some((WireType::Fixed64, 2)),
            _ => None,
        };
        if let Some((single, list)) = lists {
            if found == single {
                return self.number(wire, single, list);
            }
            wire.expect(found, wanted)?;
            let mut packed = wire.message()?;
            while !packed.is_empty() {
                self.number(&mut packed, single, list)?;
            }
            return Ok(());
        }
        wire.expect(found, wanted)?;
        let histogram = &mut self.histogram;
        match field {
            1 => (self.count.0, self.is_float) = (wire.varint()?, false),
            2 => (self.count.1, self.is_float) = (wire.double()?, true),
            3 => histogram.sum = wire.double()?,
            4 => histogram.schema = narrow_zigzag(wire.varint()?),
            5 => histogram.zero_threshold = wire.double()?,
            6 => self.zero_count = (wire.varint()?, 0.0),
            7 => self.zero_count = (0, wire.double()?),
            8 => histogram.negative_spans.push(span(wire.message()?)?),
            11 => histogram.positive_spans.push(span(wire.message()?)?),
            14 => {
                let hint = ResetHint::from_number(wire.varint()? & 0xffff_ffff);
                histogram.reset_hint = hint.unwrap_or_default();
            }
            15 => self.timestamp = wire.varint()?.cast_signed(),
            _ => histogram.start_timestamp = wire.varint()?.cast_signed(),
        }
        Ok(())
    }

    /// One number of a list: of positive buckets, negative ones, or custom bounds.
    fn number(
        &mut self,
        wire: &mut Wire<'_>,
        wire_type: WireType,
        list: usize,
    ) -> Result<(), bits::DecodeError> {
        if wire_type == WireType::Varint {
            let delta = zigzag(wire.varint()?);
            self.deltas
                .get_mut(list)
                .into_iter()
                .for_each(|list| list.push(delta));
            return Ok(());
        }
        let value = wire.double()?;
        match self.counts.get_mut(list) {
            Some(counts) => counts.push(value),
            None => self.histogram.custom_values.push(value),
        }
        Ok(())
    }

    fn finish(self) -> (i64, Histogram) {
        let [positive_deltas, negative_deltas] = self.deltas;
        let [positive_counts, negative_counts] = self.counts;
        let counts = if self.is_float {
            HistogramCounts::Float {
                count: self.count.1,
                zero_count: self.zero_count.1,
                positive: positive_counts,
                negative: negative_counts,
            }
        } else {
            HistogramCounts::Integer {
                count: self.count.0,
                zero_count: self.zero_count.0,
                positive: positive_deltas,
                negative: negative_deltas,
            }
        };
        let histogram = Histogram {
            counts,
            ..self.histogram
        };
        (self.timestamp, histogram)
    }
}

fn span(mut wire: Wire<'_>) -> Result<BucketSpan, bits::DecodeError> {
    let mut span = BucketSpan::default();
    while !wire.is_empty() {
        let (field, wire_type) = wire.key()?;
        match field {
            1 | 2 => {
                wire.expect(wire_type, WireType::Varint)?;
                let number = wire.varint()?;
                match field {
                    1 => span.offset = narrow_zigzag(number),
                    _ => span.length = number as u32,
                }
            }
            _ => wire.skip(field, wire_type)?,
        }
    }
    Ok(span)
}

fn zigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// Numbers above 32 bits are cut, as all protobuf decoders do.
fn narrow_zigzag(number: u64) -> i32 {
    let number = number as u32;
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// Appends a histogram as the message that `take` reads, start timestamp included.
pub fn put_histogram(out: &mut Vec<u8>, timestamp: i64, histogram: &Histogram) {
    let mut packed = Vec::new();
    let (count_field, zero_field, doubles) = match &histogram.counts {
        HistogramCounts::Integer {
            count, zero_count, ..
        } => {
            put_int(out, 1, count.cast_signed());
            put_int(out, 6, zero_count.cast_signed());
            (9, 12, None)
        }
        HistogramCounts::Float {
            count,
            zero_count,
            positive,
            negative,
        } => {
            put_double(out, 2, *count);
            put_double(out, 7, *zero_count);
            (10, 13, Some([negative, positive]))
        }
    };
    put_double(out, 3, histogram.sum);
    put_int(
        out,
        4,
        i64::from(to_zigzag(i64::from(histogram.schema)) as u32),
    );
    put_double(out, 5, histogram.zero_threshold);
    put_spans(out, 8, &histogram.negative_spans);
    put_spans(out, 11, &histogram.positive_spans);
    for (side, field) in [count_field, zero_field].into_iter().enumerate() {
        packed.clear();
        match (&doubles, &histogram.counts) {
            (
                None,
                HistogramCounts::Integer {
                    positive, negative, ..
                },
            ) => {
                let deltas = if side == 0 { negative } else { positive };
                let numbers = deltas.iter().map(|delta| to_zigzag(*delta));
                numbers.for_each(|number| bits::put_uvarint(&mut packed, number));
            }
            _ => {
                let counts = doubles.iter().flatten().nth(side).into_iter();
                let numbers = counts.flat_map(|counts| counts.iter());
                numbers.for_each(|n| packed.extend_from_slice(&n.to_bits().to_le_bytes()));
            }
        }
        if !packed.is_empty() {
            put_bytes(out, field, &packed);
        }
    }
    put_int(out, 14, i64::from(histogram.reset_hint.number()));
    put_int(out, 15, timestamp);
    for bound in &histogram.custom_values {
        put_key(out, 16, 1);
        out.extend_from_slice(&bound.to_bits().to_le_bytes());
    }
    if histogram.start_timestamp != 0 {
        put_key(out, 17, 0);
        bits::put_uvarint(out, histogram.start_timestamp.cast_unsigned());
    }
}

fn put_spans(out: &mut Vec<u8>, field: u8, spans: &[BucketSpan]) {
    for span in spans {
        let offset = i64::from(to_zigzag(i64::from(span.offset)) as u32);
        let length = i64::from(span.length);
        put_head(out, field, int_len(offset) + int_len(length));
        put_int(out, 1, offset);
        put_int(out, 2, length);
    }
}

fn to_zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

fn put_double(out: &mut Vec<u8>, field: u8, value: f64) {
    out.push(field << 3 | 1);
    out.extend_from_slice(&value.to_bits().to_le_bytes());
}

/// The key of a field above 15 takes two bytes.
fn put_key(out: &mut Vec<u8>, field: u64, wire_type: u64) {
    bits::put_uvarint(out, field << 3 | wire_type);
}
