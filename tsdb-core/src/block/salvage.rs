//! Reading what can still be read of a damaged block.

use super::group::{Group, PagePlace};
use super::group_index::GroupSummary;
use super::histograms::HistogramPart;
use super::layout::HEADER_BYTES;
use super::meta::Span;
use super::pages::GroupPages;
use super::reader::BlockReader;
use super::{BlockError, BlockTotals};
use crate::model::{Labels, LostPart, RowKey, SeriesId, TimeRange, is_stale};
use crate::series::MergedSamples;

/// A row of a damaged block, as far as it can be read.
#[derive(Debug)]
pub struct SalvagedRow {
    /// Its key.
    pub key: RowKey,
    /// Its labels, if the block still tells them.
    pub labels: Option<Labels>,
    /// Its samples in pages that are whole.
    pub samples: MergedSamples,
}

/// What a pass over a damaged block meets, in order of its rows.
#[derive(Debug)]
pub enum BlockPart {
    /// A row, or what is left of it.
    Row(SalvagedRow),
    /// Something that cannot be read.
    Lost(LostPart),
}

/// Series, times and number of samples.
type Concerned = (Option<(SeriesId, SeriesId)>, (i64, i64), Option<u64>);
type Visit<'v> = &'v mut dyn FnMut(BlockPart) -> Result<(), BlockError>;

impl BlockReader {
    /// Hands over all samples in pages that are whole, and what is not. Every byte is read and
    /// checked as by [`BlockReader::verify`]; what the disk refuses to read counts as damaged.
    ///
    /// # Errors
    /// Those of `visit`.
    pub fn salvage(&self, visit: Visit<'_>) -> Result<BlockTotals, BlockError> {
        let mut pass = Pass {
            reader: self,
            damaged: false,
            totals: BlockTotals::default(),
        };
        pass.read(visit)?;
        Ok(pass.totals)
    }
}

struct Pass<'a> {
    reader: &'a BlockReader,
    damaged: bool,
    totals: BlockTotals,
}

