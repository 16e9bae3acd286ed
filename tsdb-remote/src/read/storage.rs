//! What the service needs of whatever holds the samples: a database, several, or a test.

use http::HeaderMap;
use tsdb_core::chunk::Encoding;
use tsdb_core::model::{Histogram, Labels, Matcher, TimeRange};

use crate::error::ReadError;

/// Something series can be selected from.
pub trait Storage {
    /// The selected series.
    type Stream<'s>: SeriesStream
    where
        Self: 's;

    /// Selects all series with samples in `range` that meet all `matchers`.
    ///
    /// # Errors
    /// When the select is refused or fails.
    fn select(&self, range: TimeRange, matchers: &[Matcher])
    -> Result<Self::Stream<'_>, ReadError>;

    /// What is to be said of the answer beside what it holds, as headers. Asked for once, before the
    /// first byte is sent: what is selected or read later can only fail.
    fn headers(&self) -> HeaderMap {
        HeaderMap::new()
    }
}

/// Series sorted by labels, each read when asked for, as samples or as chunks.
pub trait SeriesStream {
    /// Calls `visit` with the next series; `false` at the end.
    ///
    /// # Errors
    /// When the series cannot be read, or what `visit` fails with.
    fn next_samples(
        &mut self,
        visit: &mut dyn FnMut(Columns<'_>) -> Result<(), ReadError>,
    ) -> Result<bool, ReadError>;

    /// The next series as chunks.
    ///
    /// # Errors
    /// When the series cannot be read.
    fn next_chunks(&mut self) -> Result<Option<Chunks>, ReadError>;
}

/// A series and its samples inside of the selected range: floats and histograms, both sorted by
/// time.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'c> {
    /// Identity of the series.
    pub labels: &'c Labels,
    /// Times in milliseconds.
    pub timestamps: &'c [i64],
    /// Values, as many as timestamps.
    pub values: &'c [f64],
    /// Native histograms with their times in milliseconds, sorted by these.
    pub histograms: &'c [(i64, Histogram)],
}

/// A series and its chunks in order of time, which may reach beyond the selected range.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunks {
    /// Identity of the series.
    pub labels: Labels,
    /// Chunks as Prometheus encodes them.
    pub chunks: Vec<Chunk>,
}

/// Samples as Prometheus encodes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Time of the first sample in milliseconds.
    pub min: i64,
    /// Time of the last sample in milliseconds, included.
    pub max: i64,
    /// Which encoding it is: one of those that Prometheus has a number for.
    pub encoding: Encoding,
    /// The encoded samples.
    pub bytes: Vec<u8>,
}
