//! A text read line by line.

use tsdb_core::model::{LabelsBuilder, METRIC_NAME};

use super::Precision;
use super::cursor::Cursor;
use crate::number::parse_value;
use crate::problem::excerpt;
use crate::records::{RecordFormat, Records};
use crate::{LineError, LineReader, Rows};

/// Reads a text of points.
#[derive(Clone, Debug)]
pub struct Reader {
    records: Records,
    points: Points,
}

/// A field with a number: its key, written one behind the other, and the value.
type Field = (std::ops::Range<usize>, f64);

/// Turns points into samples.
#[derive(Clone, Debug)]
struct Points {
    precision: Precision,
    /// Time of points without one, in milliseconds since the epoch.
    default_ms: i64,
    measurement: Vec<u8>,
    tags: LabelsBuilder,
    /// Names and values of the tags, one behind the other, and where each ends.
    tag_text: Vec<u8>,
    tag_ends: Vec<(usize, usize)>,
    keys: Vec<u8>,
    fields: Vec<Field>,
    scratch: Vec<u8>,
}

impl Reader {
    /// At the beginning of a text. Points without a time get `default_ms`.
    #[must_use]
    pub fn new(precision: Precision, default_ms: i64) -> Self {
        Self {
            records: Records::default(),
            points: Points {
                precision,
                default_ms,
                measurement: Vec::new(),
                tags: LabelsBuilder::new(),
                tag_text: Vec::new(),
                tag_ends: Vec::new(),
                keys: Vec::new(),
                fields: Vec::new(),
                scratch: Vec::new(),
            },
        }
    }
}

impl LineReader for Reader {
    fn read_line(&mut self, number: u64, line: &[u8], rows: &mut Rows) {
        self.records.line(&mut self.points, number, line, rows);
    }

    fn finish(&mut self, rows: &mut Rows) {
        self.records.finish(&mut self.points, rows);
    }
}

/// Puts `_` for every byte that Prometheus' older alphabet has not. A digit may not come first, unless
/// something stands before it.
fn rewrite(name: &mut [u8], colons: bool, first: bool) {
    for (at, byte) in name.iter_mut().enumerate() {
        let letter = byte.is_ascii_alphabetic() || *byte == b'_' || (colons && *byte == b':');
        if !letter && !(byte.is_ascii_digit() && (at > 0 || !first)) {
            *byte = b'_';
        }
    }
}

impl Points {
    fn series(&mut self, cursor: &mut Cursor<'_>) -> Result<(), LineError> {
        let begin = cursor.offset();
        cursor.text(b", ", b", ", &mut self.measurement);
        if self.measurement.is_empty() {
            return Err(cursor.expected("the name of a measurement", begin));
        }
        self.measurement.push(b'_');
        rewrite(&mut self.measurement, true, true);
        self.tag_text.clear();
        self.tag_ends.clear();
        while cursor.take(b',') {
            let begin = cursor.offset();
            cursor.text(b",= ", b",= ", &mut self.scratch);
            if self.scratch.is_empty() {
                return Err(cursor.expected("the key of a tag", begin));
            }
            rewrite(&mut self.scratch, false, true);
            if self.scratch == METRIC_NAME.as_bytes() {
                let reason = format!(
                    "a tag is called {METRIC_NAME}, which is the measurement and the field"
                );
                return Err(LineError::at(begin, reason));
            }
            self.tag_text.extend_from_slice(&self.scratch);
            let name_end = self.tag_text.len();
            let begin = cursor.offset();
            if !cursor.take(b'=') {
                return Err(cursor.expected("= and the value of the tag", begin));
            }
            cursor.text(b",= ", b",= ", &mut self.scratch);
            if self.scratch.is_empty() || cursor.peek() == Some(b'=') {
                return Err(cursor.expected("the value of a tag", cursor.offset()));
            }
            if std::str::from_utf8(&self.scratch).is_err() {
                let reason = format!(
                    "the value of a tag is not UTF-8: {}",
                    excerpt(&self.scratch)
                );
                return Err(LineError::at(begin + 1, reason));
            }
            self.tag_text.extend_from_slice(&self.scratch);
            self.tag_ends.push((name_end, self.tag_text.len()));
        }
        Ok(())
    }

