//! What a request says of the expression that it asks for.

use std::time::Duration;

use tsdb_core::clock::{Clock, SystemClock};

use super::super::envelope::ApiError;
use super::super::form::Form;
use crate::go_duration::parse_go_duration;
use crate::timestamp::parse_time;

/// Most points of a series between start and end.
const STEPS_MAX: i128 = 11_000;

/// When an expression is evaluated, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    At(i64),
    Range { start: i64, end: i64, step: i64 },
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parameters {
    /// The expression.
    pub(super) text: String,
    pub(super) when: When,
    /// Most series of the result.
    pub(super) limit: Option<usize>,
    /// For how long it may run.
    pub(super) timeout: Option<Duration>,
    /// How old a sample may be to stand for the present.
    pub(super) lookback: Option<Duration>,
    /// Whether the result tells what it cost.
    pub(super) stats: bool,
    /// Whether it tells where the time went.
    pub(super) trace: bool,
}

impl Parameters {
    /// Those of `/api/v1/query`.
    pub(super) fn of_instant(form: &Form) -> Result<Self, ApiError> {
        let limit = form.limit()?;
        let time = form.time("time")?;
        let when = When::At(time.unwrap_or_else(|| SystemClock::new().now_ms()));
        Self::more(form, limit, when)
    }

    /// Those of `/api/v1/query_range`.
    pub(super) fn of_range(form: &Form) -> Result<Self, ApiError> {
        let limit = form.limit()?;
        let (start, end) = (required_time(form, "start")?, required_time(form, "end")?);
        if end < start {
            let reason = "end timestamp must not be before start time";
            return Err(ApiError::invalid_parameter("end", reason));
        }
        let step = form.one("step").unwrap_or_default();
        let step = nanoseconds(step).map_err(|error| ApiError::invalid_parameter("step", error))?;
        if step <= 0 {
            let reason = "zero or negative query resolution step widths are not accepted. Try a positive integer";
            return Err(ApiError::invalid_parameter("step", reason));
        }
        let range = (i128::from(end) - i128::from(start)) * 1_000_000;
        if range / i128::from(step) > STEPS_MAX {
            return Err(ApiError::bad_data(
                "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
            ));
        }
        let step = (step / 1_000_000).max(1);
        Self::more(form, limit, When::Range { start, end, step })
    }

    fn more(form: &Form, limit: Option<usize>, when: When) -> Result<Self, ApiError> {
        let timeout = form.one("timeout").map(nanoseconds).transpose();
        let timeout = timeout.map_err(|error| ApiError::invalid_parameter("timeout", error))?;
        let positive = |nanos: i64| Duration::from_nanos(u64::try_from(nanos).unwrap_or(0));
        Ok(Self {
            text: form.one("query").unwrap_or_default().to_owned(),
            when,
            limit,
            timeout: timeout.map(positive),
            lookback: lookback(form, when)?
                .map(positive)
                .filter(|one| !one.is_zero()),
            stats: form.one("stats").is_some(),
            trace: form.flag("trace")?,
        })
    }
}

/// `lookback_delta`, or M3's `lookback`, which may be the step.
fn lookback(form: &Form, when: When) -> Result<Option<i64>, ApiError> {
    if let Some(text) = form.one("lookback_delta") {
        let nanos = nanoseconds(text).map_err(|error| {
            ApiError::bad_data(format!("error parsing lookback delta duration: {error}"))
        })?;
        return Ok(Some(nanos));
    }
    match (form.one("lookback"), when) {
        (None, _) | (Some("step"), When::At(_)) => Ok(None),
        (Some("step"), When::Range { step, .. }) => Ok(Some(step.saturating_mul(1_000_000))),
        (Some(text), _) => match nanoseconds(text) {
            Ok(nanos) => Ok(Some(nanos)),
            Err(error) => Err(ApiError::invalid_parameter("lookback", error)),
        },
    }
}

fn required_time(form: &Form, name: &str) -> Result<i64, ApiError> {
    let text = form.one(name).unwrap_or_default();
    parse_time(text).ok_or_else(|| {
        let reason = format!("cannot parse {text:?} to a valid timestamp");
        ApiError::invalid_parameter(name, reason)
    })
}

