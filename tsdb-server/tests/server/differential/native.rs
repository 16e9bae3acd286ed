//! Series of native histograms.

use tsdb_core::STALE_NAN_BITS;
use tsdb_proto::prometheus::histogram::{Count, ResetHint, ZeroCount};
use tsdb_proto::prometheus::{BucketSpan, Histogram};

use super::data::{Line, SCRAPES, STEP, noise};

/// Observations so far, by where they are.
#[derive(Clone, Debug)]
struct Observed {
    schema: i32,
    zero_threshold: f64,
    zero: f64,
    /// Counts of buckets from the first one on, and the index of that.
    positive: (i32, Vec<f64>),
    negative: (i32, Vec<f64>),
}

/// How a series goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    /// Up for ever.
    Counter,
    /// Up, and anew now and then, of which some are told.
    Reset,
    /// Up, at a schema and with a zero bucket that change.
    Layout,
    /// Up, with gaps and stale markers.
    Gaps,
    /// Up and down.
    Gauge,
    /// Floats, and then histograms.
    Mixed,
}

const COURSES: [(&str, Course); 6] = [
    ("counter", Course::Counter),
    ("reset", Course::Reset),
    ("layout", Course::Layout),
    ("gaps", Course::Gaps),
    ("gauge", Course::Gauge),
    ("mixed", Course::Mixed),
];

/// All series, their first sample at `start` in milliseconds. Those of integer counts and those of
/// float counts have names of their own: a selector of 2.42 that finds both takes one for the other.
pub(super) fn lines(start: i64, lines: &mut Vec<Line>) {
    for (number, (course_name, course)) in COURSES.into_iter().enumerate() {
        for (place, counts) in ["native", "native_float"].into_iter().enumerate() {
            let series = number * 2 + place;
            let name = match course {
                Course::Gauge => format!("{counts}_gauge"),
                Course::Layout => format!("{counts}_layout"),
                Course::Mixed => format!("{counts}_mixed"),
                _ => format!("{counts}_seconds"),
            };
            let labels = [
                ("__name__", &*name),
                ("course", course_name),
                ("instance", ["a:1", "b:2", "c:3"][number % 3]),
                ("job", ["api", "db"][number % 2]),
            ];
            let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let begins = if course == Course::Mixed { 80 } else { 0 };
            let time = |at: usize| start + at as i64 * STEP;
            let floats = (0..begins).map(|at| (time(at), noise(series, at, 9)));
            let histograms = (begins..SCRAPES).filter_map(|at| {
                let histogram = histogram(course, series, at, place == 1)?;
                Some(Histogram {
                    timestamp: time(at),
                    ..histogram
                })
            });
            let line = Line::new(labels.to_vec(), floats.collect());
            lines.push(line.with(histograms.collect()));
        }
    }
}

/// What a series has at a scrape; `None` where it has nothing.
fn histogram(course: Course, series: usize, at: usize, is_float: bool) -> Option<Histogram> {
    let anew = match course {
        Course::Reset => at % (41 + series),
        _ => at,
    };
    match (course, at % 50, is_float) {
        // Behind a stale marker of floats, 2.42 does not find its chunk again.
        (Course::Gaps, 30, false) => return Some(stale()),
        (Course::Gaps, 30..38, _) => return None,
        _ => {}
    }
    let observed = match course {
        Course::Gauge => observed(series, 3 + noise(series, at, 20) as usize),
        _ => observed(series, 1 + anew),
    };
    let observed = match (course, at) {
        (Course::Layout, 40..80) => observed.coarser(),
        (Course::Layout, 80..120) => observed.coarser().coarser(),
        (Course::Layout, 120..) => observed.with_zero_of_one(),
        _ => observed,
    };
    let hint = match (course, anew, at / 40 % 2) {
        (Course::Gauge, ..) => ResetHint::Gauge,
        (Course::Reset, 0, 1) => ResetHint::Yes,
        (Course::Reset, 1.., 1) => ResetHint::No,
        _ => ResetHint::Unknown,
    };
    let mut sent = observed.sent(is_float);
    sent.reset_hint = hint.into();
    Some(sent)
}

/// The end of a series.
fn stale() -> Histogram {
    Histogram {
        count: Some(Count::CountInt(0)),
        zero_count: Some(ZeroCount::ZeroCountInt(0)),
        sum: f64::from_bits(STALE_NAN_BITS),
        ..Histogram::default()
    }
}

