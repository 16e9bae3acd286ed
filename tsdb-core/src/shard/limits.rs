//! Bounds on what is written and read.

use std::time::Duration;

/// Bounds on series and samples, checked sample by sample: what exceeds one is rejected, its
/// neighbours are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeriesLimits {
    /// Series a namespace may hold.
    pub series: u64,
    /// Labels of one series.
    pub labels: usize,
    /// Bytes of a label's name.
    pub label_name_bytes: usize,
    /// Bytes of a label's value.
    pub label_value_bytes: usize,
    /// How far ahead of the clock a sample may lie; `None` for any time.
    pub max_future: Option<Duration>,
}

impl Default for SeriesLimits {
    fn default() -> Self {
        Self {
            series: 10_000_000,
            labels: 128,
            label_name_bytes: 1024,
            label_value_bytes: 16 << 10,
            max_future: Some(Duration::from_secs(3600)),
        }
    }
}

/// Bounds on one query; exceeding one is an error that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelectLimits {
    /// Series a select may match.
    pub series: usize,
    /// Samples a select may read.
    pub samples: u64,
}

impl Default for SelectLimits {
    fn default() -> Self {
        Self {
            series: 10_000_000,
            samples: 1_000_000_000,
        }
    }
}

/// An answer that may have been cut at a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limited<T> {
    /// What was found.
    pub values: T,
    /// Whether there was more than the limit allows.
    pub truncated: bool,
}
