//! The bytes of one frame: a stamp set by the leader of a commit, then what a writer enqueued.

use crate::bits::{ByteReader, DecodeError, crc32c, put_ivarint, put_u32, put_u64, put_uvarint};
use crate::model::{Generation, NamespaceId, SeriesId, ShardId};

/// Length of the stamp in front of each frame: payload length, checksum, LSN, synced LSN, time.
pub const FRAME_STAMP_BYTES: usize = 4 + 4 + 8 + 8 + 8;

/// A frame of samples.
pub const KIND_SAMPLES: u8 = 1;
/// A frame of native histograms.
pub const KIND_HISTOGRAMS: u8 = 3;

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

/// Numbers coded as runs of an equal step: `(zigzag step, repeats)`.
#[derive(Debug, Default)]
pub(super) struct StepRuns {
    pub(super) bytes: Vec<u8>,
    last: u64,
    step: u64,
    repeats: u64,
}

impl StepRuns {
    pub(super) fn start(&mut self, base: u64) {
        self.bytes.clear();
        self.last = base;
        self.step = 0;
        self.repeats = 0;
    }

    #[inline]
    pub(super) fn push(&mut self, value: u64) {
        let step = value.wrapping_sub(self.last);
        self.last = value;
        if step != self.step || self.repeats == 0 {
            self.end();
            self.step = step;
        }
        self.repeats += 1;
    }

    pub(super) fn end(&mut self) {
        if self.repeats > 0 {
            put_ivarint(&mut self.bytes, self.step.cast_signed());
            put_uvarint(&mut self.bytes, self.repeats);
            self.repeats = 0;
        }
    }
}

/// Builds the payload of a sample frame column by column. Reused: keeps its buffers.
#[derive(Debug, Default)]
pub struct SampleFrameEncoder {
    ids: StepRuns,
    timestamps: StepRuns,
    same: Vec<u8>,
    values: Vec<u8>,
    rows: u64,
    base: i64,
    delete_seen: Generation,
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
        let steps = self.ids.bytes.capacity() + self.timestamps.bytes.capacity();
        steps + self.same.capacity() + self.values.capacity()
    }

    /// Starts a frame whose timestamps are stored relative to `base`.
    pub fn start(&mut self, base: i64) {
        self.ids.start(0);
        self.timestamps.start(base.cast_unsigned());
        self.same.clear();
        self.values.clear();
        self.rows = 0;
        self.base = base;
        self.delete_seen = Generation(0);
    }

    /// Notes the last delete of the namespace that its writer knows of.
    pub fn saw_delete(&mut self, generation: Generation) {
        self.delete_seen = generation;
    }

    /// Adds a row; rows are replayed in this order.
    #[inline]
    pub fn push(&mut self, row: Row) {
        self.ids.push(row.series.0);
        self.timestamps.push(row.timestamp.cast_unsigned());
        let bit = self.rows % 8;
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
        self.rows += 1;
    }

    /// No frame of `rows` rows is longer, stamp included.
    #[must_use]
    pub fn bytes_at_most(rows: usize) -> u64 {
        // Two step runs of at most 11 + 2 bytes (a run costs at least one row), a bit, a value.
        (rows as u64) * (13 + 13 + 1 + 8) + 128 + FRAME_STAMP_BYTES as u64
    }

    /// Appends the payload of the frame to `out`.
    pub fn finish(&mut self, namespace: NamespaceId, shard: ShardId, out: &mut Vec<u8>) {
        self.ids.end();
        self.timestamps.end();
        out.push(KIND_SAMPLES);
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
        out.extend_from_slice(&self.same);
        out.extend_from_slice(&self.values);
    }
}

/// A decoded sample frame over its payload.
#[derive(Clone, Debug)]
pub struct SampleFrame<'a> {
    /// The namespace all rows belong to.
    pub namespace: NamespaceId,
    /// Epoch of the placement shard the writer was in; 0 without a cluster.
    pub epoch: u64,
    /// The last delete of the namespace the writer had seen; 0 for none.
    pub delete_seen: Generation,
    /// How many rows.
    pub rows: u64,
    /// The placement shard of all rows.
    pub shard: ShardId,
    base: i64,
    ids: &'a [u8],
    timestamps: &'a [u8],
    same: &'a [u8],
    values: &'a [u8],
}

