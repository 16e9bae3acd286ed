//! What became of a batch: how much was stored, and why the rest was not.

use super::{ExemplarError, HistogramError, LabelsError};

/// What an append stored and what it refused. Refusals never cost their neighbours.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AppendReport {
    /// Floats stored, those that were there already included.
    pub appended: u64,
    /// Native histograms stored, those that were there already included.
    pub appended_histograms: u64,
    /// Exemplars stored, those that were there already included.
    pub appended_exemplars: u64,
    /// Exemplars not stored since the namespace keeps none.
    pub dropped_exemplars: u64,
    /// The first refusals, at most [`AppendReport::MAX_LISTED`].
    pub rejected: Vec<Rejected>,
    /// All samples refused, floats and histograms, listed or not.
    pub rejected_samples: u64,
    /// All exemplars refused, listed or not; those of series that were refused are listed with
    /// them.
    pub rejected_exemplars: u64,
    /// Series refused as a whole, listed or not.
    pub rejected_series: u64,
}

impl AppendReport {
    /// How many refusals are listed before they are only counted.
    pub const MAX_LISTED: usize = 100;

    /// Whether everything was stored.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.rejected_samples == 0 && self.rejected_series == 0 && self.rejected_exemplars == 0
    }

    /// Whether a refusal reported now would be listed; if not, its text need not be made.
    #[must_use]
    pub fn lists_more(&self) -> bool {
        self.rejected.len() < Self::MAX_LISTED
    }

    /// Counts a refusal of `samples`, of a whole series if `whole_series`, and lists what
    /// `rejected` makes while there is room.
    pub fn reject(
        &mut self,
        samples: u64,
        whole_series: bool,
        rejected: impl FnOnce() -> Rejected,
    ) {
        self.rejected_samples += samples;
        self.rejected_series += u64::from(whole_series);
        if self.lists_more() {
            self.rejected.push(rejected());
        }
    }

    /// Counts the refusal of one exemplar, and lists what `rejected` makes while there is room.
    pub fn reject_exemplar(&mut self, rejected: impl FnOnce() -> Rejected) {
        self.rejected_exemplars += 1;
        if self.lists_more() {
            self.rejected.push(rejected());
        }
    }

    /// Adds what another part of the same batch reports.
    pub fn merge(&mut self, other: Self) {
        self.appended += other.appended;
        self.appended_histograms += other.appended_histograms;
        self.appended_exemplars += other.appended_exemplars;
        self.dropped_exemplars += other.dropped_exemplars;
        self.rejected_exemplars += other.rejected_exemplars;
        self.rejected_samples += other.rejected_samples;
        self.rejected_series += other.rejected_series;
        let room = Self::MAX_LISTED.saturating_sub(self.rejected.len());
        self.rejected.extend(other.rejected.into_iter().take(room));
    }
}

/// One refusal.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("series {series}{}: {reason}", At(*.timestamp))]
pub struct Rejected {
    /// The series, as far as it is known.
    pub series: String,
    /// The sample's time in milliseconds; `None` when the whole series was refused.
    pub timestamp: Option<i64>,
    /// How many samples were refused with it.
    pub samples: u64,
    /// Why.
    pub reason: RejectReason,
}

struct At(Option<i64>);

impl std::fmt::Display for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(timestamp) => write!(f, " at {timestamp}"),
            None => Ok(()),
        }
    }
}

impl RejectReason {
    /// A short name of the rule, the same for all that it refuses.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Labels(_) => "invalid_labels",
            Self::NoMetricName => "no_metric_name",
            Self::TooManyLabels { .. } => "too_many_labels",
            Self::LabelNameTooLong { .. } => "label_name_too_long",
            Self::LabelValueTooLong { .. } => "label_value_too_long",
            Self::Histogram(_) => "invalid_histogram",
            Self::Exemplar(_) => "invalid_exemplar",
            Self::HistogramTooLong { .. } => "histogram_too_long",
            Self::TooFarInFuture { .. } => "too_far_in_future",
            Self::OutsideRetention { .. } => "outside_retention",
            Self::SeriesLimit { .. } => "series_limit",
            Self::SeriesMemory { .. } => "series_memory",
            Self::NamespaceSeriesLimit { .. } => "namespace_series_limit",
            Self::NamespaceMemory { .. } => "namespace_memory",
            Self::Elsewhere { rule, .. } => rule,
        }
    }
}

