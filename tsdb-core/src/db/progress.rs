//! How far opening is, for whoever looks meanwhile.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// What opening does at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
#[non_exhaustive]
pub enum OpeningPhase {
    /// It has not begun.
    #[default]
    Waiting,
    /// Reads what is listed, and the series.
    Series,
    /// Replays logs.
    Replay,
    /// Makes what it found durable, and removes what nothing lists.
    Finish,
    /// The Db is open.
    Open,
    /// Opening failed.
    Failed,
}

impl OpeningPhase {
    /// All phases, in the order in which they come.
    pub const ALL: [Self; 6] = [
        Self::Waiting,
        Self::Series,
        Self::Replay,
        Self::Finish,
        Self::Open,
        Self::Failed,
    ];

    /// A word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Series => "series",
            Self::Replay => "replay",
            Self::Finish => "finish",
            Self::Open => "open",
            Self::Failed => "failed",
        }
    }
}

/// How far opening is at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpeningState {
    /// What it does.
    pub phase: OpeningPhase,
    /// Logs that have to be replayed; 0 until they were counted.
    pub logs: u64,
    /// Logs that were replayed.
    pub logs_replayed: u64,
    /// Bytes of the logs that have to be replayed.
    pub log_bytes: u64,
    /// Bytes of them that were replayed.
    pub log_bytes_replayed: u64,
}

/// How far opening is, kept up to date by [`crate::Db::open`] when it stands in
/// [`crate::DbOptions::progress`]. A later opening begins it anew.
#[derive(Debug, Default)]
pub struct OpeningProgress {
    phase: AtomicU8,
    logs: AtomicU64,
    logs_replayed: AtomicU64,
    log_bytes: AtomicU64,
    log_bytes_replayed: AtomicU64,
}

impl OpeningProgress {
    /// How far it is.
    #[must_use]
    pub fn state(&self) -> OpeningState {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let phase = usize::from(self.phase.load(Ordering::Acquire));
        OpeningState {
            phase: OpeningPhase::ALL.get(phase).copied().unwrap_or_default(),
            logs: read(&self.logs),
            logs_replayed: read(&self.logs_replayed),
            log_bytes: read(&self.log_bytes),
            log_bytes_replayed: read(&self.log_bytes_replayed),
        }
    }

    pub(super) fn enter(&self, phase: OpeningPhase) {
        self.phase.store(phase as u8, Ordering::Release);
    }

    /// Begins anew.
    pub(super) fn begin(&self) {
        self.set_logs(0, 0);
        self.enter(OpeningPhase::Series);
    }

    pub(super) fn set_logs(&self, logs: u64, bytes: u64) {
        self.logs_replayed.store(0, Ordering::Relaxed);
        self.log_bytes_replayed.store(0, Ordering::Relaxed);
        self.logs.store(logs, Ordering::Relaxed);
        self.log_bytes.store(bytes, Ordering::Relaxed);
    }

    pub(super) fn replayed(&self, logs: u64, bytes: u64) {
        self.logs_replayed.store(logs, Ordering::Relaxed);
        self.log_bytes_replayed.store(bytes, Ordering::Relaxed);
    }
}