impl<'a> SampleFrame<'a> {
    /// Decodes the payload of a frame.
    ///
    /// # Errors
    /// When it is not a sample frame, or its columns do not fit its length.
    pub fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = ByteReader::new(payload);
        if reader.u8()? != KIND_SAMPLES {
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
        let same_len = usize::try_from(rows.div_ceil(8)).map_err(|_| reader.error("rows"))?;
        let same = reader.take(same_len)?;
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
            same,
            values,
        })
    }

    /// The rows in the order in which they were pushed.
    #[must_use]
    pub fn rows(&self) -> SampleRows<'a> {
        SampleRows {
            ids: StepReader::new(self.ids, 0),
            timestamps: StepReader::new(self.timestamps, self.base.cast_unsigned()),
            same: self.same,
            values: ByteReader::new(self.values),
            row: 0,
            rows: self.rows,
        }
    }
}

pub(super) fn narrow(value: u64, reader: &ByteReader<'_>) -> Result<u32, DecodeError> {
    u32::try_from(value).map_err(|_| reader.error("number wider than 32 bits"))
}

pub(super) fn column<'a>(reader: &mut ByteReader<'a>) -> Result<&'a [u8], DecodeError> {
    let len = usize::try_from(reader.uvarint()?).map_err(|_| reader.error("column length"))?;
    reader.take(len)
}

#[derive(Clone, Debug)]
pub(super) struct StepReader<'a> {
    reader: ByteReader<'a>,
    last: u64,
    step: u64,
    repeats: u64,
}

impl<'a> StepReader<'a> {
    pub(super) fn new(bytes: &'a [u8], base: u64) -> Self {
        Self {
            reader: ByteReader::new(bytes),
            last: base,
            step: 0,
            repeats: 0,
        }
    }

    #[inline]
    pub(super) fn next(&mut self) -> Result<u64, DecodeError> {
        self.run()?;
        self.repeats -= 1;
        self.last = self.last.wrapping_add(self.step);
        Ok(self.last)
    }

    /// How many numbers come in steps of one size; reads the next size if none is left of the last.
    #[inline]
    fn run(&mut self) -> Result<u64, DecodeError> {
        if self.repeats == 0 {
            self.step = self.reader.ivarint()?.cast_unsigned();
            self.repeats = self.reader.uvarint()?;
            if self.repeats == 0 {
                return Err(self.reader.error("empty run"));
            }
        }
        Ok(self.repeats)
    }

    pub(super) fn at_end(&self) -> bool {
        self.repeats == 0 && self.reader.is_empty()
    }
}

/// Iterates the rows of a [`SampleFrame`].
#[derive(Clone, Debug)]
pub struct SampleRows<'a> {
    ids: StepReader<'a>,
    timestamps: StepReader<'a>,
    same: &'a [u8],
    values: ByteReader<'a>,
    row: u64,
    rows: u64,
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
        while self.row < self.rows {
            let run = self.ids.run()?.min(self.timestamps.run()?);
            let run = run.min(self.rows - self.row);
            let (id_step, time_step) = (self.ids.step, self.timestamps.step);
            let (mut id, mut time) = (self.ids.last, self.timestamps.last);
            for row in self.row..self.row + run {
                id = id.wrapping_add(id_step);
                time = time.wrapping_add(time_step);
                let byte = usize::try_from(row / 8)
                    .ok()
                    .and_then(|at| self.same.get(at));
                let same = byte.is_some_and(|byte| byte >> (row % 8) & 1 == 1);
                let value = if same { None } else { Some(self.values.u64()?) };
                visit(Row {
                    series: SeriesId(id),
                    timestamp: time.cast_signed(),
                    value,
                })?;
            }
            (self.ids.last, self.timestamps.last) = (id, time);
            self.ids.repeats -= run;
            self.timestamps.repeats -= run;
            self.row += run;
        }
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
        if self.row == self.rows {
            if self.ids.at_end() && self.timestamps.at_end() && self.values.is_empty() {
                return Ok(None);
            }
            return Err(self.values.error("bytes left behind the last row"));
        }
        let series = SeriesId(self.ids.next()?);
        let timestamp = self.timestamps.next()?.cast_signed();
        let byte = usize::try_from(self.row / 8)
            .ok()
            .and_then(|at| self.same.get(at));
        let same = byte.is_some_and(|byte| byte >> (self.row % 8) & 1 == 1);
        let value = if same { None } else { Some(self.values.u64()?) };
        self.row += 1;
        Ok(Some(Row {
            series,
            timestamp,
            value,
        }))
    }
}
