//! One line.

use std::borrow::Cow;

use tsdb_core::model::{Labels, MetricKind};

use super::Dialect;
use super::cursor::{Cursor, of_metric, unescape};
use super::series::SeriesScratch;
use crate::LineError;
use crate::number::{parse_seconds, parse_value};
use crate::problem::excerpt;

/// What a line says.
#[derive(Clone, Debug, PartialEq)]
pub enum Line<'a> {
    /// Nothing: it is blank or a comment.
    Nothing,
    /// `# EOF`: the text is complete.
    End,
    /// What a metric family is.
    Metadata(MetadataLine<'a>),
    /// A sample of a series.
    Sample(SampleLine),
}

/// A line `# TYPE`, `# HELP` or `# UNIT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataLine<'a> {
    /// The kind of a family.
    Kind(Cow<'a, str>, MetricKind),
    /// Its text for humans.
    Help(Cow<'a, str>, String),
    /// Its unit.
    Unit(Cow<'a, str>, &'a str),
}

/// A sample.
#[derive(Clone, Debug)]
pub struct SampleLine {
    /// The series; `None` when it is the one that was given as known.
    pub labels: Option<Labels>,
    /// How many bytes of the line the series takes.
    pub series_len: usize,
    /// Milliseconds since the epoch, if the line has a time.
    pub timestamp: Option<i64>,
    /// Any float; of NaN only the ordinary one.
    pub value: f64,
    /// An example of what the series counts.
    pub exemplar: Option<ExemplarLine>,
}

/// By the bits of the value.
impl PartialEq for SampleLine {
    fn eq(&self, other: &Self) -> bool {
        let key = |line: &Self| (line.series_len, line.timestamp, line.value.to_bits());
        key(self) == key(other) && self.labels == other.labels && self.exemplar == other.exemplar
    }
}

/// An exemplar.
#[derive(Clone, Debug)]
pub struct ExemplarLine {
    /// Labels of its own.
    pub labels: Labels,
    /// Milliseconds since the epoch, if it has a time.
    pub timestamp: Option<i64>,
    /// The observed value.
    pub value: f64,
}

/// By the bits of the value.
impl PartialEq for ExemplarLine {
    fn eq(&self, other: &Self) -> bool {
        let key = |line: &Self| (line.timestamp, line.value.to_bits());
        key(self) == key(other) && self.labels == other.labels
    }
}

/// Reads one line, without its line feed. A series whose text is `known`, if that is not empty, is not
/// read again.
///
/// # Errors
/// The first thing that is wrong, with its column.
pub fn parse_line<'a>(
    line: &'a [u8],
    dialect: Dialect,
    known: &[u8],
    scratch: &mut SeriesScratch,
) -> Result<Line<'a>, LineError> {
    let line = std::str::from_utf8(line).map_err(|error| {
        let at = error.valid_up_to();
        let rest = line.get(at..).unwrap_or_default();
        LineError::at(at, format!("the line is not UTF-8 at {}", excerpt(rest)))
    })?;
    let mut cursor = Cursor::new(line, dialect);
    cursor.blanks();
    match cursor.peek() {
        Some(b'#') => comment(&mut cursor),
        None if dialect == Dialect::PrometheusText => Ok(Line::Nothing),
        None => Err(LineError {
            column: 0,
            reason: "a blank line, which OpenMetrics does not allow".to_owned(),
        }),
        Some(_) => sample(&mut cursor, known, scratch).map(Line::Sample),
    }
}

fn sample(
    cursor: &mut Cursor<'_>,
    known: &[u8],
    scratch: &mut SeriesScratch,
) -> Result<SampleLine, LineError> {
    let begin = cursor.offset();
    let labels = match repeats(cursor.rest().as_bytes(), known) {
        true => {
            cursor.skip(known.len());
            None
        }
        false => Some(scratch.series(cursor)?),
    };
    let series_len = cursor.offset() - begin;
    let closed = cursor.since(begin).ends_with('}') && cursor.dialect() == Dialect::PrometheusText;
    if !cursor.gap() && !closed {
        return Err(cursor.expected("a blank and a value"));
    }
    let value = value(cursor)?;
    let mut timestamp = None;
    let mut exemplar = None;
    let blank = cursor.gap();
    if blank && !matches!(cursor.peek(), None | Some(b'#')) {
        timestamp = Some(time(cursor)?);
    }
    if cursor.dialect() == Dialect::OpenMetrics {
        let blank = if timestamp.is_some() {
            cursor.gap()
        } else {
            blank
        };
        if blank && cursor.peek() == Some(b'#') {
            exemplar = Some(exemplar_line(cursor, scratch)?);
        } else if blank {
            return Err(cursor.expected("a time or an exemplar behind the blank"));
        }
    }
    cursor.blanks();
    if cursor.peek().is_some() {
        return Err(cursor.expected("the end of the line"));
    }
    Ok(SampleLine {
        labels,
        series_len,
        timestamp,
        value,
        exemplar,
    })
}

