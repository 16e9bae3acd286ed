//! The samples of one series in one generation: an open chunk, full chunks, and late samples.

use super::histogram_buffer::HistogramBuffer;
use super::sealed::{SealedChunk, SealedChunks};
use super::segments::{SegmentSink, Segments};
use crate::chunk::{ChunkAppender, Encoding, encode, sealed_chunk};
use crate::model::{Sample, TimeRange, Window, winner};

/// Late samples are compressed once there are this many.
const LATE_SAMPLES: usize = 64;

/// A compressed chunk with what a reader needs to know before decoding it.
#[derive(Clone, Debug)]
pub struct ChunkPart {
    /// First timestamp.
    pub min: i64,
    /// Last timestamp.
    pub max: i64,
    /// How many samples.
    pub count: u32,
    /// How the chunk is encoded.
    pub encoding: Encoding,
    /// The chunk.
    pub bytes: Box<[u8]>,
}

/// What a series has beside the chunks of samples that came in order; most have nothing.
#[derive(Debug, Default)]
struct Aside {
    /// Chunks of late samples; each lies in one window. They may overlap each other and the rest.
    full: Vec<ChunkPart>,
    /// Samples at or before the open chunk's last timestamp, sorted, one a timestamp.
    late: Vec<(i64, u64)>,
    /// Bits of the value of the last row in the log, where that is not the open chunk's.
    logged: u64,
}

impl Aside {
    fn heap_bytes(&self) -> usize {
        let full = self.full.iter().map(|part| part.bytes.len());
        size_of::<Self>()
            + full.sum::<usize>()
            + self.full.capacity() * size_of::<ChunkPart>()
            + self.late.capacity() * size_of::<(i64, u64)>()
    }
}

/// What the buffers of a stripe share.
#[derive(Debug)]
pub struct BufferArena {
    segments: Segments,
    /// Length of the windows into which chunks are cut, in milliseconds.
    window_ms: i64,
    /// The window that samples lay in last: most of all series' lie in the same.
    window: Window,
    /// Bytes beside segments.
    aside_bytes: usize,
}

impl BufferArena {
    /// Nothing yet, for windows of `window_ms`.
    #[must_use]
    pub fn new(window_ms: i64) -> Self {
        Self {
            segments: Segments::default(),
            window_ms,
            window: Window::of(0, window_ms),
            aside_bytes: 0,
        }
    }

    /// Bytes of memory held for samples, hot lines apart.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.segments.heap_bytes() + self.aside_bytes
    }

    /// Whether two timestamps, the first before the second, lie in one window.
    #[inline]
    fn one_window(&mut self, first: i64, second: i64) -> bool {
        if self.window.start > first || self.window.last < second {
            self.window = Window::of(second, self.window_ms);
        }
        self.window.start <= first
    }
}

/// The samples of one series in one generation: one cache line, which is all that a usual append
/// touches. The bits of the open chunk and all full ones lie in the arena.
#[derive(Debug, Default)]
#[repr(align(64))]
pub struct Buffer {
    open: ChunkAppender,
    first: i64,
    aside: Option<Box<Aside>>,
    /// Where the open chunk's bits end in the arena.
    segment: u32,
    words: u16,
    /// Whether the last row in the log was a late sample's.
    logged_late: bool,
    /// Whether there are full chunks: then the open one's bits begin behind the segment that
    /// describes the latest.
    has_sealed: bool,
}

const _: () = assert!(size_of::<Buffer>() == 64);

