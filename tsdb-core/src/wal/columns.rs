//! What all frames of rows have in common: whose they are, then a column of series ids and one of
//! timestamps.

use super::FRAME_STAMP_BYTES;
use crate::bits::{ByteReader, DecodeError, put_ivarint, put_uvarint};
use crate::model::{Generation, NamespaceId, SeriesId, ShardId};

/// Numbers coded as runs of an equal step: `(zigzag step, repeats)`.
#[derive(Debug, Default)]
struct StepRuns {
    bytes: Vec<u8>,
    last: u64,
    step: u64,
    repeats: u64,
}

impl StepRuns {
    fn start(&mut self, base: u64) {
        self.bytes.clear();
        self.last = base;
        self.step = 0;
        self.repeats = 0;
    }

    #[inline]
    fn push(&mut self, value: u64) {
        let step = value.wrapping_sub(self.last);
        self.last = value;
        if step != self.step || self.repeats == 0 {
            self.end();
            self.step = step;
        }
        self.repeats += 1;
    }

    fn end(&mut self) {
        if self.repeats > 0 {
            put_ivarint(&mut self.bytes, self.step.cast_signed());
            put_uvarint(&mut self.bytes, self.repeats);
            self.repeats = 0;
        }
    }
}

/// Builds what frames of rows begin with. Reused: keeps its buffers.
#[derive(Debug, Default)]
pub(super) struct RowColumns {
    ids: StepRuns,
    timestamps: StepRuns,
    rows: u64,
    base: i64,
    delete_seen: Generation,
}

impl RowColumns {
    /// Bytes of memory that it keeps between frames.
    pub(super) fn heap_bytes(&self) -> usize {
        self.ids.bytes.capacity() + self.timestamps.bytes.capacity()
    }

    /// Starts a frame whose timestamps are stored relative to `base`.
    pub(super) fn start(&mut self, base: i64) {
        self.ids.start(0);
        self.timestamps.start(base.cast_unsigned());
        self.rows = 0;
        self.base = base;
        self.delete_seen = Generation(0);
    }

    /// Notes the last delete of the namespace that the frame's writer knows of.
    pub(super) fn saw_delete(&mut self, generation: Generation) {
        self.delete_seen = generation;
    }

    /// How many rows were added.
    #[inline]
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Adds a row.
    #[inline]
    pub(super) fn push(&mut self, series: SeriesId, timestamp: i64) {
        self.ids.push(series.0);
        self.timestamps.push(timestamp.cast_unsigned());
        self.rows += 1;
    }

    /// Nothing of `rows` rows is longer, stamp included.
    pub(super) fn bytes_at_most(rows: usize) -> u64 {
        // Two step runs of at most 11 + 2 bytes: a run costs at least one row.
        (rows as u64) * (13 + 13) + 128 + FRAME_STAMP_BYTES as u64
    }

    /// Appends the payload of the frame to `out`, up to where the columns of its kind begin.
    pub(super) fn finish(
        &mut self,
        kind: u8,
        (namespace, shard): (NamespaceId, ShardId),
        out: &mut Vec<u8>,
    ) {
        self.ids.end();
        self.timestamps.end();
        out.push(kind);
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
    }
}

/// What frames of rows begin with, decoded.
#[derive(Clone, Copy, Debug)]
pub struct RowsHead<'a> {
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
}

impl<'a> RowsHead<'a> {
    /// Decodes the front of a payload; the reader stands at the columns of its kind.
    ///
    /// # Errors
    /// When the frame is of another kind, or is cut short.
    pub(super) fn decode(
        payload: &'a [u8],
        kind: u8,
    ) -> Result<(Self, ByteReader<'a>), DecodeError> {
        let mut reader = ByteReader::new(payload);
        let writer = FrameWriter::decode(&mut reader, kind)?;
        let rows = reader.uvarint()?;
        let base = reader.ivarint()?;
        let in_shard = reader.uvarint()?;
        let shard = ShardId(narrow(reader.uvarint()?, &reader)?);
        if in_shard != rows {
            return Err(reader.error("a frame of several placement shards is not supported"));
        }
        let head = Self {
            namespace: writer.namespace,
            epoch: writer.epoch,
            delete_seen: writer.delete_seen,
            rows,
            shard,
            base,
            ids: column(&mut reader)?,
            timestamps: column(&mut reader)?,
        };
        Ok((head, reader))
    }

    /// The columns of series ids and of timestamps.
    pub(super) fn steps(&self) -> (StepReader<'a>, StepReader<'a>) {
        let base = self.base.cast_unsigned();
        (
            StepReader::new(self.ids, 0),
            StepReader::new(self.timestamps, base),
        )
    }

    /// Bytes of the column of timestamps.
    pub(super) fn timestamps(&self) -> &'a [u8] {
        self.timestamps
    }

    /// Series and timestamps of the rows, in the order in which they were pushed.
    pub(super) fn keys(&self) -> RowKeys<'a> {
        let (ids, timestamps) = self.steps();
        RowKeys {
            ids,
            timestamps,
            row: 0,
            rows: self.rows,
        }
    }
}

