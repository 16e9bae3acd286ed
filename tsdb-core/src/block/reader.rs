use std::path::Path;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::BlockError;
use super::group::Group;
use super::group_index::{GroupSummary, decode_group_index};
use super::layout::{
    CRC_BYTES, FOOTER_BYTES, HEADER_BYTES, TAIL_BYTES, TRAILER_BYTES, decode_footer, decode_header,
    decode_trailer,
};
use super::meta::{BlockHeader, BlockMeta, Footer, Span};
use crate::bits::{ByteReader, check_crc};
use crate::index::{IndexError, IndexReader};
use crate::model::{Labels, Matcher, RowKey, Texts, TimeRange};
use crate::page::TokenTables;
use crate::postings::Postings;
use crate::vfs::{File, LazyFile, read_exact_at};

/// Directories that a reader keeps decoded, so that rows asked for in another order than that of
/// the file do not read each directory over and over.
const KEPT_BYTES: usize = 4 << 20;

/// A block. Its footer is read when it is opened, or first needed; everything else is read when
/// it is needed.
#[derive(Debug)]
pub struct BlockReader {
    file: LazyFile,
    meta: BlockMeta,
    footer: OnceLock<Footer>,
    groups: OnceLock<Box<[GroupSummary]>>,
    tables: OnceLock<TokenTables>,
    labels: OnceLock<IndexReader>,
    kept: Mutex<Kept>,
}

/// Decoded directories, the one used last at the end.
#[derive(Debug, Default)]
struct Kept {
    groups: Vec<(usize, Arc<Group>)>,
    bytes: usize,
}

impl BlockReader {
    /// Opens a block: two reads at its end. `path` is for errors only.
    ///
    /// # Errors
    /// When the disk fails, or the file is not a whole block of this version.
    pub fn open(path: &Path, file: Box<dyn File>) -> Result<Self, BlockError> {
        let footer = read_footer(path, &*file)?;
        let reader = Self::listed(LazyFile::open(path, file), footer.meta);
        Ok(Self {
            footer: OnceLock::from(footer),
            ..reader
        })
    }

