//! The samples of one series in one generation: an open chunk, full chunks, and late samples.

use super::histogram_buffer::HistogramBuffer;
use super::late::{LateEnd, LateSample, LateSamples, settle};
use super::sealed::{SealedChunk, SealedChunks};
use super::segments::{SegmentSink, Segments};
use crate::bits::{DecodeError, push_slowly};
use crate::chunk::{ChunkAppender, Encoding, MAX_CHUNK_SAMPLES, decode_into, encode, sealed_chunk};
use crate::model::{Sample, TimeRange, Window};

/// Late samples of a series are compressed once they take so many blocks: a read looks at all.
const LATE_BLOCKS: u8 = 128;

/// A compressed chunk with what a reader needs to know before decoding it.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// What a series has beside its open chunk, full ones and late samples; most have nothing.
#[derive(Debug, Default)]
struct Aside {
    /// Chunks of late samples; each lies in one window. They may overlap each other and the rest.
    full: Vec<ChunkPart>,
    /// Bits of the value of the last row in the log, where that is of neither the open chunk nor a
    /// late sample.
    logged: u64,
}

impl Aside {
    fn heap_bytes(&self) -> usize {
        let full = self.full.iter().map(|part| part.bytes.len());
        full.sum::<usize>() + self.full.capacity() * size_of::<ChunkPart>()
    }
}

/// What the buffers of a stripe share.
#[derive(Debug)]
pub struct BufferArena {
    pub(super) segments: Segments,
    pub(super) late: LateSamples,
    asides: Vec<Aside>,
    /// Whether the winner rule knows no order, as it should.
    order_free: bool,
    /// Length of the windows into which chunks are cut, in milliseconds.
    window_ms: i64,
    /// The window that samples lay in last: most of all series' lie in the same.
    window: Window,
    /// Bytes of full chunks.
    full_bytes: usize,
}

impl BufferArena {
    /// Nothing yet, for windows of `window_ms`.
    #[must_use]
    pub fn new(window_ms: i64) -> Self {
        Self {
            segments: Segments::default(),
            late: LateSamples::default(),
            asides: Vec::new(),
            order_free: true,
            window_ms,
            window: Window::of(0, window_ms),
            full_bytes: 0,
        }
    }

