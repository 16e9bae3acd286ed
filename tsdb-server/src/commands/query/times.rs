//! When an expression is evaluated.

use std::time::Duration;

use clap::Args;
use tsdb_core::{Clock, SystemClock};

use crate::timestamp::parse_time;
use crate::units::duration_of;

/// So many points a step that is chosen leaves at most.
const POINTS: i64 = 240;
/// Most points of a series, as the API has it.
const POINTS_MAX: i64 = 11_000;
/// Steps that are chosen, in seconds.
const STEPS: [i64; 15] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 43_200,
];
const DAY: i64 = 86_400;

/// When an expression is evaluated.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "When")]
pub(super) struct Times {
    /// The moment, in seconds since the epoch or RFC 3339; left out: now
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = time_of, conflicts_with_all = ["start", "end", "step", "range"])]
    time: Option<i64>,

    /// First moment of many
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = time_of)]
    start: Option<i64>,

    /// Last moment of many; left out: now
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = time_of)]
    end: Option<i64>,

    /// How long it is from the first moment to the last, instead of --start
    #[arg(long, value_name = "DURATION", value_parser = duration_of, conflicts_with = "start")]
    range: Option<Duration>,

    /// From one moment to the next, as 15s or 15; left out: what gives a few hundred
    #[arg(long, value_name = "DURATION", value_parser = step_of)]
    step: Option<i64>,
}

/// When an expression is evaluated, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// Once.
    At(i64),
    /// From `start` to `end`.
    Range { start: i64, end: i64, step: i64 },
}

impl Times {
    /// When; what is wrong with it.
    pub(super) fn when(&self) -> Result<When, String> {
        let now = SystemClock::new().now_ms();
        self.when_at(now)
    }

    fn when_at(&self, now: i64) -> Result<When, String> {
        let end = self.end.unwrap_or(now);
        let start = match (self.start, self.range) {
            (Some(start), _) => start,
            (None, Some(range)) => {
                end.saturating_sub_unsigned(u64::try_from(range.as_millis()).unwrap_or(u64::MAX))
            }
            (None, None) if self.end.is_some() || self.step.is_some() => {
                return Err("--end and --step need --start or --range".to_owned());
            }
            (None, None) => return Ok(When::At(self.time.unwrap_or(now))),
        };
        if end < start {
            return Err("--end lies before --start".to_owned());
        }
        let long = end.saturating_sub(start);
        let step = self.step.unwrap_or_else(|| chosen(long));
        if long / step > POINTS_MAX {
            return Err(format!(
                "--step of {step} ms makes more than {POINTS_MAX} points a series: make it longer"
            ));
        }
        Ok(When::Range { start, end, step })
    }
}

/// A step that a person would choose for so many milliseconds.
fn chosen(long: i64) -> i64 {
    let least = long.div_euclid(POINTS * 1000) + 1;
    let found = STEPS.iter().find(|step| **step >= least);
    let seconds = match found {
        Some(step) => *step,
        None => least.div_euclid(DAY).saturating_add(1).saturating_mul(DAY),
    };
    seconds.saturating_mul(1000)
}

fn time_of(text: &str) -> Result<i64, String> {
    let wrong = || "write seconds since the epoch, or RFC 3339".to_owned();
    parse_time(text).ok_or_else(wrong)
}

/// A step in milliseconds.
fn step_of(text: &str) -> Result<i64, String> {
    let step = match text.parse::<f64>().map(Duration::try_from_secs_f64) {
        Ok(seconds) => seconds.map_err(|error| error.to_string())?,
        Err(_) => duration_of(text)?,
    };
    match i64::try_from(step.as_millis()) {
        Ok(0) => Err("it must be a millisecond or more".to_owned()),
        Ok(step) => Ok(step),
        Err(_) => Err("it is longer than time".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        times: Times,
    }

    /// At 1000 s.
    fn when(arguments: &str) -> Result<When, String> {
        let all = std::iter::once("query").chain(arguments.split_whitespace());
        let line = Line::try_parse_from(all).map_err(|error| error.to_string())?;
        line.times.when_at(1_000_000)
    }

    fn range(start: i64, end: i64, step: i64) -> Result<When, String> {
        Ok(When::Range { start, end, step })
    }

    #[test]
    fn a_moment_or_many_are_read() {
        assert_eq!(when(""), Ok(When::At(1_000_000)));
        assert_eq!(when("--time 7.5"), Ok(When::At(7500)));
        assert_eq!(when("--range 10m"), range(400_000, 1_000_000, 5000));
        assert_eq!(
            when("--start -5 --end 5 --step 2.5"),
            range(-5000, 5000, 2500)
        );
        assert_eq!(
            when("--end 100 --range 90s --step 1m"),
            range(10_000, 100_000, 60_000)
        );
        for wrong in [
            "--end 7",
            "--step 7",
            "--start 7 --end 6",
            "--start 0 --end 900 --step 5ms",
            "--start 0 --step 0",
            "--start 0 --step -1",
            "--start 0 --step 1e300",
            "--start 0 --range 5m",
            "--time 0 --range 5m",
            "--time soon",
            "--range long",
        ] {
            assert!(when(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_step_is_chosen_that_leaves_a_few_hundred_points() {
        let day = 86_400_000;
        for (long, step) in [
            (0, 1000),
            (3_600_000, 30_000),
            (day, 600_000),
            (30 * day, 21_600_000),
            (400 * day, 2 * day),
            (i64::MAX, i64::MAX / day / 240 * day + day),
        ] {
            assert_eq!(chosen(long), step, "{long}");
        }
    }
}
