//! The payload of a frame of native histograms: ids and timestamps in columns as those of floats,
//! then canonical bytes.

use super::columns::{RowColumns, RowKeys, RowsHead};
use crate::bits::{ByteReader, DecodeError, put_uvarint};
use crate::model::{Generation, NamespaceId, SeriesId, ShardId};

/// A frame of native histograms.
pub const KIND_HISTOGRAMS: u8 = 3;

/// One histogram of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistogramRow<'a> {
    /// The series.
    pub series: SeriesId,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// Canonical bytes of the histogram, as far as its writer is trusted.
    pub bytes: &'a [u8],
}

/// Builds the payload of a frame of histograms. Reused: keeps its buffers.
#[derive(Debug, Default)]
pub struct HistogramFrameEncoder {
    columns: RowColumns,
    values: Vec<u8>,
}

impl HistogramFrameEncoder {
    /// Starts a frame whose timestamps are stored relative to `base`.
    pub fn start(&mut self, base: i64) {
        self.columns.start(base);
        self.values.clear();
    }

    /// Says which delete the writer of the frame had seen last.
    pub fn saw_delete(&mut self, generation: Generation) {
        self.columns.saw_delete(generation);
    }

    /// Adds a row; rows are replayed in this order.
    pub fn push(&mut self, row: HistogramRow<'_>) {
        self.columns.push(row.series, row.timestamp);
        put_uvarint(&mut self.values, row.bytes.len() as u64);
        self.values.extend_from_slice(row.bytes);
    }

    /// No frame of `rows` histograms whose canonical bytes are `bytes` in all is longer, stamp
    /// included.
    #[must_use]
    pub fn bytes_at_most(rows: usize, bytes: usize) -> u64 {
        // A length.
        RowColumns::bytes_at_most(rows) + (rows as u64) * 5 + bytes as u64
    }

    /// Appends the payload of the frame to `out`.
    pub fn finish(&mut self, namespace: NamespaceId, shard: ShardId, out: &mut Vec<u8>) {
        self.columns
            .finish(KIND_HISTOGRAMS, (namespace, shard), out);
        out.extend_from_slice(&self.values);
    }
}

/// A decoded frame of histograms over its payload.
#[derive(Clone, Debug)]
pub struct HistogramFrame<'a> {
    /// What frames of rows begin with.
    pub head: RowsHead<'a>,
    values: &'a [u8],
}

impl<'a> HistogramFrame<'a> {
    /// Whether a payload is of this kind.
    #[must_use]
    pub fn is_one(payload: &[u8]) -> bool {
        payload.first() == Some(&KIND_HISTOGRAMS)
    }

    /// Decodes the payload of a frame.
    ///
    /// # Errors
    /// When it is no frame of histograms, or its columns do not fit its length.
    pub fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let (head, mut reader) = RowsHead::decode(payload, KIND_HISTOGRAMS)?;
        let values = reader.take(reader.remaining())?;
        Ok(Self { head, values })
    }

    /// The rows in the order in which they were pushed.
    #[must_use]
    pub fn rows(&self) -> HistogramRows<'a> {
        HistogramRows {
            keys: self.head.keys(),
            values: ByteReader::new(self.values),
        }
    }
}

/// Iterates the rows of a [`HistogramFrame`].
#[derive(Clone, Debug)]
pub struct HistogramRows<'a> {
    keys: RowKeys<'a>,
    values: ByteReader<'a>,
}

impl<'a> HistogramRows<'a> {
    /// The next row; `None` after the last, when all columns must be used up.
    ///
    /// # Errors
    /// When a column is malformed.
    pub fn next_row(&mut self) -> Result<Option<HistogramRow<'a>>, DecodeError> {
        let Some((series, timestamp)) = self.keys.next_key(&self.values)? else {
            return Ok(None);
        };
        let len = usize::try_from(self.values.uvarint()?);
        let len = len.map_err(|_| self.values.error("length of a histogram"))?;
        Ok(Some(HistogramRow {
            series,
            timestamp,
            bytes: self.values.take(len)?,
        }))
    }
}
