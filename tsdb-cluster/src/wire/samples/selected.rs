//! Which part of a batch goes into a payload.

use tsdb_core::model::{BatchHistogram, SeriesBatch};
use tsdb_core::{BatchExemplar, WriteBatch};

use crate::ShardId;
use crate::wire::WireError;

/// How the caller knows a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeriesHandle {
    /// A number that stands for the same labels as long as the encoder lives, and for no others.
    pub key: u64,
    /// The placement shard of the series, told once with its labels.
    pub shard: ShardId,
}

/// Some series of a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Selected<'b, 'a> {
    pub(super) batch: &'b WriteBatch<'a>,
    pub(super) handles: &'b [SeriesHandle],
    pub(super) selection: &'b [u32],
}

impl<'b> Selected<'b, '_> {
    /// One of the series.
    #[inline]
    pub(super) fn series(
        &self,
        index: u32,
    ) -> Result<(&'b SeriesHandle, SeriesBatch<'b>), WireError> {
        let handle = self.handles.get(index as usize);
        match (handle, self.batch.series_at(index as usize)) {
            (Some(handle), Some(series)) => Ok((handle, series)),
            _ => Err(WireError::NoSuchSeries {
                index,
                series: self.batch.series_len(),
                handles: self.handles.len(),
            }),
        }
    }

    /// The histograms of one of the series.
    pub(super) fn histograms(&self, index: u32) -> &'b [BatchHistogram] {
        rows_of(self.batch.histograms(), index, |row| row.series)
    }

    /// The exemplars of one of the series.
    pub(super) fn exemplars(&self, index: u32) -> &'b [BatchExemplar] {
        rows_of(self.batch.exemplars(), index, |row| row.series)
    }

    /// Whether one of the series has anything that can be sent.
    #[inline]
    pub(super) fn has_rows(&self, index: u32, timestamps: &[i64]) -> bool {
        !timestamps.is_empty()
            || !self.histograms(index).is_empty()
            || self.exemplars(index).iter().any(|one| one.labels.is_ok())
    }
}

/// The rows of one series among rows that are in the order of their series.
fn rows_of<T>(rows: &[T], index: u32, series: impl Fn(&T) -> usize) -> &[T] {
    if rows.is_empty() {
        return &[];
    }
    let start = rows.partition_point(|row| series(row) < index as usize);
    let rest = rows.get(start..).unwrap_or_default();
    let len = rest.partition_point(|row| series(row) == index as usize);
    rest.get(..len).unwrap_or_default()
}

/// The error of a request that is too large for the other side.
pub(super) fn too_large(
    what: &'static str,
    name: &'static str,
    value: usize,
    limit: usize,
) -> WireError {
    WireError::TooLarge {
        what,
        name,
        value: value as u64,
        limit: limit as u64,
        advice: "send less in one request",
    }
}
