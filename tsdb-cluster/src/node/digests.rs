//! Digests of what a node holds, made on a thread that may wait.

use tsdb_core::{Db, SeriesDigest, ShardDigest};

use super::storage_node::{failure, find, shard_set};
use crate::message::{DigestOf, DigestRequest, NodeError};

/// Those that `request` asks for.
pub(super) fn digest(
    db: &Db,
    request: &DigestRequest,
) -> Result<(Vec<ShardDigest>, Vec<SeriesDigest>), NodeError> {
    let namespace = find(db, &request.namespace)?;
    let shards = request.epochs.iter().map(|(shard, _)| *shard);
    let shards = shard_set(request.shards, shards)?;
    let range = request.range;
    match &request.of {
        DigestOf::Windows { window_ms } => {
            let windows = namespace.digests(range, &shards, *window_ms);
            Ok((windows.map_err(|error| failure(&error))?, Vec::new()))
        }
        DigestOf::Series { after, limit } => {
            let all = namespace.series_digests(range, &shards);
            let all = all.map_err(|error| failure(&error))?;
            let is_behind = |one: &Result<SeriesDigest, _>| {
                one.as_ref().map_or(true, |one| {
                    after.as_ref().is_none_or(|after| one.labels > *after)
                })
            };
            let page: Result<Vec<_>, _> = all.filter(is_behind).take(*limit).collect();
            Ok((Vec::new(), page.map_err(|error| failure(&error))?))
        }
    }
}
