//! What a reader wants, found piece by piece on threads that may wait.

use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream;
use tsdb_core::model::Texts;
use tsdb_core::{Db, Labels, Limited, Matcher, MetricMetadata, Namespace, SelectLimits, SeriesSet};

use super::storage_node::{failure, find as namespace_of, shard_set};
use crate::batch::shard_of_metric;
use crate::identity::ShardId;
use crate::message::{Found, FoundStream, NodeError, ReadRequest, Want};
use crate::storage::{Lane, SharedStorage, with_db};

/// About how many bytes of chunks a piece has.
const PIECE_BYTES: usize = 256 << 10;
/// How many series a piece has at most.
const PIECE_SERIES: usize = 1024;

/// Finds what `request` wants, and says whether there is more than its limit allows.
pub(super) async fn find(
    storage: SharedStorage,
    request: ReadRequest,
) -> Result<(FoundStream, bool), NodeError> {
    if request.want == Want::Samples {
        let select = move |db: &Db| select(db, &request);
        let set = with_db(&*storage, Lane::Read, select).await?;
        let next = move |set| next_piece(Arc::clone(&storage), set);
        return Ok((stream::try_unfold(Some(set), next).boxed(), false));
    }
    let list = move |db: &Db| list(db, &request);
    let Limited { values, truncated } = with_db(&*storage, Lane::Read, list).await?;
    Ok((stream::iter([Ok(values)]).boxed(), truncated))
}

/// A select under way.
struct Selecting {
    set: SeriesSet,
    /// Only series sorted behind this are wanted.
    after: Option<Labels>,
}

fn matchers(request: &ReadRequest) -> Result<Vec<Matcher>, NodeError> {
    let shards = request.epochs.iter().map(|(shard, _)| *shard);
    let shards = shard_set(request.shards, shards)?;
    let mut all = request.matchers.clone();
    all.push(Matcher::shards(shards));
    Ok(all)
}

fn select(db: &Db, request: &ReadRequest) -> Result<Selecting, NodeError> {
    let namespace = namespace_of(db, &request.namespace)?;
    let limits = SelectLimits {
        series: request.limit,
        samples: request.max_samples,
    };
    let matchers = matchers(request)?;
    let set = namespace.select_with(request.range, &matchers, limits);
    Ok(Selecting {
        set: set.map_err(|error| failure(&error))?,
        after: request.after.clone(),
    })
}

async fn next_piece(
    storage: SharedStorage,
    selecting: Option<Selecting>,
) -> Result<Option<(Vec<Found>, Option<Selecting>)>, NodeError> {
    let Some(mut selecting) = selecting else {
        return Ok(None);
    };
    let read = move |_: &Db| {
        let (mut piece, mut bytes) = (Vec::new(), 0);
        while bytes < PIECE_BYTES && piece.len() < PIECE_SERIES {
            let next = selecting.set.next_exact_chunks();
            let Some(series) = next.map_err(|error| failure(&error.into()))? else {
                return Ok((piece, None));
            };
            if selecting
                .after
                .as_ref()
                .is_some_and(|after| series.labels <= *after)
            {
                continue;
            }
            bytes += series.labels.as_bytes().len();
            bytes += series
                .chunks
                .iter()
                .map(|chunk| chunk.bytes.len())
                .sum::<usize>();
            if !series.chunks.is_empty() {
                piece.push(Found::Series(series.labels, series.chunks));
            }
        }
        Ok((piece, Some(selecting)))
    };
    with_db(&*storage, Lane::Read, read).await.map(Some)
}

fn list(db: &Db, request: &ReadRequest) -> Result<Limited<Vec<Found>>, NodeError> {
    let namespace = namespace_of(db, &request.namespace)?;
    let (matchers, range, limit) = (matchers(request)?, request.range, request.limit);
    let found = match &request.want {
        Want::Names => namespace.label_names(range, &matchers, limit).map(texts),
        Want::Values(name) => namespace
            .label_values(name, range, &matchers, limit)
            .map(texts),
        Want::Labels | Want::Samples => {
            let found = namespace.series(range, &matchers, limit);
            found.map(|found| series(found, request.after.as_ref()))
        }
        Want::Exemplars => namespace.exemplars(range, &matchers).map(|found| Limited {
            values: found.into_iter().map(Found::Exemplars).collect(),
            truncated: false,
        }),
        Want::Metadata(metric) => Ok(metadata(&namespace, request, metric.as_deref())),
    };
    found.map_err(|error| failure(&error))
}

/// Those behind `after`: what was left out was told by another.
fn series(found: Limited<Vec<Labels>>, after: Option<&Labels>) -> Limited<Vec<Found>> {
    let is_behind = |labels: &Labels| after.is_none_or(|after| *labels > *after);
    let wanted = found.values.into_iter().filter(is_behind);
    Limited {
        values: wanted
            .map(|labels| Found::Series(labels, Vec::new()))
            .collect(),
        truncated: found.truncated,
    }
}

fn texts(found: Limited<Texts>) -> Limited<Vec<Found>> {
    let text = |text: &str| Found::Text(text.into());
    Limited {
        values: found.values.iter().map(text).collect(),
        truncated: found.truncated,
    }
}

/// What is known of the metrics of the shards that are asked of.
fn metadata(
    namespace: &Namespace,
    request: &ReadRequest,
    metric: Option<&str>,
) -> Limited<Vec<Found>> {
    let mut wanted: Vec<ShardId> = request.epochs.iter().map(|(shard, _)| *shard).collect();
    wanted.sort_unstable();
    let is_wanted = |one: &MetricMetadata| {
        let shard = shard_of_metric(&one.metric, request.shards);
        wanted.binary_search(&shard).is_ok()
    };
    let mut found = namespace.metadata(metric, usize::MAX);
    found.retain(is_wanted);
    let truncated = found.len() > request.limit;
    let values = found.into_iter().take(request.limit);
    Limited {
        values: values.map(Found::Metadata).collect(),
        truncated,
    }
}