impl Buffer {
    /// Whether nothing was ever appended.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.count() == 0
    }

    /// Bits of the value of the row of this series that was logged last, if there is one.
    #[inline]
    #[must_use]
    pub fn logged(&self) -> Option<u64> {
        if self.logged_late {
            return self.aside.as_ref().map(|aside| aside.logged);
        }
        self.open.last_value().map(f64::to_bits)
    }

    /// Adds a sample, whatever its timestamp.
    #[inline]
    pub fn append(&mut self, arena: &mut BufferArena, timestamp: i64, bits: u64, order_free: bool) {
        match self.open.last_timestamp() {
            Some(last) if timestamp <= last => {
                return self.append_late(arena, timestamp, bits, order_free);
            }
            Some(last) if !self.open.is_full() && arena.one_window(last, timestamp) => {}
            _ => self.start_chunk(arena, timestamp),
        }
        self.logged_late = false;
        let mut sink = SegmentSink {
            segments: &mut arena.segments,
            segment: &mut self.segment,
            words: &mut self.words,
        };
        self.open.push(&mut sink, timestamp, f64::from_bits(bits));
    }

    #[cold]
    fn start_chunk(&mut self, arena: &mut BufferArena, timestamp: i64) {
        if let Some(max) = self.open.last_timestamp() {
            self.seal(&mut arena.segments, max);
        }
        self.open = ChunkAppender::new();
        self.words = 0;
        self.first = timestamp;
    }

    /// Ends the open chunk, which has samples.
    fn seal(&mut self, segments: &mut Segments, max: i64) {
        let bytes = u32::from(self.words) * 8;
        let mut sink = SegmentSink {
            segments,
            segment: &mut self.segment,
            words: &mut self.words,
        };
        let pending = self.open.seal(&mut sink);
        let sealed = SealedChunk {
            min: self.first,
            max,
            segment: self.segment,
            bytes: bytes + u32::from(pending),
            count: self.open.count(),
            before: self.last_sealed(segments),
        };
        self.segment = sealed.put(segments);
        self.has_sealed = true;
    }

    /// Which segment describes the latest full chunk.
    fn last_sealed(&self, segments: &Segments) -> Option<u32> {
        // The first sample of a chunk fills a word: there is a segment to look at.
        let described = || segments.before(self.segment, self.words);
        self.has_sealed.then(described).flatten()
    }

    /// Full chunks of samples that came in order, the latest first.
    fn sealed<'a>(&self, arena: &'a BufferArena) -> SealedChunks<'a> {
        SealedChunks::new(&arena.segments, self.last_sealed(&arena.segments))
    }

    #[cold]
    fn append_late(
        &mut self,
        arena: &mut BufferArena,
        timestamp: i64,
        bits: u64,
        order_free: bool,
    ) {
        let repeats_time = self.open.last_timestamp() == Some(timestamp);
        if repeats_time && self.open.last_value().map(f64::to_bits) == Some(bits) {
            self.logged_late = false;
            return;
        }
        let before = self.aside_bytes();
        let aside = self.aside.get_or_insert_default();
        aside.logged = bits;
        self.logged_late = true;
        match aside.late.binary_search_by_key(&timestamp, |late| late.0) {
            Ok(at) => {
                if let Some(late) = aside.late.get_mut(at) {
                    late.1 = if order_free {
                        winner(f64::from_bits(late.1), f64::from_bits(bits)).to_bits()
                    } else {
                        bits
                    };
                }
            }
            Err(at) => aside.late.insert(at, (timestamp, bits)),
        }
        if aside.late.len() >= LATE_SAMPLES {
            compress(aside, arena.window_ms);
        }
        // Compressing may take less than what it replaces.
        arena.aside_bytes = (arena.aside_bytes + self.aside_bytes()).saturating_sub(before);
    }

    fn aside_bytes(&self) -> usize {
        self.aside.as_ref().map_or(0, |aside| aside.heap_bytes())
    }

    fn open_part(&self, arena: &BufferArena) -> Option<ChunkPart> {
        let max = self.open.last_timestamp()?;
        let len = usize::from(self.words) * 8;
        let bits = |target: &mut Vec<u8>| arena.segments.copy(self.segment, len, target);
        let bytes = self.open.finish_with(len, bits);
        Some(ChunkPart {
            min: self.first,
            max,
            count: u32::from(self.open.count()),
            encoding: Encoding::Xor,
            bytes: bytes.into_boxed_slice(),
        })
    }

    fn open_overlaps(&self, range: TimeRange) -> bool {
        self.open
            .last_timestamp()
            .is_some_and(|last| range.overlaps(self.first, last))
    }

    fn overlaps(&self, arena: &BufferArena, range: TimeRange) -> bool {
        self.open_overlaps(range)
            || self.sealed(arena).any(|sealed| sealed.overlaps(range))
            || self.aside.as_ref().is_some_and(|aside| {
                aside
                    .full
                    .iter()
                    .any(|part| range.overlaps(part.min, part.max))
                    || aside.late.iter().any(|late| range.contains(late.0))
            })
    }
}

