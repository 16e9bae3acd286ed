//! A series as it stands in a line: `name{a="b"}`, or `{"my.name",a="b"}`.

use tsdb_core::model::{Labels, LabelsBuilder, METRIC_NAME};

use super::cursor::{Cursor, of_label, of_metric, unescape};
use crate::LineError;

/// What reading labels needs, kept from line to line.
#[derive(Clone, Debug, Default)]
pub struct SeriesScratch {
    builder: LabelsBuilder,
    name: String,
    value: String,
}

impl SeriesScratch {
    /// Reads the series that begins at the cursor.
    pub(super) fn series(&mut self, cursor: &mut Cursor<'_>) -> Result<Labels, LineError> {
        self.builder.clear();
        let begin = cursor.offset();
        let name = cursor.name(of_metric);
        self.builder.push(METRIC_NAME, name);
        let behind_name = cursor.offset();
        cursor.blanks();
        if cursor.take(b'{') {
            self.labels(cursor, true)?;
        } else if name.is_empty() {
            return Err(cursor.expected("the name of a metric"));
        } else {
            // These blanks separate the name from the value.
            *cursor = cursor.moved_to(behind_name);
        }
        self.finish(begin, true)
    }

    /// Reads the labels of an exemplar, behind their brace.
    pub(super) fn exemplar(&mut self, cursor: &mut Cursor<'_>) -> Result<Labels, LineError> {
        self.builder.clear();
        let begin = cursor.offset();
        self.labels(cursor, false)?;
        self.finish(begin, false)
    }

    fn finish(&mut self, begin: usize, named: bool) -> Result<Labels, LineError> {
        let labels = self.builder.finish();
        let labels = labels.map_err(|error| LineError::at(begin, error.to_string()))?;
        if named && labels.metric_name().is_none() {
            let reason =
                "the series has no metric name: put one before the brace, or in quotes behind it";
            return Err(LineError::at(begin, reason));
        }
        Ok(labels)
    }

    /// Reads labels up to the closing brace. Where it may be, a text in quotes alone is the metric's name.
    fn labels(&mut self, cursor: &mut Cursor<'_>, name_allowed: bool) -> Result<(), LineError> {
        loop {
            cursor.blanks();
            if cursor.take(b'}') {
                return Ok(());
            }
            let quoted = cursor.peek() == Some(b'"');
            self.name.clear();
            match quoted {
                true => unescape(cursor.quoted()?, true, &mut self.name),
                false => self.name.push_str(cursor.name(of_label)),
            }
            if self.name.is_empty() && !quoted {
                return Err(cursor.expected("the name of a label, or }"));
            }
            cursor.blanks();
            if cursor.take(b'=') {
                cursor.blanks();
                if cursor.peek() != Some(b'"') {
                    return Err(cursor.expected("the value of a label in quotes"));
                }
                let value = cursor.quoted()?;
                if value.contains('\\') {
                    self.value.clear();
                    unescape(value, true, &mut self.value);
                    self.builder.push(&self.name, &self.value);
                } else {
                    self.builder.push(&self.name, value);
                }
            } else if quoted && name_allowed {
                self.builder.push(METRIC_NAME, &self.name);
            } else {
                return Err(cursor.expected("= and the value of the label"));
            }
            cursor.blanks();
            if !cursor.take(b',') && cursor.peek() != Some(b'}') {
                return Err(cursor.expected(", or }"));
            }
        }
    }
}
