//! Reads: what is asked for, and the frames of an answer.

use std::time::Duration;

use bytes::Bytes;
use tsdb_core::{Matcher, TimeRange};
use tsdb_proto::node_v1 as proto;

use super::message::{NodeMessage, addressed, field, incarnation_bytes, required};
use super::selection::{
    matchers_from_proto, matchers_into_proto, range_from_proto, range_into_proto,
};
use super::verdict::millis;
use super::{ShardEpoch, ShardVerdict, Verdict};
use crate::Incarnation;
use crate::wire::WireError;

/// What is wanted of the series that match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SelectWhat {
    /// Labels and chunks.
    Samples,
    /// Labels alone.
    Labels,
    /// The names that their labels have.
    LabelNames,
    /// The values that this label has.
    LabelValues(String),
}

/// Bounds on an answer, after which it is truncated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelectBounds {
    /// Series, or names or values.
    pub series: u64,
    /// Samples.
    pub samples: u64,
    /// Bytes of frames.
    pub bytes: u64,
}

/// Series to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectRequest {
    /// Version of the protocol.
    pub version: u32,
    /// The node that is meant.
    pub incarnation: Incarnation,
    /// The namespace.
    pub namespace: String,
    /// All of which a series must match.
    pub matchers: Vec<Matcher>,
    /// Its samples of this time.
    pub range: TimeRange,
    /// The shards that are asked of.
    pub shards: Vec<ShardEpoch>,
    /// The last delete that the reader has seen.
    pub deletes_seen: u64,
    /// What is wanted.
    pub what: SelectWhat,
    /// How much of it at most.
    pub bounds: SelectBounds,
    /// How long the reader will wait; to the millisecond on the wire.
    pub deadline: Duration,
}

impl NodeMessage for SelectRequest {
    const NAME: &'static str = "SelectRequest";
    type Proto = proto::SelectRequest;

    fn into_proto(self) -> proto::SelectRequest {
        use proto::select_request::What;
        let (what, label) = match self.what {
            SelectWhat::Samples => (What::Samples, String::new()),
            SelectWhat::Labels => (What::Labels, String::new()),
            SelectWhat::LabelNames => (What::LabelNames, String::new()),
            SelectWhat::LabelValues(label) => (What::LabelValues, label),
        };
        proto::SelectRequest {
            version: self.version,
            incarnation: incarnation_bytes(self.incarnation),
            namespace: self.namespace,
            matchers: matchers_into_proto(&self.matchers),
            range: range_into_proto(self.range),
            shards: self
                .shards
                .into_iter()
                .map(ShardEpoch::into_proto)
                .collect(),
            deletes_seen: self.deletes_seen,
            what: what.into(),
            label,
            series_max: self.bounds.series,
            samples_max: self.bounds.samples,
            bytes_max: self.bounds.bytes,
            deadline_ms: millis(self.deadline),
        }
    }

    fn from_proto(proto: proto::SelectRequest) -> Result<Self, WireError> {
        use proto::select_request::What;
        let incarnation = addressed::<Self>(proto.version, &proto.incarnation)?;
        let what = match What::try_from(proto.what) {
            Ok(What::Samples) => SelectWhat::Samples,
            Ok(What::Labels) => SelectWhat::Labels,
            Ok(What::LabelNames) => SelectWhat::LabelNames,
            Ok(What::LabelValues) => SelectWhat::LabelValues(proto.label),
            Err(_) => {
                let reason = format!("is {}, which is nothing known", proto.what);
                return Err(field::<Self>("what", reason));
            }
        };
        Ok(Self {
            version: proto.version,
            incarnation,
            namespace: proto.namespace,
            matchers: matchers_from_proto::<Self>(proto.matchers)?,
            range: range_from_proto::<Self>(proto.range)?,
            shards: proto
                .shards
                .into_iter()
                .map(ShardEpoch::from_proto)
                .collect(),
            deletes_seen: proto.deletes_seen,
            what,
            bounds: SelectBounds {
                series: proto.series_max,
                samples: proto.samples_max,
                bytes: proto.bytes_max,
            },
            deadline: Duration::from_millis(proto.deadline_ms),
        })
    }
}

