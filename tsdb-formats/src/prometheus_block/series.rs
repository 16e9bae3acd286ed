//! One series of an index: its labels, and where its chunks are.

use tsdb_core::bits::{ByteReader, DecodeError};

/// Where a chunk is, and when its samples were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkMeta {
    /// Time of its first sample, milliseconds since the epoch.
    pub min_time: i64,
    /// Time of its last sample.
    pub max_time: i64,
    /// Number of its segment from 0 in the high half, offset in it in the low half.
    pub reference: u64,
}

impl ChunkMeta {
    /// Number of its segment, from 0.
    #[must_use]
    pub fn segment(&self) -> u32 {
        u32::try_from(self.reference >> 32).unwrap_or(u32::MAX)
    }

    /// Where it begins in its segment.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.reference & u64::from(u32::MAX)
    }
}

/// What an entry of the series section holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct SeriesEntry {
    /// References of symbols: names and values.
    pub(super) labels: Vec<(u64, u64)>,
    /// The chunks, oldest first unless they overlap.
    pub(super) chunks: Vec<ChunkMeta>,
}

impl SeriesEntry {
    /// Takes an entry apart, without its length and its checksum.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = ByteReader::new(bytes);
        let mut entry = Self::default();
        let labels = reader.uvarint()?;
        // A label takes two bytes at least, a chunk three.
        if labels > (reader.remaining() / 2) as u64 {
            return Err(reader.error("more labels than the entry has bytes for"));
        }
        for _ in 0..labels {
            entry.labels.push((reader.uvarint()?, reader.uvarint()?));
        }
        let chunks = reader.uvarint()?;
        if chunks > (reader.remaining() / 3) as u64 {
            return Err(reader.error("more chunks than the entry has bytes for"));
        }
        let mut last: Option<ChunkMeta> = None;
        for _ in 0..chunks {
            let min_time = match last {
                None => reader.ivarint()?,
                Some(last) => last.max_time.wrapping_add(reader.uvarint()?.cast_signed()),
            };
            let max_time = min_time.wrapping_add(reader.uvarint()?.cast_signed());
            let reference = match last {
                None => reader.uvarint()?,
                Some(last) => last.reference.wrapping_add_signed(reader.ivarint()?),
            };
            if max_time < min_time {
                return Err(reader.error("a chunk ends before it begins"));
            }
            let chunk = ChunkMeta {
                min_time,
                max_time,
                reference,
            };
            entry.chunks.push(chunk);
            last = Some(chunk);
        }
        if !reader.is_empty() {
            return Err(reader.error("bytes behind the last chunk"));
        }
        Ok(entry)
    }
}
