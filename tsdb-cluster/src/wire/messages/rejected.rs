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

fn reason_of(reason: &RejectReason) -> RejectedReason {
    match reason {
        RejectReason::Labels(_) => RejectedReason::Labels,
        RejectReason::NoMetricName => RejectedReason::NoMetricName,
        RejectReason::TooManyLabels { .. } => RejectedReason::TooManyLabels,
        RejectReason::LabelNameTooLong { .. } => RejectedReason::LabelNameTooLong,
        RejectReason::LabelValueTooLong { .. } => RejectedReason::LabelValueTooLong,
        RejectReason::Histogram(_) => RejectedReason::Histogram,
        RejectReason::Exemplar(_) => RejectedReason::Exemplar,
        RejectReason::HistogramTooLong { .. } => RejectedReason::HistogramTooLong,
        RejectReason::TooFarInFuture { .. } => RejectedReason::TooFarInFuture,
        RejectReason::OutsideRetention { .. } => RejectedReason::OutsideRetention,
        RejectReason::SeriesLimit { .. } => RejectedReason::SeriesLimit,
        RejectReason::NamespaceSeriesLimit { .. } => RejectedReason::NamespaceSeriesLimit,
        RejectReason::NamespaceMemory { .. } => RejectedReason::NamespaceMemory,
        RejectReason::SeriesMemory { .. } => RejectedReason::SeriesMemory,
    }
}

impl RejectedSample {
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
