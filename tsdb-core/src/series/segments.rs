//! Where the bits of open chunks grow: one arena for many series, in segments of a few words, each
//! of which names the one before it. Nothing moves when a chunk grows or is full, and nothing is freed
//! one by one: the arena goes as a whole.
//!
//! In front of every fourth segment of a chunk but the first stands one that notes what decoding
//! goes on from: who wants the newest samples walks back no further, and decodes from there.

use crate::bits::{WordSink, prefetch};
use crate::chunk::ChunkState;

/// Words of bits in a segment.
const SEGMENT_WORDS: u16 = 4;
/// Bytes of them.
pub(super) const BODY_BYTES: usize = SEGMENT_WORDS as usize * 8;
const LINK_BYTES: usize = 4;
const SEGMENT_BYTES: usize = LINK_BYTES + BODY_BYTES;
/// A state is noted in front of each so many segments of bits.
const NOTED_SEGMENTS: usize = 4;
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
        for _ in 0..segments_of(usize::from(words) * 8) {
            segment = self.get(segment)?.0;
        }
        Some(segment)
    }

    /// Notes a state in front of `segment`, which just began.
    #[cold]
    fn note(&mut self, segment: u32, state: &ChunkState) {
        let before = self.get(segment).map_or(0, |found| found.0);
        let note = self.put(before, &note_of(state));
        if let Some(link) = self.segment_mut(segment).get_mut(..LINK_BYTES) {
            link.copy_from_slice(&note.to_le_bytes());
        }
    }

    /// Appends bits to `target`: so many bytes, of which the last lie in `segment`.
    pub(super) fn copy(&self, segment: u32, bytes: usize, target: &mut Vec<u8>) {
        self.copy_from(segment, bytes, 0, target);
    }

    /// As [`Segments::copy`], without the first `from` bytes, which fill segments.
    pub(super) fn copy_from(
        &self,
        mut segment: u32,
        bytes: usize,
        from: usize,
        target: &mut Vec<u8>,
    ) {
        let begin = target.len();
        target.resize(begin + bytes.saturating_sub(from), 0);
        let mut rest = target.get_mut(begin..).unwrap_or_default();
        let mut number = bytes.div_ceil(BODY_BYTES);
        while let Some(last) = rest.len().checked_sub(1) {
            // All segments but the last are full, and this one is the last of what is left.
            let (front, end) = rest.split_at_mut(last / BODY_BYTES * BODY_BYTES);
            let Some((before, bits)) = self.get(segment) else {
                return;
            };
            match <&mut [u8; BODY_BYTES]>::try_from(&mut *end) {
                Ok(end) => *end = *bits,
                Err(_) => end.iter_mut().zip(bits).for_each(|(to, from)| *to = *from),
            }
            number = number.saturating_sub(1);
            segment = match is_noted(number) {
                true => self.get(before).map_or(0, |note| note.0),
                false => before,
            };
            rest = front;
        }
    }

    /// Asks for the memory of a segment.
    #[inline]
    pub(super) fn prefetch(&self, segment: u32) {
        if let Some(page) = self.pages.get((segment / PAGE_SEGMENTS) as usize) {
            let start = (segment % PAGE_SEGMENTS) as usize * SEGMENT_BYTES;
            prefetch(page, start);
            prefetch(page, start + SEGMENT_BYTES - 1);
        }
    }

    /// The last state noted among so many bytes of bits whose sample lies before `time`, and how
    /// many of the bytes lie in front of the segment that it precedes.
    pub(super) fn state_before(
        &self,
        mut segment: u32,
        bytes: usize,
        time: i64,
    ) -> Option<(ChunkState, usize)> {
        for number in (1..bytes.div_ceil(BODY_BYTES)).rev() {
            segment = self.get(segment)?.0;
            if is_noted(number) {
                let (before, note) = self.get(segment)?;
                let state = noted_state(note)?;
                if state.timestamp < time {
                    return Some((state, number * BODY_BYTES));
                }
                segment = before;
            }
        }
        None
    }
}

/// How many segments so many bytes of bits take, states noted among them.
pub(super) const fn segments_of(bytes: usize) -> usize {
    let bits = bytes.div_ceil(BODY_BYTES);
    bits + notes(bits)
}

/// Whether a state is noted in front of the segment of bits of this number, from 0.
#[inline]
const fn is_noted(number: usize) -> bool {
    number > 0 && number.is_multiple_of(NOTED_SEGMENTS)
}

/// How many states are noted in front of so many segments of bits.
const fn notes(segments: usize) -> usize {
    segments.saturating_sub(1) / NOTED_SEGMENTS
}

fn note_of(state: &ChunkState) -> [u8; BODY_BYTES] {
    // A step of more than 49 days tells nothing, and is noted as none.
    let delta = u32::try_from(state.delta).unwrap_or(0);
    let fields = (state.timestamp.to_le_bytes().into_iter())
        .chain(state.bits.to_le_bytes())
        .chain(delta.to_le_bytes())
        .chain(state.position.to_le_bytes())
        .chain(state.count.to_le_bytes())
        .chain([state.leading, state.trailing]);
    let mut body = [0; BODY_BYTES];
    body.iter_mut()
        .zip(fields)
        .for_each(|(to, from)| *to = from);
    body
}

/// What [`note_of`] made, where it can be gone on from.
fn noted_state(body: &[u8; BODY_BYTES]) -> Option<ChunkState> {
    let (timestamp, rest) = body.split_first_chunk()?;
    let (bits, rest) = rest.split_first_chunk()?;
    let (delta, rest) = rest.split_first_chunk()?;
    let (position, rest) = rest.split_first_chunk()?;
    let (count, rest) = rest.split_first_chunk()?;
    let (&[leading, trailing], _) = rest.split_first_chunk()?;
    let delta = u32::from_le_bytes(*delta);
    (delta != 0).then_some(ChunkState {
        timestamp: i64::from_le_bytes(*timestamp),
        delta: u64::from(delta),
        bits: u64::from_le_bytes(*bits),
        leading,
        trailing,
        count: u16::from_le_bytes(*count),
        position: u32::from_le_bytes(*position),
    })
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

impl SegmentSink<'_> {
    /// Notes the state behind a sample where its bits, in front of which there were so many words,
    /// began a segment that one is noted in front of.
    #[inline]
    pub(super) fn note(&mut self, words_before: u16, state: impl FnOnce(u16) -> ChunkState) {
        let began = words_before.div_ceil(SEGMENT_WORDS) != self.words.div_ceil(SEGMENT_WORDS);
        if began && is_noted(usize::from((*self.words - 1) / SEGMENT_WORDS)) {
            self.segments.note(*self.segment, &state(*self.words));
        }
    }
}
