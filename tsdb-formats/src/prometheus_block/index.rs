//! The file `index`: which series a block has, and where their chunks are.

use std::path::Path;

use tsdb_core::bits::crc32c;
use tsdb_core::model::{Labels, LabelsBuilder};
use tsdb_core::vfs::Vfs;

use super::error::BlockError;
use super::postings::AllSeries;
use super::series::{ChunkMeta, SeriesEntry};
use super::symbols::Symbols;
use super::window::{CRC_BYTES, Source, Window, big_u32, big_u64};

/// First bytes of the file.
const MAGIC: u32 = 0xBAAA_D700;
/// Bytes of magic number and version.
const HEADER_BYTES: u64 = 5;
/// Bytes of the table of contents: six offsets.
const CONTENTS_BYTES: usize = 48;
/// Series begin at multiples of this since the second version.
const SERIES_ALIGNMENT: u64 = 16;
/// Bytes read at once where the series are.
const SERIES_STEP: usize = 256 << 10;
/// Longest entry of a series in bytes: some hundred thousand chunks.
const SERIES_BYTES_MAX: u64 = 8 << 20;

/// Which layout an index has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// Symbols and series are referred to by their offsets.
    V1,
    /// Symbols are numbered, and series begin at multiples of 16.
    V2,
}

/// Reads series one by one, in the order of the index.
#[derive(Debug)]
pub struct IndexReader {
    version: Version,
    window: Window,
    symbols: Symbols,
    all: AllSeries,
    builder: LabelsBuilder,
}

/// A series as the index has it.
#[derive(Debug)]
pub(super) struct IndexedSeries {
    /// What tombstones call it.
    pub(super) reference: u64,
    pub(super) labels: Labels,
    pub(super) chunks: Vec<ChunkMeta>,
}

impl IndexReader {
    /// Opens an index: reads its contents, and all of its symbols and its list of series once.
    ///
    /// # Errors
    /// When it cannot be read, or any of that is damaged.
    pub fn open(vfs: &dyn Vfs, path: &Path) -> Result<Self, BlockError> {
        let source = Source::open(vfs, path)?;
        let version = read_version(&source)?;
        let [symbols, _, _, _, _, postings] = read_contents(&source)?;
        Ok(Self {
            version,
            window: source.window(SERIES_STEP),
            symbols: Symbols::open(&source, version, symbols)?,
            all: AllSeries::open(&source, postings)?,
            builder: LabelsBuilder::new(),
        })
    }

    /// How many series there are.
    #[must_use]
    pub fn series_len(&self) -> u64 {
        self.all.count()
    }

    /// How many series were read, damaged ones included.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.all.position()
    }

    /// Goes on behind the first `position` series.
    pub fn seek(&mut self, position: u64) {
        self.all.seek(position);
    }

    /// The next series. After an error the one behind it is next.
    pub(super) fn next_series(&mut self) -> Result<Option<IndexedSeries>, BlockError> {
        let Some(reference) = self.all.next()? else {
            return Ok(None);
        };
        let reference = u64::from(reference);
        let offset = match self.version {
            Version::V1 => reference,
            Version::V2 => reference * SERIES_ALIGNMENT,
        };
        let entry = self.entry(offset)?;
        self.builder.clear();
        for label in &entry.labels {
            self.symbols.push_label(*label, &mut self.builder)?;
        }
        let labels = self.builder.finish().map_err(|error| {
            let why = format!("labels of a series: {error}");
            self.window.source.damaged(offset, why)
        })?;
        Ok(Some(IndexedSeries {
            reference,
            labels,
            chunks: entry.chunks,
        }))
    }

    fn entry(&mut self, offset: u64) -> Result<SeriesEntry, BlockError> {
        const WHAT: &str = "an entry of a series";
        let path = std::sync::Arc::clone(&self.window.source.path);
        let (len, start) = self.window.uvarint(offset, WHAT)?;
        if len > SERIES_BYTES_MAX {
            let why = format!(
                "an entry of a series of {len} bytes, more than the {SERIES_BYTES_MAX} that are read"
            );
            return Err(self.window.source.damaged(offset, why));
        }
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let bytes = self.window.bytes(start, len.saturating_add(CRC_BYTES))?;
        let (entry, kept) = bytes.split_at_checked(len).unwrap_or_default();
        let kept = big_u32(kept.first_chunk().copied().unwrap_or_default());
        let found = crc32c(entry);
        if kept != found {
            let at = start.saturating_add(len as u64);
            return Err(BlockError::checksum(&path, at, WHAT, found, kept));
        }
        SeriesEntry::decode(entry).map_err(|error| BlockError::decoding(&path, start, WHAT, &error))
    }
}

fn read_version(source: &Source) -> Result<Version, BlockError> {
    let mut header = [0; 5];
    source.read(&mut header, 0)?;
    let [a, b, c, d, version] = header;
    if big_u32([a, b, c, d]) != MAGIC {
        return Err(source.damaged(0, "it does not begin as an index of Prometheus does"));
    }
    match version {
        1 => Ok(Version::V1),
        2 => Ok(Version::V2),
        version => Err(BlockError::Unsupported {
            file: source.path.to_path_buf(),
            offset: HEADER_BYTES - 1,
            why: format!("version {version} of an index: this version reads 1 and 2"),
        }),
    }
}

/// Where symbols, series, label indices, their table, postings and their table begin.
fn read_contents(source: &Source) -> Result<[u64; 6], BlockError> {
    let len = (CONTENTS_BYTES + CRC_BYTES) as u64;
    let start = source.len.saturating_sub(len);
    if start < HEADER_BYTES {
        return Err(source.damaged(0, "it is too short for a table of contents"));
    }
    source.check_crc(start, CONTENTS_BYTES as u64, "the table of contents")?;
    let mut bytes = [0; CONTENTS_BYTES];
    source.read(&mut bytes, start)?;
    let mut contents = [0; 6];
    let (offsets, _) = bytes.as_chunks::<8>();
    for (at, offset) in contents.iter_mut().zip(offsets) {
        *at = big_u64(*offset);
        if *at >= start {
            let why =
                format!("a section begins at {at}, which is not before the table of contents");
            return Err(source.damaged(start, why));
        }
    }
    Ok(contents)
}