/// Why a sample or series was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RejectReason {
    /// The labels are no valid set.
    #[error(transparent)]
    Labels(#[from] LabelsError),
    /// Another database, which keeps a copy, refused it.
    #[error("{message}")]
    Elsewhere {
        /// The rule's short name there, or `other`.
        rule: &'static str,
        /// Why, for people.
        message: String,
    },
    /// There is no `__name__`.
    #[error("no metric name: send a __name__ label")]
    NoMetricName,
    /// More labels than allowed.
    #[error(
        "{count} labels are more than the limit max_labels of {limit}: drop labels or raise max_labels"
    )]
    TooManyLabels {
        /// Labels found.
        count: usize,
        /// Labels allowed.
        limit: usize,
    },
    /// A label name is longer than allowed.
    #[error(
        "a label name of {length} bytes is longer than the limit max_label_name_bytes of {limit}: shorten it or raise max_label_name_bytes"
    )]
    LabelNameTooLong {
        /// Its length in bytes.
        length: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// A label value is longer than allowed.
    #[error(
        "the value of label {name:?} has {length} bytes, more than the limit max_label_value_bytes of {limit}: shorten it or raise max_label_value_bytes"
    )]
    LabelValueTooLong {
        /// Name of the label.
        name: String,
        /// Length of its value in bytes.
        length: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// A native histogram that makes no sense.
    #[error(transparent)]
    Histogram(#[from] HistogramError),
    /// An exemplar whose labels are too long, or no valid set.
    #[error(transparent)]
    Exemplar(#[from] ExemplarError),
    /// A native histogram is longer than can be stored.
    #[error(
        "a native histogram takes {bytes} bytes, more than the {limit} that are stored: send fewer buckets or a lower schema"
    )]
    HistogramTooLong {
        /// Its canonical bytes.
        bytes: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The sample lies further ahead of the clock than allowed.
    #[error(
        "timestamp {timestamp} is {} ms ahead of the clock, more than the limit max_future of {limit_ms} ms: check the sender's clock and this server's, or raise max_future",
        .timestamp.saturating_sub(*.now)
    )]
    TooFarInFuture {
        /// The sample's time in milliseconds.
        timestamp: i64,
        /// The clock at that moment in milliseconds.
        now: i64,
        /// How far ahead a sample may lie, in milliseconds.
        limit_ms: i64,
    },
    /// The sample is older than the namespace keeps.
    #[error(
        "timestamp {timestamp} is before {oldest}, the oldest that the namespace's retention keeps: raise retention to store it"
    )]
    OutsideRetention {
        /// The sample's time in milliseconds.
        timestamp: i64,
        /// The oldest time kept, in milliseconds.
        oldest: i64,
    },
    /// The namespace has as many series as it may.
    #[error(
        "the namespace holds its limit max_series of {limit} series: drop series or raise max_series"
    )]
    SeriesLimit {
        /// Series allowed.
        limit: u64,
    },
    /// The namespace has as many series as its options allow.
    #[error(
        "the namespace holds its series_max of {limit} series: drop series or raise series_max of the namespace"
    )]
    NamespaceSeriesLimit {
        /// Series allowed.
        limit: u64,
    },
    /// Series of the namespace fill their share of its memory.
    #[error(
        "series of the namespace take {used} bytes, all of their share of its memory_max of {limit}: drop series or raise memory_max of the namespace"
    )]
    NamespaceMemory {
        /// Bytes that its series and their index take.
        used: u64,
        /// All that the namespace may hold.
        limit: u64,
    },
    /// Series fill their share of the memory budget.
    #[error(
        "series take {used} bytes, all of their share of the memory_budget_bytes of {limit}: drop series or raise memory_budget_bytes"
    )]
    SeriesMemory {
        /// Bytes that series and their index take.
        used: u64,
        /// The whole budget.
        limit: u64,
    },
}
