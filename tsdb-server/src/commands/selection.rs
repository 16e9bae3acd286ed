//! Which samples a command is about: selectors and times, as arguments say them.

use tsdb_core::{Matcher, TimeRange};
use tsdb_promql::syntax::parse_metric_selector;

use super::CommandError;
use crate::timestamp::{EARLIEST_MS, LATEST_MS, parse_time};

/// The matchers of each --match, none of which may match everything.
pub(super) fn matcher_sets(selectors: &[String]) -> Result<Vec<Vec<Matcher>>, CommandError> {
    let parse = |selector: &String| {
        let wrong = |why| CommandError::Argument {
            argument: "--match",
            value: selector.clone(),
            why,
        };
        let set = parse_metric_selector(selector).map_err(|error| wrong(error.to_string()))?;
        if set.iter().all(Matcher::matches_empty) {
            return Err(wrong(
                "it must contain at least one non-empty matcher".to_owned(),
            ));
        }
        Ok(set)
    };
    selectors.iter().map(parse).collect()
}

/// From --start to --end, both included.
pub(super) fn time_range(
    start: Option<&String>,
    end: Option<&String>,
) -> Result<TimeRange, CommandError> {
    let wrong = |argument, value: &str, why: &str| CommandError::Argument {
        argument,
        value: value.to_owned(),
        why: why.to_owned(),
    };
    let time = |argument, text: Option<&String>, bound| match text {
        None => Ok(bound),
        Some(text) => parse_time(text)
            .ok_or_else(|| wrong(argument, text, "write seconds since the epoch, or RFC 3339")),
    };
    let first = time("--start", start, EARLIEST_MS)?;
    let last = time("--end", end, LATEST_MS)?;
    TimeRange::inclusive(first, last).map_err(|_| {
        let end = end.map(String::as_str).unwrap_or_default();
        wrong("--end", end, "it lies before --start")
    })
}
