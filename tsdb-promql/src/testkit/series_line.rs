//! A series and its points, as `load` and results of range queries have them.

use tsdb_core::{Labels, STALE_NAN_BITS};

use super::cursor::Cursor;
use super::histogram_line;
use crate::FloatHistogram;

/// A histogram that a script wrote.
#[derive(Clone, Debug)]
pub struct WrittenHistogram {
    /// The histogram.
    pub histogram: FloatHistogram,
    /// Whether `counter_reset_hint` was written, so that it counts in comparisons.
    pub hint_written: bool,
}

/// A place in a sequence of points.
#[derive(Clone, Debug)]
pub enum SequencePoint {
    /// `_`: nothing.
    Omitted,
    /// A float; `stale` is one.
    Float(f64),
    /// `{{...}}`
    Histogram(Box<WrittenHistogram>),
}

/// `name{a="b"} 1 2+3x4 _ stale {{...}}`.
pub(super) fn parse(line: &str) -> Result<(Labels, Vec<SequencePoint>), String> {
    let mut cursor = Cursor::new(line);
    let labels = labels(&mut cursor)?;
    if !cursor.skip_blanks() {
        return Err(format!("no points follow {labels}"));
    }
    let mut points = Vec::new();
    while !cursor.is_at_end() {
        item(&mut cursor, &mut points)?;
        if !cursor.skip_blanks() && !cursor.is_at_end() {
            return Err(format!("{:?} follows a point", cursor.rest()));
        }
    }
    Ok((labels, points))
}

/// `name{a="b"}` alone.
pub(super) fn metric(text: &str) -> Result<Labels, String> {
    let mut cursor = Cursor::new(text);
    let labels = labels(&mut cursor)?;
    match cursor.is_at_end() {
        true => Ok(labels),
        false => Err(format!("{:?} follows the labels", cursor.rest())),
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

fn labels(cursor: &mut Cursor<'_>) -> Result<Labels, String> {
    let mut pairs = Vec::new();
    let name = cursor.take_while(is_name);
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(format!("{name:?} is no name"));
    }
    if !name.is_empty() {
        pairs.push(("__name__".to_owned(), name.to_owned()));
    }
    let start = cursor.rest();
    cursor.skip_blanks();
    if !cursor.rest().starts_with("{{") && cursor.eat("{") {
        in_braces(cursor, &mut pairs)?;
    } else {
        *cursor = Cursor::new(start);
        if pairs.is_empty() {
            return Err(format!("no series at {start:?}"));
        }
    }
    Labels::from_pairs(pairs).map_err(|error| error.to_string())
}

fn in_braces(cursor: &mut Cursor<'_>, pairs: &mut Vec<(String, String)>) -> Result<(), String> {
    loop {
        cursor.skip_blanks();
        if cursor.eat("}") {
            return Ok(());
        }
        let is_quoted = matches!(cursor.peek(), Some('"' | '\'' | '`'));
        let name = match is_quoted {
            true => cursor.quoted()?,
            false => cursor.take_while(is_name).to_owned(),
        };
        cursor.skip_blanks();
        if cursor.eat("=") {
            cursor.skip_blanks();
            if !matches!(cursor.peek(), Some('"' | '\'' | '`')) {
                return Err(format!("label {name} has no text"));
            }
            pairs.push((name, cursor.quoted()?));
        } else if is_quoted {
            pairs.push(("__name__".to_owned(), name));
        } else {
            return Err(format!("no label at {:?}", cursor.rest()));
        }
        cursor.skip_blanks();
        if !cursor.eat(",") && cursor.peek() != Some('}') {
            return Err(format!("no comma at {:?}", cursor.rest()));
        }
    }
}

fn item(cursor: &mut Cursor<'_>, points: &mut Vec<SequencePoint>) -> Result<(), String> {
    if cursor.eat("_") {
        let count = match cursor.eat("x") {
            true => cursor.count()?,
            false => 1,
        };
        points.extend(std::iter::repeat_n(SequencePoint::Omitted, count));
        return Ok(());
    }
    if cursor.rest().starts_with("{{") {
        return histogram_line::item(cursor, points);
    }
    let mut value = match cursor.eat_word("stale") {
        true => f64::from_bits(STALE_NAN_BITS),
        false => cursor.number()?,
    };
    let mut step = None;
    if matches!(cursor.peek(), Some('+' | '-')) {
        step = Some(cursor.number()?);
    }
    let count = match cursor.eat("x") {
        true => cursor.count()?,
        false if step.is_some() => return Err("a step needs a count, as in 1+2x3".to_owned()),
        false => 0,
    };
    for _ in 0..=count {
        points.push(SequencePoint::Float(value));
        value = step.map_or(value, |step| value + step);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{SequencePoint, parse};

    fn floats(line: &str) -> Vec<Option<f64>> {
        let (_, points) = parse(line).unwrap();
        let float = |point: &SequencePoint| match point {
            SequencePoint::Omitted => None,
            SequencePoint::Float(value) => Some(*value),
            SequencePoint::Histogram(_) => panic!("no histogram was written"),
        };
        points.iter().map(float).collect()
    }

    #[test]
    fn points_are_written_out() {
        assert_eq!(floats("a 5 2+3x2"), [5.0, 2.0, 5.0, 8.0].map(Some));
        assert_eq!(floats("a 0x2"), [0.0; 3].map(Some));
        assert_eq!(
            floats("{a='b'} -1-1e1x1 _"),
            [Some(-1.0), Some(-11.0), None]
        );
        assert_eq!(
            floats("a{} _x3 Inf -inf"),
            [
                None,
                None,
                None,
                Some(f64::INFINITY),
                Some(f64::NEG_INFINITY)
            ]
        );
        let stale = floats("a stale NaNx0");
        assert!(tsdb_core::model::is_stale(stale[0].unwrap()));
        assert!(stale[1].unwrap().is_nan() && !tsdb_core::model::is_stale(stale[1].unwrap()));
    }

    #[test]
    fn labels_are_read() {
        let (labels, _) = parse("m { a = \"x\\\"\\u00e4\" , \"b.c\"='\\x41', } 1").unwrap();
        let found: Vec<_> = labels
            .iter()
            .map(|label| (label.name, label.value))
            .collect();
        assert_eq!(found, [("__name__", "m"), ("a", "x\"\u{e4}"), ("b.c", "A")]);
        let (labels, _) = parse("{\"my.metric\", a=`\\n`} 1").unwrap();
        assert_eq!(labels.get("__name__"), Some("my.metric"));
        assert_eq!(labels.get("a"), Some("\\n"));
    }

    #[test]
    fn what_is_no_series_is_refused() {
        for bad in [
            "",
            "a",
            "a{b} 1",
            "a{b=1} 1",
            "a 1+2",
            "a 1x",
            "a 1+2x3y",
            "a{b=\"c} 1",
            "1 2",
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
