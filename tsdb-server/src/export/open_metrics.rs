//! OpenMetrics: family by family, metric by metric, series by series.

use tsdb_core::Series;
use tsdb_core::model::{METRIC_NAME, Matcher, TimeRange};
use tsdb_formats::openmetrics::{Family, SeriesWriter, families, write_end, write_family};

use super::ExportCounts;
use super::union::SeriesUnion;
use crate::data::NamespaceData;
use crate::store::StoreError;

/// Series on their way out as OpenMetrics. Sorted by all labels the series of a metric need not follow
/// each other, so each metric is selected by itself.
pub(super) struct OpenMetrics {
    namespace: NamespaceData,
    range: Option<TimeRange>,
    sets: Vec<Vec<Matcher>>,
    families: std::vec::IntoIter<Family>,
    metrics: std::vec::IntoIter<String>,
    series: Option<SeriesUnion>,
    current: Option<(Series, SeriesWriter)>,
    ended: bool,
}

impl OpenMetrics {
    /// Finds the metrics of the series that meet one of `sets`, and what is known of them.
    pub(super) fn open(
        namespace: NamespaceData,
        range: Option<TimeRange>,
        sets: Vec<Vec<Matcher>>,
    ) -> Result<Self, StoreError> {
        let mut metrics: Vec<String> = Vec::new();
        if let Some(range) = range {
            for set in &sets {
                let names = namespace.label_values(METRIC_NAME, range, set, usize::MAX)?;
                metrics.extend(names.values.iter().map(str::to_owned));
            }
        }
        metrics.sort_unstable();
        metrics.dedup();
        let metadata = namespace.metadata(None, usize::MAX)?;
        let families = families(metrics.iter().map(String::as_str), &metadata);
        Ok(Self {
            namespace,
            range,
            sets,
            families: families.into_iter(),
            metrics: Vec::new().into_iter(),
            series: None,
            current: None,
            ended: false,
        })
    }

    /// Appends lines until `out` holds `limit` bytes or a little more; whether there are more.
    pub(super) fn fill(
        &mut self,
        out: &mut Vec<u8>,
        limit: usize,
        counts: &mut ExportCounts,
    ) -> Result<bool, StoreError> {
        while out.len() < limit && !self.ended {
            if let Some((series, mut writer)) = self.current.take() {
                if !writer.write((series.timestamps(), series.values()), out, limit) {
                    self.current = Some((series, writer));
                    continue;
                }
                let histograms = series.histograms().len();
                let mut unwritable = writer.unwritable();
                unwritable.histograms += histograms as u64;
                counts.add(series.timestamps().len() + histograms, unwritable);
            } else if let Some(series) = &mut self.series {
                match series.next()? {
                    Some(series) => {
                        let writer = SeriesWriter::new(series.labels());
                        self.current = Some((series, writer));
                    }
                    None => self.series = None,
                }
            } else if let Some(metric) = self.metrics.next() {
                self.series = Some(self.of_metric(&metric)?);
            } else if let Some(family) = self.families.next() {
                write_family(out, &family.metadata);
                self.metrics = family.metrics.into_iter();
            } else {
                write_end(out);
                self.ended = true;
            }
        }
        Ok(!self.ended)
    }

    fn of_metric(&self, metric: &str) -> Result<SeriesUnion, StoreError> {
        let named = |set: &Vec<Matcher>| {
            let name = [Matcher::equal(METRIC_NAME, metric)];
            name.into_iter().chain(set.iter().cloned()).collect()
        };
        let sets: Vec<Vec<Matcher>> = self.sets.iter().map(named).collect();
        SeriesUnion::open(&self.namespace, self.range, &sets)
    }
}