impl BufferArena {
    fn sealed_part(&self, sealed: &SealedChunk) -> ChunkPart {
        let len = sealed.bytes as usize;
        let bits = |target: &mut Vec<u8>| self.segments.copy(sealed.segment, len, target);
        ChunkPart {
            min: sealed.min,
            max: sealed.max,
            count: u32::from(sealed.count),
            encoding: Encoding::Xor,
            bytes: sealed_chunk(sealed.count, len, bits).into_boxed_slice(),
        }
    }
}

/// What a series has in one generation, to be read: floats, with the arena that holds their bits,
/// and histograms.
#[derive(Clone, Copy, Debug)]
pub struct BufferView<'a> {
    buffer: Option<&'a Buffer>,
    arena: &'a BufferArena,
    histograms: Option<&'a HistogramBuffer>,
}

impl<'a> BufferView<'a> {
    /// Joins what belongs together; none where a series has neither floats nor histograms.
    #[inline]
    #[must_use]
    pub fn new(
        buffer: Option<&'a Buffer>,
        arena: &'a BufferArena,
        histograms: Option<&'a HistogramBuffer>,
    ) -> Option<Self> {
        let buffer = buffer.filter(|buffer| !buffer.is_empty());
        (buffer.is_some() || histograms.is_some()).then_some(Self {
            buffer,
            arena,
            histograms,
        })
    }

    /// Copies what overlaps `range` to `parts`.
    pub fn read(&self, range: TimeRange, parts: &mut Vec<ChunkPart>) {
        if let Some(buffer) = self.buffer {
            if let Some(aside) = &buffer.aside {
                let full = aside
                    .full
                    .iter()
                    .filter(|part| range.overlaps(part.min, part.max));
                parts.extend(full.cloned());
                parts.extend(late_parts(&aside.late, |t| range.contains(t)));
            }
            let sealed = buffer.sealed(self.arena);
            let sealed = sealed.filter(|sealed| sealed.overlaps(range));
            parts.extend(sealed.map(|sealed| self.arena.sealed_part(&sealed)));
            if buffer.open_overlaps(range) {
                parts.extend(buffer.open_part(self.arena));
            }
        }
        if let Some(histograms) = self.histograms {
            histograms.read(range, parts);
        }
    }

    /// Whether any sample may lie in `range`; exact but for gaps inside a chunk.
    #[must_use]
    pub fn overlaps(&self, range: TimeRange) -> bool {
        self.buffer
            .is_some_and(|buffer| buffer.overlaps(self.arena, range))
            || self.histograms.is_some_and(|all| all.overlaps(range))
    }

    /// Calls `visit` with each window that holds a sample; perhaps more than once.
    pub fn windows(&self, window_ms: i64, visit: &mut dyn FnMut(Window)) {
        if let Some(buffer) = self.buffer {
            visit(Window::of(buffer.first, window_ms));
            let sealed = buffer.sealed(self.arena);
            sealed.for_each(|sealed| visit(Window::of(sealed.min, window_ms)));
            if let Some(aside) = &buffer.aside {
                aside
                    .full
                    .iter()
                    .for_each(|part| visit(Window::of(part.min, window_ms)));
                aside
                    .late
                    .iter()
                    .for_each(|late| visit(Window::of(late.0, window_ms)));
            }
        }
        if let Some(histograms) = self.histograms {
            histograms.windows(window_ms, visit);
        }
    }
}

/// Turns all late samples into full chunks, one a window.
fn compress(aside: &mut Aside, window_ms: i64) {
    let late = std::mem::take(&mut aside.late);
    for window in late.chunk_by(|a, b| Window::of(a.0, window_ms).last >= b.0) {
        aside.full.extend(late_parts(window, |_| true));
    }
    aside.late = late;
    aside.late.clear();
}

fn late_parts(late: &[(i64, u64)], keep: impl Fn(i64) -> bool) -> Option<ChunkPart> {
    let mut kept = late.iter().filter(|late| keep(late.0));
    let (min, max) = (kept.clone().next()?.0, kept.clone().next_back()?.0);
    let count = u32::try_from(kept.clone().count()).unwrap_or(u32::MAX);
    let bytes = encode(
        kept.by_ref()
            .map(|&(t, bits)| Sample::new(t, f64::from_bits(bits))),
    );
    Some(ChunkPart {
        min,
        max,
        count,
        encoding: Encoding::Xor,
        bytes: bytes.into_boxed_slice(),
    })
}
