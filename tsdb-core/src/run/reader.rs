use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use super::RunError;
use super::layout::{CRC_BYTES, TRAILER_BYTES, decode_footer, decode_trailer};
use super::meta::{ChunkRef, RowKey, RunMeta, SectionMeta};
use super::page_index::{PageSummary, decode_page_index};
use super::page_loader::PageLoader;
use super::scan::SectionScan;
use crate::bits::crc32c;
use crate::model::TimeRange;
use crate::vfs::{File, LazyFile, read_exact_at};

/// Read from the end of the file at once; most footers are within it.
const TAIL_BYTES: u64 = 8 << 10;

/// An immutable run. Its footer is read when it is opened, or first needed; page indexes are read
/// when first needed and kept.
#[derive(Debug)]
pub struct RunReader {
    file: LazyFile,
    meta: RunMeta,
    footer: OnceLock<Footer>,
}

#[derive(Debug)]
struct Footer {
    sections: Box<[SectionMeta]>,
    indexes: Box<[OnceLock<Box<[PageSummary]>>]>,
}

impl RunReader {
    /// Opens a run with one read, two if it has very many sections. `path` is for errors only.
    ///
    /// # Errors
    /// When the disk fails, or the file is no run, cut short, damaged, or of another version.
    pub fn open(path: &Path, file: Box<dyn File>) -> Result<Self, RunError> {
        let (meta, footer) = read_footer(path, &*file)?;
        Ok(Self {
            file: LazyFile::open(path, file),
            meta,
            footer: OnceLock::from(footer),
        })
    }

    /// A run of which all that a manifest lists is known; opened when more is needed.
    #[must_use]
    pub fn listed(file: LazyFile, meta: RunMeta) -> Self {
        Self {
            file,
            meta,
            footer: OnceLock::new(),
        }
    }

    /// Opens the file if it is not open, so that it can be read although its name goes.
    ///
    /// # Errors
    /// When the disk refuses, or the file is gone.
    pub fn hold(&self) -> std::io::Result<()> {
        self.file.get().map(drop)
    }

    /// What is known of it without reading it.
    #[must_use]
    pub fn meta(&self) -> &RunMeta {
        &self.meta
    }

    /// The path given when it was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Its windows, in order.
    ///
    /// # Errors
    /// When the footer was not read before: the disk fails, or the file is gone, damaged, or
    /// another than the manifest lists.
    pub fn sections(&self) -> Result<&[SectionMeta], RunError> {
        Ok(&self.footer()?.sections)
    }

    fn footer(&self) -> Result<&Footer, RunError> {
        if let Some(footer) = self.footer.get() {
            return Ok(footer);
        }
        let read = self.read_listed_footer();
        if read.is_err() {
            self.file.note_refused();
        }
        // Two first readers may race: they read the same bytes.
        read.map(|footer| self.footer.get_or_init(|| footer))
    }

    fn read_listed_footer(&self) -> Result<Footer, RunError> {
        let (meta, footer) = read_footer(self.path(), &**self.file()?)?;
        if meta != self.meta {
            return Err(RunError::corrupt(
                self.path(),
                0,
                "the footer tells of another run than the manifest lists",
            ));
        }
        Ok(footer)
    }

    fn file(&self) -> Result<&Arc<dyn File>, RunError> {
        self.file.get().map_err(|source| {
            if source.kind() == std::io::ErrorKind::NotFound {
                let what = "the file is gone, although the manifest lists it: restore it";
                return RunError::corrupt(self.path(), 0, what);
            }
            RunError::open(self.path(), source)
        })
    }

