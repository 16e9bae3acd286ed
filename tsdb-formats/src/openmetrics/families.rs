//! Metrics grouped into families, which are what types, helps and units belong to.

use std::collections::BTreeMap;

use tsdb_core::model::{MetricKind, MetricMetadata};

/// A family: what is known of it, and the metrics that belong to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// Name, kind, help and unit.
    pub metadata: MetricMetadata,
    /// Names of its metrics, in the order given.
    pub metrics: Vec<String>,
}

/// What the names of a family's metrics end in; an empty suffix is the family's own name.
fn suffixes(kind: MetricKind) -> &'static [&'static str] {
    match kind {
        MetricKind::Counter => &["_total", "_created"],
        MetricKind::Histogram => &["_bucket", "_count", "_sum", "_created"],
        MetricKind::GaugeHistogram => &["_bucket", "_gcount", "_gsum", "_created"],
        MetricKind::Summary => &["", "_count", "_sum", "_created"],
        MetricKind::Info => &["_info"],
        MetricKind::Unknown | MetricKind::Gauge | MetricKind::StateSet => &[""],
    }
}

/// Groups metrics by the families that `metadata` tells of. A metric of which nothing is known, or whose
/// name does not go with its kind, as Prometheus' older format allows, is a family of unknown kind.
#[must_use]
pub fn families<'a>(
    metrics: impl IntoIterator<Item = &'a str>,
    metadata: &[MetricMetadata],
) -> Vec<Family> {
    let known: BTreeMap<&str, &MetricMetadata> = metadata
        .iter()
        .map(|one| (one.metric.as_str(), one))
        .collect();
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    for metric in metrics {
        let found = family_of(metric, &known);
        let family = families.entry(found.metric.clone());
        let family = family.or_insert_with(|| Family {
            metadata: found.clone(),
            metrics: Vec::new(),
        });
        if family.metadata.kind != found.kind {
            // Two metrics that claim one name for families of different kinds.
            family.metadata.kind = MetricKind::Unknown;
        }
        family.metrics.push(metric.to_owned());
    }
    families.into_values().collect()
}

/// What is known of the family of a metric, under the family's name.
fn family_of(metric: &str, known: &BTreeMap<&str, &MetricMetadata>) -> MetricMetadata {
    const ALL: [&str; 9] = [
        "", "_total", "_created", "_bucket", "_count", "_sum", "_gcount", "_gsum", "_info",
    ];
    let of_suffix = |suffix: &&str| {
        let found = known.get(metric.strip_suffix(suffix)?)?;
        let fits = suffixes(found.kind).contains(suffix);
        fits.then(|| (*found).clone())
    };
    if let Some(family) = ALL.iter().find_map(of_suffix) {
        return family;
    }
    // The older format calls a counter's family as its metric.
    let mut family = known
        .get(metric)
        .map_or_else(MetricMetadata::default, |found| (*found).clone());
    let base = suffixes(family.kind)
        .first()
        .and_then(|suffix| metric.strip_suffix(suffix));
    match base.filter(|base| !base.is_empty()) {
        Some(base) => base.clone_into(&mut family.metric),
        None => {
            family.kind = MetricKind::Unknown;
            metric.clone_into(&mut family.metric);
        }
    }
    family
}
