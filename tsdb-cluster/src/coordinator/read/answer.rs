//! What was found.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use tsdb_core::{Exemplar, Labels, MetricMetadata, SeriesExemplars};

use super::super::coordinator::Shared;
use super::super::error::CoordinatorError;
use super::opening::Opened;
use super::plan::Plan;
use super::series_stream::SeriesStream;
use crate::message::{Found, FoundStream, NodeError};

/// What was found.
#[derive(Debug)]
pub struct Answer {
    /// Names or values, sorted; empty where something else is wanted.
    pub texts: Vec<Arc<str>>,
    /// Exemplars, by the labels of their series; empty where something else is wanted.
    pub exemplars: Vec<SeriesExemplars>,
    /// Metadata, by metric; empty where something else is wanted.
    pub metadata: Vec<MetricMetadata>,
    /// Series, and what has to be said of the answer.
    pub series: SeriesStream,
    /// Whether there is more than the limit allows.
    pub is_truncated: bool,
    /// The newest delete that all who answered have applied.
    pub deletes_seen: u64,
}

impl Answer {
    /// What was opened, as an answer: series are left to be read, all else is collected.
    pub(super) async fn collect(
        shared: &Arc<Shared>,
        plan: Plan,
        opened: Opened,
    ) -> Result<Self, CoordinatorError> {
        let Opened {
            streams,
            warnings,
            mut is_truncated,
        } = opened;
        let mut gathered = Gathered::default();
        let mut left = Vec::new();
        if plan.query.want.is_of_series() {
            left = streams;
        } else {
            let all = streams.into_iter().map(|(_, stream)| whole(stream));
            for found in join_all(all).await {
                let found = found.map_err(|error| {
                    CoordinatorError::of_request(&error).unwrap_or(CoordinatorError::Cut(error))
                })?;
                found.into_iter().for_each(|found| gathered.take(found));
            }
        }
        let limit = plan.query.limit;
        is_truncated |= gathered.texts.len() > limit || gathered.metadata.len() > limit;
        Ok(Self {
            texts: gathered.texts.into_iter().take(limit).collect(),
            exemplars: gathered.exemplars.into_iter().map(joined).collect(),
            metadata: gathered
                .metadata
                .into_values()
                .take(limit)
                .filter_map(told_most)
                .collect(),
            deletes_seen: plan.deletes_seen,
            series: SeriesStream::new(Arc::clone(shared), plan, left, warnings),
            is_truncated,
        })
    }
}

/// All that a node finds.
async fn whole(mut stream: FoundStream) -> Result<Vec<Found>, NodeError> {
    let mut found = Vec::new();
    while let Some(piece) = stream.next().await {
        found.extend(piece?);
    }
    Ok(found)
}

/// What several nodes found.
#[derive(Default)]
struct Gathered {
    texts: BTreeSet<Arc<str>>,
    exemplars: BTreeMap<Labels, Vec<Exemplar>>,
    /// What was told of each metric, and by how many.
    metadata: BTreeMap<String, Vec<(MetricMetadata, usize)>>,
}

impl Gathered {
    fn take(&mut self, found: Found) {
        match found {
            Found::Text(text) => {
                self.texts.insert(text);
            }
            Found::Exemplars(series) => {
                let of_series = self.exemplars.entry(series.labels).or_default();
                of_series.extend(series.exemplars);
            }
            Found::Metadata(one) => {
                let told = self.metadata.entry(one.metric.clone()).or_default();
                match told.iter_mut().find(|(other, _)| *other == one) {
                    Some((_, times)) => *times += 1,
                    None => told.push((one, 1)),
                }
            }
            // Series are read where they are wanted, and not collected.
            Found::Series(..) => {}
        }
    }
}

/// The exemplars that any replica has, each once, in order of time.
fn joined((labels, mut exemplars): (Labels, Vec<Exemplar>)) -> SeriesExemplars {
    exemplars.sort_by(|a, b| {
        (a.timestamp.cmp(&b.timestamp))
            .then_with(|| a.value.total_cmp(&b.value))
            .then_with(|| a.labels.cmp(&b.labels))
    });
    exemplars.dedup_by(|a, b| {
        (a.timestamp, a.value.to_bits(), &a.labels) == (b.timestamp, b.value.to_bits(), &b.labels)
    });
    SeriesExemplars { labels, exemplars }
}

/// What most replicas tell of a metric: nobody knows when it was sent, and senders send it again.
fn told_most(told: Vec<(MetricMetadata, usize)>) -> Option<MetricMetadata> {
    let most = told.into_iter().max_by(|(a, times), (b, others)| {
        let text = |one: &MetricMetadata| (one.kind.number(), one.help.clone(), one.unit.clone());
        times.cmp(others).then_with(|| text(a).cmp(&text(b)))
    });
    most.map(|(metadata, _)| metadata)
}
