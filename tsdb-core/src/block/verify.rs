//! Reading everything, to know that it is whole.

use super::BlockError;
use super::group::{Group, PagePlace};
use super::histograms::HistogramPart;
use super::newest::GroupStatistics;
use super::pages::GroupPages;
use super::reader::BlockReader;
use crate::model::{SeriesId, TimeRange, is_stale};

/// What a verified block was found to hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockTotals {
    /// Rows.
    pub rows: u64,
    /// Samples.
    pub samples: u64,
}

impl BlockReader {
    /// Reads the whole file: every checksum, every page decoded, every count and bound compared.
    ///
    /// # Errors
    /// At the first thing that is not as it was written, or when the disk fails.
    pub fn verify(&self) -> Result<BlockTotals, BlockError> {
        if self.read_header()? != self.meta().header {
            return Err(self.corrupt(0, "header and footer tell of different blocks"));
        }
        self.tables()?;
        let labels = self.labels_index()?.verify();
        labels.map_err(|error| self.index_error(error))?;
        let mut totals = BlockTotals::default();
        let (mut times, mut longest) = ((i64::MAX, i64::MIN), 0);
        let mut ids = (SeriesId(u64::MAX), SeriesId(0));
        for &summary in self.groups()? {
            let group = self.read_group(summary)?;
            let (rows, samples, most) = self.verify_group(&group)?;
            totals.rows += rows;
            totals.samples += samples;
            longest = longest.max(most);
            times = (times.0.min(summary.min_time), times.1.max(summary.max_time));
            ids = (
                ids.0.min(summary.first.series),
                ids.1.max(summary.last.series),
            );
        }
        let meta = self.meta();
        if (totals.rows, totals.samples, longest)
            != (u64::from(meta.rows), meta.samples, meta.row_samples_max)
            || times != (meta.min_time, meta.max_time)
            || ids != (meta.first_series, meta.last_series)
        {
            return Err(self.corrupt(
                self.footer()?.labels.end(),
                "the footer tells of another block",
            ));
        }
        Ok(totals)
    }

    fn verify_group(&self, group: &Group) -> Result<(u64, u64, u64), BlockError> {
        let summary = group.summary();
        let mut pages = GroupPages::default();
        pages.start(group);
        pages.want_all();
        pages.load(self, group)?;
        let histograms = HistogramPart::open(self, summary)?;
        let mut seen: Vec<Option<u32>> = vec![None; group.values_len()];
        let mut places: Vec<PagePlace> = Vec::new();
        let (mut values, mut samples, mut longest) = (Vec::new(), 0, 0);
        let mut times = (i64::MAX, i64::MIN);
        for row in 0..group.rows() {
            places.clear();
            group
                .pages(row, TimeRange::ALL, &mut places)
                .map_err(|error| self.directory_error(summary, error))?;
            let timestamps = pages.decode(self, group, &places, &mut values)?;
            samples += timestamps.len() as u64;
            longest = longest.max(timestamps.len() as u64);
            times = (
                times.0.min(timestamps.first().copied().unwrap_or(i64::MAX)),
                times.1.max(timestamps.last().copied().unwrap_or(i64::MIN)),
            );
            self.verify_histograms(&histograms, row, (timestamps, &values))?;
            for place in &places {
                let page = group.timestamps(place.times).map(|page| page.samples);
                if let Some(seen) = seen.get_mut(place.values) {
                    *seen = page;
                }
            }
        }
        if times != (summary.min_time, summary.max_time) {
            let offset = self.footer()?.group_index.offset;
            return Err(self.corrupt(offset, "the index tells of another group"));
        }
        self.verify_statistics(group, &seen)?;
        Ok((group.rows() as u64, samples, longest))
    }

    /// A stale marker among the floats holds the place of each histogram.
    fn verify_histograms(
        &self,
        part: &HistogramPart,
        row: usize,
        (timestamps, values): (&[i64], &[f64]),
    ) -> Result<(), BlockError> {
        let row = u32::try_from(row).unwrap_or(u32::MAX);
        for (time, _) in part.read(self, row, TimeRange::ALL)? {
            let at = timestamps.binary_search(&time).ok();
            let place = at.and_then(|at| values.get(at));
            if place.is_none_or(|value| !is_stale(*value)) {
                let offset = self.footer()?.group_index.offset;
                return Err(self.corrupt(offset, "a histogram whose place nothing holds"));
            }
        }
        Ok(())
    }

    /// Statistics count no more samples than their page has. Values are not compared: summing
    /// them once more would only repeat the code that wrote them.
    pub(super) fn verify_statistics(
        &self,
        group: &Group,
        pages: &[Option<u32>],
    ) -> Result<(), BlockError> {
        let statistics = GroupStatistics::read(self, group)?;
        for (page, samples) in pages.iter().enumerate() {
            statistics.of(self, page, *samples)?;
        }
        Ok(())
    }
}
