use std::path::{Path, PathBuf};

use super::RunError;
use super::layout::{
    CHUNK_BYTES_MAX, DIRECTORY_BATCH_BYTES, PAGE_BYTES, PAGE_BYTES_HARD, PAGE_DATA_BYTES,
    encode_footer, encode_header, encode_trailer, footer_len,
};
use super::meta::{ChunkMeta, RowKey, RunHeader, RunMeta, SectionMeta};
use super::page::PageBuilder;
use super::page_index::{PageSummary, encode_page_index};
use crate::bits::{crc32c, put_u32};
use crate::model::{SeriesId, Window};
use crate::vfs::{File, write_all_at};

/// What is gathered before it is written.
const BUFFER_BYTES: usize = 256 << 10;

/// Writes a run from front to back. Memory: a buffer, a batch of directory pages, and 52 bytes
/// for each page of the present section (about one in 250 chunks).
#[derive(Debug)]
pub struct RunWriter {
    out: Output,
    header: RunHeader,
    sections: Vec<SectionMeta>,
    open: Option<OpenSection>,
    synced: bool,
}

impl RunWriter {
    /// Begins a run in an empty file. `path` is for errors only.
    ///
    /// # Errors
    /// When the generations of `header` are out of order.
    pub fn create(path: &Path, file: Box<dyn File>, header: RunHeader) -> Result<Self, RunError> {
        if header.first_generation > header.last_generation {
            return Err(RunError::refused(path, "generations out of order"));
        }
        let out = Output {
            file,
            path: path.to_owned(),
            buffer: encode_header(&header),
            written: 0,
        };
        Ok(Self {
            out,
            header,
            sections: Vec::new(),
            open: None,
            synced: true,
        })
    }

    /// The broken order, for tests: [`RunWriter::finish`] will not sync the file.
    #[doc(hidden)]
    #[must_use]
    pub fn unsynced(self) -> Self {
        Self {
            synced: false,
            ..self
        }
    }

    /// Bytes held in memory: what waits to be written, and summaries of pages.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let open = self.open.as_ref().map_or(0, |open| {
            open.batch.capacity() + open.pages.capacity() * size_of::<PageSummary>()
        });
        self.out.buffer.capacity() + self.sections.capacity() * size_of::<SectionMeta>() + open
    }

    /// Begins the section of a window, later than the one before. A section that gets no chunk
    /// is left out.
    ///
    /// # Errors
    /// When the window is out of order or the disk fails.
    pub fn section(&mut self, window: Window) -> Result<(), RunError> {
        self.close_section()?;
        if self
            .sections
            .last()
            .is_some_and(|last| last.window >= window)
        {
            return Err(RunError::refused(&self.out.path, "windows out of order"));
        }
        self.open = Some(OpenSection::new(window, self.out.offset()));
        Ok(())
    }

    /// Adds a chunk to the present section: rows in order, a row's chunks in order of time and
    /// not overlapping, all inside the window.
    ///
    /// # Errors
    /// When one of these rules is broken or the disk fails.
    pub fn chunk(&mut self, key: RowKey, meta: &ChunkMeta, bytes: &[u8]) -> Result<(), RunError> {
        let Some(open) = &mut self.open else {
            return Err(RunError::refused(
                &self.out.path,
                "a chunk outside a section",
            ));
        };
        open.check(key, meta, bytes)
            .map_err(|what| RunError::refused(&self.out.path, what))?;
        open.add(key, meta, bytes, &mut self.out)?;
        self.out.write_if_full()
    }

    /// Writes footer and trailer and syncs the file; its name is the caller's to
    /// [`publish`](super::publish).
    ///
    /// # Errors
    /// When the disk fails.
    pub fn finish(mut self) -> Result<RunMeta, RunError> {
        self.close_section()?;
        let footer_offset = self.out.offset();
        let Ok(footer_len) = u32::try_from(footer_len(self.sections.len())) else {
            return Err(RunError::refused(
                &self.out.path,
                "more sections than a run can hold",
            ));
        };
        self.out
            .buffer
            .extend(encode_footer(&self.header, &self.sections));
        self.out
            .buffer
            .extend(encode_trailer(footer_offset, footer_len));
        self.out.write()?;
        let bytes = self.out.written;
        if self.synced {
            let synced = self.out.file.sync();
            synced.map_err(|source| RunError::sync(&self.out.path, bytes, source))?;
        }
        Ok(RunMeta::of(self.header, bytes, &self.sections))
    }

    pub(super) fn path(&self) -> &Path {
        &self.out.path
    }

    pub(super) fn header(&self) -> &RunHeader {
        &self.header
    }

    fn close_section(&mut self) -> Result<(), RunError> {
        if let Some(open) = self.open.take() {
            self.sections.extend(open.finish(&mut self.out)?);
        }
        Ok(())
    }
}

/// The file and what waits to be written to it.
#[derive(Debug)]
struct Output {
    file: Box<dyn File>,
    path: PathBuf,
    buffer: Vec<u8>,
    written: u64,
}

