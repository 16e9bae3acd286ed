//! What a manifest lists: runs, blocks and series files.

use crate::bits::{ByteReader, DecodeError, put_i64, put_u32, put_u64};
use crate::block::{BlockHeader, BlockMeta};
use crate::model::{BlockId, Generation, NamespaceId, RunId, SeriesId, Window};
use crate::run::{RunExtent, RunHeader, RunMeta};

const FLAG_DENSE: u32 = 1;
const FLAG_HISTOGRAMS: u32 = 2;

/// A live run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunEntry {
    /// Its number.
    pub id: RunId,
    /// The newest generation whose samples it holds; at most the flushed one.
    pub generation: Generation,
    /// First millisecond of its first window.
    pub windows_min: i64,
    /// Last millisecond of its windows, included.
    pub windows_max: i64,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// Number of samples.
    pub samples: u64,
    /// The rest of what its footer tells together; manifests before version 4 do not know it.
    pub details: Option<RunDetails>,
}

/// What a manifest of version 4 knows of a run besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunDetails {
    /// The oldest generation whose samples it holds.
    pub first_generation: Generation,
    /// Timestamp of its first sample, in milliseconds.
    pub min_time: i64,
    /// Timestamp of its last sample, in milliseconds.
    pub max_time: i64,
    /// Its largest series id.
    pub last_series: SeriesId,
}

impl RunEntry {
    /// The entry of a finished run; none if it holds nothing and need not be listed.
    #[must_use]
    pub fn of(run: &RunMeta) -> Option<Self> {
        let extent = run.extent?;
        Some(Self {
            id: run.header.id,
            generation: run.header.last_generation,
            windows_min: extent.windows_min,
            windows_max: extent.windows_max,
            bytes: run.bytes,
            samples: extent.samples,
            details: Some(RunDetails {
                first_generation: run.header.first_generation,
                min_time: extent.min_time,
                max_time: extent.max_time,
                last_series: extent.last_series,
            }),
        })
    }

    /// What the run's footer tells, if the manifest knew it.
    #[must_use]
    pub fn meta(&self, namespace: NamespaceId) -> Option<RunMeta> {
        let details = self.details?;
        Some(RunMeta {
            header: RunHeader {
                namespace,
                id: self.id,
                first_generation: details.first_generation,
                last_generation: self.generation,
            },
            bytes: self.bytes,
            extent: Some(RunExtent {
                windows_min: self.windows_min,
                windows_max: self.windows_max,
                min_time: details.min_time,
                max_time: details.max_time,
                last_series: details.last_series,
                samples: self.samples,
            }),
        })
    }
}

impl RunDetails {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put_u64(out, self.first_generation.0);
        put_i64(out, self.min_time);
        put_i64(out, self.max_time);
        put_u64(out, self.last_series.0);
    }

    pub(super) fn decode(reader: &mut ByteReader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            first_generation: Generation(reader.u64()?),
            min_time: reader.i64()?,
            max_time: reader.i64()?,
            last_series: SeriesId(reader.u64()?),
        })
    }

    /// Whether a run can be both as this says and as its entry does.
    pub(super) fn fits(&self, run: &RunEntry) -> bool {
        self.first_generation <= run.generation
            && run.windows_min <= self.min_time
            && self.min_time <= self.max_time
            && self.max_time <= run.windows_max
    }
}

/// A live block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockEntry {
    /// Its number.
    pub id: BlockId,
    /// The newest generation whose samples it holds; at most the flushed one.
    pub generation: Generation,
    /// Its window.
    pub window: Window,
    /// Timestamp of its first sample, in milliseconds.
    pub min_time: i64,
    /// Timestamp of its last sample, in milliseconds.
    pub max_time: i64,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// Number of samples.
    pub samples: u64,
    /// The rest of what its footer tells; manifests before version 4 do not know it.
    pub details: Option<BlockDetails>,
}

/// What a manifest of version 4 knows of a block besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockDetails {
    /// The oldest generation whose samples it holds.
    pub first_generation: Generation,
    /// Its smallest series id.
    pub first_series: SeriesId,
    /// Its largest series id.
    pub last_series: SeriesId,
    /// Number of rows.
    pub rows: u32,
    /// The most samples that a row has.
    pub row_samples_max: u64,
    /// Whether its values are encoded as small as can be.
    pub dense: bool,
    /// Whether any row has native histograms.
    pub histograms: bool,
}

impl BlockEntry {
    /// The entry of a finished block.
    #[must_use]
    pub fn of(block: &BlockMeta) -> Self {
        Self {
            id: block.header.id,
            generation: block.header.last_generation,
            window: block.header.window,
            min_time: block.min_time,
            max_time: block.max_time,
            bytes: block.bytes,
            samples: block.samples,
            details: Some(BlockDetails {
                first_generation: block.header.first_generation,
                first_series: block.first_series,
                last_series: block.last_series,
                rows: block.rows,
                row_samples_max: block.row_samples_max,
                dense: block.dense,
                histograms: block.histograms,
            }),
        }
    }

    /// What the block's footer tells, if the manifest knew it.
    #[must_use]
    pub fn meta(&self, namespace: NamespaceId) -> Option<BlockMeta> {
        let details = self.details?;
        Some(BlockMeta {
            header: BlockHeader {
                namespace,
                id: self.id,
                first_generation: details.first_generation,
                last_generation: self.generation,
                window: self.window,
            },
            bytes: self.bytes,
            dense: details.dense,
            histograms: details.histograms,
            min_time: self.min_time,
            max_time: self.max_time,
            first_series: details.first_series,
            last_series: details.last_series,
            rows: details.rows,
            samples: self.samples,
            row_samples_max: details.row_samples_max,
        })
    }
}

impl BlockDetails {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put_u64(out, self.first_generation.0);
        put_u64(out, self.first_series.0);
        put_u64(out, self.last_series.0);
        put_u32(out, self.rows);
        put_u64(out, self.row_samples_max);
        let flags = [(self.dense, FLAG_DENSE), (self.histograms, FLAG_HISTOGRAMS)];
        let set = flags.iter().filter(|(set, _)| *set);
        put_u32(out, set.fold(0, |all, (_, flag)| all | flag));
    }

    pub(super) fn decode(reader: &mut ByteReader<'_>) -> Result<Self, DecodeError> {
        let mut details = Self {
            first_generation: Generation(reader.u64()?),
            first_series: SeriesId(reader.u64()?),
            last_series: SeriesId(reader.u64()?),
            rows: reader.u32()?,
            row_samples_max: reader.u64()?,
            dense: false,
            histograms: false,
        };
        let flags = reader.u32()?;
        if flags & !(FLAG_DENSE | FLAG_HISTOGRAMS) != 0 {
            return Err(reader.error("unknown flags of a block"));
        }
        details.dense = flags & FLAG_DENSE != 0;
        details.histograms = flags & FLAG_HISTOGRAMS != 0;
        Ok(details)
    }

    /// Whether a block can be both as this says and as its entry does.
    pub(super) fn fits(&self, block: &BlockEntry) -> bool {
        self.first_generation <= block.generation
            && self.first_series <= self.last_series
            && self.rows > 0
            && u64::from(self.rows) <= block.samples
            && self.row_samples_max > 0
            && self.row_samples_max <= block.samples
    }
}

/// A live series file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeriesFileEntry {
    /// Its number.
    pub number: u64,
    /// How many of its bytes were known durable when the manifest was written.
    pub synced_len: u64,
}
