//! Series on their way from several replicas.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::join_all;
use tsdb_core::{Labels, Series};

use super::super::coordinator::Shared;
use super::super::error::CoordinatorError;
use super::super::merge::{Merge, MergedSeries, Step};
use super::plan::{Plan, is_among};
use super::warning::Warning;
use crate::identity::{NodeId, ShardId};
use crate::message::{FoundStream, NodeError, Want};
use crate::topology::ReadLevel;

/// Series, sorted by labels, each once.
pub struct SeriesStream {
    shared: Arc<Shared>,
    merge: Merge<usize>,
    plan: Plan,
    /// Those asks that were answered and have not failed since.
    alive: BTreeSet<usize>,
    last: Option<Labels>,
    warnings: BTreeSet<Warning>,
    series: usize,
    samples: u64,
}

impl std::fmt::Debug for SeriesStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SeriesStream")
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}

impl SeriesStream {
    pub(super) fn new(
        shared: Arc<Shared>,
        plan: Plan,
        streams: Vec<(usize, FoundStream)>,
        warnings: BTreeSet<Warning>,
    ) -> Self {
        let alive = streams.iter().map(|(index, _)| *index).collect();
        let mut merge = Merge::new();
        for (index, stream) in streams {
            merge.add(index, stream);
        }
        Self {
            shared,
            merge,
            plan,
            alive,
            last: None,
            warnings,
            series: 0,
            samples: 0,
        }
    }

    /// The next series, as chunks of all replicas that were read: they may overlap.
    ///
    /// # Errors
    /// When a replica failed, and no other can take its place; when there are samples of more
    /// series than the query allows.
    pub async fn next(&mut self) -> Result<Option<MergedSeries>, CoordinatorError> {
        loop {
            match self.merge.next().await {
                Step::Series(series) => {
                    self.last = Some(series.0.clone());
                    self.series += 1;
                    let limit = self.plan.query.limit;
                    if self.series > limit && self.plan.query.want == Want::Samples {
                        return Err(CoordinatorError::too_many_series(limit));
                    }
                    return Ok(Some(series));
                }
                Step::End => return Ok(None),
                Step::Failed(failed) => {
                    for (index, error) in failed {
                        self.replace(index, &error).await?;
                    }
                }
            }
        }
    }

    /// The next series with its samples in the range of the query, each once.
    ///
    /// # Errors
    /// As [`next`](Self::next); when there are more samples than the query allows, and when a
    /// chunk is damaged.
    pub async fn next_series(&mut self) -> Result<Option<Series>, CoordinatorError> {
        while let Some((labels, chunks)) = self.next().await? {
            let series = Series::from_chunks(labels, chunks, self.plan.query.range);
            let series = series.map_err(|error| CoordinatorError::Damaged(error.into()))?;
            let samples = series.timestamps().len() + series.histograms().len();
            self.samples += samples as u64;
            if self.samples > self.plan.query.max_samples {
                return Err(CoordinatorError::too_many_samples(
                    self.plan.query.max_samples,
                ));
            }
            // What lies at the ends of chunks only is in no range.
            if samples > 0 {
                return Ok(Some(series));
            }
        }
        Ok(None)
    }

    /// What has to be said of what was read so far.
    #[must_use]
    pub fn warnings(&self) -> &BTreeSet<Warning> {
        &self.warnings
    }

    /// Asks others about what a replica that failed in the middle had not told yet.
    async fn replace(&mut self, index: usize, error: &NodeError) -> Result<(), CoordinatorError> {
        if let Some(error) = CoordinatorError::of_request(error) {
            return Err(error);
        }
        self.alive.remove(&index);
        let plan = &mut self.plan;
        let Some((node, shards)) = plan.asked(index).cloned() else {
            return Ok(());
        };
        let mut spare: BTreeMap<NodeId, Vec<ShardId>> = BTreeMap::new();
        for id in &shards {
            if let Some(other) = plan.spare(*id) {
                spare.entry(other.clone()).or_default().push(*id);
            }
        }
        let asks: Vec<_> = spare
            .into_iter()
            .map(|(node, shards)| {
                let after = self.last.clone().or_else(|| plan.query.after.clone());
                plan.ask(&self.shared, node, shards, after)
            })
            .collect();
        for (index, answer) in join_all(asks).await {
            if let Ok((reply, stream)) = answer
                && reply.refusals.is_empty()
            {
                self.merge.add(index, stream);
                self.alive.insert(index);
            }
        }
        let errors = [format!("{node}: {error}")];
        for shard in shards {
            self.weigh(shard, &errors)?;
        }
        Ok(())
    }

    /// Whether those that are left are enough for a shard.
    fn weigh(&mut self, shard: ShardId, errors: &[String]) -> Result<(), CoordinatorError> {
        let plan = &self.plan;
        let is_of_it = |index: &&usize| {
            let asked = plan.asked(**index);
            asked.is_some_and(|(_, shards)| is_among(shards, shard))
        };
        let left = self.alive.iter().filter(is_of_it).count();
        if left >= plan.level.needed(plan.replicas(shard)) {
            return Ok(());
        }
        if plan.level == ReadLevel::UnstrictMajority && left > 0 {
            let warning = Warning::below_majority(plan.level, errors);
            self.warnings.insert(warning);
            return Ok(());
        }
        Err(plan.missed(shard, left, errors))
    }
}
