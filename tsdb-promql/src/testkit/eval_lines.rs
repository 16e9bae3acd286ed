//! `eval` and what is expected of it.

use regex::Regex;

use super::cursor::Cursor;
use super::expectation::{Annotation, Expectation, ExpectedSeries, TextMatch};
use super::script::{Eval, LineError, Lines, Query};
use super::{duration, series_line};

pub(super) fn parse(number: usize, line: &str, lines: &mut Lines<'_>) -> Result<Eval, LineError> {
    let (verb, query, expression) = head(line).map_err(|message| (number, message))?;
    let mut expectation = Expectation::default();
    match verb {
        "eval" => {}
        "eval_fail" => expectation.failure = Some(TextMatch::Any),
        "eval_ordered" => expectation.ordered = true,
        "eval_warn" => expectation.warnings = Annotation::Some(vec![TextMatch::Any]),
        "eval_info" => expectation.infos = Annotation::Some(vec![TextMatch::Any]),
        other => return Err((number, format!("there is no command {other:?}"))),
    }
    while let Some((number, line)) = lines.next_of_block() {
        let ends = expect_line(line, &mut expectation).map_err(|message| (number, message))?;
        if let Some(series) = expectation.series.last()
            && matches!(query, Query::Instant(_))
            && series.points.len() != 1
            && expectation.matrix_times.is_none()
        {
            return Err((number, "an instant query has one point a series".to_owned()));
        }
        if ends {
            break;
        }
    }
    Ok(Eval {
        line: number,
        expression: expression.to_owned(),
        query,
        expectation,
    })
}

/// The next word of a line.
fn word<'a>(cursor: &mut Cursor<'a>) -> &'a str {
    cursor.skip_blanks();
    cursor.take_while(|c| c != ' ' && c != '\t')
}

/// A keyword and the duration behind it.
fn time(cursor: &mut Cursor<'_>, keyword: &str) -> Result<i64, String> {
    match word(cursor) {
        found if found == keyword => duration::parse(word(cursor)),
        found => Err(format!("{found:?} stands where {keyword:?} has to")),
    }
}

fn head(line: &str) -> Result<(&str, Query, &str), String> {
    let mut cursor = Cursor::new(line);
    let verb = word(&mut cursor);
    let query = match word(&mut cursor) {
        "instant" => Query::Instant(time(&mut cursor, "at")?),
        "range" => Query::Range {
            start: time(&mut cursor, "from")?,
            end: time(&mut cursor, "to")?,
            step: time(&mut cursor, "step")?,
        },
        other => return Err(format!("there is no query {other:?}")),
    };
    if let Query::Range { start, end, step } = query {
        check_times(start, end, step)?;
    }
    match cursor.rest().trim() {
        "" => Err("there is no query".to_owned()),
        expression => Ok((verb, query, expression)),
    }
}

fn check_times(start: i64, end: i64, step: i64) -> Result<(), String> {
    match start <= end && step > 0 {
        true => Ok(()),
        false => Err("a range needs an end behind its start, and a step".to_owned()),
    }
}

/// Takes a line; whether it is the last.
fn expect_line(line: &str, into: &mut Expectation) -> Result<bool, String> {
    for (old, is_pattern) in [
        ("expected_fail_message", false),
        ("expected_fail_regexp", true),
    ] {
        if let Some(text) = line.strip_prefix(old)
            && into.failure.is_some()
        {
            into.failure = Some(text_match(text.trim(), is_pattern)?);
            return Ok(true);
        }
    }
    if let Some(times) = line.strip_prefix("expect range vector") {
        let mut cursor = Cursor::new(times);
        let start = time(&mut cursor, "from")?;
        let end = time(&mut cursor, "to")?;
        let step = time(&mut cursor, "step")?;
        check_times(start, end, step)?;
        into.matrix_times = Some((start, end, step));
        return Ok(false);
    }
    if let Some(text) = line.strip_prefix("expect string") {
        let mut cursor = Cursor::new(text);
        cursor.skip_blanks();
        into.string = Some(cursor.quoted()?);
        return match cursor.is_at_end() {
            true => Ok(false),
            false => Err(format!("{:?} follows a text", cursor.rest())),
        };
    }
    if let Some(expected) = line
        .strip_prefix("expect")
        .filter(|rest| rest.starts_with([' ', '\t']))
    {
        annotation(expected.trim_start(), into)?;
        return Ok(false);
    }
    if let Some(number) = number(line) {
        into.scalar = Some(number);
        return Ok(true);
    }
    let (labels, points) = series_line::parse(line)?;
    into.series.push(ExpectedSeries { labels, points });
    Ok(false)
}

fn number(line: &str) -> Option<f64> {
    let hexadecimal = line
        .strip_prefix("0x")
        .and_then(|digits| u32::from_str_radix(digits, 16).ok());
    hexadecimal.map(f64::from).or_else(|| line.parse().ok())
}

fn text_match(text: &str, is_pattern: bool) -> Result<TextMatch, String> {
    match is_pattern {
        true => Regex::new(text)
            .map(TextMatch::Pattern)
            .map_err(|error| error.to_string()),
        false => Ok(TextMatch::Exact(text.to_owned())),
    }
}

/// `warn`, `no_info`, `fail msg: ...`
fn annotation(line: &str, into: &mut Expectation) -> Result<(), String> {
    let (kind, text) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let text = text.trim_start();
    let wanted = if let Some(message) = text.strip_prefix("msg:") {
        text_match(message.trim(), false)?
    } else if let Some(pattern) = text.strip_prefix("regex:") {
        text_match(pattern.trim(), true)?
    } else if text.is_empty() {
        TextMatch::Any
    } else {
        return Err(format!("{text:?} is neither msg: nor regex:"));
    };
    match kind {
        "ordered" => into.ordered = true,
        "fail" if into.failure.is_some() => return Err("a query fails once".to_owned()),
        "fail" => into.failure = Some(wanted),
        "warn" => expect_some(&mut into.warnings, wanted)?,
        "info" => expect_some(&mut into.infos, wanted)?,
        "no_warn" => expect_none(&mut into.warnings)?,
        "no_info" => expect_none(&mut into.infos)?,
        other => return Err(format!("{other:?} cannot be expected")),
    }
    Ok(())
}

const BOTH: &str = "both some and none are expected";

fn expect_some(annotation: &mut Annotation, wanted: TextMatch) -> Result<(), String> {
    match annotation {
        Annotation::Unchecked => *annotation = Annotation::Some(vec![wanted]),
        Annotation::Some(all) => all.push(wanted),
        Annotation::None => return Err(BOTH.to_owned()),
    }
    Ok(())
}

fn expect_none(annotation: &mut Annotation) -> Result<(), String> {
    match annotation {
        Annotation::Some(_) => Err(BOTH.to_owned()),
        Annotation::Unchecked | Annotation::None => {
            *annotation = Annotation::None;
            Ok(())
        }
    }
}
