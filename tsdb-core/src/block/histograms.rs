//! The histograms of a group of rows, behind its directory. In the row's pages a stale marker holds
//! the place of each, which the one rule on samples at one time takes away.

use super::BlockError;
use super::group_index::GroupSummary;
use super::layout::CRC_BYTES;
use super::meta::Span;
use super::reader::BlockReader;
use crate::bits::{ByteReader, DecodeError, check_crc, crc32c, put_ivarint, put_u32, put_uvarint};
use crate::chunk::{MAX_CHUNK_SAMPLES, decode_exact};
use crate::model::{Histogram, TimeRange};
use crate::series::ChunkPart;

/// Length of the directory, and a checksum of both, at the end.
const TAIL_BYTES: usize = 4 + CRC_BYTES;
/// So much is read at once in the hope that the whole directory is in it.
const TAIL_READ_BYTES: u64 = 4096;
/// The least that an entry of the directory takes.
const ENTRY_BYTES_MIN: usize = 5;

/// Chunks of a group that is being written.
#[derive(Debug, Default)]
pub(super) struct HistogramPartBuilder {
    chunks: Vec<u8>,
    directory: Vec<u8>,
    row: u64,
    min: i64,
}

impl HistogramPartBuilder {
    /// Adds the chunks of a row of the group, which is behind those before.
    pub(super) fn push(&mut self, row: u32, parts: &[ChunkPart]) {
        for part in parts {
            put_uvarint(&mut self.directory, u64::from(row) - self.row);
            put_ivarint(&mut self.directory, part.min.wrapping_sub(self.min));
            let length = part.max.wrapping_sub(part.min).cast_unsigned();
            put_uvarint(&mut self.directory, length);
            put_uvarint(&mut self.directory, u64::from(part.count));
            put_uvarint(&mut self.directory, part.bytes.len() as u64);
            self.chunks.extend_from_slice(&part.bytes);
            put_u32(&mut self.chunks, crc32c(&part.bytes));
            (self.row, self.min) = (u64::from(row), part.min);
        }
    }

    /// Bytes of the chunks.
    pub(super) fn len(&self) -> usize {
        self.chunks.len()
    }

    /// Appends it all to what goes to the file; nothing if there are no histograms.
    pub(super) fn finish(mut self, out: &mut Vec<u8>) {
        if self.directory.is_empty() {
            return;
        }
        out.append(&mut self.chunks);
        let begin = out.len();
        out.append(&mut self.directory);
        let len = out.len() - begin;
        put_u32(out, u32::try_from(len).unwrap_or(u32::MAX));
        let crc = crc32c(out.get(begin..).unwrap_or_default());
        put_u32(out, crc);
    }
}

/// Where a chunk stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    row: u32,
    min: i64,
    max: i64,
    count: u64,
    offset: u64,
    len: u64,
}

/// A chunk of histograms that cannot be read.
#[derive(Debug)]
pub(super) struct LostHistograms {
    pub(super) span: Span,
    pub(super) what: String,
    pub(super) times: (i64, i64),
    pub(super) count: u64,
}

/// The directory of a group's histograms.
#[derive(Debug)]
pub(super) struct HistogramPart {
    places: Vec<Place>,
}