/// What every frame says of its writer.
#[derive(Clone, Copy, Debug)]
pub(super) struct FrameWriter {
    pub(super) namespace: NamespaceId,
    pub(super) epoch: u64,
    pub(super) delete_seen: Generation,
}

impl FrameWriter {
    /// Reads the front of a payload of this `kind`.
    pub(super) fn decode(reader: &mut ByteReader<'_>, kind: u8) -> Result<Self, DecodeError> {
        if reader.u8()? != kind {
            return Err(DecodeError {
                what: "unknown kind of frame",
                offset: 0,
            });
        }
        Ok(Self {
            namespace: NamespaceId(narrow(reader.uvarint()?, reader)?),
            epoch: reader.uvarint()?,
            delete_seen: Generation(reader.uvarint()?),
        })
    }
}

pub(super) fn narrow(value: u64, reader: &ByteReader<'_>) -> Result<u32, DecodeError> {
    u32::try_from(value).map_err(|_| reader.error("number wider than 32 bits"))
}

fn column<'a>(reader: &mut ByteReader<'a>) -> Result<&'a [u8], DecodeError> {
    let len = usize::try_from(reader.uvarint()?).map_err(|_| reader.error("column length"))?;
    reader.take(len)
}

/// Where a [`StepReader`] stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct StepPlace {
    offset: u32,
    repeats: u32,
    last: u64,
    step: u64,
}

#[derive(Clone, Debug)]
pub(super) struct StepReader<'a> {
    reader: ByteReader<'a>,
    last: u64,
    step: u64,
    repeats: u64,
}

impl<'a> StepReader<'a> {
    fn new(bytes: &'a [u8], base: u64) -> Self {
        Self {
            reader: ByteReader::new(bytes),
            last: base,
            step: 0,
            repeats: 0,
        }
    }

    /// Goes on in a column where another reader of it stood.
    #[inline]
    pub(super) fn at(bytes: &'a [u8], place: StepPlace) -> Self {
        let rest = bytes.get(place.offset as usize..);
        Self {
            reader: ByteReader::new(rest.unwrap_or_default()),
            last: place.last,
            step: place.step,
            repeats: u64::from(place.repeats),
        }
    }

    /// Where it stands, for who reads no more than `rows` numbers from there.
    #[inline]
    pub(super) fn place(&self, rows: u64) -> StepPlace {
        // Columns and rows of a frame are fewer than 2^32.
        let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        StepPlace {
            offset: narrow(self.reader.position() as u64),
            repeats: narrow(self.repeats.min(rows)),
            last: self.last,
            step: self.step,
        }
    }

    /// The number before the next.
    #[inline]
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// How far the numbers of the present run are apart.
    #[inline]
    pub(super) fn step(&self) -> u64 {
        self.step
    }

    /// Passes over as many numbers of the present run, at most, and tells how many.
    #[inline]
    pub(super) fn skip(&mut self, most: u64) -> u64 {
        let skipped = self.repeats.min(most);
        self.last = self.last.wrapping_add(self.step.wrapping_mul(skipped));
        self.repeats -= skipped;
        skipped
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
    pub(super) fn run(&mut self) -> Result<u64, DecodeError> {
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

/// Iterates series and timestamps of a frame's rows.
#[derive(Clone, Debug)]
pub(super) struct RowKeys<'a> {
    ids: StepReader<'a>,
    timestamps: StepReader<'a>,
    row: u64,
    rows: u64,
}

impl RowKeys<'_> {
    /// The number of the next row.
    #[inline]
    pub(super) fn row(&self) -> u64 {
        self.row
    }

    /// Hands over the numbers, series and timestamps of all rows that are left, which takes less
    /// time than one call for each.
    #[inline]
    pub(super) fn for_each<E: From<DecodeError>>(
        &mut self,
        mut visit: impl FnMut(u64, SeriesId, i64) -> Result<(), E>,
    ) -> Result<(), E> {
        while self.row < self.rows {
            let run = self.ids.run()?.min(self.timestamps.run()?);
            let run = run.min(self.rows - self.row);
            let (id_step, time_step) = (self.ids.step, self.timestamps.step);
            let (mut id, mut time) = (self.ids.last, self.timestamps.last);
            for row in self.row..self.row + run {
                id = id.wrapping_add(id_step);
                time = time.wrapping_add(time_step);
                visit(row, SeriesId(id), time.cast_signed())?;
            }
            (self.ids.last, self.timestamps.last) = (id, time);
            self.ids.repeats -= run;
            self.timestamps.repeats -= run;
            self.row += run;
        }
        Ok(())
    }

    /// The next row's; `None` after the last, when all columns must be used up: `rest`, which
    /// holds those of the frame's kind, as well.
    #[inline]
    pub(super) fn next_key(
        &mut self,
        rest: &ByteReader<'_>,
    ) -> Result<Option<(SeriesId, i64)>, DecodeError> {
        if self.row == self.rows {
            if self.ids.at_end() && self.timestamps.at_end() && rest.is_empty() {
                return Ok(None);
            }
            return Err(rest.error("bytes left behind the last row"));
        }
        let series = SeriesId(self.ids.next()?);
        let timestamp = self.timestamps.next()?.cast_signed();
        self.row += 1;
        Ok(Some((series, timestamp)))
    }
}
