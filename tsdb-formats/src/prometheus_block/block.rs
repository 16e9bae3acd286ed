//! A block: its series one by one, and the samples of each, chunk by chunk.

use std::path::Path;
use std::sync::Arc;

use tsdb_core::model::Labels;
use tsdb_core::vfs::Vfs;

use super::chunks::ChunkReader;
pub use super::chunks::ChunkSamples;
use super::error::BlockError;
use super::index::IndexReader;
use super::meta::BlockMeta;
use super::series::ChunkMeta;
use super::tombstones::Tombstones;

/// A block that is open for reading.
#[derive(Debug)]
pub struct Block {
    meta: BlockMeta,
    index: IndexReader,
    chunks: ChunkReader,
    tombstones: Tombstones,
}

/// A series of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockSeries {
    /// Its labels.
    pub labels: Labels,
    /// Its chunks, in the order of the index.
    pub chunks: Vec<ChunkMeta>,
    /// First and last times of which nothing is left.
    gone: Vec<(i64, i64)>,
}

impl BlockSeries {
    /// Whether the sample of a time was deleted.
    fn is_gone(&self, timestamp: i64) -> bool {
        let mut gone = self.gone.iter();
        gone.any(|(first, last)| (*first..=*last).contains(&timestamp))
    }
}

impl Block {
    /// Opens the block in `folder`.
    ///
    /// # Errors
    /// When its meta.json, its tombstones, or the part of its index that finds everything else
    /// cannot be read.
    pub fn open(vfs: &Arc<dyn Vfs>, folder: &Path) -> Result<Self, BlockError> {
        Ok(Self {
            meta: BlockMeta::open(&**vfs, &folder.join("meta.json"))?,
            index: IndexReader::open(&**vfs, &folder.join("index"))?,
            tombstones: Tombstones::open(&**vfs, &folder.join("tombstones"))?,
            chunks: ChunkReader::new(Arc::clone(vfs), folder.join("chunks")),
        })
    }

    /// What it says of itself.
    #[must_use]
    pub fn meta(&self) -> &BlockMeta {
        &self.meta
    }

    /// How many series its index has.
    #[must_use]
    pub fn series_len(&self) -> u64 {
        self.index.series_len()
    }

    /// How many series were read, damaged ones included.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.index.position()
    }

    /// Goes on behind the first `position` series.
    pub fn seek(&mut self, position: u64) {
        self.index.seek(position);
    }

    /// The next series; `None` behind the last.
    ///
    /// # Errors
    /// When it is damaged. The one behind it is next all the same.
    pub fn next_series(&mut self) -> Result<Option<BlockSeries>, BlockError> {
        let Some(series) = self.index.next_series()? else {
            return Ok(None);
        };
        let gone = self.tombstones.of(series.reference).iter();
        Ok(Some(BlockSeries {
            labels: series.labels,
            chunks: series.chunks,
            gone: gone.map(|(_, first, last)| (*first, *last)).collect(),
        }))
    }

    /// Puts the samples of one of a series' chunks into `out`, without those that were deleted;
    /// answers how many these are.
    ///
    /// # Errors
    /// When the chunk cannot be read or is damaged; other chunks can be read all the same.
    pub fn read_chunk(
        &mut self,
        series: &BlockSeries,
        chunk: &ChunkMeta,
        out: &mut ChunkSamples,
    ) -> Result<usize, BlockError> {
        if let Err(error) = self.chunks.read(chunk, out) {
            out.clear();
            return Err(error);
        }
        let all = out.len();
        if !series.gone.is_empty() {
            out.retain(|timestamp| !series.is_gone(timestamp));
        }
        Ok(all - out.len())
    }
}
