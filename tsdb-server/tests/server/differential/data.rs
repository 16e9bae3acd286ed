//! What both sides are filled with.

use tsdb_core::STALE_NAN_BITS;
use tsdb_proto::prometheus::{Histogram, TimeSeries};

use super::{capture, native};
use crate::support::series;

/// Scrapes of every series, and the milliseconds between them.
pub(super) const SCRAPES: usize = 160;
pub(super) const STEP: i64 = 15_000;

/// A series and its samples.
#[derive(Debug)]
pub(super) struct Line {
    labels: Vec<(String, String)>,
    samples: Vec<(i64, f64)>,
    histograms: Vec<Histogram>,
}

impl Line {
    pub(super) fn new(labels: Vec<(String, String)>, samples: Vec<(i64, f64)>) -> Self {
        Self {
            labels,
            samples,
            histograms: Vec::new(),
        }
    }

    /// The series with native histograms, which come behind its floats.
    pub(super) fn with(self, histograms: Vec<Histogram>) -> Self {
        Self { histograms, ..self }
    }

    /// As a part of a remote write.
    pub(super) fn sent(&self) -> TimeSeries {
        let mut labels: Vec<_> = self.labels.iter().collect();
        labels.sort();
        let labels = labels.iter().map(|(name, value)| (&name[..], &value[..]));
        let samples = self
            .samples
            .iter()
            .map(|(time, value)| (*time, value.to_bits()));
        TimeSeries {
            histograms: self.histograms.clone(),
            ..series(&Vec::from_iter(labels), &Vec::from_iter(samples))
        }
    }
}

/// A number of a place in a series, always the same, below `below`.
pub(super) fn noise(series: usize, at: usize, below: u64) -> f64 {
    let mixed = (series as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (at as u64) << 7;
    let mixed = (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((mixed ^ mixed >> 32) % below) as f64
}

/// The samples of a series, of which `value` gives those that are there.
fn line(labels: &[(&str, &str)], start: i64, value: impl Fn(usize) -> Option<f64>) -> Line {
    let labels = labels
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let samples = (0..SCRAPES).filter_map(|at| Some((start + at as i64 * STEP, value(at)?)));
    Line::new(labels.collect(), samples.collect())
}

/// All series, their first sample at `start` in milliseconds.
pub(super) fn lines(start: i64) -> Vec<Line> {
    let mut lines = capture::lines(start);
    counters(start, &mut lines);
    gauges(start, &mut lines);
    histograms(start, &mut lines);
    native::lines(start, &mut lines);
    lines
}

/// Counters that start again, by job, instance and code; one ends, one begins late.
fn counters(start: i64, lines: &mut Vec<Line>) {
    for (index, code) in ["200", "404", "500"].iter().enumerate() {
        for (place, instance) in ["a:1", "b:2", "c:3"].iter().enumerate() {
            let number = index * 3 + place;
            let value = move |at: usize| match (number, at) {
                (4, 70..) | (5, ..60) => None,
                (6, 50..90) => None,
                _ => Some(
                    (at % (37 + 20 * number)) as f64 * (number + 1) as f64
                        + noise(number, at, 5) * 0.2,
                ),
            };
            let labels = [
                ("__name__", "requests_total"),
                ("code", *code),
                ("instance", *instance),
                ("job", ["api", "db"][place % 2]),
            ];
            lines.push(line(&labels, start, value));
        }
    }
    for (place, instance) in ["a:1", "b:2", "d:4"].iter().enumerate() {
        let labels = [
            ("__name__", "build_info"),
            ("instance", *instance),
            ("version", ["1", "2", "10"][place]),
        ];
        lines.push(line(&labels, start, |_| Some(1.0)));
    }
}

/// Gauges: negative ones, those with stale markers and gaps, and numbers that are none.
fn gauges(start: i64, lines: &mut Vec<Line>) {
    for (number, room) in ["hall", "attic", "", "cellar 1"].iter().enumerate() {
        let value = move |at: usize| match (number, at % 40) {
            (1, 20) => Some(f64::from_bits(STALE_NAN_BITS)),
            (1, 21..30) => None,
            (3, 5..31) => None,
            _ => Some(noise(number, at, 64) * 0.25 - 4.0),
        };
        let labels = [
            ("__name__", "temperature"),
            ("instance", "a:1"),
            ("room", *room),
        ];
        let labels: Vec<_> = labels
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .collect();
        lines.push(line(&labels, start, value));
    }
    let odd = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        -0.0,
        1e300,
        -1e-300,
        5e-324,
        1.5,
    ];
    for number in 0..3 {
        let value = move |at: usize| match number {
            0 => Some(odd[at % odd.len()]),
            1 => Some(odd[3 + (at / 4) % 5]),
            _ => Some(if at.is_multiple_of(9) {
                f64::NAN
            } else {
                noise(7, at, 10)
            }),
        };
        let kind = ["all", "finite", "nan"][number];
        lines.push(line(&[("__name__", "odd"), ("kind", kind)], start, value));
    }
    for (number, name) in ["a", "b"].into_iter().enumerate() {
        let labels = [("__name__", "month_seconds"), ("name", name)];
        let value = move |at: usize| Some(at as f64 * 86_400.0 * 11.3 + number as f64 * 1.6e9);
        lines.push(line(&labels, start, value));
    }
}

/// Classic histograms, and broken ones: without `+Inf`, with a bound that is none, not monotonic.
fn histograms(start: i64, lines: &mut Vec<Line>) {
    let bounds = ["0.1", "0.5", "1", "2.5", "+Inf"];
    for (number, path) in ["/", "/api", "/none", "/odd"].iter().enumerate() {
        for (index, bound) in bounds.iter().enumerate() {
            let bound = match (number, index) {
                (2, 4) => "10",
                (3, 1) => "half",
                _ => bound,
            };
            let rate = [1.0, 3.0, 4.0, 6.0, 6.5][index];
            let value = move |at: usize| match (number, index) {
                (3, 2) => Some(at as f64 * 9.0),
                _ => Some((at as f64 * rate * (number + 1) as f64).floor()),
            };
            let labels = [
                ("__name__", "latency_seconds_bucket"),
                ("le", bound),
                ("path", *path),
            ];
            lines.push(line(&labels, start, value));
        }
    }
}
