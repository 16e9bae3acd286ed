//! Why single series and samples were refused.

use tsdb_core::{RejectReason, Rejected};
use tsdb_proto::node_v1 as proto;

pub use proto::rejected_sample::Reason as RejectedReason;

/// One refusal, as [`Rejected`] tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedSample {
    /// The series, as far as it is known.
    pub series: String,
    /// The sample's time in milliseconds; `None` when the whole series was refused.
    pub timestamp: Option<i64>,
    /// How many samples were refused with it.
    pub samples: u64,
    /// Which rule forbids it.
    pub reason: RejectedReason,
    /// Why, for people.
    pub message: String,
}

impl From<&Rejected> for RejectedSample {
    fn from(rejected: &Rejected) -> Self {
        Self {
            series: rejected.series.clone(),
            timestamp: rejected.timestamp,
            samples: rejected.samples,
            reason: reason_of(&rejected.reason),
            message: rejected.reason.to_string(),
        }
    }
}

/// Each reason, and how tsdb-core calls the rule.
const RULES: [(RejectedReason, &str); 14] = [
    (RejectedReason::Labels, "invalid_labels"),
    (RejectedReason::NoMetricName, "no_metric_name"),
    (RejectedReason::TooManyLabels, "too_many_labels"),
    (RejectedReason::LabelNameTooLong, "label_name_too_long"),
    (RejectedReason::LabelValueTooLong, "label_value_too_long"),
    (RejectedReason::Histogram, "invalid_histogram"),
    (RejectedReason::Exemplar, "invalid_exemplar"),
    (RejectedReason::HistogramTooLong, "histogram_too_long"),
    (RejectedReason::TooFarInFuture, "too_far_in_future"),
    (RejectedReason::OutsideRetention, "outside_retention"),
    (RejectedReason::SeriesLimit, "series_limit"),
    (RejectedReason::SeriesMemory, "series_memory"),
    (
        RejectedReason::NamespaceSeriesLimit,
        "namespace_series_limit",
    ),
    (RejectedReason::NamespaceMemory, "namespace_memory"),
];

fn reason_of(reason: &RejectReason) -> RejectedReason {
    let rule = reason.rule();
    let found = RULES.iter().find(|(_, own)| *own == rule);
    found.map_or(RejectedReason::Other, |(reason, _)| *reason)
}

impl RejectedSample {
    /// As the engine tells refusals.
    #[must_use]
    pub fn into_rejected(self) -> Rejected {
        let found = RULES.iter().find(|(reason, _)| *reason == self.reason);
        Rejected {
            series: self.series,
            timestamp: self.timestamp,
            samples: self.samples,
            reason: RejectReason::Elsewhere {
                rule: found.map_or("other", |(_, rule)| rule),
                message: self.message,
            },
        }
    }

    pub(super) fn into_proto(self) -> proto::RejectedSample {
        proto::RejectedSample {
            series: self.series,
            timestamp: self.timestamp,
            samples: self.samples,
            reason: self.reason.into(),
            message: self.message,
        }
    }

    pub(super) fn from_proto(proto: proto::RejectedSample) -> Self {
        Self {
            // One that this version does not know has its message all the same.
            reason: RejectedReason::try_from(proto.reason).unwrap_or(RejectedReason::Other),
            series: proto.series,
            timestamp: proto.timestamp,
            samples: proto.samples,
            message: proto.message,
        }
    }
}
