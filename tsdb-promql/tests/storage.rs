//! A result depends neither on where an embedded database keeps its samples, nor on the order of
//! series, nor on how many threads work on it.

#![cfg(test)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use tsdb_core::{Db, DbOptions, Labels, Matcher, Sample, TimeRange, WriteBatch};
use tsdb_promql::testkit::{Load, LoadedPoint, LoadedSeries, SeriesOrder, Table};
use tsdb_promql::{
    Cancel, Engine, EngineOptions, Features, FloatHistogram, PointValue, Queryable, Selection,
    SeriesSamples, SeriesStream, SourceError, Value,
};

const STEP_MS: i64 = 15_000;
const END_MS: i64 = 600_000;

/// Every way that samples are read: raw, in windows, aggregated, joined, in subqueries.
const QUERIES: [&str; 57] = [
    "c",
    "g offset 1m",
    "g @ 120",
    "-g",
    "h",
    "{__name__=~'[ghm]',job!='b'}",
    "last_over_time(c{instance=~'x|y'}[1m:15s])",
    "rate(c[2m])",
    "increase(c[45s])",
    "irate(c[5m])",
    "resets(c[10m])",
    "changes(g[3m])",
    "delta(g[2m])",
    "deriv(g[5m])",
    "predict_linear(g[5m], 60)",
    "sum_over_time(g[3m])",
    "avg_over_time(g[3m])",
    "min_over_time(g[90s])",
    "max_over_time(g[90s])",
    "last_over_time(m[1m])",
    "first_over_time(m[1m])",
    "quantile_over_time(0.7, g[4m])",
    "stddev_over_time(g[4m])",
    "count_over_time(m[4m])",
    "present_over_time(g[30s])",
    "absent_over_time(g{job='a'}[30s])",
    "rate(h[2m])",
    "sum_over_time(h[2m])",
    "histogram_quantile(0.9, rate(h[5m]))",
    "histogram_count(sum_over_time(h[1m]))",
    "histogram_sum(rate(h[2m]))",
    "sum by (job) (rate(c[1m]))",
    "sum without (instance) (h)",
    "avg by (job) (g)",
    "count by (instance) (c)",
    "min by (job) (c)",
    "max(g)",
    "group by (job) ({__name__=~'c|g'})",
    "quantile by (job) (0.5, c)",
    "stddev(c)",
    "count_values('v', round(c, 50))",
    "c / on (job, instance) g > 0",
    "g * on (job) group_left () max by (job) (c)",
    "c and g unless g > 50",
    "max_over_time(rate(c[1m])[5m:30s])",
    "rate(c[2m] smoothed) or increase(c[1m] anchored)",
    "rate(c[11m] @ 600)",
    "increase(c[11m] @ 600 anchored)",
    "resets(c[11m] @ 600)",
    "delta(g[11m] @ 600)",
    "count_over_time(m[11m] @ 600)",
    "min_over_time(g[11m] @ 600)",
    "sum by (job) (max_over_time(g[11m] @ 600))",
    "last_over_time(m[11m] @ 600)",
    "first_over_time(m[11m] @ 600)",
    "ts_of_last_over_time(g[11m] @ 600)",
    "max_over_time(c[11m] @ 600) - min_over_time(c[3m] @ 600)",
];

/// A point: a counter's, a gauge's, a histogram's number.
#[derive(Clone, Debug)]
struct Drawn {
    series: usize,
    at: i64,
    number: u16,
}

fn labels(series: usize) -> Labels {
    let name = ["c", "g", "h", "m"][series % 4];
    let (job, instance) = (["a", "b"][series / 4 % 2], ["x", "y", "z"][series / 8 % 3]);
    Labels::from_pairs([("__name__", name), ("instance", instance), ("job", job)]).unwrap()
}

fn value(drawn: &Drawn) -> PointValue {
    let number = f64::from(drawn.number % 200);
    let is_histogram = match drawn.series % 4 {
        2 => true,
        3 => drawn.number.is_multiple_of(3),
        _ => false,
    };
    if !is_histogram {
        return PointValue::Float(match drawn.number {
            0 => f64::from_bits(0x7ff0_0000_0000_0002),
            1 if drawn.series % 4 == 1 => f64::NAN,
            _ if drawn.series % 4 == 1 => number - 100.0,
            // A counter, mostly.
            _ => (drawn.at * 7 + drawn.at % 3) as f64 % 190.0 + number / 100.0,
        });
    }
    let mut histogram = FloatHistogram {
        schema: i32::from(drawn.number % 2),
        zero_threshold: 0.001,
        zero_count: 1.0,
        count: 4.0 + number + drawn.at as f64,
        sum: number * 3.0,
        ..FloatHistogram::default()
    };
    histogram.positive_spans = vec![tsdb_core::BucketSpan {
        offset: 1,
        length: 2,
    }];
    histogram.positive_buckets = vec![3.0, number + drawn.at as f64];
    PointValue::Histogram(Box::new(histogram))
}