/// A duration as the API takes it, seconds or text, in nanoseconds.
fn nanoseconds(text: &str) -> Result<i64, String> {
    /// The first float that is no 64-bit integer.
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if let Ok(seconds) = text.parse::<f64>()
        && !seconds.is_nan()
    {
        let nanos = seconds * 1e9;
        if !(-BEYOND..=BEYOND).contains(&nanos) {
            return Err(format!(
                "cannot parse {text:?} to a valid duration. It overflows int64"
            ));
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "it is in range, and finer parts are cut off"
        )]
        return Ok(nanos as i64);
    }
    let nanos = parse_go_duration(text).ok().filter(|nanos| *nanos >= 0);
    nanos.ok_or_else(|| format!("cannot parse {text:?} to a valid duration"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_range(query: &str) -> Result<Parameters, String> {
        Parameters::of_range(&Form::of_query(Some(query))).map_err(|error| error.message)
    }

    #[test]
    fn a_range_is_read_and_what_is_wrong_is_told_as_prometheus_tells_it() {
        let good = of_range("query=up&start=1&end=2.5&step=15&timeout=1m&limit=3&lookback_delta=7");
        let expected = Parameters {
            text: "up".to_owned(),
            when: When::Range {
                start: 1000,
                end: 2500,
                step: 15_000,
            },
            limit: Some(3),
            timeout: Some(Duration::from_secs(60)),
            lookback: Some(Duration::from_secs(7)),
            stats: false,
            trace: false,
        };
        assert_eq!(good, Ok(expected));
        let cases = [
            (
                "end=2&step=1",
                "invalid parameter \"start\": cannot parse \"\" to a valid timestamp",
            ),
            (
                "start=1&end=x&step=1",
                "invalid parameter \"end\": cannot parse \"x\" to a valid timestamp",
            ),
            (
                "start=2&end=1&step=1",
                "invalid parameter \"end\": end timestamp must not be before start time",
            ),
            (
                "start=1&end=2",
                "invalid parameter \"step\": cannot parse \"\" to a valid duration",
            ),
            (
                "start=1&end=2&step=0",
                "invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer",
            ),
            (
                "start=1&end=2&step=-1s",
                "invalid parameter \"step\": cannot parse \"-1s\" to a valid duration",
            ),
            (
                "start=1&end=2&step=1e40",
                "invalid parameter \"step\": cannot parse \"1e40\" to a valid duration. It overflows int64",
            ),
            (
                "start=0&end=11001&step=1",
                "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
            ),
            (
                "start=0&end=1&step=1&timeout=x",
                "invalid parameter \"timeout\": cannot parse \"x\" to a valid duration",
            ),
            (
                "start=0&end=1&step=1&lookback_delta=x",
                "error parsing lookback delta duration: cannot parse \"x\" to a valid duration",
            ),
            (
                "start=0&end=1&step=1&limit=-1",
                "invalid parameter \"limit\": limit must be non-negative",
            ),
        ];
        for (query, message) in cases {
            assert_eq!(of_range(query), Err(message.to_owned()), "{query}");
        }
        assert!(of_range("start=0&end=11000.9&step=1").is_ok());
    }

    #[test]
    fn a_lookback_may_be_the_step_as_m3_has_it() {
        let lookback = |query| of_range(query).expect("parameters").lookback;
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(lookback("start=0&end=9&step=30"), None);
        assert_eq!(lookback("start=0&end=9&step=30&lookback=step"), seconds(30));
        assert_eq!(lookback("start=0&end=9&step=30&lookback=1m"), seconds(60));
        assert_eq!(lookback("start=0&end=9&step=30&lookback_delta=0"), None);
    }

    #[test]
    fn an_instant_is_read() {
        let of = |query| Parameters::of_instant(&Form::of_query(Some(query)));
        let at = of("query=1%2B1&time=4&stats=all&trace=1").expect("parameters");
        assert_eq!((at.text.as_str(), at.when), ("1+1", When::At(4000)));
        assert!(at.stats && at.trace);
        let error = of("time=x").expect_err("no time").message;
        assert_eq!(
            error,
            "invalid parameter \"time\": Invalid time value for 'time': cannot parse \"x\" to a valid timestamp"
        );
        assert!(of("time=").is_ok(), "an empty one is none: now");
    }
}
