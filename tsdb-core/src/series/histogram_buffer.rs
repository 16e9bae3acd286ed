//! The histograms of one series in one generation: few series have any, so they stand beside the
//! hot lines of floats.

use super::merged::encode_histogram_parts;
use super::{ChunkPart, HistogramForm};
use crate::model::{Histogram, TimeRange, Window, winning_histogram};

/// Histograms are compressed once there are this many.
const RECENT_HISTOGRAMS: usize = 64;

/// The histograms of one series in one generation, in any order of arrival.
#[derive(Debug, Default)]
pub struct HistogramBuffer {
    /// Compressed ones; each part lies in one window. They may overlap where samples came late.
    full: Vec<ChunkPart>,
    /// Sorted, one a timestamp, as canonical bytes.
    recent: Vec<(i64, Box<[u8]>)>,
}

impl HistogramBuffer {
    /// Adds a histogram given by its canonical bytes, whatever its timestamp.
    pub fn append(&mut self, timestamp: i64, bytes: &[u8], window_ms: i64) {
        match self.recent.binary_search_by_key(&timestamp, |one| one.0) {
            Ok(at) => {
                if let Some((_, kept)) = self.recent.get_mut(at)
                    && winning_histogram(kept, bytes) == bytes
                {
                    *kept = bytes.into();
                }
            }
            Err(at) => self.recent.insert(at, (timestamp, bytes.into())),
        }
        if self.recent.len() >= RECENT_HISTOGRAMS {
            self.compress(window_ms);
        }
    }

    /// Turns all recent histograms into chunks that each lie in one window.
    fn compress(&mut self, window_ms: i64) {
        let recent = decoded(self.recent.iter());
        for window in recent.chunk_by(|a, b| Window::of(a.0, window_ms).last >= b.0) {
            encode_histogram_parts(window, HistogramForm::Exact, &mut self.full);
        }
        self.recent.clear();
    }

    /// Copies what overlaps `range` to `parts`.
    pub(super) fn read(&self, range: TimeRange, parts: &mut Vec<ChunkPart>) {
        let full = self.full.iter();
        parts.extend(
            full.filter(|part| range.overlaps(part.min, part.max))
                .cloned(),
        );
        let recent = self.recent.iter().filter(|one| range.contains(one.0));
        encode_histogram_parts(&decoded(recent), HistogramForm::Exact, parts);
    }

    pub(super) fn overlaps(&self, range: TimeRange) -> bool {
        let mut full = self.full.iter();
        full.any(|part| range.overlaps(part.min, part.max))
            || self.recent.iter().any(|one| range.contains(one.0))
    }

    pub(super) fn windows(&self, window_ms: i64, visit: &mut dyn FnMut(Window)) {
        let full = self.full.iter().map(|part| part.min);
        let times = full.chain(self.recent.iter().map(|one| one.0));
        times.for_each(|time| visit(Window::of(time, window_ms)));
    }

    /// Bytes of memory held.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let full = self.full.iter().map(|part| part.bytes.len());
        let recent = self.recent.iter().map(|one| one.1.len());
        full.chain(recent).sum::<usize>()
            + self.full.capacity() * size_of::<ChunkPart>()
            + self.recent.capacity() * size_of::<(i64, Box<[u8]>)>()
    }
}

fn decoded<'b>(recent: impl Iterator<Item = &'b (i64, Box<[u8]>)>) -> Vec<(i64, Histogram)> {
    let histogram = |(time, bytes): &(i64, Box<[u8]>)| {
        let histogram = Histogram::from_bytes(bytes);
        debug_assert!(histogram.is_ok(), "only canonical bytes are appended");
        Some((*time, histogram.ok()?))
    };
    recent.filter_map(histogram).collect()
}