fn point(drawn: &Drawn) -> LoadedPoint {
    LoadedPoint {
        timestamp: drawn.at * STEP_MS,
        start_timestamp: 0,
        value: value(drawn),
    }
}

/// What a program that holds them in memory has: a point a series and time.
fn table(all: &BTreeMap<(usize, i64), Drawn>, order: SeriesOrder) -> Table {
    let mut series: BTreeMap<usize, Vec<LoadedPoint>> = BTreeMap::new();
    for drawn in all.values() {
        series.entry(drawn.series).or_default().push(point(drawn));
    }
    let series = series.into_iter().map(|(number, points)| LoadedSeries {
        labels: labels(number),
        points,
    });
    let mut table = Table::new(order);
    table.load(&Load {
        line: 0,
        series: series.collect(),
    });
    table
}

fn write(db: &Db, all: &[&Drawn]) {
    let labels: Vec<Labels> = all.iter().map(|drawn| labels(drawn.series)).collect();
    let mut batch = WriteBatch::new();
    for (drawn, labels) in all.iter().zip(&labels) {
        let at = drawn.at * STEP_MS;
        match value(drawn) {
            PointValue::Float(value) => batch.push(labels, Sample::new(at, value)),
            PointValue::Histogram(histogram) => {
                batch.push_histogram(labels, at, histogram.to_core());
            }
        }
    }
    let report = db.default_namespace().write(&batch).unwrap();
    assert!(report.rejected.is_empty());
}

/// The numbers of each point of a result.
type Points = BTreeMap<(Labels, i64), Vec<f64>>;

fn numbers(histogram: &FloatHistogram) -> Vec<f64> {
    let buckets = histogram.buckets();
    let buckets = buckets.flat_map(|bucket| [bucket.lower, bucket.upper, bucket.count]);
    [histogram.count, histogram.sum]
        .into_iter()
        .chain(buckets)
        .collect()
}

/// A source that is parted among threads although it is small.
#[derive(Debug)]
struct Parted<'s>(&'s dyn Queryable);

struct PartedStream<'s>(Box<dyn SeriesStream + 's>);

impl Queryable for Parted<'_> {
    fn select<'q>(
        &'q self,
        selection: &Selection<'_>,
    ) -> Result<Box<dyn SeriesStream + 'q>, SourceError> {
        Ok(Box::new(PartedStream(self.0.select(selection)?)))
    }
}

impl SeriesStream for PartedStream<'_> {
    fn next_series(&mut self) -> Result<Option<SeriesSamples>, SourceError> {
        self.0.next_series()
    }

    fn next_into(&mut self, into: &mut SeriesSamples) -> Result<bool, SourceError> {
        self.0.next_into(into)
    }

    fn group(&self) -> Option<u32> {
        self.0.group()
    }

    fn group_labels(&self, group: u32) -> Labels {
        self.0.group_labels(group)
    }

    fn len_at_most(&self) -> usize {
        usize::MAX
    }

    fn place(&self) -> usize {
        self.0.place()
    }

    fn split_off<'s>(&mut self, parts: usize, _: usize) -> Vec<Box<dyn SeriesStream + 's>>
    where
        Self: 's,
    {
        self.0.split_off(parts, 2)
    }
}

/// A source of which it is told how many samples were left out.
#[derive(Debug)]
struct Counted<'s>(&'s dyn Queryable, AtomicU64);

struct CountedStream<'s>(Box<dyn SeriesStream + 's>, &'s AtomicU64);

impl Queryable for Counted<'_> {
    fn select<'q>(
        &'q self,
        selection: &Selection<'_>,
    ) -> Result<Box<dyn SeriesStream + 'q>, SourceError> {
        Ok(Box::new(CountedStream(self.0.select(selection)?, &self.1)))
    }
}

impl SeriesStream for CountedStream<'_> {
    fn next_series(&mut self) -> Result<Option<SeriesSamples>, SourceError> {
        let next = self.0.next_series()?;
        let left_out = next.as_ref().map_or(0, |next| next.left_out);
        self.1.fetch_add(left_out, Ordering::Relaxed);
        Ok(next)
    }
}

