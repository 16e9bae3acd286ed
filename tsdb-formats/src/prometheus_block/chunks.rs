//! The segments of a block's chunks: `chunks/000001` and on.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tsdb_core::bits::crc32c;
use tsdb_core::chunk::{ChunkIter, HistogramChunkIter};
use tsdb_core::model::{Histogram, HistogramCounts, ResetHint, Sample};
use tsdb_core::vfs::Vfs;

use super::error::BlockError;
use super::series::ChunkMeta;
use super::window::{CRC_BYTES, Source, Window, big_u32};

/// First bytes of a segment.
const MAGIC: u32 = 0x85BD_40DD;
/// The only version.
const VERSION: u8 = 1;
/// Bytes of magic number, version and padding.
const HEADER_BYTES: usize = 8;
/// Bytes read at once.
const STEP: usize = 512 << 10;
/// Longest chunk in bytes: a thousand times what Prometheus makes.
const CHUNK_BYTES_MAX: u64 = 32 << 20;

/// What a chunk holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChunkSamples {
    /// Floats in order of time.
    pub samples: Vec<Sample>,
    /// Native histograms in order of time, milliseconds since the epoch.
    pub histograms: Vec<(i64, Histogram)>,
}

impl ChunkSamples {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.samples.len() + self.histograms.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes all out, and keeps the memory.
    pub fn clear(&mut self) {
        self.samples.clear();
        self.histograms.clear();
    }

    /// Keeps those of some times.
    pub fn retain(&mut self, keep: impl Fn(i64) -> bool) {
        self.samples.retain(|sample| keep(sample.timestamp));
        self.histograms.retain(|(timestamp, _)| keep(*timestamp));
    }
}

/// Reads chunks by their references. One segment is open at a time.
#[derive(Debug)]
pub struct ChunkReader {
    vfs: Arc<dyn Vfs>,
    folder: PathBuf,
    open: Option<(u32, Window)>,
}

impl ChunkReader {
    /// Reads from the segments in `folder`, which are opened when they are needed.
    #[must_use]
    pub fn new(vfs: Arc<dyn Vfs>, folder: PathBuf) -> Self {
        Self {
            vfs,
            folder,
            open: None,
        }
    }

    /// Puts the samples of a chunk into `out`, whatever was in it.
    ///
    /// # Errors
    /// When the chunk cannot be read, is damaged, or is of an unknown kind.
    pub fn read(&mut self, chunk: &ChunkMeta, out: &mut ChunkSamples) -> Result<(), BlockError> {
        out.clear();
        let window = self.segment(chunk.segment())?;
        let path = Arc::clone(&window.source.path);
        let offset = chunk.offset();
        let (len, start) = window.uvarint(offset, "the length of a chunk")?;
        if len > CHUNK_BYTES_MAX {
            let why =
                format!("a chunk of {len} bytes, more than the {CHUNK_BYTES_MAX} that are read");
            return Err(window.source.damaged(offset, why));
        }
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        // Its encoding stands in front of it.
        let bytes = window.bytes(start, len.saturating_add(1 + CRC_BYTES))?;
        let (covered, kept) = bytes.split_at_checked(len + 1).unwrap_or_default();
        let kept = big_u32(kept.first_chunk().copied().unwrap_or_default());
        let found = crc32c(covered);
        if found != kept {
            let at = start.saturating_add(len as u64 + 1);
            return Err(BlockError::checksum(&path, at, "a chunk", found, kept));
        }
        let Some((&encoding, data)) = covered.split_first() else {
            return Ok(());
        };
        let failed = |error| BlockError::decoding(&path, start + 1, "a chunk", &error);
        match encoding {
            1 => {
                for sample in ChunkIter::new(data).map_err(failed)? {
                    out.samples.push(sample.map_err(failed)?);
                }
            }
            2 | 3 => {
                let histograms = HistogramChunkIter::new(data, encoding == 3).map_err(failed)?;
                for histogram in histograms {
                    let (timestamp, histogram) = histogram.map_err(failed)?;
                    let first = out.histograms.is_empty();
                    out.histograms.push((timestamp, as_read(histogram, first)));
                }
            }
            encoding => return Err(unknown(&path, start, encoding)),
        }
        Ok(())
    }

    fn segment(&mut self, number: u32) -> Result<&mut Window, BlockError> {
        let is_open = |(open, _): &(u32, Window)| *open == number;
        if !self.open.as_ref().is_some_and(is_open) {
            self.open = None;
            let path = self.folder.join(format!("{:06}", u64::from(number) + 1));
            let source = open_segment(&*self.vfs, &path)?;
            self.open = Some((number, source.window(STEP)));
        }
        match &mut self.open {
            Some((_, window)) => Ok(window),
            None => Err(BlockError::damaged(&self.folder, 0, "no segment is open")),
        }
    }
}

fn open_segment(vfs: &dyn Vfs, path: &Path) -> Result<Source, BlockError> {
    let source = Source::open(vfs, path)?;
    let mut header = [0; HEADER_BYTES];
    source.read(&mut header, 0)?;
    let [a, b, c, d, version, ..] = header;
    if big_u32([a, b, c, d]) != MAGIC {
        return Err(source.damaged(0, "it does not begin as a segment of chunks does"));
    }
    if version != VERSION {
        return Err(BlockError::Unsupported {
            file: path.to_owned(),
            offset: 4,
            why: format!("version {version} of a segment of chunks: this version reads {VERSION}"),
        });
    }
    Ok(source)
}

fn unknown(path: &Path, offset: u64, encoding: u8) -> BlockError {
    let what = match encoding {
        4 => "XOR2, floats with start timestamps: it is not read yet",
        0xff => "of a block that Thanos thinned out: import the block it was made of",
        _ => "unknown: this version reads 1 (floats), 2 and 3 (histograms)",
    };
    BlockError::Unsupported {
        file: path.to_owned(),
        offset,
        why: format!("a chunk of encoding {encoding}, {what}"),
    }
}

/// A histogram as Prometheus tells it to whoever reads the block. That there was no reset before a
/// chunk says nothing to who has not the chunk before it; a stale marker says nothing at all.
fn as_read(histogram: Histogram, first: bool) -> Histogram {
    if histogram.is_stale() {
        let counts = match histogram.is_float() {
            false => HistogramCounts::default(),
            true => HistogramCounts::Float {
                count: 0.0,
                zero_count: 0.0,
                positive: Vec::new(),
                negative: Vec::new(),
            },
        };
        return Histogram {
            sum: histogram.sum,
            counts,
            ..Histogram::default()
        };
    }
    let reset_hint = match histogram.reset_hint {
        ResetHint::NoReset if first => ResetHint::Unknown,
        hint => hint,
    };
    Histogram {
        reset_hint,
        ..histogram
    }
}