    /// A block of which all that a manifest lists is known; opened when more is needed.
    #[must_use]
    pub fn listed(file: LazyFile, meta: BlockMeta) -> Self {
        Self {
            file,
            meta,
            footer: OnceLock::new(),
            groups: OnceLock::new(),
            tables: OnceLock::new(),
            labels: OnceLock::new(),
            kept: Mutex::default(),
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
    pub fn meta(&self) -> &BlockMeta {
        &self.meta
    }

    /// The path given when it was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    pub(super) fn footer(&self) -> Result<&Footer, BlockError> {
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

    fn read_listed_footer(&self) -> Result<Footer, BlockError> {
        let footer = read_footer(self.path(), &**self.file()?)?;
        if footer.meta != self.meta {
            let what = "the footer tells of another block than the manifest lists";
            return Err(self.corrupt(0, what));
        }
        Ok(footer)
    }

    fn file(&self) -> Result<&Arc<dyn File>, BlockError> {
        self.file.get().map_err(|source| {
            if source.kind() == std::io::ErrorKind::NotFound {
                let what = "the file is gone, although the manifest lists it: restore it";
                return self.corrupt(0, what);
            }
            BlockError::io(self.path(), "open", 0, source)
        })
    }

    /// Bytes of memory held by footer, indexes and directories.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let groups = self.groups.get().map_or(0, |groups| groups.len());
        let labels = self.labels.get().map_or(0, IndexReader::heap_bytes);
        size_of::<Self>() + groups * size_of::<GroupSummary>() + self.kept.lock().bytes + labels
    }

    /// The rows whose labels match all `matchers`; all rows if there are none.
    ///
    /// # Errors
    /// When the disk fails or something read is damaged.
    pub fn matches(&self, matchers: &[Matcher]) -> Result<Postings, BlockError> {
        let found = self.labels_index()?.matches(matchers);
        found.map_err(|error| self.index_error(error))
    }

    /// The labels of a row.
    ///
    /// # Errors
    /// When there is no such row, the disk fails or something read is damaged.
    pub fn labels(&self, row: u32) -> Result<Labels, BlockError> {
        let found = self.labels_index()?.labels(row);
        let found = found.map_err(|error| self.index_error(error))?;
        found.ok_or_else(|| BlockError::refused(self.path(), "a row past the last row"))
    }

    /// Hands over the labels of some rows, in the order given; rising rows take the fewest reads.
    ///
    /// # Errors
    /// When the disk fails or something read is damaged.
    pub fn labels_many(
        &self,
        rows: impl IntoIterator<Item = u32>,
        visit: impl FnMut(u32, Labels),
    ) -> Result<(), BlockError> {
        let done = self.labels_index()?.labels_many(rows, visit);
        done.map_err(|error| self.index_error(error))
    }

    /// Names of the labels of some rows or of all, sorted, at most `limit`; whether there are more.
    ///
    /// # Errors
    /// When the disk fails or something read is damaged.
    pub fn label_names(
        &self,
        rows: Option<&Postings>,
        limit: usize,
    ) -> Result<(Texts, bool), BlockError> {
        let found = self.labels_index()?.label_names(rows, limit);
        found.map_err(|error| self.index_error(error))
    }

    /// Values of a label of some rows or of all, sorted, at most `limit`; whether there are more.
    ///
    /// # Errors
    /// When the disk fails or something read is damaged.
    pub fn label_values(
        &self,
        name: &str,
        rows: Option<&Postings>,
        limit: usize,
    ) -> Result<(Texts, bool), BlockError> {
        let found = self.labels_index()?.label_values(name, rows, limit);
        found.map_err(|error| self.index_error(error))
    }

    /// The row of a series.
    ///
    /// # Errors
    /// When the disk fails or something read is damaged.
    pub fn find(&self, key: RowKey) -> Result<Option<u32>, BlockError> {
        let groups = self.groups()?;
        let at = groups.partition_point(|group| group.last < key);
        let Some(summary) = groups.get(at).filter(|group| group.first <= key) else {
            return Ok(None);
        };
        let row = self.group(at)?.find(key.series);
        Ok(row.map(|row| summary.first_row.saturating_add(narrow(row))))
    }

    /// Hands over the keys of those `rows` (rising, each once) that have a page overlapping
    /// `range`.
    ///
    /// # Errors
    /// When a row is not there, the disk fails or something read is damaged.
    pub fn keys(
        &self,
        rows: impl IntoIterator<Item = u32>,
        range: TimeRange,
        mut visit: impl FnMut(u32, RowKey),
    ) -> Result<(), BlockError> {
        if !range.overlaps(self.meta.min_time, self.meta.max_time) {
            return Ok(());
        }
        let mut pages = Vec::new();
        self.by_group(rows, |summary, group, rows| {
            if !range.overlaps(summary.min_time, summary.max_time) {
                return Ok(());
            }
            let all = range.contains(summary.min_time) && range.contains(summary.max_time);
            for &row in rows {
                let at = (row - summary.first_row) as usize;
                if !all {
                    pages.clear();
                    group
                        .pages(at, range, &mut pages)
                        .map_err(|error| self.directory_error(summary, error))?;
                }
                if let Some(key) = group.key(at).filter(|_| all || !pages.is_empty()) {
                    visit(row, key);
                }
            }
            Ok(())
        })
    }

    /// Calls `visit` for each group that has some of `rows` (rising, each once), with those.
    pub(super) fn by_group(
        &self,
        rows: impl IntoIterator<Item = u32>,
        mut visit: impl FnMut(&GroupSummary, &Group, &[u32]) -> Result<(), BlockError>,
    ) -> Result<(), BlockError> {
        let mut rows = rows.into_iter().peekable();
        let mut batch = Vec::new();
        while let Some(&row) = rows.peek() {
            let groups = self.groups()?;
            let at = groups.partition_point(|group| group.end_row() <= row);
            let Some(summary) = groups.get(at) else {
                return Err(BlockError::refused(self.path(), "a row past the last row"));
            };
            batch.clear();
            while let Some(row) = rows.next_if(|row| *row < summary.end_row()) {
                batch.push(row);
            }
            visit(summary, &*self.group(at)?, &batch)?;
        }
        Ok(())
    }

    pub(super) fn groups(&self) -> Result<&[GroupSummary], BlockError> {
        if let Some(groups) = self.groups.get() {
            return Ok(groups);
        }
        let footer = self.footer()?;
        let bytes = self.read_span(footer.group_index)?;
        let groups = decode_group_index(&bytes, footer)
            .map_err(|error| BlockError::decode(self.path(), footer.group_index.offset, error))?;
        // Two first readers may race: they read the same bytes.
        Ok(self.groups.get_or_init(|| groups))
    }

    /// The directory of a group, read if it is not kept.
    pub(super) fn group(&self, at: usize) -> Result<Arc<Group>, BlockError> {
        {
            let mut kept = self.kept.lock();
            if let Some(place) = kept.groups.iter().rposition(|(number, _)| *number == at) {
                let found = kept.groups.remove(place);
                let group = Arc::clone(&found.1);
                kept.groups.push(found);
                return Ok(group);
            }
        }
        let Some(&summary) = self.groups()?.get(at) else {
            return Err(BlockError::refused(
                self.path(),
                "a group past the last one",
            ));
        };
        let group = Arc::new(self.read_group(summary)?);
        let mut kept = self.kept.lock();
        kept.bytes += group.heap_bytes();
        kept.groups.push((at, Arc::clone(&group)));
        while kept.bytes > KEPT_BYTES && kept.groups.len() > 1 {
            let (_, oldest) = kept.groups.remove(0);
            kept.bytes = kept.bytes.saturating_sub(oldest.heap_bytes());
        }
        Ok(group)
    }

    /// Reads a directory past those that are kept.
    pub(super) fn read_group(&self, summary: GroupSummary) -> Result<Group, BlockError> {
        let bytes = self.read_span(Span {
            offset: summary.directory_offset(),
            len: u64::from(summary.directory_len),
        })?;
        Group::decode(summary, bytes).map_err(|error| self.directory_error(&summary, error))
    }

    pub(super) fn directory_error(
        &self,
        summary: &GroupSummary,
        error: crate::bits::DecodeError,
    ) -> BlockError {
        BlockError::decode(self.path(), summary.directory_offset(), error)
    }

    /// The tables that dense pages are encoded under.
    pub(super) fn tables(&self) -> Result<&TokenTables, BlockError> {
        if let Some(tables) = self.tables.get() {
            return Ok(tables);
        }
        let span = self.footer()?.tables;
        let bytes = self.read_span(span)?;
        let at = |error| BlockError::decode(self.path(), span.offset, error);
        let body = bytes.len().saturating_sub(CRC_BYTES);
        let mut reader = ByteReader::new(&bytes);
        let body = reader.take(body).map_err(at)?;
        check_crc(&mut reader, &bytes, "wrong checksum of the code tables").map_err(at)?;
        let tables = match (self.meta.dense, body.is_empty()) {
            (true, _) => TokenTables::decode(body).map_err(at)?,
            (false, true) => TokenTables::none(),
            (false, false) => {
                return Err(self.corrupt(span.offset, "code tables of pages that need none"));
            }
        };
        Ok(self.tables.get_or_init(|| tables))
    }

    /// Where the index of labels begins in the file; 0 before the footer was read.
    #[must_use]
    pub fn labels_offset(&self) -> u64 {
        self.footer.get().map_or(0, |footer| footer.labels.offset)
    }

    /// Reads on without tables that no page needs.
    pub(super) fn do_without_tables(&self) {
        self.tables.get_or_init(TokenTables::none);
    }

    pub(super) fn labels_index(&self) -> Result<&IndexReader, BlockError> {
        if let Some(labels) = self.labels.get() {
            return Ok(labels);
        }
        let span = self.footer()?.labels;
        let file = Arc::clone(self.file()?);
        let labels = IndexReader::open(file, span.offset, span.len)
            .map_err(|error| self.index_error(error))?;
        if labels.rows() != self.meta.rows {
            return Err(self.corrupt(span.offset, "an index of other rows than the block has"));
        }
        Ok(self.labels.get_or_init(|| labels))
    }

    pub(super) fn index_error(&self, error: IndexError) -> BlockError {
        let offset = self.labels_offset();
        match error {
            IndexError::Corrupt { offset: at, what } => {
                BlockError::corrupt(self.path(), offset.saturating_add(at), what)
            }
            source => BlockError::Index {
                path: self.path().to_path_buf(),
                offset,
                source,
            },
        }
    }

    /// The header, which opening does not look at.
    pub(super) fn read_header(&self) -> Result<BlockHeader, BlockError> {
        let mut bytes = [0; HEADER_BYTES];
        self.read_exact(0, &mut bytes)?;
        decode_header(self.path(), &bytes)
    }

    /// Some bytes of the file. Nothing is allocated that the file is too short for.
    pub(super) fn read_span(&self, span: Span) -> Result<Vec<u8>, BlockError> {
        if span.end() > self.meta.bytes {
            return Err(self.corrupt(span.offset, "bytes behind the end of the file"));
        }
        let Ok(len) = usize::try_from(span.len) else {
            return Err(self.corrupt(span.offset, "more bytes than this machine can address"));
        };
        let mut bytes = vec![0; len];
        self.read_exact(span.offset, &mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn read_exact(&self, offset: u64, bytes: &mut [u8]) -> Result<(), BlockError> {
        read_exact_at(&**self.file()?, bytes, offset)
            .map_err(|source| BlockError::read(self.path(), offset, source))
    }

    pub(super) fn corrupt(&self, offset: u64, what: &'static str) -> BlockError {
        BlockError::corrupt(self.path(), offset, what)
    }
}

/// What a block's footer tells, with one read at its end.
fn read_footer(path: &Path, file: &dyn File) -> Result<Footer, BlockError> {
    let len = file
        .len()
        .map_err(|source| BlockError::read(path, 0, source))?;
    let whole = (HEADER_BYTES + TAIL_BYTES) as u64;
    if len < whole {
        return Err(BlockError::corrupt(path, len, "the file ends early"));
    }
    let base = len - TAIL_BYTES as u64;
    let mut tail = [0; TAIL_BYTES];
    read_exact_at(file, &mut tail, base).map_err(|source| BlockError::read(path, base, source))?;
    let (footer, trailer) = tail.split_at(FOOTER_BYTES);
    debug_assert_eq!(trailer.len(), TRAILER_BYTES);
    let offset = decode_trailer(path, trailer, len)?;
    decode_footer(path, offset, footer, len)
}

fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
