//! Reading many rows of a run with few reads.

use std::ops::ControlFlow;

use super::RunError;
use super::layout::CRC_BYTES;
use super::meta::{ChunkMeta, ChunkRef, RowKey};
use super::page_index::PageSummary;
use super::page_loader::PageLoader;
use super::reader::{RunReader, check_chunk};
use crate::model::TimeRange;

/// Chunks closer than this are fetched by one read, the bytes between them thrown away.
const GAP_BYTES: u64 = 8 << 10;
/// The most that is read at once, unless a single chunk is longer.
const READ_BYTES: u64 = 256 << 10;
/// Chunks are fetched when so many are waiting.
const PENDING_CHUNKS: usize = 4096;

/// Is handed a row's chunk and says whether to go on.
type Visit<'v> = dyn FnMut(RowKey, &ChunkMeta, &[u8]) -> ControlFlow<()> + 'v;

impl RunReader {
    /// Hands over all chunks of the rows `keys` (sorted, each once) that overlap `range`: section
    /// by section, rows in order, a row's chunks in order of time. Stops when `visit` breaks.
    ///
    /// # Errors
    /// When the disk fails or something read is damaged.
    pub fn read_series(
        &self,
        keys: &[RowKey],
        range: TimeRange,
        mut visit: impl FnMut(RowKey, &ChunkMeta, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), RunError> {
        if !self.meta().overlaps(range) {
            return Ok(());
        }
        for section in 0..self.sections()?.len() {
            if self
                .read_section(section, keys, range, &mut visit)?
                .is_break()
            {
                break;
            }
        }
        Ok(())
    }

    /// As [`RunReader::read_series`], of one section, telling whether `visit` broke.
    ///
    /// # Errors
    /// When there is no such section, the disk fails or something read is damaged.
    pub fn read_section(
        &self,
        section: usize,
        keys: &[RowKey],
        range: TimeRange,
        mut visit: impl FnMut(RowKey, &ChunkMeta, &[u8]) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, RunError> {
        let mut fetch = Fetch {
            reader: self,
            pending: Vec::new(),
            buffer: Vec::new(),
        };
        let mut flow = ControlFlow::Continue(());
        self.visit_directory(section, keys, range, &mut |chunk| {
            fetch.pending.push(*chunk);
            if flow.is_continue() && fetch.pending.len() >= PENDING_CHUNKS {
                flow = fetch.run(&mut visit)?;
            }
            Ok(())
        })?;
        if flow.is_continue() {
            flow = fetch.run(&mut visit)?;
        }
        Ok(flow)
    }

    /// Which of the rows `keys` (sorted, each once) have a chunk overlapping `range`, sorted. Reads
    /// no more directory pages than these rows are in: the way for few rows, as
    /// [`RunReader::ids`] is for most of them.
    ///
    /// # Errors
    /// When the disk fails or a directory is damaged.
    pub fn present(&self, keys: &[RowKey], range: TimeRange) -> Result<Vec<RowKey>, RunError> {
        let mut present: Vec<RowKey> = Vec::new();
        if !self.meta().overlaps(range) {
            return Ok(present);
        }
        for section in 0..self.sections()?.len() {
            self.visit_directory(section, keys, range, &mut |chunk| {
                if present.last() != Some(&chunk.key) {
                    present.push(chunk.key);
                }
                Ok(())
            })?;
        }
        present.sort_unstable();
        present.dedup();
        Ok(present)
    }

    /// Finds the chunks of the rows `keys` that overlap `range`, in order.
    pub(super) fn visit_directory(
        &self,
        section: usize,
        keys: &[RowKey],
        range: TimeRange,
        found: &mut dyn FnMut(&ChunkRef) -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        debug_assert!(
            keys.is_sorted_by(|a, b| a < b),
            "keys are sorted, each once"
        );
        let footer = self.sections()?.get(section);
        let inside = |min, max| range.overlaps(min, max);
        if footer.is_some_and(|section| !inside(section.min_time, section.max_time)) {
            return Ok(());
        }
        let (section, pages) = self.section(section)?;
        let mut loader = PageLoader::new(self, section, pages);
        let mut keys = keys;
        let mut at = 0;
        while let Some(first) = keys.first() {
            let behind = pages.get(at..).unwrap_or_default();
            at += behind.partition_point(|page| page.last < *first);
            let Some(page) = pages.get(at) else { break };
            keys = drop_front(keys, |key| *key < page.first);
            let wanted = |page: &PageSummary| {
                let next = keys.partition_point(|key| *key < page.first);
                let key = keys.get(next);
                key.is_some_and(|key| *key <= page.last) && inside(page.min_time, page.max_time)
            };
            if wanted(page) {
                pick(&mut loader, at, wanted, keys, range, found)?;
            }
            at += 1;
            // A row that fills the page may go on in the next one.
            let goes_on = pages.get(at).is_some_and(|next| next.first == page.last);
            keys = drop_front(keys, |key| {
                *key < page.last || (*key == page.last && !goes_on)
            });
        }
        Ok(())
    }
}

fn drop_front(keys: &[RowKey], done: impl Fn(&RowKey) -> bool) -> &[RowKey] {
    keys.get(keys.partition_point(done)..).unwrap_or_default()
}

/// Hands over those chunks of the page `at` whose row is among `keys` and which overlap `range`.
fn pick(
    loader: &mut PageLoader<'_>,
    at: usize,
    wanted: impl Fn(&PageSummary) -> bool,
    keys: &[RowKey],
    range: TimeRange,
    found: &mut dyn FnMut(&ChunkRef) -> Result<(), RunError>,
) -> Result<(), RunError> {
    let mut keys = keys.iter().peekable();
    let mut result = Ok(());
    loader.visit(at, wanted, |chunk| {
        while keys.next_if(|key| **key < chunk.key).is_some() {}
        let Some(key) = keys.peek() else {
            return ControlFlow::Break(());
        };
        if **key == chunk.key && range.overlaps(chunk.meta.min_time, chunk.meta.max_time) {
            result = found(chunk);
        }
        if result.is_ok() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    result
}

/// Chunks found and not read yet, in order of the file.
#[derive(Debug)]
struct Fetch<'a> {
    reader: &'a RunReader,
    pending: Vec<ChunkRef>,
    buffer: Vec<u8>,
}

impl Fetch<'_> {
    fn run(&mut self, visit: &mut Visit<'_>) -> Result<ControlFlow<()>, RunError> {
        let end = |chunk: &ChunkRef| chunk.offset + u64::from(chunk.len) + CRC_BYTES as u64;
        let pending = std::mem::take(&mut self.pending);
        let mut rest = pending.as_slice();
        while let Some(first) = rest.first() {
            let mut stop = end(first);
            let together = rest.iter().take_while(|chunk| {
                let near = chunk.offset.saturating_sub(stop) <= GAP_BYTES;
                let fits = end(chunk) - first.offset <= READ_BYTES || chunk.offset == first.offset;
                stop = if near && fits { end(chunk) } else { stop };
                near && fits
            });
            let (group, behind) = rest.split_at(together.count());
            self.reader
                .read(first.offset, stop - first.offset, &mut self.buffer)?;
            for chunk in group {
                let begin = usize::try_from(chunk.offset - first.offset).unwrap_or(usize::MAX);
                let bytes = self.buffer.get(begin..).unwrap_or_default();
                let bytes = check_chunk(self.reader.path(), chunk, bytes)?;
                if visit(chunk.key, &chunk.meta, bytes).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            rest = behind;
        }
        Ok(ControlFlow::Continue(()))
    }
}
