//! A text read line by line.

use tsdb_core::model::{Exemplar, MetricKind, MetricMetadata};

use super::line::{Line, MetadataLine, SampleLine, parse_line};
use super::{Dialect, SeriesScratch};
use crate::{LineError, LineReader, Problem, Rows};

/// Reads a text of either format.
#[derive(Clone, Debug)]
pub struct Reader {
    dialect: Dialect,
    /// Time of samples without one, in milliseconds since the epoch.
    default_ms: i64,
    scratch: SeriesScratch,
    /// Text of the series begun last.
    known: Vec<u8>,
    /// What the lines so far say of the family they are about.
    family: Option<MetricMetadata>,
    /// Whether `# EOF` was read.
    ended: bool,
    last_line: u64,
}

impl Reader {
    /// At the beginning of a text. Samples without a time get `default_ms`.
    #[must_use]
    pub fn new(dialect: Dialect, default_ms: i64) -> Self {
        Self {
            dialect,
            default_ms,
            scratch: SeriesScratch::default(),
            known: Vec::new(),
            family: None,
            ended: false,
            last_line: 0,
        }
    }

    fn sample(&mut self, number: u64, line: &[u8], sample: SampleLine, rows: &mut Rows) {
        if let Some(labels) = sample.labels {
            rows.begin(labels);
            self.known.clear();
            let series = line.get(..sample.series_len).unwrap_or_default();
            self.known.extend_from_slice(series);
        }
        let timestamp = sample.timestamp.unwrap_or(self.default_ms);
        rows.sample(number, timestamp, sample.value);
        if let Some(exemplar) = sample.exemplar {
            let exemplar = Exemplar {
                labels: exemplar.labels,
                value: exemplar.value,
                timestamp: exemplar.timestamp.unwrap_or(timestamp),
            };
            rows.exemplar(number, exemplar);
        }
    }

    /// Adds a line to what is known of its family; the one before is complete once another begins.
    fn metadata(&mut self, line: MetadataLine<'_>, rows: &mut Rows) {
        let (MetadataLine::Kind(metric, _)
        | MetadataLine::Help(metric, _)
        | MetadataLine::Unit(metric, _)) = &line;
        if self
            .family
            .as_ref()
            .is_none_or(|family| family.metric != *metric)
        {
            self.describe(rows);
        }
        let family = self.family.get_or_insert_with(|| MetricMetadata {
            metric: metric.to_string(),
            kind: MetricKind::Unknown,
            help: String::new(),
            unit: String::new(),
        });
        match line {
            MetadataLine::Kind(_, kind) => family.kind = kind,
            MetadataLine::Help(_, help) => family.help = help,
            MetadataLine::Unit(_, unit) => unit.clone_into(&mut family.unit),
        }
    }

    fn describe(&mut self, rows: &mut Rows) {
        if let Some(family) = self.family.take() {
            rows.describe(family);
        }
    }
}

impl LineReader for Reader {
    fn read_line(&mut self, number: u64, line: &[u8], rows: &mut Rows) {
        self.last_line = number;
        if self.ended {
            rows.count_line();
            let reason = "the line stands behind # EOF: import each text by itself";
            return rows.refuse(
                number,
                LineError {
                    column: 0,
                    reason: reason.to_owned(),
                },
            );
        }
        // The series known may be one of rows that are stored and gone.
        let known = if rows.has_begun() {
            self.known.as_slice()
        } else {
            &[]
        };
        let blanks = match self.dialect {
            Dialect::OpenMetrics => 0,
            Dialect::PrometheusText => line.len() - line.trim_ascii_start().len(),
        };
        match parse_line(line, self.dialect, known, &mut self.scratch) {
            Ok(Line::Nothing) => return,
            Ok(Line::End) => self.ended = true,
            Ok(Line::Metadata(metadata)) => self.metadata(metadata, rows),
            Ok(Line::Sample(sample)) => {
                self.sample(number, line.get(blanks..).unwrap_or_default(), sample, rows);
            }
            Err(error) => {
                rows.count_line();
                return rows.refuse(number, error);
            }
        }
        rows.count_line();
    }

    fn finish(&mut self, rows: &mut Rows) {
        self.describe(rows);
        if self.dialect == Dialect::OpenMetrics && !self.ended && !rows.stopped() {
            rows.complain(Problem {
                line: Some(self.last_line + 1),
                column: None,
                reason: "the text ends without # EOF: it may have been cut off".to_owned(),
            });
        }
    }
}
