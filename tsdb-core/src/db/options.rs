//! Options: plain structs, checked once.

use std::sync::Arc;
use std::time::Duration;

use super::{Error, OpeningPhase, OpeningProgress};
use crate::manifest::{AckMode, NamespaceEntry};
use crate::model::{NamespaceId, ProtocolRules};
use crate::series::LABELS_BYTES_MAX;
use crate::shard::{ReaderLimits, SeriesLimits};
use crate::wal::Ack;

/// No window is longer, so that a chunk's timestamps stay near each other.
const WINDOW_MAX: Duration = Duration::from_secs(366 * 24 * 3600);

/// No namespace works with less memory.
const MEMORY_MAX_MIN: u64 = 1 << 20;

/// Options of a [`super::Db`].
///
/// ```
/// let options = tsdb_core::DbOptions { memory_budget_bytes: 256 << 20, ..Default::default() };
/// assert_eq!(options.log_cap_bytes, 128 << 20);
/// ```
#[derive(Clone, Debug)]
pub struct DbOptions {
    /// A generation's log is cut at this size. Default 128 MiB; grows with the number of series
    /// up to 1 GiB. Replay after a crash reads at most about twice as much.
    pub log_cap_bytes: u64,
    /// Bytes that series, buffers and the log's queue may take. Appends are refused with
    /// [`super::ErrorKind::Backpressure`] beyond it. Default 1 GiB.
    pub memory_budget_bytes: u64,
    /// Bounds on series and samples.
    pub limits: SeriesLimits,
    /// Whether an append flushes by itself once maintenance lags by two log caps, instead of
    /// answering backpressure. Default true: a caller who never calls `maintain` stays bounded.
    pub inline_flush: bool,
    /// Runs of a namespace are merged once there are more than this. Default 8.
    pub runs_max: usize,
    /// Bytes of removed files that readers of one namespace may hold. Past it, those that hold
    /// any are refused to read on. Default 4 GiB.
    pub pinned_bytes_max: u64,
    /// Bytes of memory that only readers of one namespace may hold, of buffers, registries and
    /// indexes that were replaced since they began. Past it, those that hold them longest are
    /// refused to read on, and what they hold is freed. `None` for half of
    /// [`DbOptions::memory_budget_bytes`], which is the default.
    pub reader_memory_max: Option<u64>,
    /// For how long a reader may hold what was replaced, files or memory; past it, it is refused to
    /// read on, and what it holds is freed by [`super::Db::maintain`]. `None` without end. Default
    /// 1 h.
    pub reader_age_max: Option<Duration>,
    /// Deletes of one namespace whose samples are still on disk; past it, deletes are refused with
    /// [`super::ErrorKind::Backpressure`] until compaction has caught up. Default 1,000.
    pub tombstones_max: usize,
    /// Exemplars that each namespace keeps: the newest by arrival, and no more than fit into a
    /// sixteenth of the memory budget. With 0 none are kept, and those sent are counted as dropped.
    /// Default 100,000.
    pub exemplars_max: usize,
    /// Key of the fingerprints of a new data folder; random by default. An existing folder keeps
    /// its own.
    pub fingerprint_key: Option<[u8; 16]>,
    /// How many threads opening may use, the caller's among them; they end before it returns.
    /// Default: as many as the machine runs at once, at most 8. With 1 none is started. What is
    /// found does not depend on it.
    pub open_threads: usize,
    /// Is told how far opening is, for others to look at meanwhile. Default: nobody looks.
    pub progress: Option<Arc<OpeningProgress>>,
    /// Rules of the commit protocol, all of which hold outside of tests.
    #[doc(hidden)]
    pub rules: ProtocolRules,
}

impl DbOptions {
    /// Tells whoever looks what opening does now.
    pub(super) fn enter(&self, phase: OpeningPhase) {
        if let Some(progress) = &self.progress {
            progress.enter(phase);
        }
    }

    pub(super) fn reader_limits(&self) -> ReaderLimits {
        let half = self.memory_budget_bytes / 2;
        ReaderLimits {
            memory_bytes: self.reader_memory_max.unwrap_or(half),
            age: self.reader_age_max,
        }
    }

    /// Checks the options.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the limits allow labels that no series file can hold.
    pub fn check(&self) -> Result<(), Error> {
        let SeriesLimits {
            labels,
            label_name_bytes,
            label_value_bytes,
            ..
        } = self.limits;
        let label = label_name_bytes
            .saturating_add(label_value_bytes)
            .saturating_add(20);
        let most = labels.saturating_mul(label);
        if most <= LABELS_BYTES_MAX {
            return Ok(());
        }
        Err(Error::Invalid {
            name: "limits",
            value: format!("{labels} labels of {label} bytes"),
            why: "the labels of one series must stay below 16 MiB: lower one of the limits",
        })
    }
}

