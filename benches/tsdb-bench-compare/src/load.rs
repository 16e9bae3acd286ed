//! A load: which series, at which times, in which order.

use tsdb_bench::{Capture, Churn, Fleet, FleetSize};

use crate::error::Error;
use crate::options::{LoadName, Options};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// Length of the windows into which all three servers cut samples by default.
const WINDOW_MS: i64 = 2 * HOUR_MS;

/// What is sent to every server.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) name: LoadName,
    pub(crate) fleet: Fleet,
    pub(crate) interval_ms: i64,
    pub(crate) per_request: usize,
    pub(crate) connections: usize,
    pub(crate) seed: u64,
    /// How samples are late, if they are.
    pub(crate) lateness: Option<Lateness>,
    /// After how many percent of it a window ends, if that was asked for.
    pub(crate) window_ends_at: Option<u8>,
    /// Range that holds all timestamps, both inclusive, in milliseconds.
    pub(crate) range_ms: (i64, i64),
}

/// How samples are late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lateness {
    /// How many of a hundred samples.
    pub(crate) percent: usize,
    /// How many rounds the latest is late.
    pub(crate) rounds_max: usize,
}

impl Load {
    /// The load of a name, its last sample just before `now_ms`, or earlier if a window shall end
    /// within it.
    pub(crate) fn new(
        name: LoadName,
        options: &Options,
        capture: Capture,
        now_ms: i64,
    ) -> Result<Self, Error> {
        let (series, rounds, interval_ms) = match name {
            LoadName::Steady | LoadName::All | LoadName::Queries => (320_000, 60, 15_000),
            LoadName::Long => (50_000, 680, 15_000),
            LoadName::Churn => (100_000, 120, 15_000),
            LoadName::Late | LoadName::InOrder => (50_000, 680, MINUTE_MS),
        };
        let interval_ms = options.interval_ms.unwrap_or(interval_ms).max(1);
        let churn = Churn {
            every: options.churn_every,
            percent: options.churn_percent.min(100),
        };
        let series = match options.capture_only {
            true => capture.series_len(),
            false => options.series.unwrap_or(series),
        };
        let size = FleetSize {
            series,
            rounds: options.scrapes.unwrap_or(rounds),
            churn: (name == LoadName::Churn).then_some(churn),
        };
        let fleet = Fleet::of_size(capture, size, options.seed)?;
        let span_ms = interval_ms * i64::try_from(size.rounds + 1).unwrap_or_default();
        let now_ms = options.window_ends_at.map_or(now_ms, |percent| {
            end_around_window(span_ms, i64::from(percent), now_ms)
        });
        let start_ms = now_ms - span_ms;
        let late_ms = i64::from(options.late_hours) * HOUR_MS;
        let lateness = Lateness {
            percent: options.late_percent.min(100),
            rounds_max: usize::try_from(late_ms / interval_ms).unwrap_or_default(),
        };
        Ok(Self {
            name,
            fleet: fleet.scraped_from(start_ms, interval_ms),
            interval_ms,
            per_request: options.per_request.max(1),
            connections: options.connections.max(1),
            seed: options.seed,
            lateness: (name == LoadName::Late).then_some(lateness),
            window_ends_at: options.window_ends_at,
            range_ms: (start_ms - MINUTE_MS, now_ms + MINUTE_MS),
        })
    }

    /// One line that says what is sent.
    pub(crate) fn description(&self) -> String {
        let fleet = &self.fleet;
        let (rounds, all) = (fleet.rounds_len(), fleet.labels().len());
        let active = fleet.active_len(rounds.saturating_sub(1));
        let mut text = format!(
            "{}: {active} active series, {rounds} scrapes {} s apart, {} samples a request, {} connections, seed {}",
            self.name.text(),
            self.interval_ms as f64 / 1e3,
            self.per_request,
            self.connections,
            self.seed
        );
        if all != active {
            text += &format!(", {all} series in all");
        }
        if let Some(percent) = self.window_ends_at {
            text += &format!(", a window ends after {percent} %");
        }
        if let Some(lateness) = self.lateness {
            let hours = |rounds: usize| rounds as f64 * self.interval_ms as f64 / HOUR_MS as f64;
            let latest = hours(lateness.rounds_max.min(rounds));
            text += &format!(
                ", {} % of the samples up to {latest:.1} h late, shuffled",
                lateness.percent
            );
        }
        text
    }
}

/// The latest moment until `now_ms` at which a load of `span_ms` may end so that a window ends
/// within it, after so many percent of it.
fn end_around_window(span_ms: i64, percent: i64, now_ms: i64) -> i64 {
    let behind_ms = span_ms * (100 - percent) / 100;
    (now_ms - behind_ms).div_euclid(WINDOW_MS) * WINDOW_MS + behind_ms
}
