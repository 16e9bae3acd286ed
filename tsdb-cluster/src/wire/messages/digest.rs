//! Digests of what replicas hold.

use tsdb_core::model::Window;
use tsdb_core::{Digest, Labels, SeriesDigest, ShardDigest};
use tsdb_proto::node_v1 as proto;

use super::message::{NodeMessage, addressed, incarnation_bytes, required};
use super::selection::{
    after_from_proto, after_into_proto, range_from_proto, range_into_proto, shard_count_from_proto,
};
use super::verdict::{
    epochs_from_proto, epochs_into_proto, outcomes_from_proto, outcomes_into_proto,
};
use crate::message::{DigestOf, DigestReply, DigestRequest};
use crate::wire::{PROTOCOL_VERSION, WireError};

impl NodeMessage for DigestRequest {
    const NAME: &'static str = "DigestRequest";
    type Proto = proto::DigestRequest;

    fn into_proto(self) -> proto::DigestRequest {
        use proto::digest_request::{Of, Series, Windows};
        let of = match self.of {
            DigestOf::Windows { window_ms } => Of::Windows(Windows { window_ms }),
            DigestOf::Series { after, limit } => Of::Series(Series {
                after: after_into_proto(after.as_ref()),
                limit: limit as u64,
            }),
        };
        proto::DigestRequest {
            version: PROTOCOL_VERSION,
            incarnation: incarnation_bytes(self.incarnation),
            namespace: self.namespace.as_ref().to_owned(),
            shards: epochs_into_proto(self.epochs),
            shard_count: self.shards.get(),
            deletes_seen: self.deletes_seen,
            range: range_into_proto(self.range),
            of: Some(of),
        }
    }

    fn from_proto(proto: proto::DigestRequest) -> Result<Self, WireError> {
        use proto::digest_request::Of;
        let incarnation = addressed::<Self>(proto.version, &proto.incarnation)?;
        let of = match required::<Self, _>("of", proto.of)? {
            Of::Windows(windows) => DigestOf::Windows {
                window_ms: windows.window_ms,
            },
            Of::Series(series) => DigestOf::Series {
                after: after_from_proto(series.after)?,
                limit: usize::try_from(series.limit).unwrap_or(usize::MAX),
            },
        };
        Ok(Self {
            namespace: proto.namespace.into(),
            incarnation,
            epochs: epochs_from_proto(proto.shards),
            shards: shard_count_from_proto::<Self>(proto.shard_count)?,
            deletes_seen: proto.deletes_seen,
            range: range_from_proto::<Self>(proto.range)?,
            of,
        })
    }
}

impl NodeMessage for DigestReply {
    const NAME: &'static str = "DigestReply";
    type Proto = proto::DigestReply;

    fn into_proto(self) -> proto::DigestReply {
        let refused = self.refusals.into_iter();
        let window = |one: ShardDigest| proto::WindowDigest {
            shard: one.shard,
            window: Some(proto::TimeRange {
                min: one.window.start,
                max: one.window.last,
            }),
            digest: digest_into_proto(one.digest),
            series: one.series,
            samples: one.samples,
        };
        let series = |one: SeriesDigest| proto::SeriesDigest {
            labels: one.labels.as_bytes().to_vec(),
            digest: digest_into_proto(one.digest),
            samples: one.samples,
        };
        proto::DigestReply {
            shards: outcomes_into_proto(refused.map(|(shard, why)| (shard, Err(why)))),
            deletes_seen: self.deletes_applied,
            windows: self.windows.into_iter().map(window).collect(),
            series: self.series.into_iter().map(series).collect(),
        }
    }

    fn from_proto(proto: proto::DigestReply) -> Result<Self, WireError> {
        let shards = outcomes_from_proto::<Self>(proto.shards)?.into_iter();
        let window = |one: proto::WindowDigest| {
            let range = range_from_proto::<Self>(one.window)?;
            Ok::<_, WireError>(ShardDigest {
                shard: one.shard,
                window: Window {
                    start: range.min(),
                    last: range.max(),
                },
                digest: digest_from_proto(one.digest)?,
                series: one.series,
                samples: one.samples,
            })
        };
        let series = |one: proto::SeriesDigest| {
            Ok::<_, WireError>(SeriesDigest {
                labels: Labels::from_bytes(one.labels.into())?,
                digest: digest_from_proto(one.digest)?,
                samples: one.samples,
            })
        };
        let windows = proto.windows.into_iter().map(window);
        let series = proto.series.into_iter().map(series);
        Ok(Self {
            refusals: shards
                .filter_map(|(shard, outcome)| Some((shard, outcome.err()?)))
                .collect(),
            deletes_applied: proto.deletes_seen,
            windows: windows.collect::<Result<_, _>>()?,
            series: series.collect::<Result<_, _>>()?,
        })
    }
}

fn digest_into_proto(digest: Digest) -> Option<proto::Digest> {
    let Digest(bits) = digest;
    Some(proto::Digest {
        low: bits as u64,
        high: (bits >> 64) as u64,
    })
}

fn digest_from_proto(proto: Option<proto::Digest>) -> Result<Digest, WireError> {
    let proto = required::<DigestReply, _>("digest", proto)?;
    Ok(Digest(u128::from(proto.high) << 64 | u128::from(proto.low)))
}
