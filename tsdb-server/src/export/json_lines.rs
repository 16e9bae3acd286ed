//! Our own lines of samples, one series a line.

use tsdb_core::Series;
use tsdb_formats::openmetrics::Unwritable;

use super::ExportCounts;
use super::union::SeriesUnion;
use crate::sample_json::LineWriter;
use crate::store::StoreError;

/// Series on their way out as JSON lines.
pub(super) struct JsonLines {
    series: SeriesUnion,
    current: Option<(Series, LineWriter)>,
}

impl JsonLines {
    pub(super) fn new(series: SeriesUnion) -> Self {
        Self {
            series,
            current: None,
        }
    }

    /// Appends lines until `out` holds `limit` bytes or a little more; whether there are more.
    pub(super) fn fill(
        &mut self,
        out: &mut Vec<u8>,
        limit: usize,
        counts: &mut ExportCounts,
    ) -> Result<bool, StoreError> {
        while out.len() < limit {
            let (series, mut writer) = match self.current.take() {
                Some(current) => current,
                None => match self.series.next()? {
                    Some(series) => (series, LineWriter::new()),
                    None => return Ok(false),
                },
            };
            let columns = (series.timestamps(), series.values());
            if writer.write(series.labels(), columns, series.histograms(), out, limit) {
                let samples = series.timestamps().len() + series.histograms().len();
                counts.add(samples, Unwritable::default());
            } else {
                self.current = Some((series, writer));
            }
        }
        Ok(true)
    }
}
