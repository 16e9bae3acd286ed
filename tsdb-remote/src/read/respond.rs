//! A namespace of the database as what reads are answered from.

use tsdb_core::model::{Matcher, TimeRange};
use tsdb_core::{Error, Namespace, SeriesSet};

use super::storage::{Chunk, Chunks, Columns, SeriesStream, Storage};
use crate::error::ReadError;

impl Storage for Namespace {
    type Stream<'s> = SeriesSet;

    fn select(&self, range: TimeRange, matchers: &[Matcher]) -> Result<SeriesSet, ReadError> {
        Ok(Self::select(self, range, matchers)?)
    }
}

impl SeriesStream for SeriesSet {
    fn next_samples(
        &mut self,
        visit: &mut dyn FnMut(Columns<'_>) -> Result<(), ReadError>,
    ) -> Result<bool, ReadError> {
        let Some(series) = self.next().transpose().map_err(Error::from)? else {
            return Ok(false);
        };
        visit(Columns {
            labels: series.labels(),
            timestamps: series.timestamps(),
            values: series.values(),
            histograms: series.histograms(),
        })?;
        Ok(true)
    }

    fn next_chunks(&mut self) -> Result<Option<Chunks>, ReadError> {
        let series = Self::next_chunks(self).map_err(Error::from)?;
        Ok(series.map(|series| Chunks {
            labels: series.labels,
            chunks: series
                .chunks
                .into_iter()
                .map(|chunk| Chunk {
                    min: chunk.min,
                    max: chunk.max,
                    encoding: chunk.encoding,
                    bytes: chunk.bytes.into_vec(),
                })
                .collect(),
        }))
    }
}