/// Whether a line begins with the text of a known series, and this is not just the beginning of another.
fn repeats(line: &[u8], known: &[u8]) -> bool {
    let behind = line.strip_prefix(known).unwrap_or_default();
    let next = behind.iter().find(|byte| !matches!(byte, b' ' | b'\t'));
    !known.is_empty() && matches!(behind, [b' ' | b'\t', ..]) && next != Some(&b'{')
}

fn value(cursor: &mut Cursor<'_>) -> Result<f64, LineError> {
    let begin = cursor.moved_to(cursor.offset());
    parse_value(cursor.word()).ok_or_else(|| begin.expected("a value"))
}

/// A time: seconds in OpenMetrics, else milliseconds.
fn time(cursor: &mut Cursor<'_>) -> Result<i64, LineError> {
    let begin = cursor.moved_to(cursor.offset());
    let word = cursor.word();
    match cursor.dialect() {
        Dialect::OpenMetrics => {
            parse_seconds(word).ok_or_else(|| begin.expected("a time in seconds"))
        }
        Dialect::PrometheusText => {
            let ms = word.parse();
            ms.map_err(|_| begin.expected("a time in whole milliseconds"))
        }
    }
}

/// Reads `# {labels} value time`, of which the time may be left out.
fn exemplar_line(
    cursor: &mut Cursor<'_>,
    scratch: &mut SeriesScratch,
) -> Result<ExemplarLine, LineError> {
    if !cursor.rest().starts_with("# {") {
        return Err(cursor.expected("the end of the line, or an exemplar as # {labels} value"));
    }
    cursor.skip("# {".len());
    let labels = scratch.exemplar(cursor)?;
    if !cursor.gap() {
        return Err(cursor.expected("a blank and the value of the exemplar"));
    }
    let value = value(cursor)?;
    let timestamp = match cursor.gap() {
        true => Some(time(cursor)?),
        false => None,
    };
    Ok(ExemplarLine {
        labels,
        timestamp,
        value,
    })
}

/// A line that begins with `#`.
fn comment<'a>(cursor: &mut Cursor<'a>) -> Result<Line<'a>, LineError> {
    let strict = cursor.dialect() == Dialect::OpenMetrics;
    if strict && cursor.rest() == "# EOF" {
        return Ok(Line::End);
    }
    let begin = cursor.moved_to(cursor.offset());
    cursor.skip(1);
    let gap = cursor.gap();
    let word = if gap { cursor.word() } else { "" };
    let known = matches!(word, "HELP" | "TYPE") || (strict && word == "UNIT");
    match (known && cursor.gap(), strict) {
        (true, _) => {}
        (false, false) => return Ok(Line::Nothing),
        (false, true) => {
            return Err(
                begin.expected("a comment that begins with # HELP, # TYPE, # UNIT or # EOF")
            );
        }
    }
    let metric = family_name(cursor)?;
    let metadata = match word {
        "TYPE" => {
            if !cursor.gap() {
                return Err(cursor.expected("a blank and the type of the metric"));
            }
            let begin = cursor.moved_to(cursor.offset());
            let kind = cursor.dialect().kind(cursor.word());
            let kind = kind.ok_or_else(|| begin.expected("the type of a metric"))?;
            cursor.blanks();
            if cursor.peek().is_some() {
                return Err(cursor.expected("the end of the line"));
            }
            MetadataLine::Kind(metric, kind)
        }
        "HELP" => {
            let mut help = String::new();
            let text = cursor.rest().get(1..).unwrap_or_default();
            unescape(text, strict, &mut help);
            MetadataLine::Help(metric, help)
        }
        _ => {
            let unit = cursor.rest().get(1..).unwrap_or_default();
            let suffix = metric.strip_suffix(unit);
            if !unit.is_empty() && !suffix.is_some_and(|name| name.ends_with('_')) {
                let reason = format!(
                    "the unit {} is no suffix of the metric {}",
                    excerpt(unit.as_bytes()),
                    excerpt(metric.as_bytes())
                );
                return Err(LineError::at(cursor.offset(), reason));
            }
            MetadataLine::Unit(metric, unit)
        }
    };
    Ok(Line::Metadata(metadata))
}

/// The name of a family, in quotes or without; a blank or the end follows.
fn family_name<'a>(cursor: &mut Cursor<'a>) -> Result<Cow<'a, str>, LineError> {
    let metric = if cursor.peek() == Some(b'"') {
        let mut name = String::new();
        unescape(cursor.quoted()?, true, &mut name);
        Cow::Owned(name)
    } else {
        Cow::Borrowed(cursor.name(of_metric))
    };
    if metric.is_empty() {
        return Err(cursor.expected("the name of a metric"));
    }
    if !matches!(cursor.peek(), None | Some(b' ' | b'\t')) {
        return Err(cursor.expected("a blank"));
    }
    Ok(metric)
}
