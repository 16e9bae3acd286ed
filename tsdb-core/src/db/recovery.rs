//! What opening found.

use std::path::PathBuf;

/// The end of a log or series file that was not readable, and cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// The file.
    pub path: PathBuf,
    /// Offset of the first byte that was given up.
    pub offset: u64,
    /// How many bytes were given up.
    pub bytes: u64,
    /// What was wrong there.
    pub what: String,
}

/// A snapshot of series that was left aside: what it would have told was read from the series
/// files instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedSnapshot {
    /// The file; opening for writing removes it.
    pub path: PathBuf,
    /// Why it was not used.
    pub what: String,
}

/// What opening found. Torn tails hold nothing that was acked with [`crate::Ack::Always`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Logs that were replayed.
    pub logs: u64,
    /// Frames that were replayed.
    pub frames: u64,
    /// Samples that were replayed.
    pub samples: u64,
    /// Series that were loaded.
    pub series: u64,
    /// Of these, series that snapshots held ready made.
    pub series_from_snapshots: u64,
    /// Snapshots that could not be used.
    pub refused_snapshots: Vec<RefusedSnapshot>,
    /// Runs that were opened.
    pub runs: u64,
    /// Blocks opened.
    pub blocks: u64,
    /// What was cut off.
    pub torn: Vec<TornTail>,
    /// Files that nothing listed, and that were removed.
    pub removed: Vec<PathBuf>,
    /// Milliseconds from the start of opening to its end.
    pub duration_ms: u64,
}
