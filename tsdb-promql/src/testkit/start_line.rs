//! Start timestamps of points: `name@st -1m _ 0sx3 -1m-1mx2 *`.

use tsdb_core::Labels;

use super::cursor::Cursor;
use super::{duration, series_line};

/// How far from each point its counting began, in milliseconds; `None` where it is unknown.
pub(super) type StartOffsets = Vec<Option<i64>>;

/// Labels (none for the default of what follows) and offsets, if `line` is such a line.
pub(super) fn parse(line: &str) -> Option<Result<(Labels, StartOffsets), String>> {
    let (metric, offsets) = line.split_once([' ', '\t'])?;
    let metric = metric.strip_suffix("@st")?;
    Some(with_offsets(metric, offsets))
}

fn with_offsets(metric: &str, text: &str) -> Result<(Labels, StartOffsets), String> {
    let labels = match metric {
        "" => Labels::default(),
        metric => series_line::metric(metric)?,
    };
    let mut offsets = StartOffsets::new();
    for item in text.split_ascii_whitespace() {
        put_item(item, &mut offsets)
            .map_err(|error| format!("start timestamp {item:?}: {error}"))?;
    }
    Ok((labels, offsets))
}

fn put_item(item: &str, offsets: &mut StartOffsets) -> Result<(), String> {
    let mut cursor = Cursor::new(item);
    let mut step = 0;
    let is_omitted = cursor.eat("_");
    let mut value = if is_omitted {
        None
    } else if cursor.eat("*") {
        Some(offsets.iter().rev().find_map(|offset| *offset).unwrap_or(0))
    } else {
        let value = duration::signed(&mut cursor)?;
        if matches!(cursor.peek(), Some('+' | '-')) {
            step = duration::signed(&mut cursor)?;
            if !cursor.rest().starts_with('x') {
                return Err("a step needs a count".to_owned());
            }
        }
        Some(value)
    };
    let count = match (cursor.eat("x"), is_omitted) {
        (true, true) => cursor.count()?,
        (true, false) => cursor.count()? + 1,
        (false, _) => 1,
    };
    for _ in 0..count {
        offsets.push(value);
        value = value.map(|value| value + step);
    }
    match cursor.is_at_end() {
        true => Ok(()),
        false => Err(format!("{:?} follows", cursor.rest())),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn offsets_are_written_out() {
        let (labels, offsets) = parse("a{b=\"c\"}@st  _x2 -1ms-1mx1 0 *x1 1m")
            .unwrap()
            .unwrap();
        assert_eq!(labels.get("b"), Some("c"));
        assert_eq!(
            offsets,
            [
                None,
                None,
                Some(-1),
                Some(-60_001),
                Some(0),
                Some(0),
                Some(0),
                Some(60_000)
            ]
        );
        assert!(parse("@st -1m").unwrap().unwrap().0.is_empty());
        assert!(parse("a 1").is_none());
        for bad in ["a@st -1m-1m", "a@st 5", "a@st -1mx", "a@st -1m_"] {
            assert!(parse(bad).unwrap().is_err(), "{bad}");
        }
    }
}
