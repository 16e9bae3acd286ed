//! The bytes of one frame: a stamp set by the leader of a commit, then what a writer enqueued.

use super::columns::{RowColumns, RowKeys, RowsHead};
use crate::bits::{ByteReader, DecodeError, crc32c, put_u32, put_u64};
use crate::model::{Generation, NamespaceId, SeriesId, ShardId};

/// Length of the stamp in front of each frame: payload length, checksum, LSN, synced LSN, time.
pub const FRAME_STAMP_BYTES: usize = 4 + 4 + 8 + 8 + 8;

/// A frame of samples.
pub const KIND_SAMPLES: u8 = 1;

/// What the leader of a commit writes in front of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameStamp {
    /// Bytes of the payload behind the stamp.
    pub payload_len: u32,
    /// Position of the frame in the order of all frames.
    pub lsn: u64,
    /// All frames up to this position were known to be synced when this one was written.
    pub synced: u64,
    /// Wall clock of the writer, milliseconds since the epoch.
    pub written_ms: i64,
}

impl FrameStamp {
    /// Stamps a frame in place: `frame` is room for the stamp followed by the payload.
    pub fn stamp(frame: &mut [u8], lsn: u64, synced: u64, written_ms: i64) {
        let mut head = Vec::with_capacity(FRAME_STAMP_BYTES);
        let payload_len = frame.len() - FRAME_STAMP_BYTES;
        put_u32(&mut head, u32::try_from(payload_len).unwrap_or(u32::MAX));
        put_u32(&mut head, 0);
        put_u64(&mut head, lsn);
        put_u64(&mut head, synced);
        put_u64(&mut head, written_ms.cast_unsigned());
        frame
            .iter_mut()
            .zip(&head)
            .for_each(|(to, from)| *to = *from);
        let crc = Self::checksum(frame);
        frame
            .iter_mut()
            .skip(4)
            .zip(crc.to_le_bytes())
            .for_each(|(to, from)| *to = from);
    }

    /// Notes the payload's length in a stamp that is still room.
    pub fn set_len(frame: &mut [u8]) {
        let payload_len = frame.len().saturating_sub(FRAME_STAMP_BYTES);
        let bytes = u32::try_from(payload_len).unwrap_or(u32::MAX).to_le_bytes();
        frame
            .iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = from);
    }

    /// Parses the stamp at the front of `bytes`; says nothing yet about the payload.
    ///
    /// # Errors
    /// When fewer than [`FRAME_STAMP_BYTES`] are there.
    pub fn parse(bytes: &[u8]) -> Result<(Self, u32), DecodeError> {
        let mut reader = ByteReader::new(bytes);
        let payload_len = reader.u32()?;
        let crc = reader.u32()?;
        let lsn = reader.u64()?;
        let synced = reader.u64()?;
        let written_ms = reader.i64()?;
        Ok((
            Self {
                payload_len,
                lsn,
                synced,
                written_ms,
            },
            crc,
        ))
    }

    /// The checksum of a whole frame: everything but the checksum itself.
    #[must_use]
    pub fn checksum(frame: &[u8]) -> u32 {
        let (length, rest) = frame.split_at_checked(4).unwrap_or((frame, &[]));
        let behind = rest.get(4..).unwrap_or_default();
        crate::bits::crc32c_append(crc32c(length), behind)
    }
}

/// One sample of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The series.
    pub series: SeriesId,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// Bits of the value, or `None` for "as the previous row of this series in this log".
    pub value: Option<u64>,
}

/// Builds the payload of a sample frame column by column. Reused: keeps its buffers.
#[derive(Debug, Default)]
pub struct SampleFrameEncoder {
    columns: RowColumns,
    same: Vec<u8>,
    values: Vec<u8>,
}