    /// Bytes of memory held for samples, hot lines apart.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.segments.heap_bytes()
            + self.late.heap_bytes()
            + self.asides.capacity() * size_of::<Aside>()
            + self.full_bytes
    }

    /// Gives back what late samples took, once each buffer was settled.
    pub fn release_late(&mut self) {
        self.late = LateSamples::default();
    }

    fn aside(&self, number: u32) -> Option<&Aside> {
        self.asides.get((number as usize).checked_sub(1)?)
    }

    /// Lets `change` change what stands under a number, which is given if it is 0.
    fn change_aside(&mut self, number: &mut u32, change: impl FnOnce(&mut Aside)) {
        if *number == 0 {
            push_slowly(&mut self.asides, Aside::default());
            *number = u32::try_from(self.asides.len()).unwrap_or(u32::MAX);
        }
        if let Some(aside) = self.asides.get_mut(*number as usize - 1) {
            let before = aside.heap_bytes();
            change(aside);
            // Compressing may take less than what it replaces.
            self.full_bytes = (self.full_bytes + aside.heap_bytes()).saturating_sub(before);
        }
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

/// What is so of a series or not, in one byte.
#[derive(Clone, Copy, Debug, Default)]
struct Marks(u8);

impl Marks {
    /// The value of the last row in the log is a late sample's, and not the open chunk's last one
    /// as well.
    const LOGGED_LATE: u8 = 1;
    /// There are full chunks: then the open one's bits begin behind the segment that describes the
    /// latest.
    const SEALED: u8 = 2;

    #[inline]
    fn has(self, mark: u8) -> bool {
        self.0 & mark != 0
    }

    #[inline]
    fn set(&mut self, mark: u8, is_so: bool) {
        match is_so {
            true => self.0 |= mark,
            false => self.0 &= !mark,
        }
    }
}

/// The samples of one series in one generation: one cache line, which is all that a usual append
/// touches. The bits of the open chunk and of full ones, and late samples, lie in the arena.
#[derive(Debug, Default)]
#[repr(align(64))]
pub struct Buffer {
    pub(super) open: ChunkAppender,
    pub(super) first: i64,
    /// Number of what lies aside in the arena, and one; 0 for nothing.
    aside: u32,
    /// Samples at or before the open chunk's last timestamp.
    pub(super) late: LateEnd,
    /// Where the open chunk's bits end in the arena.
    pub(super) segment: u32,
    pub(super) words: u16,
    /// How many blocks late samples take.
    late_blocks: u8,
    marks: Marks,
}

const _: () = assert!(size_of::<Buffer>() == 64);

impl Buffer {
    /// Whether nothing was ever appended.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.count() == 0 && self.aside == 0
    }

    /// Bits of the value of the row of this series that was logged last, if there is one.
    #[inline]
    #[must_use]
    pub fn logged(&self, arena: &BufferArena) -> Option<u64> {
        if self.marks.has(Marks::LOGGED_LATE) {
            let late = arena.late.last(self.late);
            return late.or_else(|| arena.aside(self.aside).map(|aside| aside.logged));
        }
        self.open.last_value().map(f64::to_bits)
    }

    /// Whether these are known, without another look at memory, to be the bits of the value of the
    /// row that was logged last.
    #[inline]
    #[must_use]
    pub fn repeats(&self, bits: u64) -> bool {
        !self.marks.has(Marks::LOGGED_LATE)
            && self.open.last_value().map(f64::to_bits) == Some(bits)
    }

    /// Asks for the memory beside this line that appending a sample of this time will look at.
    #[inline]
    pub fn prefetch(&self, arena: &BufferArena, timestamp: i64) {
        if self.open.last_timestamp() >= Some(timestamp) {
            arena.late.prefetch(self.late);
        }
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
        self.marks.set(Marks::LOGGED_LATE, false);
        let words = self.words;
        let mut sink = SegmentSink {
            segments: &mut arena.segments,
            segment: &mut self.segment,
            words: &mut self.words,
        };
        self.open.push(&mut sink, timestamp, f64::from_bits(bits));
        sink.note(words, |words| self.open.state(words));
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
        let (words, bytes) = (self.words, u32::from(self.words) * 8);
        let mut sink = SegmentSink {
            segments,
            segment: &mut self.segment,
            words: &mut self.words,
        };
        let pending = self.open.seal(&mut sink);
        sink.note(words, |words| self.open.state(words));
        let sealed = SealedChunk {
            min: self.first,
            max,
            segment: self.segment,
            bytes: bytes + u32::from(pending),
            count: self.open.count(),
            before: self.last_sealed(segments),
        };
        self.segment = sealed.put(segments);
        self.marks.set(Marks::SEALED, true);
    }

    /// Whether there are full chunks of samples that came in order.
    #[inline]
    pub(super) fn is_sealed(&self) -> bool {
        self.marks.has(Marks::SEALED)
    }

    /// Which segment describes the latest full chunk.
    fn last_sealed(&self, segments: &Segments) -> Option<u32> {
        // The first sample of a chunk fills a word: there is a segment to look at.
        let described = || segments.before(self.segment, self.words);
        self.is_sealed().then(described).flatten()
    }

    /// Full chunks of samples that came in order, the latest first.
    pub(super) fn sealed<'a>(&self, arena: &'a BufferArena) -> SealedChunks<'a> {
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
        let repeats_value = self.open.last_value().map(f64::to_bits) == Some(bits);
        self.marks.set(Marks::LOGGED_LATE, !repeats_value);
        if repeats_value && self.open.last_timestamp() == Some(timestamp) {
            return;
        }
        arena.order_free = order_free;
        match arena.late.push(&mut self.late, (timestamp, bits)) {
            Some(false) => {}
            Some(true) => {
                self.late_blocks += 1;
                if self.late_blocks > LATE_BLOCKS {
                    self.compress(arena);
                }
            }
            None => {
                self.compress(arena);
                arena.change_aside(&mut self.aside, |aside| {
                    aside.full.extend(part_of(&[(timestamp, bits)]));
                    aside.logged = bits;
                });
            }
        }
    }

    /// Turns all late samples into full chunks, one a window.
    #[cold]
    fn compress(&mut self, arena: &mut BufferArena) {
        let logged = self.logged(arena).unwrap_or_default();
        let late = self.late_samples(arena, TimeRange::ALL);
        arena.late.release(std::mem::take(&mut self.late));
        self.late_blocks = 0;
        let window_ms = arena.window_ms;
        arena.change_aside(&mut self.aside, |aside| {
            aside.logged = logged;
            let windows = late.chunk_by(|a, b| Window::of(a.0, window_ms).last >= b.0);
            aside.full.extend(windows.filter_map(part_of));
        });
    }

    /// Late samples in a range, sorted, one a timestamp.
    fn late_samples(&self, arena: &BufferArena, range: TimeRange) -> Vec<LateSample> {
        let late = arena.late.of(self.late);
        let mut late: Vec<_> = late.filter(|late| range.contains(late.0)).collect();
        late.reverse();
        settle(&mut late, arena.order_free);
        late
    }

    /// Brings the samples of a series that has late ones into chunks that do not overlap, each in
    /// one window. For a generation to which nothing is appended any more.
    ///
    /// # Errors
    /// When a chunk cannot be decoded; nothing has changed then.
    pub fn settle(
        &mut self,
        arena: &mut BufferArena,
        work: &mut SettleSpace,
    ) -> Result<(), DecodeError> {
        if self.late.is_none() && self.is_settled(arena) {
            return Ok(());
        }
        work.clear();
        for part in self.full(arena) {
            decode_into(&part.bytes, &mut work.times, &mut work.values)?;
        }
        let in_order = self.sealed(arena).map(|sealed| arena.sealed_part(&sealed));
        for part in in_order.chain(self.open_part(arena)) {
            decode_into(&part.bytes, &mut work.times, &mut work.values)?;
        }
        let early = work.times.iter().zip(&work.values);
        let rows = &mut work.rows;
        rows.extend(early.map(|(&t, &value)| (t, value.to_bits())));
        let late_from = rows.len();
        rows.extend(arena.late.of(self.late));
        rows.get_mut(late_from..).unwrap_or_default().reverse();
        settle(rows, arena.order_free);
        let logged = self.logged(arena).unwrap_or_default();
        let window_ms = arena.window_ms;
        let windows = rows.chunk_by(|a, b| Window::of(a.0, window_ms).last >= b.0);
        let chunks = windows.flat_map(|window| window.chunks(MAX_CHUNK_SAMPLES));
        arena.change_aside(&mut self.aside, |aside| {
            aside.full = chunks.filter_map(part_of).collect();
            aside.logged = logged;
        });
        (self.late, self.late_blocks) = (LateEnd::default(), 0);
        self.marks.set(Marks::LOGGED_LATE, true);
        self.marks.set(Marks::SEALED, false);
        self.open = ChunkAppender::new();
        (self.segment, self.words) = (0, 0);
        Ok(())
    }

    /// Whether no chunk of late samples overlaps another one.
    fn is_settled(&self, arena: &BufferArena) -> bool {
        let full = self.full(arena);
        let open = (self.open.count() > 0).then_some(self.first);
        let in_order = self.sealed(arena).last().map(|first| first.min).or(open);
        let is_before = |part: &ChunkPart| in_order.is_none_or(|min| part.max < min);
        full.is_sorted_by(|a, b| a.max < b.min) && full.last().is_none_or(is_before)
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

    pub(super) fn open_overlaps(&self, range: TimeRange) -> bool {
        self.open
            .last_timestamp()
            .is_some_and(|last| range.overlaps(self.first, last))
    }

    fn overlaps(&self, arena: &BufferArena, range: TimeRange) -> bool {
        self.open_overlaps(range)
            || self.sealed(arena).any(|sealed| sealed.overlaps(range))
            || self
                .full(arena)
                .iter()
                .any(|part| range.overlaps(part.min, part.max))
            || arena.late.of(self.late).any(|late| range.contains(late.0))
    }

    /// Full chunks of late samples.
    pub(super) fn full<'a>(&self, arena: &'a BufferArena) -> &'a [ChunkPart] {
        arena.aside(self.aside).map_or(&[], |aside| &aside.full)
    }
}

