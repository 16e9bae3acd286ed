//! A text read line by line.

use tsdb_core::model::{LabelsBuilder, METRIC_NAME};

use super::Format;
use super::fields::{Fields, open_after};
use super::format::Role;
use crate::number::parse_value;
use crate::problem::excerpt;
use crate::records::{RecordFormat, Records};
use crate::{LineError, LineReader, Rows};

/// Reads a text of the columns that a format names.
#[derive(Clone, Debug)]
pub struct Reader {
    records: Records,
    columns: Columns,
}

/// Turns records into samples.
#[derive(Clone, Debug)]
struct Columns {
    format: Format,
    /// Time of samples without one, in milliseconds since the epoch.
    default_ms: i64,
    /// Whether the next record is a heading.
    heading: bool,
    fields: Fields,
    builder: LabelsBuilder,
    /// Values of the record: the metric's place in the format, and the value.
    values: Vec<(usize, f64)>,
}

impl Reader {
    /// At the beginning of a text, which has a heading or not. Samples without a column of times get
    /// `default_ms`.
    #[must_use]
    pub fn new(format: Format, heading: bool, default_ms: i64) -> Self {
        Self {
            records: Records::default(),
            columns: Columns {
                format,
                default_ms,
                heading,
                fields: Fields::default(),
                builder: LabelsBuilder::new(),
                values: Vec::new(),
            },
        }
    }
}

impl LineReader for Reader {
    fn read_line(&mut self, number: u64, line: &[u8], rows: &mut Rows) {
        self.records.line(&mut self.columns, number, line, rows);
    }

    fn finish(&mut self, rows: &mut Rows) {
        self.records.finish(&mut self.columns, rows);
    }
}

impl Columns {
    /// A field as text, without blanks around it, and its offset.
    fn text(&self, place: usize) -> Result<(&str, usize), LineError> {
        let Some((field, offset)) = self.fields.get(place) else {
            let reason = format!(
                "there are {} columns, the format names column {}",
                self.fields.len(),
                place + 1
            );
            return Err(LineError { column: 0, reason });
        };
        match std::str::from_utf8(field) {
            Ok(text) => Ok((text, offset)),
            Err(_) => {
                let reason = format!("the field is not UTF-8: {}", excerpt(field));
                Err(LineError::at(offset, reason))
            }
        }
    }

    /// Reads the time and the values of the record; what is empty holds none.
    fn numbers(&mut self) -> Result<i64, LineError> {
        let mut values = std::mem::take(&mut self.values);
        values.clear();
        let mut timestamp = self.default_ms;
        for (at, (place, role)) in self.format.columns.iter().enumerate() {
            let (text, offset) = self.text(*place)?;
            let text = text.trim_ascii();
            let wrong = |what: String| {
                let found = excerpt(text.as_bytes());
                LineError::at(offset, format!("expected {what}, found {found}"))
            };
            match role {
                Role::Time(format) => {
                    let parsed = format.parse(text);
                    let name = format.name();
                    timestamp = parsed.ok_or_else(|| wrong(format!("a time as {name}")))?;
                }
                Role::Metric(_) if text.is_empty() => {}
                Role::Metric(metric) => {
                    let value = parse_value(text);
                    let value = value.ok_or_else(|| wrong(format!("a value of {metric}")))?;
                    values.push((at, value));
                }
                Role::Label(_) => {}
            }
        }
        self.values = values;
        Ok(timestamp)
    }
}

impl RecordFormat for Columns {
    fn open_after(&self, line: &[u8], open: bool) -> bool {
        open_after(line, open)
    }

    fn read_record(
        &mut self,
        number: u64,
        record: &[u8],
        rows: &mut Rows,
    ) -> Result<(), LineError> {
        if record.trim_ascii().is_empty() {
            return Ok(());
        }
        if std::mem::take(&mut self.heading) {
            return Ok(());
        }
        rows.count_line();
        self.fields.split(record)?;
        let timestamp = self.numbers()?;
        let values = std::mem::take(&mut self.values);
        for (at, value) in &values {
            let Some((_, Role::Metric(metric))) = self.format.columns.get(*at) else {
                continue;
            };
            self.builder.clear();
            self.builder.push(METRIC_NAME, metric);
            for (place, role) in &self.format.columns {
                if let (Role::Label(label), Some((value, _))) = (role, self.fields.get(*place)) {
                    self.builder.push_bytes(label.as_bytes(), value);
                }
            }
            let labels = self.builder.finish();
            let labels = labels.map_err(|error| LineError {
                column: 0,
                reason: error.to_string(),
            })?;
            rows.begin(labels);
            rows.sample(number, timestamp, *value);
        }
        self.values = values;
        Ok(())
    }
}
