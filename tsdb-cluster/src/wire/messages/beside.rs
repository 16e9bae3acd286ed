//! What is kept beside samples: metadata of metrics, and exemplars.

use tsdb_core::{
    Exemplar, Labels, Matcher, MetricKind, MetricMetadata, SeriesExemplars, TimeRange,
};
use tsdb_proto::node_v1 as proto;

use super::Verdict;
use super::message::{NodeMessage, addressed, incarnation_bytes};
use super::selection::{
    matchers_from_proto, matchers_into_proto, range_from_proto, range_into_proto,
};
use crate::Incarnation;
use crate::wire::WireError;

/// Selectors of one request at most: see the bound on matchers.
const SELECTORS_MAX: usize = 64;

/// Asks what is known of metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataRequest {
    /// Version of the protocol.
    pub version: u32,
    /// The node that is meant.
    pub incarnation: Incarnation,
    /// The namespace.
    pub namespace: String,
    /// Of one metric family; of all when empty.
    pub metric: String,
    /// Families at most; 0 for all.
    pub limit: u64,
}

impl NodeMessage for MetadataRequest {
    const NAME: &'static str = "MetadataRequest";
    type Proto = proto::MetadataRequest;

    fn into_proto(self) -> proto::MetadataRequest {
        proto::MetadataRequest {
            version: self.version,
            incarnation: incarnation_bytes(self.incarnation),
            namespace: self.namespace,
            metric: self.metric,
            limit: self.limit,
        }
    }

    fn from_proto(proto: proto::MetadataRequest) -> Result<Self, WireError> {
        Ok(Self {
            incarnation: addressed::<Self>(proto.version, &proto.incarnation)?,
            version: proto.version,
            namespace: proto.namespace,
            metric: proto.metric,
            limit: proto.limit,
        })
    }
}

/// The answer to a [`MetadataRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataReply {
    /// [`Verdict::Stored`] when it is all there.
    pub verdict: Verdict,
    /// Families.
    pub families: Vec<MetricMetadata>,
}

impl NodeMessage for MetadataReply {
    const NAME: &'static str = "MetadataReply";
    type Proto = proto::MetadataReply;

    fn into_proto(self) -> proto::MetadataReply {
        let family = |one: MetricMetadata| proto::MetricMetadata {
            metric: one.metric,
            kind: u32::from(one.kind.number()),
            help: one.help,
            unit: one.unit,
        };
        proto::MetadataReply {
            verdict: Some(self.verdict.into_proto()),
            families: self.families.into_iter().map(family).collect(),
        }
    }

    fn from_proto(proto: proto::MetadataReply) -> Result<Self, WireError> {
        let family = |one: proto::MetricMetadata| MetricMetadata {
            metric: one.metric,
            // A kind of a later version is none that could be told here.
            kind: MetricKind::from_number(u64::from(one.kind)).unwrap_or_default(),
            help: one.help,
            unit: one.unit,
        };
        Ok(Self {
            verdict: Verdict::required::<Self>(proto.verdict)?,
            families: proto.families.into_iter().map(family).collect(),
        })
    }
}

/// Asks for exemplars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExemplarsRequest {
    /// Version of the protocol.
    pub version: u32,
    /// The node that is meant.
    pub incarnation: Incarnation,
    /// The namespace.
    pub namespace: String,
    /// One of which a series must match, each with all of its matchers.
    pub selectors: Vec<Vec<Matcher>>,
    /// Exemplars of this time.
    pub range: TimeRange,
    /// The last delete that the reader has seen.
    pub deletes_seen: u64,
}

impl NodeMessage for ExemplarsRequest {
    const NAME: &'static str = "ExemplarsRequest";
    type Proto = proto::ExemplarsRequest;

    fn into_proto(self) -> proto::ExemplarsRequest {
        let selector = |matchers: &Vec<Matcher>| proto::Selector {
            matchers: matchers_into_proto(matchers),
        };
        proto::ExemplarsRequest {
            version: self.version,
            incarnation: incarnation_bytes(self.incarnation),
            namespace: self.namespace,
            selectors: self.selectors.iter().map(selector).collect(),
            range: range_into_proto(self.range),
            deletes_seen: self.deletes_seen,
        }
    }

    fn from_proto(proto: proto::ExemplarsRequest) -> Result<Self, WireError> {
        let incarnation = addressed::<Self>(proto.version, &proto.incarnation)?;
        if proto.selectors.len() > SELECTORS_MAX {
            return Err(WireError::TooLarge {
                what: "selectors",
                name: "SELECTORS_MAX",
                value: proto.selectors.len() as u64,
                limit: SELECTORS_MAX as u64,
                advice: "ask several times",
            });
        }
        let selectors = proto.selectors.into_iter();
        let selectors = selectors.map(|one| matchers_from_proto::<Self>(one.matchers));
        Ok(Self {
            version: proto.version,
            incarnation,
            namespace: proto.namespace,
            selectors: selectors.collect::<Result<_, _>>()?,
            range: range_from_proto::<Self>(proto.range)?,
            deletes_seen: proto.deletes_seen,
        })
    }
}

/// The answer to an [`ExemplarsRequest`].
#[derive(Clone, Debug)]
pub struct ExemplarsReply {
    /// [`Verdict::Stored`] when they are all there.
    pub verdict: Verdict,
    /// The last delete that was applied.
    pub deletes_seen: u64,
    /// Series with exemplars.
    pub series: Vec<SeriesExemplars>,
}

impl NodeMessage for ExemplarsReply {
    const NAME: &'static str = "ExemplarsReply";
    type Proto = proto::ExemplarsReply;

    fn into_proto(self) -> proto::ExemplarsReply {
        let exemplar = |one: &Exemplar| proto::Exemplar {
            labels: one.labels.as_bytes().to_vec(),
            value_bits: one.value.to_bits(),
            timestamp: one.timestamp,
        };
        let series = |one: &SeriesExemplars| proto::SeriesExemplars {
            labels: one.labels.as_bytes().to_vec(),
            exemplars: one.exemplars.iter().map(exemplar).collect(),
        };
        proto::ExemplarsReply {
            verdict: Some(self.verdict.into_proto()),
            deletes_seen: self.deletes_seen,
            series: self.series.iter().map(series).collect(),
        }
    }

    fn from_proto(proto: proto::ExemplarsReply) -> Result<Self, WireError> {
        let exemplar = |one: proto::Exemplar| {
            Ok::<_, WireError>(Exemplar {
                labels: Labels::from_bytes(one.labels.into())?,
                value: f64::from_bits(one.value_bits),
                timestamp: one.timestamp,
            })
        };
        let series = |one: proto::SeriesExemplars| {
            let exemplars = one.exemplars.into_iter().map(exemplar);
            Ok::<_, WireError>(SeriesExemplars {
                labels: Labels::from_bytes(one.labels.into())?,
                exemplars: exemplars.collect::<Result<_, _>>()?,
            })
        };
        let all = proto.series.into_iter().map(series);
        Ok(Self {
            verdict: Verdict::required::<Self>(proto.verdict)?,
            deletes_seen: proto.deletes_seen,
            series: all.collect::<Result<_, _>>()?,
        })
    }
}