impl Default for DbOptions {
    fn default() -> Self {
        Self {
            log_cap_bytes: 128 << 20,
            memory_budget_bytes: 1 << 30,
            limits: SeriesLimits::default(),
            inline_flush: true,
            runs_max: 8,
            pinned_bytes_max: 4 << 30,
            reader_memory_max: None,
            reader_age_max: Some(Duration::from_secs(3600)),
            tombstones_max: 1000,
            exemplars_max: 100_000,
            fingerprint_key: None,
            open_threads: crate::bits::default_threads(),
            progress: None,
            rules: ProtocolRules::default(),
        }
    }
}

/// Options of a namespace; they are stored, and can be changed by naming it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamespaceOptions {
    /// How long samples are kept; `None` for ever.
    pub retention: Option<Duration>,
    /// How many bytes of runs and blocks are kept: beyond it the oldest blocks go. Samples that
    /// are in no block yet never go for this. `None` for any number.
    pub retention_bytes: Option<u64>,
    /// Bytes of memory that its series, buffers and readers may take together, at least 1 MiB;
    /// three quarters of it may be series. Beyond it samples wait for a flush
    /// ([`super::ErrorKind::Backpressure`]) and new series are refused, those of this namespace
    /// alone. `None`, the default, for what [`DbOptions::memory_budget_bytes`] leaves.
    pub memory_max: Option<u64>,
    /// Series that it may hold in memory, at least 1; further ones are refused. `None`, the
    /// default, for [`SeriesLimits::series`], which holds in any case.
    pub series_max: Option<u64>,
    /// Length of the time windows into which samples are cut on disk. Default 2 h.
    pub window: Duration,
    /// When a writer is told that its samples were stored. Default [`Ack::Always`].
    pub ack: Ack,
}

impl Default for NamespaceOptions {
    fn default() -> Self {
        Self {
            retention: None,
            retention_bytes: None,
            memory_max: None,
            series_max: None,
            window: Duration::from_secs(2 * 3600),
            ack: Ack::Always,
        }
    }
}

impl NamespaceOptions {
    /// Checks the options.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a window below a second or beyond 366 days, a retention shorter than
    /// a window, or a limit that leaves no room.
    pub fn check(&self) -> Result<(), Error> {
        let invalid = |name, value: Duration, why| {
            Err(Error::Invalid {
                name,
                value: format!("{value:?}"),
                why,
            })
        };
        if self.window < Duration::from_secs(1) || self.window > WINDOW_MAX {
            return invalid("window", self.window, "it must be between 1 s and 366 days");
        }
        if !self.window.subsec_nanos().is_multiple_of(1_000_000) {
            return invalid("window", self.window, "it must be whole milliseconds");
        }
        if self.retention_bytes == Some(0) {
            return Err(Error::Invalid {
                name: "retention_bytes",
                value: "0".to_owned(),
                why: "it must be at least 1 byte; leave it out to keep everything",
            });
        }
        let invalid_limit = |name, value: u64, why| {
            let value = value.to_string();
            Err(Error::Invalid { name, value, why })
        };
        if let Some(value) = self.memory_max.filter(|bytes| *bytes < MEMORY_MAX_MIN) {
            let why = "it must be at least 1 MiB; leave it out for no limit";
            return invalid_limit("memory_max", value, why);
        }
        if self.series_max == Some(0) {
            let why = "it must be at least 1; leave it out for no limit";
            return invalid_limit("series_max", 0, why);
        }
        match self.retention {
            Some(retention) if retention < self.window => invalid(
                "retention",
                retention,
                "it must not be shorter than a window",
            ),
            _ => Ok(()),
        }
    }

    /// The options that the catalog lists.
    pub(super) fn of(entry: &NamespaceEntry) -> Self {
        Self {
            retention: entry.retention_ms.map(Duration::from_millis),
            retention_bytes: entry.retention_bytes,
            memory_max: entry.memory_max,
            series_max: entry.series_max,
            window: Duration::from_millis(entry.window_ms),
            ack: match entry.ack {
                AckMode::Always => Ack::Always,
                AckMode::Interval(interval_ms) => Ack::Interval(Duration::from_millis(interval_ms)),
                AckMode::Os => Ack::Os,
            },
        }
    }

    /// The catalog's entry for a namespace with these options.
    pub(super) fn entry(&self, id: NamespaceId, name: &str) -> NamespaceEntry {
        NamespaceEntry {
            id,
            name: name.to_owned(),
            retention_ms: self
                .retention
                .map(|retention| millis(retention).unsigned_abs()),
            retention_bytes: self.retention_bytes,
            memory_max: self.memory_max,
            series_max: self.series_max,
            window_ms: self.window_ms().unsigned_abs(),
            ack: match self.ack {
                Ack::Always => AckMode::Always,
                Ack::Interval(interval) => AckMode::Interval(millis(interval).unsigned_abs()),
                Ack::Os => AckMode::Os,
            },
        }
    }

    pub(super) fn window_ms(&self) -> i64 {
        millis(self.window)
    }

    pub(super) fn retention_ms(&self) -> Option<i64> {
        self.retention.map(millis)
    }
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
