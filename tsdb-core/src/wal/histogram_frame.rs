//! The payload of a frame of native histograms: ids and timestamps in columns as those of floats,
//! then canonical bytes.

use super::frame::{KIND_HISTOGRAMS, StepReader, StepRuns, column, narrow};
use crate::bits::{ByteReader, DecodeError, put_ivarint, put_uvarint};
use crate::model::{Generation, NamespaceId, SeriesId, ShardId};

use super::FRAME_STAMP_BYTES;

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
    ids: StepRuns,
    timestamps: StepRuns,
    values: Vec<u8>,
    rows: u64,
    base: i64,
    delete_seen: Generation,
}

impl HistogramFrameEncoder {
    /// Starts a frame whose timestamps are stored relative to `base`.
    pub fn start(&mut self, base: i64) {
        self.ids.start(0);
        self.timestamps.start(base.cast_unsigned());
        self.values.clear();
        self.rows = 0;
        self.base = base;
        self.delete_seen = Generation(0);
    }

    /// Says which delete the writer of the frame had seen last.
    pub fn saw_delete(&mut self, generation: Generation) {
        self.delete_seen = generation;
    }

    /// Adds a row; rows are replayed in this order.
    pub fn push(&mut self, row: HistogramRow<'_>) {
        self.ids.push(row.series.0);
        self.timestamps.push(row.timestamp.cast_unsigned());
        put_uvarint(&mut self.values, row.bytes.len() as u64);
        self.values.extend_from_slice(row.bytes);
        self.rows += 1;
    }

    /// No frame of `rows` histograms whose canonical bytes are `bytes` in all is longer, stamp
    /// included.
    #[must_use]
    pub fn bytes_at_most(rows: usize, bytes: usize) -> u64 {
        // Two step runs of at most 11 + 2 bytes (a run costs at least one row), a length.
        (rows as u64) * (13 + 13 + 5) + bytes as u64 + 128 + FRAME_STAMP_BYTES as u64
    }

    /// Appends the payload of the frame to `out`.
    pub fn finish(&mut self, namespace: NamespaceId, shard: ShardId, out: &mut Vec<u8>) {
        self.ids.end();
        self.timestamps.end();
        out.push(KIND_HISTOGRAMS);
        put_uvarint(out, u64::from(namespace.0));
        put_uvarint(out, 0); // Epoch of the placement shard: 0 where there is no cluster.
        put_uvarint(out, self.delete_seen.0);
        put_uvarint(out, self.rows);
        put_ivarint(out, self.base);
        put_uvarint(out, self.rows);
        put_uvarint(out, u64::from(shard.0));
        put_uvarint(out, self.ids.bytes.len() as u64);
        out.extend_from_slice(&self.ids.bytes);
        put_uvarint(out, self.timestamps.bytes.len() as u64);
        out.extend_from_slice(&self.timestamps.bytes);
        out.extend_from_slice(&self.values);
    }
}

/// A decoded frame of histograms over its payload.
#[derive(Clone, Debug)]
pub struct HistogramFrame<'a> {
    /// The namespace all rows belong to.
    pub namespace: NamespaceId,
    /// Epoch of the placement shard the writer was in; 0 without a cluster.
    pub epoch: u64,
    /// The last delete the writer had seen; 0 for none.
    pub delete_seen: Generation,
    /// How many rows.
    pub rows: u64,
    /// The placement shard of all rows.
    pub shard: ShardId,
    base: i64,
    ids: &'a [u8],
    timestamps: &'a [u8],
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
        let mut reader = ByteReader::new(payload);
        if reader.u8()? != KIND_HISTOGRAMS {
            return Err(DecodeError {
                what: "unknown kind of frame",
                offset: 0,
            });
        }
        let namespace = NamespaceId(narrow(reader.uvarint()?, &reader)?);
        let epoch = reader.uvarint()?;
        let delete_seen = Generation(reader.uvarint()?);
        let rows = reader.uvarint()?;
        let base = reader.ivarint()?;
        let in_shard = reader.uvarint()?;
        let shard = ShardId(narrow(reader.uvarint()?, &reader)?);
        if in_shard != rows {
            return Err(reader.error("a frame of several placement shards is not supported"));
        }
        let ids = column(&mut reader)?;
        let timestamps = column(&mut reader)?;
        let values = reader.take(reader.remaining())?;
        Ok(Self {
            namespace,
            epoch,
            delete_seen,
            rows,
            shard,
            base,
            ids,
            timestamps,
            values,
        })
    }

    /// The rows in the order in which they were pushed.
    #[must_use]
    pub fn rows(&self) -> HistogramRows<'a> {
        HistogramRows {
            ids: StepReader::new(self.ids, 0),
            timestamps: StepReader::new(self.timestamps, self.base.cast_unsigned()),
            values: ByteReader::new(self.values),
            left: self.rows,
        }
    }
}

/// Iterates the rows of a [`HistogramFrame`].
#[derive(Clone, Debug)]
pub struct HistogramRows<'a> {
    ids: StepReader<'a>,
    timestamps: StepReader<'a>,
    values: ByteReader<'a>,
    left: u64,
}

impl<'a> HistogramRows<'a> {
    /// The next row; `None` after the last, when all columns must be used up.
    ///
    /// # Errors
    /// When a column is malformed.
    pub fn next_row(&mut self) -> Result<Option<HistogramRow<'a>>, DecodeError> {
        if self.left == 0 {
            if self.ids.at_end() && self.timestamps.at_end() && self.values.is_empty() {
                return Ok(None);
            }
            return Err(self.values.error("bytes left behind the last row"));
        }
        self.left -= 1;
        let series = SeriesId(self.ids.next()?);
        let timestamp = self.timestamps.next()?.cast_signed();
        let len = usize::try_from(self.values.uvarint()?);
        let len = len.map_err(|_| self.values.error("length of a histogram"))?;
        Ok(Some(HistogramRow {
            series,
            timestamp,
            bytes: self.values.take(len)?,
        }))
    }
}
