//! Histograms exactly as they came: Prometheus' chunks, and what these leave out.

use super::appender::HistogramChunkAppender;
use super::iter::HistogramChunkIter;
use crate::bits::{ByteReader, DecodeError, put_ivarint, put_uvarint};
use crate::model::{Histogram, ResetHint};

/// A piece of histograms one by one, as canonical bytes.
const LISTED: u8 = 0;
/// A piece that is a chunk of integer histograms.
const INTEGER: u8 = 1;
/// A piece that is a chunk of float histograms.
const FLOAT: u8 = 2;

/// Spans and bounds that all histograms of a chunk may have together: in a piece they are written
/// once and read for each.
const LAYOUT_COPIES_MAX: usize = 1 << 19;

/// Appends a chunk of histograms, which must be in rising order of time.
pub fn encode_exact<'h>(
    histograms: impl IntoIterator<Item = (i64, &'h Histogram)>,
    out: &mut Vec<u8>,
) {
    let mut piece = Piece::default();
    for (timestamp, histogram) in histograms {
        if !piece.takes(timestamp, histogram) {
            std::mem::take(&mut piece).put(out);
            piece.start(timestamp, histogram);
        }
    }
    piece.put(out);
}

/// Histograms of one kind and layout, on their way into a chunk.
#[derive(Debug, Default)]
struct Piece<'h> {
    chunk: Option<HistogramChunkAppender>,
    histograms: Vec<(i64, &'h Histogram)>,
}

/// A chunk of gauges is never cut for counts that fall; its own hint is not used.
fn as_gauge(histogram: &Histogram) -> Histogram {
    Histogram {
        reset_hint: ResetHint::Gauge,
        ..histogram.clone()
    }
}

impl<'h> Piece<'h> {
    fn start(&mut self, timestamp: i64, histogram: &'h Histogram) {
        let first = as_gauge(histogram);
        let hint = ResetHint::Gauge;
        self.chunk = Some(HistogramChunkAppender::new(timestamp, &first, hint));
        self.histograms.push((timestamp, histogram));
    }

    fn takes(&mut self, timestamp: i64, histogram: &'h Histogram) -> bool {
        let Some(chunk) = &mut self.chunk else {
            return false;
        };
        let next = as_gauge(histogram);
        if chunk.refuses(&next).is_some() {
            return false;
        }
        chunk.push(timestamp, &next);
        self.histograms.push((timestamp, histogram));
        true
    }

    fn put(self, out: &mut Vec<u8>) {
        let Some(chunk) = self.chunk.map(|chunk| chunk.finish()) else {
            return;
        };
        let form = if chunk.is_float { FLOAT } else { INTEGER };
        let begin = out.len();
        out.push(form);
        put_uvarint(out, chunk.bytes.len() as u64);
        out.extend_from_slice(&chunk.bytes);
        put_left_out(&self.histograms, out);
        let mut read = Vec::new();
        let put = out.get(begin..).unwrap_or_default();
        let same = decode_exact(put, &mut read).is_ok()
            && read.len() == self.histograms.len()
            && (read.iter().zip(&self.histograms))
                .all(|(read, put)| (read.0, &read.1) == (put.0, put.1));
        if !same {
            out.truncate(begin);
            put_listed(&self.histograms, out);
        }
    }
}

/// Reset hints and start timestamps, in runs of equal ones.
fn put_left_out(histograms: &[(i64, &Histogram)], out: &mut Vec<u8>) {
    let left_out = |of: &(i64, &Histogram)| (of.1.reset_hint.number(), of.1.start_timestamp);
    let mut before = 0;
    for run in histograms.chunk_by(|a, b| left_out(a) == left_out(b)) {
        let (hint, start) = run.first().map(left_out).unwrap_or_default();
        put_uvarint(out, run.len() as u64);
        out.push(hint);
        put_ivarint(out, start.wrapping_sub(before));
        before = start;
    }
}

