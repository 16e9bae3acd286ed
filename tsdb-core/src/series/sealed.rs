//! Full chunks: their bits stay in the segments in which they grew, and one more segment says what
//! they are. Nothing is copied when a window ends, which it does for all series at once.

use super::segments::{BODY_BYTES, Segments};
use crate::model::TimeRange;

/// A full chunk of one series in an arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SealedChunk {
    /// First timestamp.
    pub(super) min: i64,
    /// Last timestamp.
    pub(super) max: i64,
    /// The segment in which its bits end.
    pub(super) segment: u32,
    /// Bytes of them.
    pub(super) bytes: u32,
    /// How many samples.
    pub(super) count: u16,
    /// Which segment describes the chunk before it, if there is one.
    pub(super) before: Option<u32>,
}

impl SealedChunk {
    /// Puts it into the arena; the segment that describes it.
    pub(super) fn put(&self, segments: &mut Segments) -> u32 {
        let fields = [self.min, self.max].into_iter().flat_map(i64::to_le_bytes);
        let fields = fields
            .chain(self.segment.to_le_bytes())
            .chain(self.bytes.to_le_bytes())
            .chain(self.count.to_le_bytes())
            .chain([u8::from(self.before.is_some())]);
        let mut body = [0; BODY_BYTES];
        body.iter_mut()
            .zip(fields)
            .for_each(|(to, from)| *to = from);
        segments.put(self.before.unwrap_or_default(), &body)
    }

    /// What a segment describes that [`SealedChunk::put`] told.
    pub(super) fn get(segments: &Segments, segment: u32) -> Option<Self> {
        let (before, body) = segments.get(segment)?;
        let (min, rest) = body.split_first_chunk()?;
        let (max, rest) = rest.split_first_chunk()?;
        let (segment, rest) = rest.split_first_chunk()?;
        let (bytes, rest) = rest.split_first_chunk()?;
        let (count, rest) = rest.split_first_chunk()?;
        Some(Self {
            min: i64::from_le_bytes(*min),
            max: i64::from_le_bytes(*max),
            segment: u32::from_le_bytes(*segment),
            bytes: u32::from_le_bytes(*bytes),
            count: u16::from_le_bytes(*count),
            before: (rest.first() == Some(&1)).then_some(before),
        })
    }

    /// Whether its times overlap those of `range`.
    pub(super) fn overlaps(&self, range: TimeRange) -> bool {
        range.overlaps(self.min, self.max)
    }
}

/// The full chunks of one series, the latest first.
#[derive(Clone, Debug)]
pub(super) struct SealedChunks<'a> {
    segments: &'a Segments,
    next: Option<u32>,
}

impl<'a> SealedChunks<'a> {
    /// Begins with the chunk that a segment describes.
    pub(super) fn new(segments: &'a Segments, last: Option<u32>) -> Self {
        Self {
            segments,
            next: last,
        }
    }
}

impl Iterator for SealedChunks<'_> {
    type Item = SealedChunk;

    fn next(&mut self) -> Option<SealedChunk> {
        let sealed = SealedChunk::get(self.segments, self.next?);
        self.next = sealed.and_then(|sealed| sealed.before);
        sealed
    }
}
