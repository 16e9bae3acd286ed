//! The payload of a frame of exemplars: ids and timestamps in columns as those of floats, then
//! values and labels.

use super::columns::{RowColumns, RowKeys, RowsHead};
use crate::bits::{ByteReader, DecodeError, put_u64, put_uvarint, uvarint_len};
use crate::model::{Generation, NamespaceId, SeriesId, ShardId};

/// A frame of exemplars.
pub const KIND_EXEMPLARS: u8 = 4;

/// One exemplar of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExemplarRow<'a> {
    /// The series.
    pub series: SeriesId,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// Bits of the value.
    pub bits: u64,
    /// Canonical bytes of its own labels, as far as its writer is trusted.
    pub labels: &'a [u8],
}

/// Builds the payload of a frame of exemplars. Reused: keeps its buffers.
#[derive(Debug, Default)]
pub struct ExemplarFrameEncoder {
    columns: RowColumns,
    values: Vec<u8>,
    first_arrival: u64,
}

impl ExemplarFrameEncoder {
    /// Starts a frame whose timestamps are stored relative to `base`, and whose first row arrives
    /// as `first_arrival`.
    pub fn start(&mut self, base: i64, first_arrival: u64) {
        self.columns.start(base);
        self.values.clear();
        self.first_arrival = first_arrival;
    }

    /// Notes the last delete of the namespace that its writer knows of.
    pub fn saw_delete(&mut self, generation: Generation) {
        self.columns.saw_delete(generation);
    }

    /// Adds a row; rows are replayed in this order.
    pub fn push(&mut self, row: ExemplarRow<'_>) {
        self.columns.push(row.series, row.timestamp);
        put_u64(&mut self.values, row.bits);
        put_uvarint(&mut self.values, row.labels.len() as u64);
        self.values.extend_from_slice(row.labels);
    }

    /// Bytes of memory that it keeps between frames.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.columns.heap_bytes() + self.values.capacity()
    }

    /// No frame of `rows` exemplars whose labels are `bytes` in all is longer, stamp included.
    #[must_use]
    pub fn bytes_at_most(rows: usize, bytes: usize) -> u64 {
        // A value and a length each, and the first arrival.
        let fixed = (rows as u64) * (8 + 5) + uvarint_len(u64::MAX) as u64;
        RowColumns::bytes_at_most(rows) + fixed + bytes as u64
    }

    /// Appends the payload of the frame to `out`.
    pub fn finish(&mut self, namespace: NamespaceId, shard: ShardId, out: &mut Vec<u8>) {
        self.columns.finish(KIND_EXEMPLARS, (namespace, shard), out);
        put_uvarint(out, self.first_arrival);
        out.extend_from_slice(&self.values);
    }
}

/// A decoded frame of exemplars over its payload.
#[derive(Clone, Debug)]
pub struct ExemplarFrame<'a> {
    /// What frames of rows begin with.
    pub head: RowsHead<'a>,
    /// The number, in the order of arrival of the namespace's exemplars, of the first row.
    pub first_arrival: u64,
    values: &'a [u8],
}

impl<'a> ExemplarFrame<'a> {
    /// Whether a payload is of this kind.
    #[must_use]
    pub fn is_one(payload: &[u8]) -> bool {
        payload.first() == Some(&KIND_EXEMPLARS)
    }

    /// Decodes the payload of a frame.
    ///
    /// # Errors
    /// When it is no frame of exemplars, or its columns do not fit its length.
    pub fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let (head, mut reader) = RowsHead::decode(payload, KIND_EXEMPLARS)?;
        let first_arrival = reader.uvarint()?;
        if first_arrival.checked_add(head.rows).is_none() {
            return Err(reader.error("more exemplars than can be counted"));
        }
        Ok(Self {
            head,
            first_arrival,
            values: reader.take(reader.remaining())?,
        })
    }

    /// The rows in the order in which they were pushed.
    #[must_use]
    pub fn rows(&self) -> ExemplarRows<'a> {
        ExemplarRows {
            keys: self.head.keys(),
            values: ByteReader::new(self.values),
        }
    }
}

/// Iterates the rows of an [`ExemplarFrame`].
#[derive(Clone, Debug)]
pub struct ExemplarRows<'a> {
    keys: RowKeys<'a>,
    values: ByteReader<'a>,
}

impl<'a> ExemplarRows<'a> {
    /// The next row; `None` after the last, when all columns must be used up.
    ///
    /// # Errors
    /// When a column is malformed.
    pub fn next_row(&mut self) -> Result<Option<ExemplarRow<'a>>, DecodeError> {
        let Some((series, timestamp)) = self.keys.next_key(&self.values)? else {
            return Ok(None);
        };
        let bits = self.values.u64()?;
        let len = usize::try_from(self.values.uvarint()?);
        let len = len.map_err(|_| self.values.error("length of an exemplar's labels"))?;
        Ok(Some(ExemplarRow {
            series,
            timestamp,
            bits,
            labels: self.values.take(len)?,
        }))
    }
}