/// The points of a result, which are the same whether one thread works on it or several.
fn points(source: &dyn Queryable, query: &str) -> Result<Points, String> {
    let one = points_of(source, query, 1);
    let three = points_of(&Parted(source), query, 3);
    assert_eq!(
        one.as_ref().map(bits),
        three.as_ref().map(bits),
        "{query}: one thread and three"
    );
    one
}

/// All that is in it, for what is equal to the last bit.
fn bits(points: &Points) -> Vec<u64> {
    let points = points.iter().flat_map(|((labels, time), values)| {
        let labels = labels.as_bytes().iter().copied().map(u64::from);
        let values = values.iter().map(|value| value.to_bits());
        labels
            .chain([time.cast_unsigned()])
            .chain(values)
            .collect::<Vec<u64>>()
    });
    points.collect()
}

fn points_of(source: &dyn Queryable, query: &str, threads: usize) -> Result<Points, String> {
    let engine = Engine::new(EngineOptions {
        features: Features::ALL,
        threads,
        ..EngineOptions::default()
    });
    let cancel = Cancel::default();
    let range = engine.range(source, query, (0, END_MS, 20_000), &cancel);
    let answer = range.or_else(|_| engine.instant(source, query, END_MS, &cancel));
    let answer = answer.map_err(|error| error.to_string())?;
    let mut all = Points::new();
    match answer.value {
        Value::Matrix(series) => {
            for one in series {
                for (time, value) in one.floats {
                    all.insert((one.labels.clone(), time), vec![value]);
                }
                for (time, histogram) in one.histograms {
                    all.insert((one.labels.clone(), time), numbers(&histogram));
                }
            }
        }
        other => panic!("{query}: {other:?}"),
    }
    Ok(all)
}

fn is_near(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-9 * (a.abs() + b.abs()) + 1e-9
}

/// The results of all queries are those that the table in memory has, but for the last digits of sums.
fn check(source: &dyn Queryable, expected: &[Result<Points, String>], what: &str) {
    for (query, expected) in QUERIES.iter().zip(expected) {
        let found = points(source, query);
        let (found, expected) = match (&found, expected) {
            (Ok(found), Ok(expected)) => (found, expected),
            (Err(_), Err(_)) => continue,
            (found, expected) => panic!("{what}: {query}: {found:?} is not {expected:?}"),
        };
        let keys = |points: &Points| points.keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(found), keys(expected), "{what}: {query}");
        for ((key, found), expected) in found.iter().zip(expected.values()) {
            let near = found.iter().zip(expected).all(|(a, b)| is_near(*a, *b));
            assert!(
                near && found.len() == expected.len(),
                "{what}: {query}: {key:?}: {found:?} is not {expected:?}"
            );
        }
    }
}

fn drawn() -> impl Strategy<Value = Vec<Drawn>> {
    let one = (0..24_usize, 0..=40_i64, 0..400_u16);
    let one = one.prop_map(|(series, at, number)| Drawn { series, at, number });
    prop::collection::vec(one, 1..400)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 12,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn results_depend_on_neither_storage_nor_order(drawn in drawn(), cut in any::<prop::sample::Index>()) {
        // Of two points of a series at a time the last one written would hold: there is one.
        let all: BTreeMap<(usize, i64), Drawn> =
            drawn.iter().map(|one| ((one.series, one.at), one.clone())).collect();
        let sorted = table(&all, SeriesOrder::Sorted);
        let expected: Vec<_> = QUERIES.iter().map(|query| points(&sorted, query)).collect();
        check(&table(&all, SeriesOrder::Reversed), &expected, "in another order");

        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(folder.path(), DbOptions::default()).unwrap();
        let source = db.default_namespace();
        // As they were drawn: late ones are among them.
        let written: Vec<&Drawn> = drawn
            .iter()
            .filter_map(|one| all.get(&(one.series, one.at)))
            .collect();
        let (first, second) = written.split_at(cut.index(written.len()));
        write(&db, first);
        db.flush().unwrap();
        write(&db, second);
        check(&source, &expected, "in a run and a buffer");
        db.flush().unwrap();
        check(&source, &expected, "in runs");
        db.compact().unwrap();
        check(&source, &expected, "in blocks");
        db.close().unwrap();
        let db = Db::open_read_only(folder.path()).unwrap();
        check(&db.default_namespace(), &expected, "opened again");
    }
}

