//! What is kept beside samples: metadata of metrics, and exemplars.

use tsdb_core::{Exemplar, Labels, MetricKind, MetricMetadata, SeriesExemplars};
use tsdb_proto::node_v1 as proto;

use crate::wire::WireError;

pub(super) fn metadata_into_proto(one: MetricMetadata) -> proto::MetricMetadata {
    proto::MetricMetadata {
        metric: one.metric,
        kind: u32::from(one.kind.number()),
        help: one.help,
        unit: one.unit,
    }
}

pub(super) fn metadata_from_proto(one: proto::MetricMetadata) -> MetricMetadata {
    MetricMetadata {
        metric: one.metric,
        // A kind of a later version is none that could be told here.
        kind: MetricKind::from_number(u64::from(one.kind)).unwrap_or_default(),
        help: one.help,
        unit: one.unit,
    }
}

pub(super) fn exemplars_into_proto(all: &[SeriesExemplars]) -> Vec<proto::SeriesExemplars> {
    let exemplar = |one: &Exemplar| proto::Exemplar {
        labels: one.labels.as_bytes().to_vec(),
        value_bits: one.value.to_bits(),
        timestamp: one.timestamp,
    };
    let series = |one: &SeriesExemplars| proto::SeriesExemplars {
        labels: one.labels.as_bytes().to_vec(),
        exemplars: one.exemplars.iter().map(exemplar).collect(),
    };
    all.iter().map(series).collect()
}

pub(super) fn exemplars_from_proto(
    all: Vec<proto::SeriesExemplars>,
) -> Result<Vec<SeriesExemplars>, WireError> {
    let exemplar = |one: proto::Exemplar| {
        Ok::<_, WireError>(Exemplar {
            labels: Labels::from_bytes(one.labels.into())?,
            value: f64::from_bits(one.value_bits),
            timestamp: one.timestamp,
        })
    };
    let series = |one: proto::SeriesExemplars| {
        let exemplars = one.exemplars.into_iter().map(exemplar);
        Ok(SeriesExemplars {
            labels: Labels::from_bytes(one.labels.into())?,
            exemplars: exemplars.collect::<Result<_, WireError>>()?,
        })
    };
    all.into_iter().map(series).collect()
}