/// Room for what [`Buffer::settle`] does, used again.
#[derive(Debug, Default)]
pub struct SettleSpace {
    times: Vec<i64>,
    values: Vec<f64>,
    rows: Vec<LateSample>,
}

impl SettleSpace {
    fn clear(&mut self) {
        self.times.clear();
        self.values.clear();
        self.rows.clear();
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
    pub(super) buffer: Option<&'a Buffer>,
    pub(super) arena: &'a BufferArena,
    pub(super) histograms: Option<&'a HistogramBuffer>,
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
            let full = buffer.full(self.arena).iter();
            let full = full.filter(|part| range.overlaps(part.min, part.max));
            parts.extend(full.cloned());
            if !buffer.late.is_none() {
                parts.extend(part_of(&buffer.late_samples(self.arena, range)));
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
            if buffer.open.count() > 0 {
                visit(Window::of(buffer.first, window_ms));
            }
            let full = buffer.full(self.arena).iter().map(|part| part.min);
            let sealed = buffer.sealed(self.arena).map(|sealed| sealed.min);
            let late = self.arena.late.of(buffer.late).map(|late| late.0);
            full.chain(sealed)
                .chain(late)
                .for_each(|time| visit(Window::of(time, window_ms)));
        }
        if let Some(histograms) = self.histograms {
            histograms.windows(window_ms, visit);
        }
    }
}

/// Samples in order of time, at most as many as a chunk counts, as a chunk.
fn part_of(samples: &[LateSample]) -> Option<ChunkPart> {
    let (min, max) = (samples.first()?.0, samples.last()?.0);
    let bytes = encode(
        samples
            .iter()
            .map(|&(t, bits)| Sample::new(t, f64::from_bits(bits))),
    );
    Some(ChunkPart {
        min,
        max,
        count: u32::try_from(samples.len()).unwrap_or(u32::MAX),
        encoding: Encoding::Xor,
        bytes: bytes.into_boxed_slice(),
    })
}