impl HistogramPart {
    /// Reads the directory of the histograms of a group, which may have none.
    pub(super) fn open(reader: &BlockReader, summary: &GroupSummary) -> Result<Self, BlockError> {
        let (begin, len) = (summary.end(), summary.histograms_len);
        if len == 0 {
            return Ok(Self { places: Vec::new() });
        }
        let tail = |len: u64| Span {
            offset: begin + summary.histograms_len - len,
            len,
        };
        let mut span = tail(len.min(TAIL_READ_BYTES));
        let mut bytes = reader.read_span(span)?;
        let at = |span: Span| move |error| BlockError::decode(reader.path(), span.offset, error);
        let directory = directory_len(&bytes).map_err(at(span))?;
        let wanted = directory.saturating_add(TAIL_BYTES as u64);
        if wanted > len {
            return Err(reader.corrupt(span.offset, "a directory outside of its group"));
        }
        if wanted > span.len {
            span = tail(wanted);
            bytes = reader.read_span(span)?;
        }
        let skipped = usize::try_from(span.len - wanted).unwrap_or(usize::MAX);
        let bytes = bytes.get(skipped..).unwrap_or_default();
        let chunks = Span {
            offset: begin,
            len: len - wanted,
        };
        let places = places(bytes, chunks, summary).map_err(at(tail(wanted)))?;
        Ok(Self { places })
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The histograms of a row of the group in those of its chunks that overlap `range`.
    pub(super) fn read(
        &self,
        reader: &BlockReader,
        row: u32,
        range: TimeRange,
    ) -> Result<Vec<(i64, Histogram)>, BlockError> {
        let mut histograms = Vec::new();
        let of_row = self.of_row(row);
        for place in of_row.filter(|place| range.overlaps(place.min, place.max)) {
            read_chunk(reader, place, &mut histograms)?;
        }
        Ok(histograms)
    }

    fn of_row(&self, row: u32) -> impl Iterator<Item = &Place> {
        let from = self.places.partition_point(|place| place.row < row);
        let of_row = self.places.get(from..).unwrap_or_default();
        of_row.iter().take_while(move |place| place.row == row)
    }

    /// The histograms of a row, chunk by chunk, those that cannot be read told apart.
    pub(super) fn read_each(
        &self,
        reader: &BlockReader,
        row: u32,
    ) -> impl Iterator<Item = Result<Vec<(i64, Histogram)>, LostHistograms>> {
        self.of_row(row).map(|place| {
            let mut histograms = Vec::new();
            match read_chunk(reader, place, &mut histograms) {
                Ok(()) => Ok(histograms),
                Err(error) => Err(LostHistograms {
                    span: place.span(),
                    what: error.to_string(),
                    times: (place.min, place.max),
                    count: place.count,
                }),
            }
        })
    }
}

impl Place {
    fn span(&self) -> Span {
        Span {
            offset: self.offset,
            len: self.len + CRC_BYTES as u64,
        }
    }
}

fn read_chunk(
    reader: &BlockReader,
    place: &Place,
    histograms: &mut Vec<(i64, Histogram)>,
) -> Result<(), BlockError> {
    let bytes = reader.read_span(place.span())?;
    let begin = histograms.len();
    decode_chunk(&bytes, place, begin, histograms)
        .map_err(|error| BlockError::decode(reader.path(), place.offset, error))
}

fn decode_chunk(
    bytes: &[u8],
    place: &Place,
    begin: usize,
    histograms: &mut Vec<(i64, Histogram)>,
) -> Result<(), DecodeError> {
    let mut reader = ByteReader::new(bytes);
    let body = reader.take(bytes.len().saturating_sub(CRC_BYTES))?;
    check_crc(&mut reader, bytes, "wrong checksum of histograms")?;
    decode_exact(body, histograms)?;
    let read = histograms.get(begin..).unwrap_or_default();
    let ends = (read.first().map(|one| one.0), read.last().map(|one| one.0));
    if read.len() as u64 != place.count || ends != (Some(place.min), Some(place.max)) {
        return Err(reader.error("a chunk of other histograms than its entry says"));
    }
    Ok(())
}

fn directory_len(tail: &[u8]) -> Result<u64, DecodeError> {
    let mut reader = ByteReader::new(tail);
    reader.take(tail.len().saturating_sub(TAIL_BYTES))?;
    Ok(u64::from(reader.u32()?))
}

/// Reads a directory whose chunks fill `chunks`.
fn places(bytes: &[u8], chunks: Span, summary: &GroupSummary) -> Result<Vec<Place>, DecodeError> {
    let mut reader = ByteReader::new(bytes);
    reader.take(bytes.len().saturating_sub(CRC_BYTES))?;
    check_crc(
        &mut reader,
        bytes,
        "wrong checksum of the directory of histograms",
    )?;
    let body = bytes.get(..bytes.len() - TAIL_BYTES).unwrap_or_default();
    let mut reader = ByteReader::new(body);
    let mut places: Vec<Place> = Vec::with_capacity(body.len() / ENTRY_BYTES_MIN);
    let (mut row, mut min, mut offset) = (0u64, 0i64, chunks.offset);
    while !reader.is_empty() {
        row = row.saturating_add(reader.uvarint()?);
        min = min.wrapping_add(reader.ivarint()?);
        let max = min.wrapping_add(reader.uvarint()?.cast_signed());
        let (count, len) = (reader.uvarint()?, reader.uvarint()?);
        let end = offset.saturating_add(len).saturating_add(CRC_BYTES as u64);
        let last = places.last();
        let in_order = last.is_none_or(|last| u64::from(last.row) < row || (last.max < min));
        let row_number = u32::try_from(row).ok().filter(|row| *row < summary.rows);
        let inside = summary.min_time <= min && min <= max && max <= summary.max_time;
        let (Some(row), true, true) = (row_number, in_order, inside) else {
            return Err(reader.error("histograms out of order or outside of their group"));
        };
        if count == 0 || count > MAX_CHUNK_SAMPLES as u64 || end > chunks.end() {
            return Err(reader.error("an impossible chunk of histograms"));
        }
        places.push(Place {
            row,
            min,
            max,
            count,
            offset,
            len,
        });
        offset = end;
    }
    if offset != chunks.end() || places.is_empty() {
        return Err(reader.error("bytes of histograms that belong to no chunk"));
    }
    Ok(places)
}

impl BlockReader {
    /// Hands over the histograms of `rows` (rising, each once) in those of their chunks that
    /// overlap `range`; rows without any are left out. A row's samples are its floats, as
    /// [`BlockReader::read_rows`] gives them, and these, settled.
    ///
    /// # Errors
    /// When a row is not there, the disk fails or something read is damaged.
    pub fn read_histograms(
        &self,
        rows: &[u32],
        range: TimeRange,
        mut visit: impl FnMut(u32, Vec<(i64, Histogram)>),
    ) -> Result<(), BlockError> {
        if !self.meta().histograms {
            return Ok(());
        }
        self.by_group(rows.iter().copied(), |summary, _, rows| {
            let part = HistogramPart::open(self, summary)?;
            if part.is_empty() || !range.overlaps(summary.min_time, summary.max_time) {
                return Ok(());
            }
            for &row in rows {
                let histograms = part.read(self, row - summary.first_row, range)?;
                if !histograms.is_empty() {
                    visit(row, histograms);
                }
            }
            Ok(())
        })
    }
}
