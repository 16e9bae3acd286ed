//! The samples of one series in one generation: an open chunk, full chunks, and late samples.

use crate::chunk::{ChunkAppender, encode};
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
    /// The chunk, in [`crate::chunk::Encoding::Xor`].
    pub bytes: Box<[u8]>,
}

/// What a series has beside its open chunk; most have nothing.
#[derive(Debug, Default)]
struct Aside {
    /// Full chunks; each lies in one window. They may overlap where samples came late.
    full: Vec<ChunkPart>,
    /// Samples at or before the open chunk's last timestamp, sorted, one a timestamp.
    late: Vec<(i64, u64)>,
}

/// The samples of one series in one generation.
#[derive(Debug, Default)]
pub struct Buffer {
    open: ChunkAppender,
    bytes: Vec<u8>,
    first: i64,
    /// Last timestamp of the open chunk's window.
    window_last: i64,
    /// Bits of the value of the last row in the log.
    logged: u64,
    aside: Option<Box<Aside>>,
}

impl Buffer {
    /// Whether nothing was ever appended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.count() == 0
    }

    /// Bits of the value of the row of this series that was logged last, if there is one.
    #[inline]
    #[must_use]
    pub fn logged(&self) -> Option<u64> {
        if self.open.count() == 0 {
            None
        } else {
            Some(self.logged)
        }
    }

    /// A word of the state, read so that it is near when it is needed.
    #[inline]
    #[must_use]
    pub fn touch_state(&self) -> u64 {
        self.logged ^ u64::from(self.open.count()) ^ self.bytes.len() as u64
    }

    /// A byte of the open chunk's end, read so that it is near when it is needed.
    #[inline]
    #[must_use]
    pub fn touch_bytes(&self) -> u8 {
        self.bytes.last().copied().unwrap_or(0)
    }

    /// Adds a sample, whatever its timestamp. Answers by how many bytes the heap grew.
    #[inline]
    pub fn append(&mut self, timestamp: i64, bits: u64, window_ms: i64, order_free: bool) -> usize {
        self.logged = bits;
        match self.open.last_timestamp() {
            Some(last) if timestamp <= last => {
                self.append_late(timestamp, bits, window_ms, order_free)
            }
            Some(_) if timestamp <= self.window_last && !self.open.is_full() => {
                let before = self.bytes.capacity();
                self.open
                    .push(&mut self.bytes, timestamp, f64::from_bits(bits));
                self.bytes.capacity() - before
            }
            _ => self.start_chunk(timestamp, bits, window_ms),
        }
    }

    fn start_chunk(&mut self, timestamp: i64, bits: u64, window_ms: i64) -> usize {
        let before = self.heap_bytes();
        if let Some(part) = self.open_part() {
            self.aside.get_or_insert_default().full.push(part);
        }
        self.open = ChunkAppender::new();
        self.bytes.clear();
        self.first = timestamp;
        self.window_last = Window::of(timestamp, window_ms).last;
        self.open
            .push(&mut self.bytes, timestamp, f64::from_bits(bits));
        self.heap_bytes().saturating_sub(before)
    }

    fn append_late(
        &mut self,
        timestamp: i64,
        bits: u64,
        window_ms: i64,
        order_free: bool,
    ) -> usize {
        let before = self.heap_bytes();
        let repeats_time = self.open.last_timestamp() == Some(timestamp);
        if repeats_time && self.open.last_value().map(f64::to_bits) == Some(bits) {
            return 0;
        }
        let aside = self.aside.get_or_insert_default();
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
            compress(aside, window_ms);
        }
        self.heap_bytes().saturating_sub(before)
    }

    fn open_part(&self) -> Option<ChunkPart> {
        let max = self.open.last_timestamp()?;
        let bytes = self.open.finish(&self.bytes).into_boxed_slice();
        Some(ChunkPart {
            min: self.first,
            max,
            count: u32::from(self.open.count()),
            bytes,
        })
    }

    /// Copies what overlaps `range` to `parts`.
    pub fn read(&self, range: TimeRange, parts: &mut Vec<ChunkPart>) {
        if let Some(aside) = &self.aside {
            let full = aside
                .full
                .iter()
                .filter(|part| range.overlaps(part.min, part.max));
            parts.extend(full.cloned());
            parts.extend(late_parts(&aside.late, |t| range.contains(t)));
        }
        if self.open_overlaps(range) {
            parts.extend(self.open_part());
        }
    }

    fn open_overlaps(&self, range: TimeRange) -> bool {
        self.open
            .last_timestamp()
            .is_some_and(|last| range.overlaps(self.first, last))
    }

    /// Whether any sample may lie in `range`; exact but for gaps inside a chunk.
    #[must_use]
    pub fn overlaps(&self, range: TimeRange) -> bool {
        self.open_overlaps(range)
            || self.aside.as_ref().is_some_and(|aside| {
                aside
                    .full
                    .iter()
                    .any(|part| range.overlaps(part.min, part.max))
                    || aside.late.iter().any(|late| range.contains(late.0))
            })
    }

    /// Calls `visit` with each window that holds a sample; perhaps more than once.
    pub fn windows(&self, window_ms: i64, visit: &mut dyn FnMut(Window)) {
        if self.is_empty() {
            return;
        }
        visit(Window::of(self.first, window_ms));
        if let Some(aside) = &self.aside {
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

    /// Bytes on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let aside = self.aside.as_ref().map_or(0, |aside| {
            let full = aside
                .full
                .iter()
                .map(|part| part.bytes.len())
                .sum::<usize>();
            size_of::<Aside>()
                + full
                + aside.full.capacity() * size_of::<ChunkPart>()
                + aside.late.capacity() * size_of::<(i64, u64)>()
        });
        self.bytes.capacity() + aside
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
        bytes: bytes.into_boxed_slice(),
    })
}
