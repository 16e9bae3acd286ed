//! Deletes, in their one order.

use std::sync::Arc;

use tsdb_proto::node_v1 as proto;

use super::message::{NodeMessage, addressed, incarnation_bytes};
use crate::message::DeleteRequest;
use crate::node::{DeleteRecord, MatcherRecord};
use crate::wire::{PROTOCOL_VERSION, WireError, check_version};

impl NodeMessage for DeleteRequest {
    const NAME: &'static str = "DeleteRequest";
    type Proto = proto::DeleteRequest;

    fn into_proto(self) -> proto::DeleteRequest {
        proto::DeleteRequest {
            version: PROTOCOL_VERSION,
            incarnation: incarnation_bytes(self.incarnation),
            namespace: self.namespace.as_ref().to_owned(),
            records: records_into_proto(self.records),
        }
    }

    fn from_proto(proto: proto::DeleteRequest) -> Result<Self, WireError> {
        Ok(Self {
            incarnation: addressed::<Self>(proto.version, &proto.incarnation)?,
            namespace: proto.namespace.into(),
            records: records_from_proto(proto.records),
        })
    }
}

/// The answer to a [`DeleteRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeleteReply {
    /// The last delete that is durable now.
    pub applied: u64,
}

impl NodeMessage for DeleteReply {
    const NAME: &'static str = "DeleteReply";
    type Proto = proto::DeleteReply;

    fn into_proto(self) -> proto::DeleteReply {
        proto::DeleteReply {
            deletes_seen: self.applied,
        }
    }

    fn from_proto(proto: proto::DeleteReply) -> Result<Self, WireError> {
        Ok(Self {
            applied: proto.deletes_seen,
        })
    }
}

/// Asks which deletes a node has applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletesBehindRequest {
    /// The namespace.
    pub namespace: Arc<str>,
    /// Only those behind this one.
    pub sequence: u64,
}

impl NodeMessage for DeletesBehindRequest {
    const NAME: &'static str = "DeletesBehindRequest";
    type Proto = proto::DeletesBehindRequest;

    fn into_proto(self) -> proto::DeletesBehindRequest {
        proto::DeletesBehindRequest {
            version: PROTOCOL_VERSION,
            namespace: self.namespace.as_ref().to_owned(),
            sequence: self.sequence,
        }
    }

    fn from_proto(proto: proto::DeletesBehindRequest) -> Result<Self, WireError> {
        check_version(proto.version)?;
        Ok(Self {
            namespace: proto.namespace.into(),
            sequence: proto.sequence,
        })
    }
}

/// The answer to a [`DeletesBehindRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletesBehindReply {
    /// In order.
    pub records: Vec<DeleteRecord>,
}

impl NodeMessage for DeletesBehindReply {
    const NAME: &'static str = "DeletesBehindReply";
    type Proto = proto::DeletesBehindReply;

    fn into_proto(self) -> proto::DeletesBehindReply {
        proto::DeletesBehindReply {
            records: records_into_proto(self.records),
        }
    }

    fn from_proto(proto: proto::DeletesBehindReply) -> Result<Self, WireError> {
        Ok(Self {
            records: records_from_proto(proto.records),
        })
    }
}

fn records_into_proto(records: Vec<DeleteRecord>) -> Vec<proto::DeleteRecord> {
    let matcher = |one: MatcherRecord| proto::MatcherRecord {
        name: one.name,
        op: one.op,
        value: one.value,
    };
    let record = |one: DeleteRecord| proto::DeleteRecord {
        sequence: one.sequence,
        min_time: one.min_time,
        max_time: one.max_time,
        matchers: one.matchers.into_iter().map(matcher).collect(),
    };
    records.into_iter().map(record).collect()
}

/// What they mean is looked at by whoever applies them.
fn records_from_proto(records: Vec<proto::DeleteRecord>) -> Vec<DeleteRecord> {
    let matcher = |one: proto::MatcherRecord| MatcherRecord {
        name: one.name,
        op: one.op,
        value: one.value,
    };
    let record = |one: proto::DeleteRecord| DeleteRecord {
        sequence: one.sequence,
        min_time: one.min_time,
        max_time: one.max_time,
        matchers: one.matchers.into_iter().map(matcher).collect(),
    };
    records.into_iter().map(record).collect()
}