/// What was observed after so many scrapes: every one adds to some of the buckets.
fn observed(series: usize, scrapes: usize) -> Observed {
    let schema = [3, 0, 2, 1, 4, -1][series % 6];
    let mut observed = Observed {
        schema,
        zero_threshold: [0.001, 0.0, 0.01][series % 3],
        zero: 0.0,
        positive: (-2, vec![0.0; 12]),
        negative: (1, vec![0.0; if series.is_multiple_of(2) { 4 } else { 0 }]),
    };
    for scrape in 0..scrapes {
        // High buckets are seen from later on, so that layouts grow.
        let seen = 4 + (scrape / 20) as u64;
        for time in 0..3 {
            let bucket = noise(series + 31 * time, scrape, seen) as usize;
            let (_, counts) = match bucket % 4 == 3 && !observed.negative.1.is_empty() {
                true => &mut observed.negative,
                false => &mut observed.positive,
            };
            let last = counts.len() - 1;
            counts[bucket.min(last)] += 1.0 + time as f64;
        }
        observed.zero += noise(series + 77, scrape, 2);
    }
    observed
}

impl Observed {
    /// At a schema one lower.
    fn coarser(self) -> Self {
        let halved = |(first, counts): (i32, Vec<f64>)| {
            let of = |index: i32| (index - 1).div_euclid(2) + 1;
            let last = first + i32::try_from(counts.len()).expect("few buckets");
            let mut halved = vec![0.0; usize::try_from(of(last) - of(first) + 1).expect("buckets")];
            for (index, count) in (first..).zip(counts) {
                halved[usize::try_from(of(index) - of(first)).expect("a place")] += count;
            }
            (of(first), halved)
        };
        Self {
            schema: self.schema - 1,
            positive: halved(self.positive),
            negative: halved(self.negative),
            ..self
        }
    }

    /// With all that is at most one in the zero bucket, whatever the schema.
    fn with_zero_of_one(mut self) -> Self {
        let (first, counts) = &mut self.positive;
        let inside = usize::try_from(1 - *first).expect("a first bucket below one");
        self.zero += counts.drain(..inside).sum::<f64>();
        self.zero_threshold = 1.0;
        *first = 1;
        self
    }

    /// As remote write has it; whole counts where they are no floats.
    fn sent(self, is_float: bool) -> Histogram {
        let all = self.positive.1.iter().chain(&self.negative.1);
        let count = all.sum::<f64>() + self.zero;
        let sum = (self.positive.1.iter().zip(1..)).map(|(count, place)| count * f64::from(place));
        let mut sent = Histogram {
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            sum: sum.sum::<f64>() * 0.37,
            positive_spans: spans(&self.positive),
            negative_spans: spans(&self.negative),
            ..Histogram::default()
        };
        let (positive, negative) = (filled(&self.positive), filled(&self.negative));
        if is_float {
            let part = |counts: Vec<f64>| counts.iter().map(|count| count * 0.5).collect();
            sent.count = Some(Count::CountFloat(count * 0.5));
            sent.zero_count = Some(ZeroCount::ZeroCountFloat(self.zero * 0.5));
            (sent.positive_counts, sent.negative_counts) = (part(positive), part(negative));
        } else {
            sent.count = Some(Count::CountInt(count as u64));
            sent.zero_count = Some(ZeroCount::ZeroCountInt(self.zero as u64));
            sent.positive_deltas = differences(&positive);
            sent.negative_deltas = differences(&negative);
        }
        sent
    }
}

/// Where the buckets are that are not empty.
fn spans((first, counts): &(i32, Vec<f64>)) -> Vec<BucketSpan> {
    let mut spans: Vec<BucketSpan> = Vec::new();
    let mut next = 0;
    let indexes = (*first..).zip(counts);
    for (index, _) in indexes.filter(|(_, count)| **count > 0.0) {
        match spans.last_mut() {
            Some(span) if index == next => span.length += 1,
            _ => spans.push(BucketSpan {
                offset: index - next,
                length: 1,
            }),
        }
        next = index + 1;
    }
    spans
}

fn filled((_, counts): &(i32, Vec<f64>)) -> Vec<f64> {
    let filled = counts.iter().copied().filter(|count| *count > 0.0);
    filled.collect()
}

fn differences(counts: &[f64]) -> Vec<i64> {
    let before = std::iter::once(&0.0).chain(counts);
    let pairs = counts.iter().zip(before);
    pairs
        .map(|(count, before)| (count - before) as i64)
        .collect()
}