    fn fields(&mut self, cursor: &mut Cursor<'_>) -> Result<(), LineError> {
        self.keys.clear();
        self.fields.clear();
        loop {
            let begin = cursor.offset();
            cursor.text(b",= ", b",= ", &mut self.scratch);
            if self.scratch.is_empty() {
                return Err(cursor.expected("the key of a field", begin));
            }
            let begin = cursor.offset();
            if !cursor.take(b'=') {
                return Err(cursor.expected("= and the value of the field", begin));
            }
            let begin = cursor.offset();
            if cursor.peek() == Some(b'"') {
                if !cursor.quoted() {
                    return Err(cursor.expected("a text that ends with a quote", begin));
                }
            } else {
                let value = field_value(cursor.word());
                let value = value.ok_or_else(|| {
                    cursor.expected(
                        "a number, a whole number with i or u, a boolean or a text in quotes",
                        begin,
                    )
                })?;
                rewrite(&mut self.scratch, true, false);
                let key = self.keys.len()..self.keys.len() + self.scratch.len();
                self.keys.extend_from_slice(&self.scratch);
                self.fields.push((key, value));
            }
            if !cursor.take(b',') {
                return Ok(());
            }
        }
    }

    fn time(&self, cursor: &mut Cursor<'_>) -> Result<i64, LineError> {
        let begin = cursor.offset();
        cursor.blanks();
        if cursor.peek().is_none() {
            return Ok(self.default_ms);
        }
        if cursor.offset() == begin {
            return Err(cursor.expected("a comma and a field, or a blank and a time", begin));
        }
        let begin = cursor.offset();
        let word = std::str::from_utf8(cursor.word()).ok();
        let ms = word.and_then(|word| self.precision.to_ms(word.parse().ok()?));
        let ms =
            ms.ok_or_else(|| cursor.expected("a time as a whole number within the range", begin))?;
        cursor.blanks();
        match cursor.peek() {
            None => Ok(ms),
            Some(_) => Err(cursor.expected("the end of the line", cursor.offset())),
        }
    }

    /// Puts the samples of the point that was read into the rows: all of them, or none.
    fn samples(&mut self, number: u64, timestamp: i64, rows: &mut Rows) -> Result<(), LineError> {
        for (key, value) in &self.fields {
            self.scratch.clear();
            self.scratch.extend_from_slice(&self.measurement);
            let key = self.keys.get(key.clone()).unwrap_or_default();
            self.scratch.extend_from_slice(key);
            self.tags.clear();
            self.tags.push_bytes(METRIC_NAME.as_bytes(), &self.scratch);
            let mut begin = 0;
            for (name_end, end) in &self.tag_ends {
                let name = self.tag_text.get(begin..*name_end).unwrap_or_default();
                let value = self.tag_text.get(*name_end..*end).unwrap_or_default();
                self.tags.push_bytes(name, value);
                begin = *end;
            }
            // Two tags that are rewritten to one name fail with the first field.
            let labels = self.tags.finish().map_err(|error| LineError {
                column: 0,
                reason: error.to_string(),
            })?;
            rows.begin(labels);
            rows.sample(number, timestamp, *value);
        }
        Ok(())
    }
}

/// The number that a field without quotes stands for.
fn field_value(word: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(word).ok()?;
    match text {
        "t" | "T" | "true" | "True" | "TRUE" => return Some(1.0),
        "f" | "F" | "false" | "False" | "FALSE" => return Some(0.0),
        _ => {}
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "a sample is a float: the nearest one is what M3 keeps, too"
    )]
    match text.as_bytes().last()? {
        b'i' => text
            .strip_suffix('i')?
            .parse::<i64>()
            .ok()
            .map(|value| value as f64),
        b'u' => text
            .strip_suffix('u')?
            .parse::<u64>()
            .ok()
            .map(|value| value as f64),
        _ => parse_value(text).filter(|value| value.is_finite()),
    }
}

impl RecordFormat for Points {
    fn open_after(&self, line: &[u8], open: bool) -> bool {
        let mut cursor = Cursor::new(line);
        if open {
            if !cursor.rest_of_quoted() {
                return true;
            }
        } else {
            cursor.blanks();
            if cursor.peek() == Some(b'#') || !line.contains(&b'"') {
                return false;
            }
            cursor.pass(b" ", b",= ");
            cursor.blanks();
        }
        // Only the value of a field may be in quotes.
        while cursor.peek().is_some() {
            cursor.pass(b"=", b",= ");
            if cursor.take(b'=') && cursor.peek() == Some(b'"') && !cursor.quoted() {
                return true;
            }
        }
        false
    }

    fn read_record(
        &mut self,
        number: u64,
        record: &[u8],
        rows: &mut Rows,
    ) -> Result<(), LineError> {
        let mut cursor = Cursor::new(record);
        cursor.blanks();
        if matches!(cursor.peek(), None | Some(b'#')) {
            return Ok(());
        }
        rows.count_line();
        self.series(&mut cursor)?;
        let begin = cursor.offset();
        cursor.blanks();
        if cursor.offset() == begin {
            return Err(cursor.expected("a blank and the fields of the point", begin));
        }
        self.fields(&mut cursor)?;
        let timestamp = self.time(&mut cursor)?;
        self.samples(number, timestamp, rows)
    }
}
