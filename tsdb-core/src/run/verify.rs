//! Reading everything, to know that it is whole.

use super::RunError;
use super::layout::{HEADER_BYTES, decode_header};
use super::meta::{ChunkRef, SectionMeta};
use super::reader::RunReader;
use crate::bits::DecodeError;
use crate::model::SeriesId;
use crate::series::MergedSamples;

/// What a verified run was found to hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunTotals {
    /// Rows, counted once for each section.
    pub series: u64,
    /// Chunks.
    pub chunks: u64,
    /// Samples.
    pub samples: u64,
}

impl RunReader {
    /// Reads the whole file: every checksum, every chunk decoded, every count and bound compared.
    ///
    /// # Errors
    /// At the first thing that is not as it was written, or when the disk fails.
    pub fn verify(&self) -> Result<RunTotals, RunError> {
        let mut header = Vec::new();
        self.read(0, HEADER_BYTES as u64, &mut header)?;
        if decode_header(self.path(), &header)? != self.meta().header {
            return Err(self.corrupt(0, "header and footer tell of different runs"));
        }
        let mut totals = RunTotals::default();
        for (at, section) in self.sections()?.iter().enumerate() {
            let found = self.verify_section(at, section)?;
            totals.series += found.series;
            totals.chunks += found.chunks;
            totals.samples += found.samples;
        }
        Ok(totals)
    }

    fn verify_section(&self, at: usize, section: &SectionMeta) -> Result<RunTotals, RunError> {
        let mut scan = self.iter_section(at)?;
        let mut totals = RunTotals::default();
        let mut last = None;
        let mut ids = (SeriesId(u64::MAX), SeriesId(0));
        let mut times = (i64::MAX, i64::MIN);
        while scan.advance()? {
            let Some((chunk, bytes)) = scan.chunk() else {
                break;
            };
            let mut found = MergedSamples::default();
            found
                .push_chunk(chunk.meta.encoding, bytes)
                .and_then(|()| check_times(&chunk, &found))
                .map_err(|error| RunError::decode(self.path(), chunk.offset, error))?;
            totals.series += u64::from(last != Some(chunk.key));
            totals.chunks += 1;
            totals.samples += u64::from(chunk.meta.count);
            last = Some(chunk.key);
            ids = (ids.0.min(chunk.key.series), ids.1.max(chunk.key.series));
            times = (
                times.0.min(chunk.meta.min_time),
                times.1.max(chunk.meta.max_time),
            );
        }
        let counts = (totals.series, totals.chunks, totals.samples);
        if counts != (section.series, section.chunks, section.samples)
            || ids != (section.first_series, section.last_series)
            || times != (section.min_time, section.max_time)
        {
            return Err(self.corrupt(section.offset, "the footer tells of another section"));
        }
        Ok(totals)
    }

    fn corrupt(&self, offset: u64, what: &'static str) -> RunError {
        RunError::corrupt(self.path(), offset, what)
    }
}

pub(super) fn check_times(chunk: &ChunkRef, found: &MergedSamples) -> Result<(), DecodeError> {
    let first = found.samples().next().map(|sample| sample.timestamp());
    let last = found.timestamps.last().copied();
    let last = last.or(found.histograms.last().map(|one| one.0));
    if found.len() != usize::from(chunk.meta.count)
        || (first, last) != (Some(chunk.meta.min_time), Some(chunk.meta.max_time))
    {
        return Err(DecodeError {
            what: "a chunk holds other samples than its entry says",
            offset: 0,
        });
    }
    Ok(())
}
