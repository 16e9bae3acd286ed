#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

pub mod bits;
pub mod block;
pub mod chunk;
pub mod clock;
mod db;
pub mod exemplar;
pub mod index;
pub mod manifest;
pub mod model;
pub mod page;
pub mod postings;
pub mod run;
pub mod series;
pub mod shard;
pub mod vfs;
pub mod wal;

pub use chunk::Encoding;
pub use clock::{Clock, SystemClock};
pub use db::{
    BackupProgress, BackupReport, BackupStore, BackupSummary, Backups, CheckReport, Damage, Db,
    DbOptions, DeleteReport, Digest, Error, ErrorKind, FolderStore, Lost, LostSamples, Maintenance,
    MaintenanceStep, Namespace, NamespaceOptions, NamespaceStats, NewObject, OpeningPhase,
    OpeningProgress, OpeningState, Problem, RecoveryReport, RefusedSnapshot, RestoreReport,
    RetainReport, SalvageReport, SeriesDigest, SeriesDigests, ShardDigest, SnapshotReport, Stats,
    StoredObject, TornTail, VerifyReport,
};
pub use exemplar::SeriesExemplars;
pub use index::{Cardinality, Counted, CountedPair, Grouping};
pub use manifest::{Document, check_namespace_name};
pub use model::{
    AppendReport, BatchExemplar, BucketSpan, EncodedLabels, Exemplar, ExemplarError, Histogram,
    HistogramCounts, HistogramError, Label, Labels, LabelsBuilder, LabelsError, MatchOp, Matcher,
    MatcherError, MetricKind, MetricMetadata, Pushdown, RejectReason, Rejected, ResetHint,
    SHARDS_MAX, STALE_NAN_BITS, Sample, SeriesKey, ShardSet, ShardSetError, TimeRange,
    TimeRangeError, WriteBatch, shard_of,
};
pub use series::{ChunkPart, MergedSamples, SampleRef};
pub use shard::{
    Appended, ExemplarStats, Limited, MemoryUse, Newest, NewestScan, NewestValue, ScanOptions,
    SelectLimits, Series, SeriesChunks, SeriesLimits, SeriesScan, SeriesSet,
};

pub use vfs::Vfs;
pub use wal::{Ack, CommitTicket, LogStats};