    /// Bytes of memory held by footer and page indexes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let Some(footer) = self.footer.get() else {
            return size_of::<Self>();
        };
        let pages = footer.indexes.iter().filter_map(OnceLock::get);
        size_of::<Self>()
            + footer.sections.len() * size_of::<SectionMeta>()
            + footer.indexes.len() * size_of::<OnceLock<Box<[PageSummary]>>>()
            + pages.map(|pages| pages.len()).sum::<usize>() * size_of::<PageSummary>()
    }

    /// The chunks of one row in a section, in order of time; none if the section has no such row.
    /// Reads one directory page, more only if the row alone fills more.
    ///
    /// # Errors
    /// When the disk fails or the directory is damaged.
    pub fn chunks_of(&self, section: usize, key: RowKey) -> Result<Vec<ChunkRef>, RunError> {
        let mut chunks = Vec::new();
        self.visit_directory(section, &[key], TimeRange::ALL, &mut |chunk| {
            chunks.push(*chunk);
            Ok(())
        })?;
        Ok(chunks)
    }

    /// The bytes of a chunk, checked against their checksum.
    ///
    /// # Errors
    /// When the disk fails or the bytes are damaged.
    pub fn read_chunk(&self, chunk: &ChunkRef) -> Result<Vec<u8>, RunError> {
        let mut bytes = Vec::new();
        self.read(
            chunk.offset,
            u64::from(chunk.len) + CRC_BYTES as u64,
            &mut bytes,
        )?;
        let len = check_chunk(self.path(), chunk, &bytes)?.len();
        bytes.truncate(len);
        Ok(bytes)
    }

    /// All rows that have a chunk overlapping `range`, sorted, each once.
    ///
    /// # Errors
    /// When the disk fails or a directory is damaged.
    pub fn ids(&self, range: TimeRange) -> Result<Vec<RowKey>, RunError> {
        let mut keys: Vec<RowKey> = Vec::new();
        if !self.meta.overlaps(range) {
            return Ok(keys);
        }
        for (at, section) in self.sections()?.iter().enumerate() {
            if !range.overlaps(section.min_time, section.max_time) {
                continue;
            }
            let pages = self.page_index(at, section)?;
            let mut loader = PageLoader::new(self, section, pages);
            let wanted = |page: &PageSummary| range.overlaps(page.min_time, page.max_time);
            for (page_at, page) in pages.iter().enumerate() {
                if !wanted(page) {
                    continue;
                }
                loader.visit(page_at, wanted, |chunk| {
                    let inside = range.overlaps(chunk.meta.min_time, chunk.meta.max_time);
                    if inside && keys.last() != Some(&chunk.key) {
                        keys.push(chunk.key);
                    }
                    ControlFlow::Continue(())
                })?;
            }
        }
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }

    /// Goes through a section chunk by chunk, in order, with bounded memory.
    ///
    /// # Errors
    /// When there is no such section, the disk fails or its page index is damaged.
    pub fn iter_section(&self, section: usize) -> Result<SectionScan<'_>, RunError> {
        let (section, pages) = self.section(section)?;
        Ok(SectionScan::new(self, section, pages))
    }

    /// As [`RunReader::iter_section`], from the page on that may hold the row `key`: rows before
    /// it may come first.
    ///
    /// # Errors
    /// As [`RunReader::iter_section`].
    pub fn iter_section_from(
        &self,
        section: usize,
        key: RowKey,
    ) -> Result<SectionScan<'_>, RunError> {
        let (section, pages) = self.section(section)?;
        let first = pages.partition_point(|page| page.last < key);
        Ok(SectionScan::new(self, section, pages).starting_at(first))
    }

    /// The error of a chunk that could be read but not decoded.
    #[must_use]
    pub fn damaged(&self, chunk: &ChunkRef, error: crate::bits::DecodeError) -> RunError {
        RunError::decode(self.path(), chunk.offset, error)
    }

    pub(super) fn section(&self, at: usize) -> Result<(&SectionMeta, &[PageSummary]), RunError> {
        let Some(section) = self.sections()?.get(at) else {
            return Err(RunError::refused(
                self.path(),
                "a section number past the last section",
            ));
        };
        Ok((section, self.page_index(at, section)?))
    }

    fn page_index(&self, at: usize, section: &SectionMeta) -> Result<&[PageSummary], RunError> {
        let slot = self.footer()?.indexes.get(at);
        if let Some(pages) = slot.and_then(OnceLock::get) {
            return Ok(pages);
        }
        let mut bytes = Vec::new();
        self.read(
            section.index_offset,
            u64::from(section.index_len),
            &mut bytes,
        )?;
        let pages = decode_page_index(&bytes, section)
            .map_err(|error| RunError::decode(self.path(), section.index_offset, error))?;
        match slot {
            // Two first readers may race: they read the same bytes.
            Some(slot) => Ok(slot.get_or_init(|| pages)),
            None => Err(RunError::refused(
                self.path(),
                "a section number past the last section",
            )),
        }
    }

    /// Replaces `buffer` by `len` bytes of the file. Nothing is allocated that the file is too
    /// short for.
    pub(super) fn read(&self, offset: u64, len: u64, buffer: &mut Vec<u8>) -> Result<(), RunError> {
        if offset
            .checked_add(len)
            .is_none_or(|end| end > self.meta.bytes)
        {
            return Err(RunError::corrupt(
                self.path(),
                offset,
                "bytes behind the end of the file",
            ));
        }
        read_into(self.path(), &**self.file()?, offset, len, buffer)
    }
}

