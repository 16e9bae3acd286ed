//! An expression over a folder that others may be writing.

use std::sync::{Mutex, PoisonError};

use tsdb_core::{Labels, Namespace};
use tsdb_promql::{Queryable, Selection, SeriesSamples, SeriesStream, SourceError};

use crate::commands::progress::Progress;

/// A namespace that tells a person at a terminal what was read of it.
#[derive(Debug)]
pub(super) struct Watched {
    namespace: Namespace,
    read: Mutex<Read>,
}

#[derive(Debug)]
struct Read {
    progress: Progress,
    series: u64,
    samples: u64,
}

impl Watched {
    pub(super) fn new(namespace: Namespace) -> Self {
        let read = Read {
            progress: Progress::new(),
            series: 0,
            samples: 0,
        };
        Self {
            namespace,
            read: Mutex::new(read),
        }
    }

    /// Wipes what was told, for others to be written.
    pub(super) fn clear(&self) {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.progress.clear();
    }

    fn note(&self, series: &SeriesSamples) {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, samples) = (read.series + 1, read.samples);
        let samples = samples + (series.timestamps.len() + series.histograms.len()) as u64;
        (read.series, read.samples) = (all, samples);
        let told = || format!("{all} series, {samples} samples read");
        read.progress.update(told);
    }
}

impl Queryable for Watched {
    fn select<'q>(
        &'q self,
        selection: &Selection<'_>,
    ) -> Result<Box<dyn SeriesStream + 'q>, SourceError> {
        let inner = Queryable::select(&self.namespace, selection)?;
        Ok(Box::new(WatchedStream { inner, by: self }))
    }
}

struct WatchedStream<'w> {
    inner: Box<dyn SeriesStream + 'w>,
    by: &'w Watched,
}

impl SeriesStream for WatchedStream<'_> {
    fn next_series(&mut self) -> Result<Option<SeriesSamples>, SourceError> {
        let next = self.inner.next_series()?;
        if let Some(series) = &next {
            self.by.note(series);
        }
        Ok(next)
    }

    fn next_into(&mut self, into: &mut SeriesSamples) -> Result<bool, SourceError> {
        let is_some = self.inner.next_into(into)?;
        if is_some {
            self.by.note(into);
        }
        Ok(is_some)
    }

    fn group(&self) -> Option<u32> {
        self.inner.group()
    }

    fn group_labels(&self, group: u32) -> Labels {
        self.inner.group_labels(group)
    }

    fn warnings(&self) -> Vec<String> {
        self.inner.warnings()
    }
}