/// Counters that begin anew, gauges with holes and stale markers, and what stands still, each second.
fn of_hours(series: usize, at: i64) -> Option<f64> {
    let number = (at * 7919 + series as i64 * 31) % 1000;
    match series % 5 {
        0 => Some((at % 5_000) as f64),
        1 if number < 10 => None,
        1 => Some(number as f64 - 500.0),
        2 => Some(3.0),
        3 if number == 77 => Some(f64::NAN),
        3 if at == 9_000 => Some(f64::from_bits(tsdb_core::STALE_NAN_BITS)),
        3 => Some(number as f64 / 8.0),
        _ => Some((at / 100) as f64),
    }
}

/// Whether two points are the same to the last bit.
fn is_same(a: &(&(Labels, i64), &Vec<f64>), b: &(&(Labels, i64), &Vec<f64>)) -> bool {
    let bits =
        |values: &[f64]| -> Vec<u64> { values.iter().map(|value| value.to_bits()).collect() };
    a.0 == b.0 && bits(a.1) == bits(b.1)
}

const SECONDS: i64 = 4 * 3600;

fn label(series: usize) -> Labels {
    Labels::from_pairs([("__name__", "s"), ("n", &series.to_string())]).unwrap()
}

/// Ten series of four hours.
fn hours(folder: &Path) -> Db {
    let db = Db::open(folder, DbOptions::default()).unwrap();
    let own: Vec<Labels> = (0..10).map(label).collect();
    for from in (0..SECONDS).step_by(1000) {
        let mut batch = WriteBatch::new();
        for at in from..(from + 1000).min(SECONDS) {
            for (series, labels) in own.iter().enumerate() {
                if let Some(value) = of_hours(series, at) {
                    batch.push(labels, Sample::new(at * 1000, value));
                }
            }
        }
        let report = db.default_namespace().write(&batch).unwrap();
        assert!(report.rejected.is_empty());
    }
    db
}

/// Whether pages are decoded or their statistics asked makes no difference to the last bit.
#[test]
fn statistics_of_pages_answer_long_windows() {
    let folder = tempfile::tempdir().unwrap();
    let db = hours(folder.path());
    let functions = [
        "rate",
        "increase",
        "delta",
        "resets",
        "count_over_time",
        "min_over_time",
        "max_over_time",
        "first_over_time",
        "last_over_time",
        "present_over_time",
        "ts_of_first_over_time",
        "ts_of_last_over_time",
        "sum_over_time",
    ];
    let asked = |function: &str| {
        let query = |window| format!("{function}(s[{window}] @ {SECONDS} offset 311s)");
        ["4h", "3h", "100m", "600s", "1s"].map(query)
    };
    let queries: Vec<String> = functions.into_iter().flat_map(asked).collect();
    let ask = |source: &dyn Queryable| -> Vec<Points> {
        let asked = queries.iter();
        asked
            .map(|query| points_of(source, query, 1).unwrap())
            .collect()
    };
    let source = db.default_namespace();
    let buffers = ask(&source);
    db.compact().unwrap();
    let counted = Counted(&source, AtomicU64::new(0));
    let blocks = ask(&counted);
    for ((query, buffers), blocks) in queries.iter().zip(&buffers).zip(&blocks) {
        let other = buffers.iter().zip(blocks).find(|(a, b)| !is_same(a, b));
        assert!(other.is_none(), "{query}: {other:?}");
        assert_eq!(buffers.len(), blocks.len(), "{query}");
    }
    let left_out = counted.1.into_inner();
    assert!(left_out > 1_000_000, "{left_out}");
}

/// What was deleted is in pages still, and what comes late is not in them.
#[test]
fn statistics_of_pages_do_not_hide_deletes_and_late_samples() {
    let folder = tempfile::tempdir().unwrap();
    let db = hours(folder.path());
    db.compact().unwrap();
    let source = db.default_namespace();
    let deleted = TimeRange::inclusive(1_000_000, 1_999_000).unwrap();
    let matchers = [Matcher::equal("n", "4")];
    source.delete(deleted, &matchers).unwrap();
    let (mut late, labels) = (WriteBatch::new(), label(2));
    late.push(&labels, Sample::new(3_000_500, 1e6));
    assert!(source.write(&late).unwrap().rejected.is_empty());
    for (query, expected) in [
        ("count_over_time(s{n='4'}[4h] @ 14400)", 14_399.0 - 1000.0),
        ("count_over_time(s{n='2'}[4h] @ 14400)", 14_399.0 + 1.0),
        ("max_over_time(s{n='2'}[4h] @ 14400)", 1e6),
    ] {
        let found = points_of(&source, query, 1).unwrap();
        assert_eq!(*found.values().next().unwrap(), [expected], "{query}");
    }
}