fn put_listed(histograms: &[(i64, &Histogram)], out: &mut Vec<u8>) {
    out.push(LISTED);
    put_uvarint(out, histograms.len() as u64);
    let (mut before, mut bytes) = (0i64, Vec::new());
    for (timestamp, histogram) in histograms {
        put_ivarint(out, timestamp.wrapping_sub(before));
        before = *timestamp;
        bytes.clear();
        histogram.put_bytes(&mut bytes);
        put_uvarint(out, bytes.len() as u64);
        out.extend_from_slice(&bytes);
    }
}

/// Appends what a chunk of [`encode_exact`] holds, in rising order of time.
///
/// # Errors
/// When it is no such chunk.
pub fn decode_exact(chunk: &[u8], out: &mut Vec<(i64, Histogram)>) -> Result<(), DecodeError> {
    let mut reader = ByteReader::new(chunk);
    let (begin, mut copies) = (out.len(), LAYOUT_COPIES_MAX);
    while !reader.is_empty() {
        match reader.u8()? {
            LISTED => take_listed(&mut reader, out)?,
            form @ (INTEGER | FLOAT) => take_chunk(&mut reader, form == FLOAT, &mut copies, out)?,
            _ => return Err(reader.error("a piece of histograms of an unknown form")),
        }
    }
    let read = out.get(begin..).unwrap_or_default();
    if !read.is_sorted_by(|a, b| a.0 < b.0) {
        return Err(reader.error("timestamps of histograms do not rise"));
    }
    Ok(())
}

fn length(reader: &mut ByteReader<'_>) -> Result<usize, DecodeError> {
    let length = reader.uvarint()?;
    usize::try_from(length).map_err(|_| reader.error("a length wider than this machine"))
}

fn take_listed(
    reader: &mut ByteReader<'_>,
    out: &mut Vec<(i64, Histogram)>,
) -> Result<(), DecodeError> {
    let mut timestamp = 0i64;
    for _ in 0..reader.uvarint()? {
        timestamp = timestamp.wrapping_add(reader.ivarint()?);
        let len = length(reader)?;
        let at = reader.position();
        let histogram = Histogram::from_bytes(reader.take(len)?);
        let histogram = histogram.map_err(|error| DecodeError {
            offset: at + error.offset,
            ..error
        })?;
        out.push((timestamp, histogram));
    }
    Ok(())
}

fn take_chunk(
    reader: &mut ByteReader<'_>,
    is_float: bool,
    copies: &mut usize,
    out: &mut Vec<(i64, Histogram)>,
) -> Result<(), DecodeError> {
    let len = length(reader)?;
    let at = reader.position();
    let inside = |error: DecodeError| DecodeError {
        offset: at + error.offset,
        ..error
    };
    let begin = out.len();
    for item in HistogramChunkIter::new(reader.take(len)?, is_float).map_err(inside)? {
        let (timestamp, histogram) = item.map_err(inside)?;
        let layout = histogram.positive_spans.len()
            + histogram.negative_spans.len()
            + histogram.custom_values.len();
        *copies = copies
            .checked_sub(layout)
            .ok_or_else(|| reader.error("histograms with too many spans and bounds in all"))?;
        out.push((timestamp, histogram));
    }
    let mut rest = out.get_mut(begin..).unwrap_or_default();
    let mut start = 0i64;
    while !rest.is_empty() {
        let repeats = length(reader)?;
        let hint = ResetHint::from_number(u64::from(reader.u8()?));
        start = start.wrapping_add(reader.ivarint()?);
        let (Some(hint), Some((run, behind))) = (hint, rest.split_at_mut_checked(repeats)) else {
            return Err(reader.error("impossible reset hints of histograms"));
        };
        if run.is_empty() {
            return Err(reader.error("an empty run of reset hints"));
        }
        for (_, histogram) in run {
            histogram.reset_hint = hint;
            histogram.start_timestamp = start;
        }
        rest = behind;
    }
    Ok(())
}
