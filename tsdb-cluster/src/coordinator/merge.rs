//! What several nodes found, as one: sorted, each series once.

use std::collections::VecDeque;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use tsdb_core::{ChunkPart, Labels};

use crate::message::{Found, FoundStream, NodeError};

/// What a node finds, piece by piece.
struct Source<K> {
    /// Whose.
    key: K,
    stream: FoundStream,
    /// Read, and not taken yet.
    ready: VecDeque<Found>,
    has_ended: bool,
}

impl<K> Source<K> {
    /// Reads until something is ready, or there is no more.
    async fn fill(&mut self) -> Result<(), NodeError> {
        while self.ready.is_empty() && !self.has_ended {
            match self.stream.next().await {
                Some(Ok(piece)) => self.ready.extend(piece),
                Some(Err(error)) => {
                    self.has_ended = true;
                    return Err(error);
                }
                None => self.has_ended = true,
            }
        }
        Ok(())
    }
}

/// Series that several nodes found.
pub(super) struct Merge<K> {
    sources: Vec<Source<K>>,
}

/// A series, with what every node has of it; chunks of two nodes may overlap.
pub(super) type MergedSeries = (Labels, Vec<ChunkPart>);

/// What the next step of a merge is.
pub(super) enum Step<K> {
    /// A series.
    Series(MergedSeries),
    /// These nodes failed: what they had not told is missing from now on, unless another is
    /// [added](Merge::add) in their place.
    Failed(Vec<(K, NodeError)>),
    /// There is no more.
    End,
}

impl<K: Copy> Merge<K> {
    pub(super) fn new() -> Self {
        Self {
            sources: Vec::new(),
        }
    }

    /// Adds what another node finds, which must be sorted behind the last series that was given.
    pub(super) fn add(&mut self, key: K, stream: FoundStream) {
        self.sources.push(Source {
            key,
            stream,
            ready: VecDeque::new(),
            has_ended: false,
        });
    }

    /// The next series: the first of all that are ready, once every node has told its next one.
    pub(super) async fn next(&mut self) -> Step<K> {
        let fills = self.sources.iter_mut().map(async |source| {
            let error = source.fill().await.err()?;
            Some((source.key, error))
        });
        let failed: Vec<_> = join_all(fills).await.into_iter().flatten().collect();
        if !failed.is_empty() {
            return Step::Failed(failed);
        }
        let heads = self
            .sources
            .iter()
            .filter_map(|source| match source.ready.front() {
                Some(Found::Series(labels, _)) => Some(labels),
                _ => None,
            });
        let Some(first) = heads.min().cloned() else {
            return Step::End;
        };
        let mut parts = Vec::new();
        for source in &mut self.sources {
            let is_first =
                |found: &Found| matches!(found, Found::Series(labels, _) if *labels == first);
            if source.ready.front().is_some_and(is_first)
                && let Some(Found::Series(_, chunks)) = source.ready.pop_front()
            {
                parts.extend(chunks);
            }
        }
        Step::Series((first, parts))
    }
}