impl SampleFrameEncoder {
    /// An empty encoder.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes of memory that it keeps between frames.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.columns.heap_bytes() + self.same.capacity() + self.values.capacity()
    }

    /// Starts a frame whose timestamps are stored relative to `base`.
    pub fn start(&mut self, base: i64) {
        self.columns.start(base);
        self.same.clear();
        self.values.clear();
    }

    /// Notes the last delete of the namespace that its writer knows of.
    pub fn saw_delete(&mut self, generation: Generation) {
        self.columns.saw_delete(generation);
    }

    /// Adds a row; rows are replayed in this order.
    #[inline]
    pub fn push(&mut self, row: Row) {
        let bit = self.columns.rows() % 8;
        self.columns.push(row.series, row.timestamp);
        if bit == 0 {
            self.same.push(0);
        }
        match row.value {
            Some(bits) => self.values.extend_from_slice(&bits.to_le_bytes()),
            None => {
                if let Some(last) = self.same.last_mut() {
                    *last |= 1 << bit;
                }
            }
        }
    }

    /// No frame of `rows` rows is longer, stamp included.
    #[must_use]
    pub fn bytes_at_most(rows: usize) -> u64 {
        // A bit and a value.
        RowColumns::bytes_at_most(rows) + (rows as u64) * (1 + 8)
    }

    /// Appends the payload of the frame to `out`.
    pub fn finish(&mut self, namespace: NamespaceId, shard: ShardId, out: &mut Vec<u8>) {
        self.columns.finish(KIND_SAMPLES, (namespace, shard), out);
        out.extend_from_slice(&self.same);
        out.extend_from_slice(&self.values);
    }
}

/// A decoded sample frame over its payload.
#[derive(Clone, Debug)]
pub struct SampleFrame<'a> {
    /// What frames of rows begin with.
    pub head: RowsHead<'a>,
    pub(super) same: &'a [u8],
    pub(super) values: &'a [u8],
}

impl<'a> SampleFrame<'a> {
    /// Decodes the payload of a frame.
    ///
    /// # Errors
    /// When it is not a sample frame, or its columns do not fit its length.
    pub fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let (head, mut reader) = RowsHead::decode(payload, KIND_SAMPLES)?;
        let same_len = usize::try_from(head.rows.div_ceil(8)).map_err(|_| reader.error("rows"))?;
        let same = reader.take(same_len)?;
        let values = reader.take(reader.remaining())?;
        Ok(Self { head, same, values })
    }

    /// The rows in the order in which they were pushed.
    #[must_use]
    pub fn rows(&self) -> SampleRows<'a> {
        SampleRows {
            keys: self.head.keys(),
            same: self.same,
            values: ByteReader::new(self.values),
        }
    }
}

/// Iterates the rows of a [`SampleFrame`].
#[derive(Clone, Debug)]
pub struct SampleRows<'a> {
    keys: RowKeys<'a>,
    same: &'a [u8],
    values: ByteReader<'a>,
}

impl SampleRows<'_> {
    /// Hands over all rows that are left, which takes less time than one call for each.
    ///
    /// # Errors
    /// When a column is malformed, after the rows before; and at the first error of `visit`.
    #[inline]
    pub fn for_each<E: From<DecodeError>>(
        mut self,
        mut visit: impl FnMut(Row) -> Result<(), E>,
    ) -> Result<(), E> {
        let Self { keys, same, values } = &mut self;
        keys.for_each(|row, series, timestamp| {
            let value = take_value(row, same, values)?;
            visit(Row {
                series,
                timestamp,
                value,
            })
        })?;
        // Tells whether anything is left behind the last row.
        self.next_row()?;
        Ok(())
    }

    /// The next row; `None` after the last, when all columns must be used up.
    ///
    /// # Errors
    /// When a column is malformed.
    #[inline]
    pub fn next_row(&mut self) -> Result<Option<Row>, DecodeError> {
        let row = self.keys.row();
        let Some((series, timestamp)) = self.keys.next_key(&self.values)? else {
            return Ok(None);
        };
        let value = take_value(row, self.same, &mut self.values)?;
        Ok(Some(Row {
            series,
            timestamp,
            value,
        }))
    }
}

/// The value of a row, or `None` for "as before".
#[inline]
fn take_value(
    row: u64,
    same: &[u8],
    values: &mut ByteReader<'_>,
) -> Result<Option<u64>, DecodeError> {
    let byte = usize::try_from(row / 8).ok().and_then(|at| same.get(at));
    let same = byte.is_some_and(|byte| byte >> (row % 8) & 1 == 1);
    Ok(if same { None } else { Some(values.u64()?) })
}
