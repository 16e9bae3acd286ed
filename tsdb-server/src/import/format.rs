//! Which formats come in.

use tsdb_formats::{LineReader, csv, line_protocol, openmetrics};

use super::json_lines::JsonLines;

/// The format of a text on its way in.
#[derive(Clone, Debug)]
pub(crate) enum ImportFormat {
    /// The lines that our own export writes.
    JsonLines,
    /// OpenMetrics, or Prometheus' older text.
    OpenMetrics(openmetrics::Dialect),
    /// Columns, with a heading or not.
    Csv(csv::Format, bool),
    /// InfluxDB's points.
    LineProtocol(line_protocol::Precision),
}

impl ImportFormat {
    /// What reads it. Samples without a time get `default_ms`.
    pub(crate) fn reader(self, default_ms: i64) -> Box<dyn LineReader> {
        match self {
            Self::JsonLines => Box::new(JsonLines),
            Self::OpenMetrics(dialect) => Box::new(openmetrics::Reader::new(dialect, default_ms)),
            Self::Csv(format, heading) => Box::new(csv::Reader::new(format, heading, default_ms)),
            Self::LineProtocol(precision) => {
                Box::new(line_protocol::Reader::new(precision, default_ms))
            }
        }
    }
}
