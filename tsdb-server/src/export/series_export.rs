//! An export of any format.

use tsdb_core::model::{Matcher, TimeRange};

use super::json_lines::JsonLines;
use super::open_metrics::OpenMetrics;
use super::union::SeriesUnion;
use super::{ExportCounts, ExportFormat};
use crate::data::NamespaceData;
use crate::store::StoreError;

enum Text {
    JsonLines(JsonLines),
    OpenMetrics(Box<OpenMetrics>),
}

/// Series of a namespace on their way out.
pub(crate) struct SeriesExport {
    text: Text,
    counts: ExportCounts,
    ended: bool,
}

impl SeriesExport {
    /// Of the series that meet one of `sets`, their samples in `range`, which is `None` when it holds no
    /// time.
    pub(crate) fn open(
        namespace: NamespaceData,
        format: ExportFormat,
        range: Option<TimeRange>,
        sets: Vec<Vec<Matcher>>,
    ) -> Result<Self, StoreError> {
        let text = match format {
            ExportFormat::JsonLines => {
                Text::JsonLines(JsonLines::new(SeriesUnion::open(&namespace, range, &sets)?))
            }
            ExportFormat::OpenMetrics => {
                Text::OpenMetrics(Box::new(OpenMetrics::open(namespace, range, sets)?))
            }
        };
        Ok(Self {
            text,
            counts: ExportCounts::default(),
            ended: false,
        })
    }

    /// Appends text until `out` holds `limit` bytes or a little more. Nothing is appended at the end.
    pub(crate) fn fill(&mut self, out: &mut Vec<u8>, limit: usize) -> Result<(), StoreError> {
        if !self.ended {
            let more = match &mut self.text {
                Text::JsonLines(lines) => lines.fill(out, limit, &mut self.counts)?,
                Text::OpenMetrics(text) => text.fill(out, limit, &mut self.counts)?,
            };
            self.ended = !more;
        }
        Ok(())
    }

    /// What was written so far.
    pub(crate) fn counts(&self) -> ExportCounts {
        self.counts
    }
}
