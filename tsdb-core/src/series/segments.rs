//! Where the bits of open chunks grow: one arena for many series, in segments of a few words, each
//! of which names the one before it. Nothing moves when a chunk grows or is full, and nothing is freed
//! one by one: the arena goes as a whole.

use crate::bits::WordSink;

/// Words of bits in a segment.
const SEGMENT_WORDS: u16 = 4;
/// Bytes of them.
pub(super) const BODY_BYTES: usize = SEGMENT_WORDS as usize * 8;
const LINK_BYTES: usize = 4;
const SEGMENT_BYTES: usize = LINK_BYTES + BODY_BYTES;
/// Segments of a page: a power of two.
const PAGE_SEGMENTS: u32 = 1024;
const PAGE_BYTES: usize = SEGMENT_BYTES * PAGE_SEGMENTS as usize;

/// An arena of segments.
#[derive(Debug, Default)]
pub(super) struct Segments {
    pages: Vec<Box<[u8]>>,
    used: u32,
}

impl Segments {
    /// Bytes of memory held.
    #[must_use]
    pub(super) fn heap_bytes(&self) -> usize {
        self.pages.len() * PAGE_BYTES + self.pages.capacity() * size_of::<Box<[u8]>>()
    }

    /// A new segment behind `before`.
    fn begin(&mut self, before: u32) -> u32 {
        let segment = self.used;
        if segment.is_multiple_of(PAGE_SEGMENTS) {
            self.pages.push(vec![0; PAGE_BYTES].into_boxed_slice());
        }
        self.used += 1;
        if let Some(link) = self.segment_mut(segment).get_mut(..LINK_BYTES) {
            link.copy_from_slice(&before.to_le_bytes());
        }
        segment
    }

    #[inline]
    fn segment_mut(&mut self, segment: u32) -> &mut [u8] {
        let start = (segment % PAGE_SEGMENTS) as usize * SEGMENT_BYTES;
        let page = self.pages.get_mut((segment / PAGE_SEGMENTS) as usize);
        page.and_then(|page| page.get_mut(start..start + SEGMENT_BYTES))
            .unwrap_or_default()
    }

    fn segment(&self, segment: u32) -> &[u8] {
        let start = (segment % PAGE_SEGMENTS) as usize * SEGMENT_BYTES;
        let page = self.pages.get((segment / PAGE_SEGMENTS) as usize);
        page.and_then(|page| page.get(start..start + SEGMENT_BYTES))
            .unwrap_or_default()
    }

    /// Takes a segment for something else than bits, behind `before`.
    pub(super) fn put(&mut self, before: u32, body: &[u8; BODY_BYTES]) -> u32 {
        let segment = self.begin(before);
        if let Some(place) = self.segment_mut(segment).get_mut(LINK_BYTES..) {
            place.copy_from_slice(body);
        }
        segment
    }

    /// What a segment holds, and the one before it.
    pub(super) fn get(&self, segment: u32) -> Option<(u32, &[u8; BODY_BYTES])> {
        let (link, body) = self.segment(segment).split_first_chunk::<LINK_BYTES>()?;
        Some((u32::from_le_bytes(*link), body.first_chunk()?))
    }

    /// Behind which segment the first of so many words began, of which the last lie in `segment`.
    pub(super) fn before(&self, mut segment: u32, words: u16) -> Option<u32> {
        for _ in 0..words.div_ceil(SEGMENT_WORDS) {
            segment = self.get(segment)?.0;
        }
        Some(segment)
    }

    /// Appends bits to `target`: so many bytes, of which the last lie in `segment`.
    pub(super) fn copy(&self, mut segment: u32, bytes: usize, target: &mut Vec<u8>) {
        let from = target.len();
        target.resize(from + bytes, 0);
        let mut rest = target.get_mut(from..).unwrap_or_default();
        while let Some(last) = rest.len().checked_sub(1) {
            // All segments but the last are full, and this one is the last of what is left.
            let (front, end) = rest.split_at_mut(last / BODY_BYTES * BODY_BYTES);
            let Some((before, bits)) = self.get(segment) else {
                return;
            };
            end.iter_mut().zip(bits).for_each(|(to, from)| *to = *from);
            segment = before;
            rest = front;
        }
    }
}

/// The sink of one chunk's bits.
#[derive(Debug)]
pub(super) struct SegmentSink<'a> {
    /// The arena.
    pub(super) segments: &'a mut Segments,
    /// The last segment; without meaning while there are no words.
    pub(super) segment: &'a mut u32,
    /// Words so far.
    pub(super) words: &'a mut u16,
}

impl WordSink for SegmentSink<'_> {
    #[inline]
    fn push_word(&mut self, word: u64) {
        let within = *self.words % SEGMENT_WORDS;
        if within == 0 {
            *self.segment = self.segments.begin(*self.segment);
        }
        let at = LINK_BYTES + usize::from(within) * 8;
        let place = self.segments.segment_mut(*self.segment);
        if let Some(place) = place.get_mut(at..at + 8) {
            place.copy_from_slice(&word.swap_bytes().to_le_bytes());
        }
        *self.words += 1;
    }
}