impl Output {
    /// Where the next byte will stand.
    fn offset(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    fn write_if_full(&mut self) -> Result<(), RunError> {
        if self.buffer.len() >= BUFFER_BYTES {
            self.write()
        } else {
            Ok(())
        }
    }

    fn write(&mut self) -> Result<(), RunError> {
        write_all_at(&*self.file, &self.buffer, self.written)
            .map_err(|source| RunError::write(&self.path, self.written, source))?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

/// The section being written.
#[derive(Debug)]
struct OpenSection {
    meta: SectionMeta,
    page: Option<PageBuilder>,
    /// Closed pages that are not in the file yet, and how many of `pages` they are.
    batch: Vec<u8>,
    batched: usize,
    pages: Vec<PageSummary>,
    last: Option<(RowKey, i64)>,
}

impl OpenSection {
    fn new(window: Window, offset: u64) -> Self {
        let meta = SectionMeta {
            window,
            min_time: i64::MAX,
            max_time: i64::MIN,
            first_series: SeriesId(u64::MAX),
            last_series: SeriesId(0),
            series: 0,
            chunks: 0,
            samples: 0,
            offset,
            index_offset: 0,
            index_len: 0,
        };
        Self {
            meta,
            page: None,
            batch: Vec::new(),
            batched: 0,
            pages: Vec::new(),
            last: None,
        }
    }

    fn check(&self, key: RowKey, meta: &ChunkMeta, bytes: &[u8]) -> Result<(), &'static str> {
        let follows = |(last, max_time)| last < key || (last == key && max_time < meta.min_time);
        if !self.last.is_none_or(follows) {
            return Err("chunks out of order");
        }
        let window = self.meta.window;
        if meta.min_time > meta.max_time
            || meta.min_time < window.start
            || meta.max_time > window.last
        {
            return Err("times of a chunk outside its window");
        }
        if meta.count == 0 {
            return Err("a chunk without samples");
        }
        if bytes.len() > CHUNK_BYTES_MAX {
            return Err("a chunk longer than the format allows");
        }
        Ok(())
    }

    fn add(
        &mut self,
        key: RowKey,
        meta: &ChunkMeta,
        bytes: &[u8],
        out: &mut Output,
    ) -> Result<(), RunError> {
        if self
            .page
            .as_ref()
            .is_some_and(|page| belongs_to_next(page, key))
        {
            self.close_page();
            if self.batch.len() >= DIRECTORY_BATCH_BYTES {
                self.place_batch(out);
                out.write_if_full()?;
            }
        }
        let page = self
            .page
            .get_or_insert_with(|| PageBuilder::new(key, out.offset()));
        page.push(key, meta, bytes.len(), self.meta.window.start);
        out.buffer.extend_from_slice(bytes);
        put_u32(&mut out.buffer, crc32c(bytes));
        let section = &mut self.meta;
        section.min_time = section.min_time.min(meta.min_time);
        section.max_time = section.max_time.max(meta.max_time);
        section.first_series = section.first_series.min(key.series);
        section.last_series = section.last_series.max(key.series);
        section.series += u64::from(self.last.is_none_or(|(last, _)| last != key));
        section.chunks += 1;
        section.samples += u64::from(meta.count);
        self.last = Some((key, meta.max_time));
        Ok(())
    }

    fn close_page(&mut self) {
        if let Some(page) = self.page.take() {
            let begin = self.batch.len() as u64;
            let summary = page.finish(&mut self.batch);
            self.pages.push(PageSummary {
                offset: begin,
                ..summary
            });
        }
    }

    /// Puts the closed pages into the file, which turns their offsets within the batch into ones
    /// within the file.
    fn place_batch(&mut self, out: &mut Output) {
        let base = out.offset();
        for page in self.pages.iter_mut().skip(self.batched) {
            page.offset += base;
        }
        self.batched = self.pages.len();
        out.buffer.append(&mut self.batch);
    }

    fn finish(mut self, out: &mut Output) -> Result<Option<SectionMeta>, RunError> {
        self.close_page();
        if self.pages.is_empty() {
            return Ok(None);
        }
        self.place_batch(out);
        self.meta.index_offset = out.offset();
        let index = encode_page_index(&self.pages);
        let Ok(index_len) = u32::try_from(index.len()) else {
            return Err(RunError::refused(
                &out.path,
                "more pages than a section can hold",
            ));
        };
        self.meta.index_len = index_len;
        out.buffer.extend(index);
        out.write_if_full()?;
        Ok(Some(self.meta))
    }
}

/// A page ends at the first new series behind its size, with its shard, and at the latest when it
/// has twice its size.
fn belongs_to_next(page: &PageBuilder, key: RowKey) -> bool {
    let full = page.len() >= PAGE_BYTES || page.data_len() >= PAGE_DATA_BYTES;
    let new_series = page.last() != key;
    page.last().shard != key.shard
        || (full && new_series)
        || page.len() >= PAGE_BYTES_HARD
        || page.data_len() >= 2 * PAGE_DATA_BYTES
}
