use std::ops::{ControlFlow, Range};

use super::RunError;
use super::layout::CRC_BYTES;
use super::meta::{ChunkMeta, ChunkRef, RowKey, SectionMeta};
use super::page_index::PageSummary;
use super::page_loader::PageLoader;
use super::reader::{RunReader, check_chunk};

/// A pass over a section: stands on one chunk at a time, in order of row and time. Holds one
/// directory page and its chunks.
#[derive(Debug)]
pub struct SectionScan<'a> {
    reader: &'a RunReader,
    loader: PageLoader<'a>,
    page_count: usize,
    next_page: usize,
    chunks: Vec<ChunkRef>,
    at: usize,
    data: Vec<u8>,
    data_offset: u64,
    current: Option<ChunkRef>,
    bytes: Range<usize>,
}

impl<'a> SectionScan<'a> {
    pub(super) fn new(
        reader: &'a RunReader,
        section: &'a SectionMeta,
        pages: &'a [PageSummary],
    ) -> Self {
        Self {
            reader,
            loader: PageLoader::new(reader, section, pages),
            page_count: pages.len(),
            next_page: 0,
            chunks: Vec::new(),
            at: 0,
            data: Vec::new(),
            data_offset: 0,
            current: None,
            bytes: 0..0,
        }
    }

    /// Leaves out the directory pages before `page`.
    pub(super) fn starting_at(self, page: usize) -> Self {
        Self {
            next_page: page.min(self.page_count),
            ..self
        }
    }

    /// Steps to the next chunk, from before the first one at the beginning; whether there is one.
    ///
    /// # Errors
    /// When the disk fails or something read is damaged.
    pub fn advance(&mut self) -> Result<bool, RunError> {
        let before = self.current.take();
        if self.at == self.chunks.len() && !self.load_page()? {
            return Ok(false);
        }
        let Some(chunk) = self.chunks.get(self.at).copied() else {
            return Ok(false);
        };
        let path = self.reader.path();
        let follows = |before: ChunkRef| {
            before.key < chunk.key
                || (before.key == chunk.key && before.meta.max_time < chunk.meta.min_time)
        };
        if !before.is_none_or(follows) {
            return Err(RunError::corrupt(path, chunk.offset, "chunks out of order"));
        }
        self.at += 1;
        let begin = usize::try_from(chunk.offset - self.data_offset).unwrap_or(usize::MAX);
        let bytes = check_chunk(path, &chunk, self.data.get(begin..).unwrap_or_default())?;
        self.bytes = begin..begin + bytes.len();
        self.current = Some(chunk);
        Ok(true)
    }

    /// The row of the chunk it stands on; none before the first and behind the last one.
    #[must_use]
    pub fn key(&self) -> Option<RowKey> {
        self.current.map(|chunk| chunk.key)
    }

    /// What the directory says of the chunk it stands on.
    #[must_use]
    pub fn meta(&self) -> Option<ChunkMeta> {
        self.current.map(|chunk| chunk.meta)
    }

    /// Row, description and bytes of the chunk it stands on.
    #[must_use]
    pub fn chunk(&self) -> Option<(ChunkRef, &[u8])> {
        Some((self.current?, self.data.get(self.bytes.clone())?))
    }

    fn load_page(&mut self) -> Result<bool, RunError> {
        if self.next_page == self.page_count {
            return Ok(false);
        }
        self.chunks.clear();
        self.loader.visit(
            self.next_page,
            |_| true,
            |chunk| {
                self.chunks.push(*chunk);
                ControlFlow::Continue(())
            },
        )?;
        self.next_page += 1;
        self.at = 0;
        let (Some(first), Some(last)) = (self.chunks.first(), self.chunks.last()) else {
            return Ok(false);
        };
        self.data_offset = first.offset;
        let end = last.offset + u64::from(last.len) + CRC_BYTES as u64;
        self.reader
            .read(first.offset, end - first.offset, &mut self.data)?;
        Ok(true)
    }
}
