//! Series into frames.

use tsdb_core::bits::{crc32c, put_ivarint, put_u32, put_uvarint};
use tsdb_core::{ChunkPart, Labels};

use super::part::number_of;
use crate::wire::WireError;
use crate::wire::front_coding::LabelsWriter;

/// The version of a frame's bytes, its first byte.
pub const SERIES_FRAME_VERSION: u8 = 1;
/// A frame is ended by what brings it to so many bytes.
pub const SERIES_FRAME_BYTES: usize = 256 << 10;
/// No frame is longer; a chunk or labels that alone make it so are refused.
pub const SERIES_FRAME_BYTES_MAX: usize = 16 << 20;
/// Series of one frame at most.
pub(super) const SERIES_MAX: usize = 64 << 10;
/// What a series or chunk takes at most beside its labels or bytes.
const FIXED_BYTES_MAX: usize = 64;

/// Puts series into frames of about [`SERIES_FRAME_BYTES`]. Each frame can be read by itself; a
/// series whose chunks do not fit into one goes on in the next.
///
/// ```
/// # use tsdb_cluster::wire::{SeriesFrameReader, SeriesFrameWriter};
/// # use tsdb_core::Labels;
/// let labels = Labels::from_pairs([("__name__", "up")]).expect("labels");
/// let mut writer = SeriesFrameWriter::new();
/// let mut frames = Vec::new();
/// writer.push(&labels, &[], &mut |frame| frames.push(frame)).expect("a short name");
/// frames.extend(writer.finish());
/// let mut reader = SeriesFrameReader::new(&frames[0]).expect("a frame");
/// let series = reader.next_series().expect("a series").expect("one");
/// assert_eq!(series.labels, labels);
/// assert!(reader.next_series().expect("an end").is_none());
/// ```
#[derive(Debug, Default)]
pub struct SeriesFrameWriter {
    labels: LabelsWriter,
    series: usize,
    body: Vec<u8>,
    /// Chunks of the series that is being written.
    chunks: Vec<u8>,
    chunk_count: u64,
    last_max: i64,
}

impl SeriesFrameWriter {
    /// A writer with an empty frame.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a series, with no chunks where only labels are asked for, and gives each frame that it
    /// fills to `full`.
    ///
    /// # Errors
    /// When a chunk or the labels are longer than a frame may be. What was given to `full` stays
    /// good, the series is to be told as failed.
    pub fn push(
        &mut self,
        labels: &Labels,
        chunks: &[ChunkPart],
        full: &mut impl FnMut(Vec<u8>),
    ) -> Result<(), WireError> {
        let canonical = labels.as_bytes();
        let longest = chunks.iter().map(|chunk| chunk.bytes.len()).max();
        let bytes = canonical.len() + longest.unwrap_or_default() + SERIES_FRAME_BYTES;
        if bytes + 2 * FIXED_BYTES_MAX > SERIES_FRAME_BYTES_MAX {
            return Err(WireError::TooLarge {
                what: "bytes of labels and a chunk",
                name: "SERIES_FRAME_BYTES_MAX",
                value: bytes as u64,
                limit: SERIES_FRAME_BYTES_MAX as u64,
                advice: "select less",
            });
        }
        let mut chunks = chunks.iter().peekable();
        while let Some(chunk) = chunks.next() {
            self.put_chunk(chunk);
            let len = self.body.len() + self.chunks.len() + canonical.len();
            if len >= SERIES_FRAME_BYTES && chunks.peek().is_some() {
                self.end_series(canonical, true);
                full(self.take());
            }
        }
        self.end_series(canonical, false);
        if self.body.len() >= SERIES_FRAME_BYTES || self.series >= SERIES_MAX {
            full(self.take());
        }
        Ok(())
    }

    /// The last frame; `None` when nothing is left for it.
    #[must_use]
    pub fn finish(&mut self) -> Option<Vec<u8>> {
        (self.series > 0).then(|| self.take())
    }

    fn put_chunk(&mut self, chunk: &ChunkPart) {
        let out = &mut self.chunks;
        out.push(number_of(chunk.encoding));
        put_ivarint(out, chunk.min.wrapping_sub(self.last_max));
        put_ivarint(out, chunk.max.wrapping_sub(chunk.min));
        put_uvarint(out, u64::from(chunk.count));
        put_uvarint(out, chunk.bytes.len() as u64);
        out.extend_from_slice(&chunk.bytes);
        self.last_max = chunk.max;
        self.chunk_count += 1;
    }

    /// Ends the series with the chunks that it has so far.
    fn end_series(&mut self, canonical: &[u8], continues: bool) {
        self.labels.put(canonical, &mut self.body);
        put_uvarint(&mut self.body, self.chunk_count << 1 | u64::from(continues));
        self.body.append(&mut self.chunks);
        self.series += 1;
        self.chunk_count = 0;
        self.last_max = 0;
    }

    /// The frame so far; the next is empty.
    fn take(&mut self) -> Vec<u8> {
        let mut frame = Vec::with_capacity(self.body.len() + 16);
        frame.push(SERIES_FRAME_VERSION);
        put_uvarint(&mut frame, self.series as u64);
        frame.extend_from_slice(&self.body);
        let crc = crc32c(&frame);
        put_u32(&mut frame, crc);
        self.body.clear();
        self.labels.clear();
        self.series = 0;
        frame
    }
}
