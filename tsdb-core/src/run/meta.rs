//! What is known of runs, their sections and their chunks without reading samples.

use super::reader::RunReader;
use crate::chunk::Encoding;
pub use crate::model::RowKey;
use crate::model::{Generation, NamespaceId, RunId, SeriesId, TimeRange, Window};

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

/// What is known of a run before its footer is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunMeta {
    /// Which run it is.
    pub header: RunHeader,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// What its windows hold together; none if the run is empty.
    pub extent: Option<RunExtent>,
}

/// What the windows of a run hold together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunExtent {
    /// First millisecond of the first window.
    pub windows_min: i64,
    /// Last millisecond of the windows, included.
    pub windows_max: i64,
    /// Timestamp of the first sample, in milliseconds.
    pub min_time: i64,
    /// Timestamp of the last sample, in milliseconds.
    pub max_time: i64,
    /// The largest series id.
    pub last_series: SeriesId,
    /// Number of samples.
    pub samples: u64,
}

impl RunExtent {
    fn of(sections: &[SectionMeta]) -> Option<Self> {
        let each = || sections.iter();
        Some(Self {
            windows_min: each().map(|section| section.window.start).min()?,
            windows_max: each().map(|section| section.window.last).max()?,
            min_time: each().map(|section| section.min_time).min()?,
            max_time: each().map(|section| section.max_time).max()?,
            last_series: each().map(|section| section.last_series).max()?,
            samples: each()
                .map(|section| section.samples)
                .fold(0, u64::saturating_add),
        })
    }
}

impl RunMeta {
    /// What a run with these sections is.
    pub(super) fn of(header: RunHeader, bytes: u64, sections: &[SectionMeta]) -> Self {
        Self {
            header,
            bytes,
            extent: RunExtent::of(sections),
        }
    }

    /// Number of samples in all sections.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.extent.map_or(0, |extent| extent.samples)
    }

    /// Timestamps of the first and the last sample; none if the run is empty.
    #[must_use]
    pub fn time_range(&self) -> Option<(i64, i64)> {
        self.extent.map(|extent| (extent.min_time, extent.max_time))
    }

    /// Whether it may have samples in `range`.
    #[must_use]
    pub fn overlaps(&self, range: TimeRange) -> bool {
        self.time_range()
            .is_some_and(|(min, max)| range.overlaps(min, max))
    }
}
