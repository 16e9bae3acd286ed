//! The stream of writes.

use std::time::Duration;

use bytes::Bytes;
use tsdb_core::{AppendReport, MetricMetadata};
use tsdb_proto::node_v1 as proto;

use super::beside::{metadata_from_proto, metadata_into_proto};
use super::marks::{absent_from_proto, absent_into_proto};
use super::message::{NodeMessage, addressed, field, incarnation_bytes, required};
use super::verdict::{
    ShardOutcome, epochs_from_proto, epochs_into_proto, millis, outcomes_from_proto,
    outcomes_into_proto,
};
use super::{RejectedSample, Verdict};
use crate::message::{self, Absent, NodeError, Origin};
use crate::wire::{SampleLimits, WireError, check_version};
use crate::{Epoch, Incarnation, ShardId};

/// The first message of a stream of writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteOpening {
    /// Version of the protocol.
    pub version: u32,
}

impl NodeMessage for WriteOpening {
    const NAME: &'static str = "WriteOpening";
    type Proto = proto::WriteOpening;

    fn into_proto(self) -> proto::WriteOpening {
        proto::WriteOpening {
            version: self.version,
        }
    }

    fn from_proto(proto: proto::WriteOpening) -> Result<Self, WireError> {
        check_version(proto.version)?;
        Ok(Self {
            version: proto.version,
        })
    }
}

/// The answer to a [`WriteOpening`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteOpened {
    /// Version of the protocol that the node speaks on this stream.
    pub version: u32,
    /// [`Verdict::Stored`] when requests may follow.
    pub verdict: Verdict,
    /// What the sender's encoder has to keep within.
    pub limits: SampleLimits,
}

impl NodeMessage for WriteOpened {
    const NAME: &'static str = "WriteOpened";
    type Proto = proto::WriteOpened;

    fn into_proto(self) -> proto::WriteOpened {
        proto::WriteOpened {
            version: self.version,
            verdict: Some(self.verdict.into_proto()),
            dictionary_series: self.limits.series as u64,
            dictionary_label_bytes: self.limits.label_bytes as u64,
            payload_samples: self.limits.samples as u64,
            payload_bytes: self.limits.payload_bytes as u64,
        }
    }

    fn from_proto(proto: proto::WriteOpened) -> Result<Self, WireError> {
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let verdict = Verdict::required::<Self>(proto.verdict)?;
        if verdict.is_stored() {
            check_version(proto.version)?;
        }
        Ok(Self {
            version: proto.version,
            verdict,
            limits: SampleLimits {
                series: size(proto.dictionary_series),
                label_bytes: size(proto.dictionary_label_bytes),
                samples: size(proto.payload_samples),
                payload_bytes: size(proto.payload_bytes),
            },
        })
    }
}

/// Samples to store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteRequest {
    /// Version of the protocol.
    pub version: u32,
    /// Given by the sender, told again in the reply.
    pub request_id: u64,
    /// The namespace they go to.
    pub namespace: String,
    /// The last delete of the namespace that the sender had seen.
    pub deletes_seen: u64,
    /// How long the sender will wait, from when it sent; to the millisecond on the wire.
    pub deadline: Duration,
    /// The shards that have samples in it.
    pub epochs: Vec<(ShardId, Epoch)>,
    /// Where they come from.
    pub origin: Origin,
    /// The node that is meant.
    pub incarnation: Incarnation,
    /// What a [`crate::wire::SampleEncoder`] made for the stream.
    pub payload: Bytes,
    /// Replicas that are known not to get it.
    pub absent: Vec<Absent>,
    /// What is known of metrics that belong to the shards.
    pub metadata: Vec<(ShardId, MetricMetadata)>,
}

impl NodeMessage for WriteRequest {
    const NAME: &'static str = "WriteRequest";
    type Proto = proto::WriteRequest;

    fn into_proto(self) -> proto::WriteRequest {
        proto::WriteRequest {
            version: self.version,
            request_id: self.request_id,
            namespace: self.namespace,
            deletes_seen: self.deletes_seen,
            deadline_ms: millis(self.deadline),
            shards: epochs_into_proto(self.epochs),
            origin: match self.origin {
                Origin::Writer => proto::write_request::Origin::Writer.into(),
                Origin::Replica => proto::write_request::Origin::Replica.into(),
            },
            incarnation: incarnation_bytes(self.incarnation),
            payload: self.payload,
            absent: absent_into_proto(self.absent),
            metadata: self.metadata.into_iter().map(of_shard).collect(),
        }
    }

