//! The canonical bytes of a histogram: `docs/format/histogram.md`.

use super::histogram::{BucketSpan, Histogram, HistogramCounts, ResetHint};
use super::sample::STALE_NAN_BITS;
use crate::bits::{ByteReader, DecodeError, put_ivarint, put_uvarint, uvarint_len};

/// Flag of float counts.
const FLOAT: u8 = 1;
/// Place of the reset hint's number in the flags, two bits.
const HINT_SHIFT: u8 = 1;
/// Flag of a start timestamp.
const STARTED: u8 = 8;
/// All flags there are.
const FLAGS: u8 = 15;

pub(super) fn put(histogram: &Histogram, out: &mut Vec<u8>) {
    let float = if histogram.is_float() { FLOAT } else { 0 };
    let started = if histogram.start_timestamp == 0 {
        0
    } else {
        STARTED
    };
    out.push(float | histogram.reset_hint.number() << HINT_SHIFT | started);
    put_ivarint(out, i64::from(histogram.schema));
    put_double(out, histogram.zero_threshold);
    put_double(out, histogram.sum);
    if started != 0 {
        put_ivarint(out, histogram.start_timestamp);
    }
    for spans in [&histogram.positive_spans, &histogram.negative_spans] {
        put_uvarint(out, spans.len() as u64);
        for span in spans {
            put_ivarint(out, i64::from(span.offset));
            put_uvarint(out, u64::from(span.length));
        }
    }
    put_uvarint(out, histogram.custom_values.len() as u64);
    histogram
        .custom_values
        .iter()
        .for_each(|&bound| put_double(out, bound));
    match &histogram.counts {
        HistogramCounts::Integer {
            count,
            zero_count,
            positive,
            negative,
        } => {
            put_uvarint(out, *count);
            put_uvarint(out, *zero_count);
            for buckets in [positive, negative] {
                put_uvarint(out, buckets.len() as u64);
                buckets.iter().for_each(|&delta| put_ivarint(out, delta));
            }
        }
        HistogramCounts::Float {
            count,
            zero_count,
            positive,
            negative,
        } => {
            put_double(out, *count);
            put_double(out, *zero_count);
            for buckets in [positive, negative] {
                put_uvarint(out, buckets.len() as u64);
                buckets.iter().for_each(|&count| put_double(out, count));
            }
        }
    }
}

/// Whether canonical bytes are those of a stale marker; false for any others.
pub(super) fn is_stale(bytes: &[u8]) -> bool {
    let sum = || {
        let mut reader = ByteReader::new(bytes);
        reader.u8()?;
        reader.ivarint()?;
        reader.u64()?;
        reader.u64()
    };
    sum() == Ok(STALE_NAN_BITS)
}

fn put_double(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(&value.to_bits().to_le_bytes());
}

pub(super) fn take(bytes: &[u8]) -> Result<Histogram, DecodeError> {
    let mut reader = Reader(ByteReader::new(bytes));
    let flags = reader.0.u8()?;
    let hint = ResetHint::from_number(u64::from(flags >> HINT_SHIFT & 3));
    let (Some(reset_hint), 0) = (hint, flags & !FLAGS) else {
        return Err(reader.0.error("unknown flags of a histogram"));
    };
    let schema = reader.narrow("a schema is wider than 32 bits")?;
    let (zero_threshold, sum) = (reader.double()?, reader.double()?);
    let start_timestamp = match flags & STARTED {
        0 => 0,
        _ => reader.ivarint()?,
    };
    if flags & STARTED != 0 && start_timestamp == 0 {
        return Err(reader.0.error("a start timestamp is not canonical"));
    }
    let (positive_spans, negative_spans) = (reader.spans()?, reader.spans()?);
    let custom_values = reader.doubles()?;
    let counts = if flags & FLOAT == 0 {
        HistogramCounts::Integer {
            count: reader.uvarint()?,
            zero_count: reader.uvarint()?,
            positive: reader.deltas()?,
            negative: reader.deltas()?,
        }
    } else {
        HistogramCounts::Float {
            count: reader.double()?,
            zero_count: reader.double()?,
            positive: reader.doubles()?,
            negative: reader.doubles()?,
        }
    };
    if !reader.0.is_empty() {
        return Err(reader.0.error("bytes behind a histogram"));
    }
    Ok(Histogram {
        schema,
        zero_threshold,
        sum,
        reset_hint,
        start_timestamp,
        positive_spans,
        negative_spans,
        custom_values,
        counts,
    })
}

/// Reads what [`put`] writes, and numbers only in their shortest form.
struct Reader<'a>(ByteReader<'a>);

impl Reader<'_> {
    fn uvarint(&mut self) -> Result<u64, DecodeError> {
        let start = self.0.position();
        let value = self.0.uvarint()?;
        if self.0.position() - start != uvarint_len(value) {
            return Err(self.0.error("a number is not in its shortest form"));
        }
        Ok(value)
    }

    fn ivarint(&mut self) -> Result<i64, DecodeError> {
        let zigzag = self.uvarint()?;
        Ok((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed())
    }

    fn narrow<T: TryFrom<i64>>(&mut self, what: &'static str) -> Result<T, DecodeError> {
        let number = self.ivarint()?;
        T::try_from(number).map_err(|_| self.0.error(what))
    }

    fn double(&mut self) -> Result<f64, DecodeError> {
        self.0.u64().map(f64::from_bits)
    }

    /// A number of things that take at least `least` bytes each.
    fn len(&mut self, least: usize) -> Result<usize, DecodeError> {
        let len = usize::try_from(self.uvarint()?).unwrap_or(usize::MAX);
        if len > self.0.remaining() / least {
            return Err(self.0.error("a list is longer than its bytes"));
        }
        Ok(len)
    }

    fn spans(&mut self) -> Result<Vec<BucketSpan>, DecodeError> {
        let len = self.len(2)?;
        let span = |_| {
            let offset = self.narrow("a span's offset is wider than 32 bits")?;
            let length = self.uvarint()?;
            let length = u32::try_from(length)
                .map_err(|_| self.0.error("a span's length is wider than 32 bits"))?;
            Ok(BucketSpan { offset, length })
        };
        (0..len).map(span).collect()
    }

    fn deltas(&mut self) -> Result<Vec<i64>, DecodeError> {
        let len = self.len(1)?;
        (0..len).map(|_| self.ivarint()).collect()
    }

    fn doubles(&mut self) -> Result<Vec<f64>, DecodeError> {
        let len = self.len(8)?;
        (0..len).map(|_| self.double()).collect()
    }
}
