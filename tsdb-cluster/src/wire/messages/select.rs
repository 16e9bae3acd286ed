//! Reads: what is asked for, and the frames of an answer.

use bytes::Bytes;
use tsdb_core::{MetricMetadata, SeriesExemplars};
use tsdb_proto::node_v1 as proto;

use super::Verdict;
use super::beside::{
    exemplars_from_proto, exemplars_into_proto, metadata_from_proto, metadata_into_proto,
};
use super::message::{NodeMessage, addressed, field, incarnation_bytes, required};
use super::selection::{
    after_from_proto, after_into_proto, matchers_from_proto, matchers_into_proto, range_from_proto,
    range_into_proto, shard_count_from_proto,
};
use super::verdict::{
    epochs_from_proto, epochs_into_proto, outcomes_from_proto, outcomes_into_proto,
};
use crate::message::{ReadReply, ReadRequest, Want};
use crate::wire::{PROTOCOL_VERSION, WireError};

impl NodeMessage for ReadRequest {
    const NAME: &'static str = "SelectRequest";
    type Proto = proto::SelectRequest;

    fn into_proto(self) -> proto::SelectRequest {
        use proto::select_request::What;
        let (what, label) = match self.want {
            Want::Samples => (What::Samples, String::new()),
            Want::Labels => (What::Labels, String::new()),
            Want::Names => (What::LabelNames, String::new()),
            Want::Values(label) => (What::LabelValues, label),
            Want::Exemplars => (What::Exemplars, String::new()),
            Want::Metadata(metric) => (What::Metadata, metric.unwrap_or_default()),
        };
        proto::SelectRequest {
            version: PROTOCOL_VERSION,
            incarnation: incarnation_bytes(self.incarnation),
            namespace: self.namespace.as_ref().to_owned(),
            matchers: matchers_into_proto(&self.matchers),
            range: range_into_proto(self.range),
            shards: epochs_into_proto(self.epochs),
            deletes_seen: self.deletes_seen,
            what: what.into(),
            label,
            series_max: self.limit as u64,
            samples_max: self.max_samples,
            after: after_into_proto(self.after.as_ref()),
            shard_count: self.shards.get(),
        }
    }

    fn from_proto(proto: proto::SelectRequest) -> Result<Self, WireError> {
        use proto::select_request::What;
        let incarnation = addressed::<Self>(proto.version, &proto.incarnation)?;
        let want = match What::try_from(proto.what) {
            Ok(What::Samples) => Want::Samples,
            Ok(What::Labels) => Want::Labels,
            Ok(What::LabelNames) => Want::Names,
            Ok(What::LabelValues) => Want::Values(proto.label),
            Ok(What::Exemplars) => Want::Exemplars,
            Ok(What::Metadata) => {
                Want::Metadata(Some(proto.label).filter(|metric| !metric.is_empty()))
            }
            Err(_) => {
                let reason = format!("is {}, which is nothing known", proto.what);
                return Err(field::<Self>("what", reason));
            }
        };
        Ok(Self {
            namespace: proto.namespace.into(),
            incarnation,
            epochs: epochs_from_proto(proto.shards),
            shards: shard_count_from_proto::<Self>(proto.shard_count)?,
            deletes_seen: proto.deletes_seen,
            range: range_from_proto::<Self>(proto.range)?,
            matchers: matchers_from_proto::<Self>(proto.matchers)?,
            want,
            after: after_from_proto(proto.after)?,
            limit: usize::try_from(proto.series_max).unwrap_or(usize::MAX),
            max_samples: proto.samples_max,
        })
    }
}

/// What comes after all series of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelectLast {
    /// Series, names, values or metrics sent, those in several frames counted once.
    pub series: u64,
    /// Samples of the chunks sent.
    pub samples: u64,
    /// Whether there were more than the bounds of the request allow.
    pub truncated: bool,
}

/// One message of an answer to a [`ReadRequest`].
#[derive(Clone, Debug, PartialEq)]
pub enum SelectReply {
    /// The first.
    First(ReadReply),
    /// A frame for a [`crate::wire::SeriesFrameReader`].
    Series(Bytes),
    /// Names or values of labels.
    Texts(Vec<String>),
    /// Exemplars.
    Exemplars(Vec<SeriesExemplars>),
    /// What is known of metrics.
    Metadata(Vec<MetricMetadata>),
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
            Self::First(first) => {
                let refused = first.refusals.into_iter();
                Frame::First(proto::SelectFirst {
                    shards: outcomes_into_proto(refused.map(|(shard, why)| (shard, Err(why)))),
                    deletes_seen: first.deletes_applied,
                    truncated: first.is_truncated,
                })
            }
            Self::Series(frame) => Frame::Series(frame),
            Self::Texts(texts) => Frame::Texts(proto::TextFrame { texts }),
            Self::Exemplars(series) => Frame::Exemplars(proto::ExemplarFrame {
                series: exemplars_into_proto(&series),
            }),
            Self::Metadata(families) => Frame::Metadata(proto::MetadataFrame {
                families: families.into_iter().map(metadata_into_proto).collect(),
            }),
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
            Frame::First(first) => {
                let shards = outcomes_from_proto::<Self>(first.shards)?.into_iter();
                let refused = shards.filter_map(|(shard, outcome)| Some((shard, outcome.err()?)));
                Self::First(ReadReply {
                    refusals: refused.collect(),
                    deletes_applied: first.deletes_seen,
                    is_truncated: first.truncated,
                })
            }
            Frame::Series(frame) => Self::Series(frame),
            Frame::Texts(frame) => Self::Texts(frame.texts),
            Frame::Exemplars(frame) => Self::Exemplars(exemplars_from_proto(frame.series)?),
            Frame::Metadata(frame) => {
                let families = frame.families.into_iter();
                Self::Metadata(families.map(metadata_from_proto).collect())
            }
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
