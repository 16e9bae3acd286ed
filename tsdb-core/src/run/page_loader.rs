//! Reads directory pages, several at once where they lie together and will be wanted.

use std::ops::ControlFlow;

use super::RunError;
use super::meta::{ChunkRef, SectionMeta};
use super::page::PageEntries;
use super::page_index::PageSummary;
use super::reader::RunReader;

/// The most that is read at once.
const READ_AHEAD_BYTES: u64 = 64 << 10;

/// Directory pages of one section, read in order.
#[derive(Debug)]
pub(super) struct PageLoader<'a> {
    reader: &'a RunReader,
    section: &'a SectionMeta,
    pages: &'a [PageSummary],
    buffer: Vec<u8>,
    buffer_offset: u64,
}

impl<'a> PageLoader<'a> {
    pub(super) fn new(
        reader: &'a RunReader,
        section: &'a SectionMeta,
        pages: &'a [PageSummary],
    ) -> Self {
        Self {
            reader,
            section,
            pages,
            buffer: Vec::new(),
            buffer_offset: 0,
        }
    }

    /// Hands over the chunks of the page `at` in order until `visit` says that it is done. Pages
    /// behind it that `wanted` accepts are read along with it.
    pub(super) fn visit(
        &mut self,
        at: usize,
        wanted: impl Fn(&PageSummary) -> bool,
        mut visit: impl FnMut(&ChunkRef) -> ControlFlow<()>,
    ) -> Result<(), RunError> {
        let path = self.reader.path();
        let Some(page) = self.pages.get(at) else {
            return Err(RunError::corrupt(
                path,
                self.section.index_offset,
                "no such page",
            ));
        };
        if self.buffered(page).is_none() {
            let mut end = page.end();
            for next in self.pages.get(at + 1..).unwrap_or_default() {
                let len = next.end().saturating_sub(page.offset);
                if next.offset != end || len > READ_AHEAD_BYTES || !wanted(next) {
                    break;
                }
                end = next.end();
            }
            self.reader
                .read(page.offset, end - page.offset, &mut self.buffer)?;
            self.buffer_offset = page.offset;
        }
        let bytes = self.buffered(page).unwrap_or_default();
        let at = |error| RunError::decode(path, page.offset, error);
        let mut entries = PageEntries::new(bytes, page, self.section).map_err(at)?;
        while let Some(chunk) = entries.next().map_err(at)? {
            if visit(&chunk).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn buffered(&self, page: &PageSummary) -> Option<&[u8]> {
        let begin = usize::try_from(page.offset.checked_sub(self.buffer_offset)?).ok()?;
        self.buffer.get(begin..)?.get(..page.len as usize)
    }
}
