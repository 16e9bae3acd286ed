//! What is known of runs, their sections and their chunks without reading samples.

use super::reader::RunReader;
use crate::chunk::Encoding;
pub use crate::model::RowKey;
use crate::model::{Generation, NamespaceId, RunId, SeriesId, Window};

/// What the directory says of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkMeta {
    /// Codec of the bytes.
    pub encoding: Encoding,
    /// Timestamp of the first sample, in milliseconds.
    pub min_time: i64,
    /// Timestamp of the last sample, in milliseconds.
    pub max_time: i64,
    /// Number of samples, at least 1.
    pub count: u16,
    /// The epoch of the placement shard in which the samples were taken; 0 on a single machine.
    pub epoch: u64,
}

/// Where a chunk stands in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkRef {
    /// Its row.
    pub key: RowKey,
    /// What the directory says of it.
    pub meta: ChunkMeta,
    /// Offset of its first byte in the file.
    pub offset: u64,
    /// Length in bytes, its checksum behind it not counted.
    pub len: u32,
}

/// Which run of which namespace a file is, and what it holds the samples of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunHeader {
    /// The namespace it belongs to.
    pub namespace: NamespaceId,
    /// Its number within the namespace.
    pub id: RunId,
    /// Oldest generation of the log whose samples it holds.
    pub first_generation: Generation,
    /// Newest generation of the log whose samples it holds.
    pub last_generation: Generation,
}

impl RunHeader {
    /// The header of run `id` that takes the place of `inputs`; none if there are none.
    #[must_use]
    pub fn merged(id: RunId, inputs: &[&RunReader]) -> Option<Self> {
        let headers = || inputs.iter().map(|input| input.meta().header);
        Some(Self {
            namespace: headers().next()?.namespace,
            id,
            first_generation: headers().map(|header| header.first_generation).min()?,
            last_generation: headers().map(|header| header.last_generation).max()?,
        })
    }
}

/// One time window of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SectionMeta {
    /// The window.
    pub window: Window,
    /// Timestamp of its first sample, in milliseconds.
    pub min_time: i64,
    /// Timestamp of its last sample, in milliseconds.
    pub max_time: i64,
    /// Its smallest series id.
    pub first_series: SeriesId,
    /// Its largest series id.
    pub last_series: SeriesId,
    /// Number of series.
    pub series: u64,
    /// Number of chunks.
    pub chunks: u64,
    /// Number of samples.
    pub samples: u64,
    /// Where its chunks and directory pages begin.
    pub(super) offset: u64,
    /// Where they end and its page index begins.
    pub(super) index_offset: u64,
    /// Length of the page index, checksum included.
    pub(super) index_len: u32,
}

impl SectionMeta {
    /// Where the section ends and the next one or the footer begins.
    pub(super) fn end(&self) -> u64 {
        self.index_offset.saturating_add(u64::from(self.index_len))
    }

    /// Bytes on disk.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.end().saturating_sub(self.offset)
    }
}

/// All that a run's footer tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunMeta {
    /// Which run it is.
    pub header: RunHeader,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// Its windows, in order.
    pub sections: Vec<SectionMeta>,
}

impl RunMeta {
    /// Number of samples in all sections.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.sections
            .iter()
            .map(|section| section.samples)
            .fold(0, u64::saturating_add)
    }

    /// Timestamps of the first and the last sample; none if the run is empty.
    #[must_use]
    pub fn time_range(&self) -> Option<(i64, i64)> {
        let min = self.sections.iter().map(|section| section.min_time).min()?;
        let max = self.sections.iter().map(|section| section.max_time).max()?;
        Some((min, max))
    }
}
