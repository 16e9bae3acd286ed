//! Rank 4: which series there are (registry), what is durable of them (series file), and the open
//! chunks of one series (buffer). Bytes of the file: `docs/format/series.md`.

mod ahead;
mod buffer;
mod buffer_columns;
mod buffer_prefetch;
mod error;
mod file;
mod histogram_buffer;
mod late;
mod merge;
mod merged;
mod reader;
mod registry;
mod salvage;
mod sealed;
mod segments;
mod snapshot;
mod table;
#[cfg(test)]
mod tests;

pub use ahead::HashedRecord;
pub use buffer::{Buffer, BufferArena, BufferView, ChunkPart, SettleSpace};
pub use buffer_columns::{DecodeSpace, NewestSample};
pub use buffer_prefetch::SegmentWalk;
pub use error::SeriesError;
pub use file::{
    Definition, SERIES_HEADER_BYTES, SERIES_MAGIC, SERIES_VERSION, SeriesFile, SeriesHeader,
    series_path,
};
pub use histogram_buffer::HistogramBuffer;
pub use merge::{GivenChunkError, disjoint_parts, given_columns, merge_parts};
pub use merged::{HistogramForm, MergedSamples, SampleRef};
pub use reader::{
    LABELS_BYTES_MAX, SeriesEnd, SeriesImage, SeriesRecord, decode_header, read_record,
    read_series_file, record_at,
};
pub use registry::{Registry, slot_of};
pub use salvage::{LostRecords, SalvagedSeriesFile, salvage_series};
pub use snapshot::{
    CoveredFile, SNAPSHOT_MAGIC, SNAPSHOT_VERSION, SeriesSnapshot, SnapshotHead, encode_snapshot,
    snapshot_path,
};