impl Pass<'_> {
    /// Notes damage that costs no samples by itself.
    fn harmless(&mut self, span: Span, what: String, visit: Visit<'_>) -> Result<(), BlockError> {
        self.lost(span, what, (None, (0, 0), Some(0)), visit)
    }

    fn lost(
        &mut self,
        span: Span,
        what: String,
        (series, times, samples): Concerned,
        visit: Visit<'_>,
    ) -> Result<(), BlockError> {
        self.damaged = true;
        visit(BlockPart::Lost(LostPart {
            offset: span.offset,
            bytes: span.len,
            what,
            series,
            times,
            samples,
        }))
    }

    fn read(&mut self, visit: Visit<'_>) -> Result<(), BlockError> {
        let reader = self.reader;
        let footer = *reader.footer()?;
        let meta = footer.meta;
        let header = Span {
            offset: 0,
            len: HEADER_BYTES as u64,
        };
        match reader.read_header() {
            Ok(found) if found == meta.header => {}
            Ok(_) => {
                let what = "header and footer tell of different blocks".to_owned();
                self.harmless(header, what, visit)?;
            }
            Err(error) => self.harmless(header, error.to_string(), visit)?,
        }
        let all = (
            Some((meta.first_series, meta.last_series)),
            (meta.min_time, meta.max_time),
            Some(meta.samples),
        );
        if let Err(error) = reader.tables() {
            if meta.dense {
                return self.lost(footer.tables, error.to_string(), all, visit);
            }
            self.harmless(footer.tables, error.to_string(), visit)?;
            reader.do_without_tables();
        }
        let labels = reader.labels_index().and_then(|index| {
            let verified = index.verify();
            verified.map_err(|error| reader.index_error(error))
        });
        if let Err(error) = labels {
            self.harmless(footer.labels, error.to_string(), visit)?;
        }
        let groups = match reader.groups() {
            Ok(groups) => groups,
            Err(error) => return self.lost(footer.group_index, error.to_string(), all, visit),
        };
        for &summary in groups {
            self.group(summary, visit)?;
        }
        let found = (self.totals.rows, self.totals.samples);
        if !self.damaged && found != (u64::from(meta.rows), meta.samples) {
            let what = "the footer tells of another block".to_owned();
            self.harmless(footer.labels, what, visit)?;
        }
        Ok(())
    }

    fn group(&mut self, summary: GroupSummary, visit: Visit<'_>) -> Result<(), BlockError> {
        let reader = self.reader;
        let series = Some((summary.first.series, summary.last.series));
        let times = (summary.min_time, summary.max_time);
        let group = match reader.read_group(summary) {
            Ok(group) => group,
            Err(error) => {
                let span = Span {
                    offset: summary.directory_offset(),
                    len: u64::from(summary.directory_len),
                };
                return self.lost(span, error.to_string(), (series, times, None), visit);
            }
        };
        let histograms = match HistogramPart::open(reader, &summary) {
            Ok(part) => Some(part),
            Err(error) => {
                let span = Span {
                    offset: summary.end(),
                    len: summary.histograms_len,
                };
                let what = format!("{error}; stale markers of its series go with them");
                self.lost(span, what, (series, times, None), visit)?;
                None
            }
        };
        let mut pages = GroupPages::default();
        pages.start(&group);
        let mut seen: Vec<Option<u32>> = vec![None; group.values_len()];
        for row in 0..group.rows() {
            let part = (&mut pages, histograms.as_ref(), seen.as_mut_slice());
            self.row(&group, row, part, visit)?;
        }
        // Statistics that stand for samples elsewhere are made anew with them.
        if let Err(error) = reader.verify_statistics(&group, &seen) {
            let span = Span {
                offset: summary.statistics_offset(),
                len: u64::from(summary.statistics_len),
            };
            self.harmless(span, error.to_string(), visit)?;
        }
        Ok(())
    }

    fn row(
        &mut self,
        group: &Group,
        row: usize,
        (pages, histograms, seen): (&mut GroupPages, Option<&HistogramPart>, &mut [Option<u32>]),
        visit: Visit<'_>,
    ) -> Result<(), BlockError> {
        let reader = self.reader;
        let summary = group.summary();
        let Some(key) = group.key(row) else {
            return Ok(());
        };
        let series = Some((key.series, key.series));
        let mut places: Vec<PagePlace> = Vec::new();
        if let Err(error) = group.pages(row, TimeRange::ALL, &mut places) {
            let what = reader.directory_error(summary, error).to_string();
            let span = Span {
                offset: summary.directory_offset(),
                len: u64::from(summary.directory_len),
            };
            let times = (summary.min_time, summary.max_time);
            return self.lost(span, what, (series, times, None), visit);
        }
        let mut samples = MergedSamples::default();
        let mut values = Vec::new();
        for place in places {
            let times = group.timestamps(place.times).copied();
            if let (Some(seen), Some(times)) = (seen.get_mut(place.values), times) {
                *seen = Some(times.samples);
            }
            pages.want(group, &[place]);
            let loaded = pages.load(reader, group);
            match loaded.and_then(|()| pages.decode(reader, group, &[place], &mut values)) {
                Ok(timestamps) => {
                    samples.timestamps.extend_from_slice(timestamps);
                    samples.values.append(&mut values);
                }
                Err(error) => {
                    let Some(page) = times else { continue };
                    let (at, len) = group.values(place.values).unwrap_or_default();
                    let span = Span {
                        offset: summary.offset.saturating_add(u64::from(at)),
                        len: u64::from(len),
                    };
                    let count = Some(u64::from(page.samples));
                    let lost = (series, (page.min, page.max), count);
                    self.lost(span, error.to_string(), lost, visit)?;
                }
            }
        }
        self.histograms(key, row, histograms, &mut samples, visit)?;
        let number = summary
            .first_row
            .saturating_add(u32::try_from(row).unwrap_or(u32::MAX));
        self.totals.rows += 1;
        self.totals.samples += samples.timestamps.len() as u64;
        samples.settle();
        visit(BlockPart::Row(SalvagedRow {
            key,
            labels: reader.labels(number).ok(),
            samples,
        }))
    }

    /// Adds the histograms of a row. Where some are lost, the stale markers that hold their places
    /// go, too: nothing tells them from others.
    fn histograms(
        &mut self,
        key: RowKey,
        row: usize,
        part: Option<&HistogramPart>,
        samples: &mut MergedSamples,
        visit: Visit<'_>,
    ) -> Result<(), BlockError> {
        let Some(part) = part else {
            drop_stale(samples, TimeRange::ALL);
            return Ok(());
        };
        let row = u32::try_from(row).unwrap_or(u32::MAX);
        for found in part.read_each(self.reader, row) {
            match found {
                Ok(histograms) => {
                    // One whose place was in a lost page is whole by itself.
                    samples.histograms.extend(histograms);
                }
                Err(lost) => {
                    let range = TimeRange::inclusive(lost.times.0, lost.times.1);
                    let dropped = range.map_or(0, |range| drop_stale(samples, range));
                    let series = Some((key.series, key.series));
                    self.lost(
                        lost.span,
                        format!("{}; stale markers among them go with them", lost.what),
                        (series, lost.times, Some(lost.count.max(dropped))),
                        visit,
                    )?;
                }
            }
        }
        Ok(())
    }
}

/// Takes the stale markers of a range out; how many there were.
fn drop_stale(samples: &mut MergedSamples, range: TimeRange) -> u64 {
    let before = samples.values.len();
    let kept: Vec<bool> = samples
        .timestamps
        .iter()
        .zip(&samples.values)
        .map(|(time, value)| !(range.contains(*time) && is_stale(*value)))
        .collect();
    let mut flags = kept.iter();
    samples
        .timestamps
        .retain(|_| flags.next().is_some_and(|kept| *kept));
    let mut flags = kept.iter();
    samples
        .values
        .retain(|_| flags.next().is_some_and(|kept| *kept));
    (before - samples.values.len()) as u64
}