/// What a run's footer tells, with one read at its end, two if it is very long.
fn read_footer(path: &Path, file: &dyn File) -> Result<(RunMeta, Footer), RunError> {
    let len = file
        .len()
        .map_err(|source| RunError::read(path, 0, source))?;
    let tail_len = len.min(TAIL_BYTES);
    let mut tail = Vec::new();
    read_into(path, file, len - tail_len, tail_len, &mut tail)?;
    let Some(at) = tail.len().checked_sub(TRAILER_BYTES) else {
        return Err(RunError::corrupt(path, 0, "too short for a run"));
    };
    let (footer, trailer) = tail.split_at(at);
    let (offset, footer_len) = decode_trailer(path, trailer, len)?;
    let (meta, sections) = match footer.len().checked_sub(footer_len as usize) {
        Some(begin) => {
            let footer = footer.get(begin..).unwrap_or_default();
            decode_footer(path, offset, footer, len)?
        }
        None => {
            let mut footer = Vec::new();
            read_into(path, file, offset, u64::from(footer_len), &mut footer)?;
            decode_footer(path, offset, &footer, len)?
        }
    };
    let footer = Footer {
        indexes: sections.iter().map(|_| OnceLock::new()).collect(),
        sections: sections.into_boxed_slice(),
    };
    Ok((meta, footer))
}

fn read_into(
    path: &Path,
    file: &dyn File,
    offset: u64,
    len: u64,
    buffer: &mut Vec<u8>,
) -> Result<(), RunError> {
    let Ok(len) = usize::try_from(len) else {
        return Err(RunError::corrupt(
            path,
            offset,
            "more bytes than this machine can address",
        ));
    };
    buffer.clear();
    buffer.resize(len, 0);
    read_exact_at(file, buffer, offset).map_err(|source| RunError::read(path, offset, source))
}

/// The chunk at the front of `bytes`, checked against the checksum behind it.
pub(super) fn check_chunk<'b>(
    path: &Path,
    chunk: &ChunkRef,
    bytes: &'b [u8],
) -> Result<&'b [u8], RunError> {
    let body = bytes.get(..chunk.len as usize);
    let crc = bytes
        .get(chunk.len as usize..)
        .and_then(<[u8]>::first_chunk::<CRC_BYTES>);
    let (Some(body), Some(crc)) = (body, crc) else {
        return Err(RunError::corrupt(
            path,
            chunk.offset,
            "a chunk outside its section",
        ));
    };
    if crc32c(body) != u32::from_le_bytes(*crc) {
        return Err(RunError::corrupt(
            path,
            chunk.offset,
            "wrong checksum of a chunk",
        ));
    }
    Ok(body)
}
