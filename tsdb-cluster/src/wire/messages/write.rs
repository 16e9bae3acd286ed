//! The stream of writes.

use std::time::Duration;

use bytes::Bytes;
use tsdb_core::AppendReport;
use tsdb_proto::node_v1 as proto;

use super::message::{NodeMessage, addressed, incarnation_bytes};
use super::verdict::millis;
use super::{RejectedSample, ShardEpoch, ShardVerdict, Verdict};
use crate::Incarnation;
use crate::wire::{SampleLimits, WireError, check_version};

/// The first message of a stream of writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteOpening {
    /// Version of the protocol.
    pub version: u32,
    /// The node that is meant.
    pub incarnation: Incarnation,
}

impl NodeMessage for WriteOpening {
    const NAME: &'static str = "WriteOpening";
    type Proto = proto::WriteOpening;

    fn into_proto(self) -> proto::WriteOpening {
        proto::WriteOpening {
            version: self.version,
            incarnation: incarnation_bytes(self.incarnation),
        }
    }

    fn from_proto(proto: proto::WriteOpening) -> Result<Self, WireError> {
        Ok(Self {
            version: proto.version,
            incarnation: addressed::<Self>(proto.version, &proto.incarnation)?,
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
    pub shards: Vec<ShardEpoch>,
    /// The node that is meant.
    pub incarnation: Incarnation,
    /// What a [`crate::wire::SampleEncoder`] made for the stream.
    pub payload: Bytes,
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
            shards: self
                .shards
                .into_iter()
                .map(ShardEpoch::into_proto)
                .collect(),
            incarnation: incarnation_bytes(self.incarnation),
            payload: self.payload,
        }
    }

    fn from_proto(proto: proto::WriteRequest) -> Result<Self, WireError> {
        Ok(Self {
            incarnation: addressed::<Self>(proto.version, &proto.incarnation)?,
            version: proto.version,
            request_id: proto.request_id,
            namespace: proto.namespace,
            deletes_seen: proto.deletes_seen,
            deadline: Duration::from_millis(proto.deadline_ms),
            shards: proto
                .shards
                .into_iter()
                .map(ShardEpoch::from_proto)
                .collect(),
            payload: proto.payload,
        })
    }
}

/// What became of a [`WriteRequest`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteReply {
    /// That of the request.
    pub request_id: u64,
    /// One for each of its shards.
    pub shards: Vec<ShardVerdict>,
    /// Floats stored, those that were there already included.
    pub stored_samples: u64,
    /// Native histograms stored, likewise.
    pub stored_histograms: u64,
    /// Exemplars stored, likewise.
    pub stored_exemplars: u64,
    /// Exemplars not stored since the namespace keeps none.
    pub dropped_exemplars: u64,
    /// The first refusals.
    pub rejected: Vec<RejectedSample>,
    /// All floats and histograms refused.
    pub rejected_samples: u64,
    /// All exemplars refused.
    pub rejected_exemplars: u64,
    /// All series refused.
    pub rejected_series: u64,
    /// Asks the sender to begin the dictionary anew with its next payload.
    pub reset_dictionary: bool,
}

impl WriteReply {
    /// Adds what the engine reports of one of its appends.
    pub fn add(&mut self, report: &AppendReport) {
        self.stored_samples += report.appended;
        self.stored_histograms += report.appended_histograms;
        self.stored_exemplars += report.appended_exemplars;
        self.dropped_exemplars += report.dropped_exemplars;
        self.rejected_samples += report.rejected_samples;
        self.rejected_exemplars += report.rejected_exemplars;
        self.rejected_series += report.rejected_series;
        let room = AppendReport::MAX_LISTED.saturating_sub(self.rejected.len());
        let listed = report.rejected.iter().take(room);
        self.rejected.extend(listed.map(RejectedSample::from));
    }
}

impl NodeMessage for WriteReply {
    const NAME: &'static str = "WriteReply";
    type Proto = proto::WriteReply;

    fn into_proto(self) -> proto::WriteReply {
        let rejected = self.rejected.into_iter();
        proto::WriteReply {
            request_id: self.request_id,
            shards: ShardVerdict::all_into_proto(self.shards),
            stored_samples: self.stored_samples,
            stored_histograms: self.stored_histograms,
            stored_exemplars: self.stored_exemplars,
            dropped_exemplars: self.dropped_exemplars,
            rejected: rejected.map(RejectedSample::into_proto).collect(),
            rejected_samples: self.rejected_samples,
            rejected_exemplars: self.rejected_exemplars,
            rejected_series: self.rejected_series,
            reset_dictionary: self.reset_dictionary,
        }
    }

    fn from_proto(proto: proto::WriteReply) -> Result<Self, WireError> {
        let rejected = proto.rejected.into_iter();
        Ok(Self {
            request_id: proto.request_id,
            shards: ShardVerdict::all_from_proto::<Self>(proto.shards)?,
            stored_samples: proto.stored_samples,
            stored_histograms: proto.stored_histograms,
            stored_exemplars: proto.stored_exemplars,
            dropped_exemplars: proto.dropped_exemplars,
            rejected: rejected.map(RejectedSample::from_proto).collect(),
            rejected_samples: proto.rejected_samples,
            rejected_exemplars: proto.rejected_exemplars,
            rejected_series: proto.rejected_series,
            reset_dictionary: proto.reset_dictionary,
        })
    }
}
