//! What records hold: series, samples, histograms, and what was deleted.

use tsdb_core::bits::{ByteReader, DecodeError};
use tsdb_core::model::{
    BucketSpan, CUSTOM_BUCKETS_SCHEMA, Histogram, HistogramCounts, Labels, LabelsBuilder, ResetHint,
};

/// One thing that a record says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    /// The labels of a series.
    Series(u64, Labels),
    /// A float of a series at a time.
    Float(u64, i64, f64),
    /// A native histogram of a series at a time.
    Histogram(u64, i64, Box<Histogram>),
    /// Samples of a series were deleted from a time to another, both included.
    Deleted(u64, i64, i64),
}

/// Which records are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Series and what was deleted.
    Series,
    /// Samples.
    Samples,
}

/// Gives out what a record says; exemplars, metadata and notes of Prometheus to itself say nothing
/// here.
pub(super) fn decode(
    record: &[u8],
    wanted: Wanted,
    say: &mut dyn FnMut(Said),
) -> Result<(), DecodeError> {
    let mut reader = ByteReader::new(record);
    if reader.is_empty() {
        return Err(reader.error("an empty record"));
    }
    let samples = wanted == Wanted::Samples;
    match reader.u8()? {
        1 if !samples => series(&mut reader, say),
        3 if !samples => deleted(&mut reader, say),
        2 if samples => rows(&mut reader, say, float),
        11 if samples => timed_rows(&mut reader, say, float),
        7 | 9 if samples => rows(&mut reader, say, integer_histogram),
        8 | 10 if samples => rows(&mut reader, say, float_histogram),
        12 if samples => timed_rows(&mut reader, say, integer_histogram),
        13 if samples => timed_rows(&mut reader, say, float_histogram),
        1..=14 => Ok(()),
        _ => Err(DecodeError {
            what: "a record of an unknown kind",
            offset: 0,
        }),
    }
}

fn big_u64(reader: &mut ByteReader<'_>) -> Result<u64, DecodeError> {
    reader.u64().map(u64::swap_bytes)
}

fn big_f64(reader: &mut ByteReader<'_>) -> Result<f64, DecodeError> {
    big_u64(reader).map(f64::from_bits)
}

fn series(reader: &mut ByteReader<'_>, say: &mut dyn FnMut(Said)) -> Result<(), DecodeError> {
    let mut builder = LabelsBuilder::new();
    while !reader.is_empty() {
        let reference = big_u64(reader)?;
        builder.clear();
        for _ in 0..list_len(reader, 2)? {
            let name = text(reader)?;
            builder.push_bytes(name, text(reader)?);
        }
        let labels = builder.finish();
        let labels = labels.map_err(|_| reader.error("labels of a series are no set"))?;
        say(Said::Series(reference, labels));
    }
    Ok(())
}

fn deleted(reader: &mut ByteReader<'_>, say: &mut dyn FnMut(Said)) -> Result<(), DecodeError> {
    while !reader.is_empty() {
        let reference = big_u64(reader)?;
        say(Said::Deleted(
            reference,
            reader.ivarint()?,
            reader.ivarint()?,
        ));
    }
    Ok(())
}