    fn from_proto(proto: proto::WriteRequest) -> Result<Self, WireError> {
        let metadata = proto.metadata.into_iter().map(|one| {
            let metadata = required::<Self, _>("metadata", one.metadata)?;
            Ok::<_, WireError>((one.shard, metadata_from_proto(metadata)))
        });
        Ok(Self {
            incarnation: addressed::<Self>(proto.version, &proto.incarnation)?,
            version: proto.version,
            request_id: proto.request_id,
            namespace: proto.namespace,
            deletes_seen: proto.deletes_seen,
            deadline: Duration::from_millis(proto.deadline_ms),
            epochs: epochs_from_proto(proto.shards),
            origin: match proto::write_request::Origin::try_from(proto.origin) {
                Ok(proto::write_request::Origin::Writer) => Origin::Writer,
                Ok(proto::write_request::Origin::Replica) => Origin::Replica,
                Err(_) => return Err(field::<Self>("origin", "is none that is known")),
            },
            payload: proto.payload,
            absent: absent_from_proto::<Self>(proto.absent)?,
            metadata: metadata.collect::<Result<_, _>>()?,
        })
    }
}

fn of_shard((shard, metadata): (ShardId, MetricMetadata)) -> proto::ShardMetadata {
    proto::ShardMetadata {
        shard,
        metadata: Some(metadata_into_proto(metadata)),
    }
}

/// What became of a [`WriteRequest`].
#[derive(Clone, Debug, PartialEq)]
pub struct WriteReply {
    /// That of the request.
    pub request_id: u64,
    /// What the node answered.
    pub answer: Result<message::WriteReply, NodeError>,
    /// Asks the sender to begin the dictionary anew with its next payload.
    pub reset_dictionary: bool,
    /// The stream ends here, for the reason that is the answer; it is none to a request.
    pub ends_stream: bool,
}

impl NodeMessage for WriteReply {
    const NAME: &'static str = "WriteReply";
    type Proto = proto::WriteReply;

    fn into_proto(self) -> proto::WriteReply {
        let reply = proto::WriteReply {
            request_id: self.request_id,
            reset_dictionary: self.reset_dictionary,
            ends_stream: self.ends_stream,
            ..proto::WriteReply::default()
        };
        let message::WriteReply { shards, report } = match self.answer {
            Ok(answer) => answer,
            Err(error) => {
                let failed = Some(Verdict::from(error).into_proto());
                return proto::WriteReply { failed, ..reply };
            }
        };
        let rejected = report.rejected.iter().map(RejectedSample::from);
        proto::WriteReply {
            shards: outcomes_into_proto(shards.into_iter().map(outcome_of)),
            stored_samples: report.appended,
            stored_histograms: report.appended_histograms,
            stored_exemplars: report.appended_exemplars,
            dropped_exemplars: report.dropped_exemplars,
            rejected: rejected.map(RejectedSample::into_proto).collect(),
            rejected_samples: report.rejected_samples,
            rejected_exemplars: report.rejected_exemplars,
            rejected_series: report.rejected_series,
            ..reply
        }
    }

    fn from_proto(proto: proto::WriteReply) -> Result<Self, WireError> {
        let (request_id, reset_dictionary) = (proto.request_id, proto.reset_dictionary);
        let answer = match proto.failed {
            Some(verdict) => Err(Verdict::from_proto::<Self>(verdict)?.into_error()),
            None => {
                let shards = outcomes_from_proto::<Self>(proto.shards)?.into_iter();
                let listed = proto.rejected.into_iter().take(AppendReport::MAX_LISTED);
                let rejected = listed.map(RejectedSample::from_proto);
                let report = AppendReport {
                    appended: proto.stored_samples,
                    appended_histograms: proto.stored_histograms,
                    appended_exemplars: proto.stored_exemplars,
                    dropped_exemplars: proto.dropped_exemplars,
                    rejected: rejected.map(RejectedSample::into_rejected).collect(),
                    rejected_samples: proto.rejected_samples,
                    rejected_exemplars: proto.rejected_exemplars,
                    rejected_series: proto.rejected_series,
                };
                let shards = shards.map(verdict_of).collect();
                Ok(message::WriteReply { shards, report })
            }
        };
        Ok(Self {
            request_id,
            answer,
            reset_dictionary,
            ends_stream: proto.ends_stream,
        })
    }
}

fn outcome_of((shard, verdict): (ShardId, message::ShardVerdict)) -> ShardOutcome {
    match verdict {
        message::ShardVerdict::Stored => (shard, Ok(())),
        message::ShardVerdict::Refused(refusal) => (shard, Err(refusal)),
    }
}

fn verdict_of((shard, outcome): ShardOutcome) -> (ShardId, message::ShardVerdict) {
    let refused = message::ShardVerdict::Refused;
    let verdict = outcome.map_or_else(refused, |()| message::ShardVerdict::Stored);
    (shard, verdict)
}
