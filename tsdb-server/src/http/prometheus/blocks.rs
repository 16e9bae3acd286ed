//! `/api/v1/status/tsdb/blocks`: the blocks of a namespace that are on the disk of this server.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use tsdb_core::manifest::{BlockEntry, Manifest, ManifestError};
use tsdb_core::vfs::OsVfs;

use super::super::app::App;
use super::super::envelope::{ApiError, ErrorType, success};
use super::super::m3_headers::HeaderError;
use super::super::scope::Scope;

/// A level of windows is so many times as long as the one below.
const LEVEL_FACTOR: i64 = 4;
/// Of the layout that Prometheus has, as it tells it.
const VERSION: u32 = 1;
/// Said where other servers have blocks too.
const OF_THIS_SERVER: &str =
    "these are the blocks of this server: other nodes of its cluster may have more";

#[derive(Serialize)]
struct Blocks {
    blocks: Vec<Block>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Block {
    ulid: String,
    min_time: i64,
    /// Behind the last sample.
    max_time: i64,
    stats: Stats,
    compaction: Compaction,
    version: u32,
}

/// What is not known is left out, as Prometheus leaves out zeros.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Stats {
    num_samples: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_float_samples: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_series: Option<u32>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Compaction {
    level: u32,
}

impl Block {
    /// A block of a namespace whose shortest windows have this length.
    fn of(entry: &BlockEntry, shortest_ms: i64) -> Self {
        let floats = |has_histograms: bool| (!has_histograms).then_some(entry.samples);
        let length_ms = entry.window.last.saturating_sub(entry.window.start);
        Self {
            // As its file is called.
            ulid: format!("{:010}", entry.id.0),
            min_time: entry.min_time,
            max_time: entry.max_time.saturating_add(1),
            stats: Stats {
                num_samples: entry.samples,
                num_float_samples: entry.details.and_then(|known| floats(known.histograms)),
                num_series: entry.details.map(|known| known.rows),
            },
            compaction: Compaction {
                level: level(length_ms.saturating_add(1), shortest_ms),
            },
            version: VERSION,
        }
    }
}

/// 1 for the shortest windows, one more for each level above.
fn level(mut length_ms: i64, shortest_ms: i64) -> u32 {
    let mut level = 1;
    while length_ms > shortest_ms.max(1) {
        length_ms /= LEVEL_FACTOR;
        level += 1;
    }
    level
}

pub(in crate::http) async fn blocks(
    State(app): State<App>,
    scope: Scope,
) -> Result<Response, ApiError> {
    if !scope.reads().matchers.is_empty() {
        let header = "M3-Restrict-By-Tags-JSON";
        let what = "blocks are of all series: leave it out".to_owned();
        return Err(HeaderError { header, what }.into());
    }
    let admission = app.store.queries().admit(scope.sender()).await?;
    let (store, is_of_cluster) = (app.store.clone(), app.cluster.is_some());
    let work = move || -> Result<Response, ApiError> {
        let opened = store.current()?;
        let name = scope.data(&opened)?.name().to_owned();
        let shortest = opened.find(&name)?.options().window;
        let blocks = match store.folder() {
            Some(folder) => listed(folder, &name, shortest)?,
            None => Vec::new(),
        };
        let warnings = Vec::from_iter(is_of_cluster.then(|| OF_THIS_SERVER.to_owned()));
        Ok(success(&Blocks { blocks }, &warnings))
    };
    app.store.queries().run(&admission, work).await?
}

/// What the manifest of a namespace lists; it is replaced as a whole, so that one that is read
/// meanwhile is the one before or the one behind.
fn listed(folder: &Path, namespace: &str, shortest: Duration) -> Result<Vec<Block>, ApiError> {
    let shortest_ms = i64::try_from(shortest.as_millis()).unwrap_or(i64::MAX);
    let path = PathBuf::from(namespace).join("MANIFEST");
    let manifest = match Manifest::read(&OsVfs::new(folder), &path) {
        Ok(manifest) => manifest,
        // Nothing was flushed yet.
        Err(ManifestError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(ApiError::new(ErrorType::Internal, error.to_string())),
    };
    let blocks = manifest.blocks.iter();
    let mut blocks: Vec<Block> = blocks.map(|entry| Block::of(entry, shortest_ms)).collect();
    blocks.sort_by_key(|block| (block.min_time, block.max_time));
    Ok(blocks)
}

#[cfg(test)]
mod tests {
    use tsdb_core::{Db, DbOptions, Labels, Sample, WriteBatch};

    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    #[test]
    fn longer_windows_are_of_a_higher_level() {
        let two_hours = 2 * HOUR_MS;
        let levels = [2, 8, 32, 128].map(|hours| level(hours * HOUR_MS, two_hours));
        assert_eq!(levels, [1, 2, 3, 4]);
        assert_eq!((level(HOUR_MS, two_hours), level(7, 0)), (1, 2));
    }

    #[test]
    fn the_blocks_of_a_folder_are_listed_in_the_order_of_their_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let list = || listed(folder.path(), "default", Duration::from_secs(7200));
        assert_eq!(list(), Ok(Vec::new()), "there is none yet");
        let db = Db::open(folder.path(), DbOptions::default()).expect("a database");
        let labels = ["a", "b"]
            .map(|job| Labels::from_pairs([("__name__", "up"), ("job", job)]).expect("labels"));
        let mut batch = WriteBatch::new();
        for labels in &labels {
            for hour in [0, 1, 40] {
                batch.push(labels, Sample::new(hour * HOUR_MS, 1.0));
            }
        }
        db.default_namespace().write(&batch).expect("a write");
        assert_eq!(list(), Ok(Vec::new()), "they are in memory");
        db.compact().expect("compaction");
        let blocks = list().expect("blocks");
        let samples = blocks.iter().map(|block| block.stats.num_samples);
        assert_eq!(samples.sum::<u64>(), 6);
        let stats = db.stats().namespaces;
        let stats = stats.iter().find(|one| one.name == "default");
        assert_eq!(stats.map(|one| one.blocks), Some(blocks.len()));
        let (first, last) = (&blocks[0], &blocks[blocks.len() - 1]);
        assert_eq!((first.min_time, last.max_time), (0, 40 * HOUR_MS + 1));
        assert_eq!(first.stats.num_series, Some(2));
        assert_eq!(first.stats.num_float_samples, Some(first.stats.num_samples));
        let file = folder
            .path()
            .join(format!("default/blocks/{}.block", first.ulid));
        assert!(file.is_file(), "{}", file.display());
        db.close().expect("closed");
    }
}
