//! Series out of a frame.

use tsdb_core::bits::{ByteReader, DecodeError, crc32c};
use tsdb_core::{ChunkPart, Encoding};

use super::SeriesPart;
use super::part::encoding_of;
use super::writer::{SERIES_FRAME_BYTES_MAX, SERIES_FRAME_VERSION, SERIES_MAX};
use crate::wire::WireError;
use crate::wire::front_coding::LabelsReader;

const WHAT: &str = "frame of series";
const CRC_BYTES: usize = 4;
/// A chunk takes at least so many bytes of a frame.
const CHUNK_BYTES_MIN: usize = 5;

/// Reads the series of one frame, one by one.
#[derive(Debug)]
pub struct SeriesFrameReader<'a> {
    reader: ByteReader<'a>,
    labels: LabelsReader,
    left: u64,
}

impl<'a> SeriesFrameReader<'a> {
    /// Starts at the first series, once the checksum is found right.
    ///
    /// # Errors
    /// When the frame is damaged, of another version, or longer than frames are.
    pub fn new(frame: &'a [u8]) -> Result<Self, WireError> {
        let malformed = WireError::malformed(WHAT);
        if frame.len() > SERIES_FRAME_BYTES_MAX {
            return Err(WireError::TooLarge {
                what: "bytes of a frame of series",
                name: "SERIES_FRAME_BYTES_MAX",
                value: frame.len() as u64,
                limit: SERIES_FRAME_BYTES_MAX as u64,
                advice: "send shorter frames",
            });
        }
        let error = |what, offset| malformed(DecodeError { what, offset });
        let end = frame.len().checked_sub(CRC_BYTES);
        let Some((covered, crc)) = end.and_then(|end| frame.split_at_checked(end)) else {
            return Err(error("truncated", frame.len()));
        };
        let mut reader = ByteReader::new(covered);
        if reader.u8().map_err(&malformed)? != SERIES_FRAME_VERSION {
            return Err(error("a version of its bytes that is not 1", 0));
        }
        if crc32c(covered) != ByteReader::new(crc).u32().map_err(&malformed)? {
            return Err(error("a checksum that does not match", covered.len()));
        }
        let left = reader.uvarint().map_err(&malformed)?;
        if left > SERIES_MAX as u64 {
            return Err(malformed(reader.error("more than 65536 series")));
        }
        Ok(Self {
            reader,
            labels: LabelsReader::default(),
            left,
        })
    }

    /// The next series; `None` behind the last, when all bytes must be used up.
    ///
    /// # Errors
    /// When the frame is malformed; there is nothing more to be read then.
    pub fn next_series(&mut self) -> Result<Option<SeriesPart>, WireError> {
        let malformed = WireError::malformed(WHAT);
        let Some(left) = self.left.checked_sub(1) else {
            if self.reader.is_empty() {
                return Ok(None);
            }
            return Err(malformed(self.reader.error("bytes behind the last series")));
        };
        self.left = left;
        let labels = self.labels.take(&mut self.reader, WHAT)?;
        let head = self.reader.uvarint().map_err(&malformed)?;
        let chunks = self.chunks(head >> 1).map_err(&malformed)?;
        Ok(Some(SeriesPart {
            labels,
            chunks,
            continues: head & 1 != 0,
        }))
    }

    fn chunks(&mut self, count: u64) -> Result<Vec<ChunkPart>, DecodeError> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if count > self.reader.remaining() / CHUNK_BYTES_MIN {
            return Err(self.reader.error("more chunks than there are bytes for"));
        }
        let mut chunks = Vec::with_capacity(count);
        let mut last_max = 0i64;
        for _ in 0..count {
            let chunk = self.chunk(last_max)?;
            last_max = chunk.max;
            chunks.push(chunk);
        }
        Ok(chunks)
    }

    fn chunk(&mut self, last_max: i64) -> Result<ChunkPart, DecodeError> {
        let reader = &mut self.reader;
        let encoding: Encoding = encoding_of(reader.u8()?)
            .ok_or_else(|| reader.error("a chunk of an encoding that is not known"))?;
        let min = last_max.wrapping_add(reader.ivarint()?);
        let max = min.wrapping_add(reader.ivarint()?);
        if max < min {
            return Err(reader.error("a chunk that ends before it starts"));
        }
        let count = u32::try_from(reader.uvarint()?)
            .map_err(|_| reader.error("a chunk of more samples than 32 bits can count"))?;
        let len = usize::try_from(reader.uvarint()?).unwrap_or(usize::MAX);
        Ok(ChunkPart {
            min,
            max,
            count,
            encoding,
            bytes: reader.take(len)?.into(),
        })
    }
}