/// What comes before all series of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectFirst {
    /// One for each shard asked of; [`Verdict::Stored`] when what it has follows.
    pub shards: Vec<ShardVerdict>,
    /// The last delete that was applied to what follows.
    pub deletes_seen: u64,
}

/// What comes after all series of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelectLast {
    /// Series, names or values sent, those in several frames counted once.
    pub series: u64,
    /// Samples of the chunks sent.
    pub samples: u64,
    /// Whether there were more than the bounds of the request allow.
    pub truncated: bool,
}

/// One message of an answer to a [`SelectRequest`] or a [`super::StreamShardRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SelectReply {
    /// The first.
    First(SelectFirst),
    /// A frame for a [`crate::wire::SeriesFrameReader`].
    Series(Bytes),
    /// Names or values of labels.
    Texts(Vec<String>),
    /// The last.
    Last(SelectLast),
    /// The last, too: the node could not go on.
    Failed(Verdict),
}

impl NodeMessage for SelectReply {
    const NAME: &'static str = "SelectReply";
    type Proto = proto::SelectReply;

    fn into_proto(self) -> proto::SelectReply {
        use proto::select_reply::Frame;
        let frame = match self {
            Self::First(first) => Frame::First(proto::SelectFirst {
                shards: ShardVerdict::all_into_proto(first.shards),
                deletes_seen: first.deletes_seen,
            }),
            Self::Series(frame) => Frame::Series(frame),
            Self::Texts(texts) => Frame::Texts(proto::TextFrame { texts }),
            Self::Last(last) => Frame::Last(proto::SelectLast {
                series: last.series,
                samples: last.samples,
                truncated: last.truncated,
            }),
            Self::Failed(verdict) => Frame::Failed(verdict.into_proto()),
        };
        proto::SelectReply { frame: Some(frame) }
    }

    fn from_proto(proto: proto::SelectReply) -> Result<Self, WireError> {
        use proto::select_reply::Frame;
        Ok(match required::<Self, _>("frame", proto.frame)? {
            Frame::First(first) => Self::First(SelectFirst {
                shards: ShardVerdict::all_from_proto::<Self>(first.shards)?,
                deletes_seen: first.deletes_seen,
            }),
            Frame::Series(frame) => Self::Series(frame),
            Frame::Texts(frame) => Self::Texts(frame.texts),
            Frame::Last(last) => Self::Last(SelectLast {
                series: last.series,
                samples: last.samples,
                truncated: last.truncated,
            }),
            Frame::Failed(verdict) => Self::Failed(Verdict::from_proto::<Self>(verdict)?),
        })
    }
}

/// Watches that the messages of an answer come in their order, and to its end.
#[derive(Clone, Debug, Default)]
pub struct SelectOrder {
    begun: bool,
    ended: bool,
}

impl SelectOrder {
    /// Before the first message.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at the next message.
    ///
    /// # Errors
    /// When it may not come here: anything before the first or behind the last, and a second
    /// first.
    pub fn check(&mut self, reply: &SelectReply) -> Result<(), WireError> {
        let is_first = matches!(reply, SelectReply::First(_));
        let fails = matches!(reply, SelectReply::Failed(_));
        let reason = match (self.begun, self.ended, is_first) {
            (_, true, _) => "comes behind the last",
            (true, _, true) => "is a second first",
            (false, _, false) if !fails => "comes before the first",
            _ => {
                self.begun = true;
                self.ended = fails || matches!(reply, SelectReply::Last(_));
                return Ok(());
            }
        };
        Err(field::<SelectReply>("frame", reason))
    }

    /// Where the stream has no more messages.
    ///
    /// # Errors
    /// [`WireError::Incomplete`] when the last one has not come.
    pub fn finish(&self) -> Result<(), WireError> {
        self.ended.then_some(()).ok_or(WireError::Incomplete)
    }
}