/// What stands behind the series and the time of a row.
type Value = fn(&mut ByteReader<'_>, u64, i64) -> Result<Said, DecodeError>;

/// Rows whose series and times are differences to those in front.
fn rows(
    reader: &mut ByteReader<'_>,
    say: &mut dyn FnMut(Said),
    value: Value,
) -> Result<(), DecodeError> {
    if reader.is_empty() {
        return Ok(());
    }
    let (series, time) = (big_u64(reader)?, big_u64(reader)?.cast_signed());
    while !reader.is_empty() {
        let series = series.wrapping_add_signed(reader.ivarint()?);
        let time = time.wrapping_add(reader.ivarint()?);
        say(value(reader, series, time)?);
    }
    Ok(())
}

/// Rows with start timestamps: a series is a difference to the one before, a time to the first.
fn timed_rows(
    reader: &mut ByteReader<'_>,
    say: &mut dyn FnMut(Said),
    value: Value,
) -> Result<(), DecodeError> {
    if reader.is_empty() {
        return Ok(());
    }
    let mut series = reader.ivarint()?.cast_unsigned();
    let first = (reader.ivarint()?, reader.ivarint()?);
    let (mut time, mut start) = first;
    loop {
        let said = value(reader, series, time)?;
        say(match said {
            Said::Histogram(series, time, mut histogram) if !histogram.is_stale() => {
                histogram.start_timestamp = start;
                Said::Histogram(series, time, histogram)
            }
            said => said,
        });
        if reader.is_empty() {
            return Ok(());
        }
        series = series.wrapping_add_signed(reader.ivarint()?);
        time = first.0.wrapping_add(reader.ivarint()?);
        start = match reader.u8()? {
            0 => 0,
            1 => start,
            _ => first.1.wrapping_add(reader.ivarint()?),
        };
    }
}

fn float(reader: &mut ByteReader<'_>, series: u64, time: i64) -> Result<Said, DecodeError> {
    Ok(Said::Float(series, time, big_f64(reader)?))
}

fn integer_histogram(
    reader: &mut ByteReader<'_>,
    series: u64,
    time: i64,
) -> Result<Said, DecodeError> {
    histogram(reader, series, time, |reader| {
        let (zero_count, count) = (reader.uvarint()?, reader.uvarint()?);
        let sum = big_f64(reader)?;
        let spans = (spans(reader)?, spans(reader)?);
        let positive = list(reader, 1, ByteReader::ivarint)?;
        let negative = list(reader, 1, ByteReader::ivarint)?;
        let counts = HistogramCounts::Integer {
            count,
            zero_count,
            positive,
            negative,
        };
        Ok((sum, spans, counts))
    })
}

fn float_histogram(
    reader: &mut ByteReader<'_>,
    series: u64,
    time: i64,
) -> Result<Said, DecodeError> {
    histogram(reader, series, time, |reader| {
        let (zero_count, count) = (big_f64(reader)?, big_f64(reader)?);
        let sum = big_f64(reader)?;
        let spans = (spans(reader)?, spans(reader)?);
        let positive = list(reader, 8, big_f64)?;
        let negative = list(reader, 8, big_f64)?;
        let counts = HistogramCounts::Float {
            count,
            zero_count,
            positive,
            negative,
        };
        Ok((sum, spans, counts))
    })
}

type Spans = (Vec<BucketSpan>, Vec<BucketSpan>);

fn histogram<'r>(
    reader: &mut ByteReader<'r>,
    series: u64,
    time: i64,
    body: impl FnOnce(&mut ByteReader<'r>) -> Result<(f64, Spans, HistogramCounts), DecodeError>,
) -> Result<Said, DecodeError> {
    let hint = ResetHint::from_number(u64::from(reader.u8()?));
    let reset_hint = hint.ok_or_else(|| reader.error("an unknown hint of a counter reset"))?;
    let schema = i32::try_from(reader.ivarint()?);
    let schema = schema.map_err(|_| reader.error("a schema is wider than 32 bits"))?;
    let zero_threshold = big_f64(reader)?;
    let (sum, (positive_spans, negative_spans), counts) = body(reader)?;
    let custom_values = match schema {
        CUSTOM_BUCKETS_SCHEMA => list(reader, 8, big_f64)?,
        _ => Vec::new(),
    };
    let histogram = Histogram {
        schema,
        zero_threshold,
        sum,
        reset_hint,
        start_timestamp: 0,
        positive_spans,
        negative_spans,
        custom_values,
        counts,
    };
    Ok(Said::Histogram(series, time, Box::new(histogram)))
}

fn spans(reader: &mut ByteReader<'_>) -> Result<Vec<BucketSpan>, DecodeError> {
    list(reader, 2, |reader| {
        let offset = i32::try_from(reader.ivarint()?);
        let offset = offset.map_err(|_| reader.error("a span's offset is wider than 32 bits"))?;
        let length = u32::try_from(reader.uvarint()?);
        let length = length.map_err(|_| reader.error("a span's length is wider than 32 bits"))?;
        Ok(BucketSpan { offset, length })
    })
}

/// A number of things of at least `least` bytes each.
fn list_len(reader: &mut ByteReader<'_>, least: usize) -> Result<usize, DecodeError> {
    let len = usize::try_from(reader.uvarint()?).unwrap_or(usize::MAX);
    if len > reader.remaining() / least {
        return Err(reader.error("a list is longer than its record"));
    }
    Ok(len)
}

fn list<'r, T>(
    reader: &mut ByteReader<'r>,
    least: usize,
    one: impl Fn(&mut ByteReader<'r>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    (0..list_len(reader, least)?).map(|_| one(reader)).collect()
}

fn text<'r>(reader: &mut ByteReader<'r>) -> Result<&'r [u8], DecodeError> {
    let len = list_len(reader, 1)?;
    reader.take(len)
}
