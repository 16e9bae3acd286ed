//! Figures of a Db; units stand last in the names.

use std::sync::atomic::AtomicU64;

use crate::shard::{ExemplarStats, MemoryUse};
use crate::wal::LogStats;

/// What is counted as it happens.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) appends: AtomicU64,
    pub(super) flushes: AtomicU64,
    pub(super) merges: AtomicU64,
    pub(super) runs_expired: AtomicU64,
    pub(super) compactions: AtomicU64,
    pub(super) blocks_expired: AtomicU64,
    pub(super) series_forgotten: AtomicU64,
    pub(super) series_files_rewritten: AtomicU64,
    /// Of namespaces that were removed.
    pub(super) readers_refused: AtomicU64,
    /// Bytes of logs whose generation is closed.
    pub(super) closed_log_bytes: AtomicU64,
}

/// Figures of a Db at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// The commit log.
    pub log: LogStats,
    /// Bytes of the log being written.
    pub log_open_bytes: u64,
    /// Generations that are closed and not flushed.
    pub generations_closed: usize,
    /// Bytes held for series and index.
    pub series_memory_bytes: usize,
    /// Bytes held for samples that are not flushed.
    pub buffer_memory_bytes: usize,
    /// Bytes held for room that appends use again.
    pub append_memory_bytes: usize,
    /// Bytes held of directories and indexes of runs and blocks.
    pub file_memory_bytes: usize,
    /// Bytes held by a flush or a compaction that goes on.
    pub upkeep_memory_bytes: usize,
    /// Bytes held for exemplars.
    pub exemplar_memory_bytes: usize,
    /// Bytes held for frames that wait.
    pub queue_memory_bytes: usize,
    /// [`crate::DbOptions::memory_budget_bytes`].
    pub memory_budget_bytes: u64,
    /// Generations flushed since opening.
    pub flushes: u64,
    /// Merges of runs since opening.
    pub merges: u64,
    /// Runs dropped by retention since opening.
    pub runs_expired: u64,
    /// Compactions into blocks since opening.
    pub compactions: u64,
    /// Blocks dropped by retention, of time or of bytes, since opening.
    pub blocks_expired: u64,
    /// Series that left memory since opening.
    pub series_forgotten: u64,
    /// Rewrites of series files since opening.
    pub series_files_rewritten: u64,
    /// How often a run or block could not be taken into use when it was first needed: it was gone,
    /// damaged, or the disk failed.
    pub files_refused: u64,
    /// Removed files that readers hold.
    pub pinned_files: usize,
    /// Bytes of those, which come free when they are let go.
    pub pinned_bytes: u64,
    /// Bytes of memory that only readers hold: what was replaced since they began, and what they
    /// have read and not given out. A part of [`Stats::series_memory_bytes`].
    pub pinned_memory_bytes: usize,
    /// Selects that are being read.
    pub readers: usize,
    /// Of which hold what was replaced since they began.
    pub readers_overtaken: usize,
    /// Those refused since opening, as they held too much of that, or for too long.
    pub readers_refused: u64,
    /// Whether expiry is suspended since the clock jumped.
    pub expiry_suspended: bool,
    /// Whether appends are refused until reopening.
    pub poisoned: bool,
    /// Figures of each namespace, by name.
    pub namespaces: Vec<NamespaceStats>,
}

/// Figures of a namespace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NamespaceStats {
    /// Its name.
    pub name: String,
    /// Bytes it holds in memory, by use.
    pub memory: MemoryUse,
    /// [`crate::NamespaceOptions::memory_max`].
    pub memory_max: Option<u64>,
    /// [`crate::NamespaceOptions::series_max`].
    pub series_max: Option<u64>,
    /// Series in memory: all but those whose samples lie in blocks alone and that left.
    pub series: usize,
    /// Bytes of series files, as far as they are durable.
    pub series_file_bytes: u64,
    /// Samples in memory, duplicates included.
    pub buffered_samples: u64,
    /// Live runs.
    pub runs: usize,
    /// Bytes of live runs.
    pub run_bytes: u64,
    /// Samples of live runs; one that lies in several is counted in each.
    pub run_samples: u64,
    /// Live blocks.
    pub blocks: usize,
    /// Bytes of live blocks.
    pub block_bytes: u64,
    /// Samples of live blocks; one that lies in several is counted in each.
    pub block_samples: u64,
    /// Deletes whose samples may still be on disk.
    pub tombstones: usize,
    /// Its exemplars.
    pub exemplars: ExemplarStats,
}
