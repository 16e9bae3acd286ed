//! What a query engine asks of the database: the last five minutes of very many series, and hours
//! of many, from buffers, runs and blocks. CPU time of the thread, best of some runs. Linux only.
//!
//! `cargo bench -p tsdb-bench --bench read --profile quick`; `-- "6 h" blocks` measures that alone,
//! with `-- --test` each part runs once on little.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark may panic"
)]
#![expect(clippy::print_stdout, reason = "a benchmark says what it measured")]

use std::hint::black_box;

use tsdb_bench::{is_tiny, mix};
use tsdb_core::{
    Db, DbOptions, Grouping, Labels, Matcher, MergedSamples, Namespace, Sample, ScanOptions,
    TimeRange, WriteBatch,
};

/// Series of a target.
const TARGET: usize = 1000;
/// The begin of a window of two hours.
const START_MS: i64 = 1_699_999_200_000;
const SCRAPE_MS: i64 = 15_000;

/// Series `number` of targets that arrive whole, as scrapes do: ten labels.
fn labels(number: usize) -> Labels {
    let (target, kind) = (number / TARGET, number % TARGET);
    Labels::from_pairs([
        ("__name__", format!("metric_{}_total", kind / 84)),
        ("cluster", "prod-eu-west-1a".to_owned()),
        ("container", format!("app-{}", target % 40)),
        ("endpoint", "http-metrics".to_owned()),
        (
            "instance",
            format!("10.0.{}.{}:9100", target / 256, target % 256),
        ),
        ("job", format!("service-{}", target % 40)),
        ("le", format!("{}", (kind % 84) as f64 * 0.025)),
        ("namespace", format!("team-{}-production", target % 25)),
        (
            "pod",
            format!("app-{}-{:08x}", target % 40, mix(target as u64)),
        ),
        ("service", format!("service-{}", target % 40)),
    ])
    .expect("labels")
}

/// Counters: of ten, four stand still, five count whole numbers, one has all digits. A tenth of
/// the scrapes comes up to 5 ms early or late.
fn write(metrics: &Namespace, series: &[Labels], rounds: usize) {
    let mut values = vec![0.0; series.len()];
    for round in 0..rounds {
        let mut batch = WriteBatch::new();
        for (number, labels) in series.iter().enumerate() {
            let target = mix((round * 7919 + number / TARGET) as u64);
            let jitter = if target.is_multiple_of(10) {
                (target >> 32) as i64 % 11 - 5
            } else {
                0
            };
            let chance = mix((round * series.len() + number) as u64);
            values[number] += match number % 10 {
                0..4 => 0.0,
                4..9 => (chance % 100) as f64,
                _ => chance as f64 / 1e17,
            };
            let time = START_MS + round as i64 * SCRAPE_MS + jitter;
            batch.push(labels, Sample::new(time, values[number]));
        }
        metrics.write(&batch).expect("a write");
    }
}

/// Nanoseconds this thread was on a processor.
fn cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux counts it");
    let first = text.split_whitespace().next();
    first.and_then(|ns| ns.parse().ok()).expect("a number")
}

/// Whether the arguments ask for this measurement: each that is no option has to be in its name.
fn is_asked(what: &str) -> bool {
    let mut words = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'));
    words.all(|word| what.contains(&word))
}

/// The least CPU time of some runs a unit, where a run tells how many units it was.
fn say(what: &str, unit: &str, mut run: impl FnMut() -> u64) {
    if !is_asked(what) {
        return;
    }
    let mut least = f64::INFINITY;
    for _ in 0..if is_tiny() { 1 } else { 5 } {
        let start = cpu_ns();
        let units = black_box(run());
        assert!(units > 0, "{what} reads nothing");
        least = least.min((cpu_ns() - start) as f64 / units as f64);
    }
    println!("{what:<58} {least:>10.2} ns {unit}");
}

fn database(folder: &std::path::Path) -> Db {
    let options = DbOptions {
        log_cap_bytes: 4 << 30,
        memory_budget_bytes: 6 << 30,
        ..DbOptions::default()
    };
    Db::open(folder, options).expect("a new database")
}

/// Reads all series of a scan; how many series and samples there were.
fn scan(
    metrics: &Namespace,
    (range, matchers): (TimeRange, &[Matcher]),
    grouping: Option<Grouping>,
) -> (u64, u64) {
    let options = ScanOptions {
        grouping,
        ..ScanOptions::default()
    };
    let mut scan = metrics.scan(range, matchers, &options).expect("a scan");
    let mut columns = MergedSamples::default();
    let (mut series, mut samples, mut groups) = (0, 0, 0);
    while scan.next_into(&mut columns).expect("a series") {
        series += 1;
        samples += columns.timestamps.len() as u64;
        groups += u64::from(scan.group());
    }
    black_box(groups);
    (series, samples)
}

/// Counts the newest samples by job.
fn newest(metrics: &Namespace, range: TimeRange, matchers: &[Matcher]) -> u64 {
    let grouping = Some(Grouping::by(["job"]));
    let options = ScanOptions {
        grouping,
        ..ScanOptions::default()
    };
    let mut scan = metrics.newest(range, matchers, &options).expect("a scan");
    let mut counts = vec![0; scan.groups().len()];
    while let Some(newest) = scan.next_newest().expect("a series") {
        counts[newest.group as usize] += 1;
    }
    counts.iter().sum()
}

fn range(from: i64, to: i64) -> TimeRange {
    TimeRange::inclusive(from, to).expect("a range")
}

/// Five minutes of all series.
fn instant() {
    let (series, rounds) = if is_tiny() { (100, 30) } else { (200_000, 240) };
    let series: Vec<Labels> = (0..series).map(labels).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let db = database(folder.path());
    let metrics = db.default_namespace();
    write(&metrics, &series, rounds);
    let now = START_MS + rounds as i64 * SCRAPE_MS;
    let last = range(now - 299_999, now);
    let name = [Matcher::regex("__name__", ".+").expect("a pattern")];
    for place in ["buffers", "runs", "blocks"] {
        say(
            &format!("5 min of all series, {place}, select"),
            "a series",
            || {
                let found = metrics.select(last, &name).expect("a select");
                found
                    .map(|one| u64::from(!one.expect("a series").values().is_empty()))
                    .sum()
            },
        );
        let by_job = || Some(Grouping::by(["job"]));
        say(
            &format!("5 min of all series, {place}, scan"),
            "a series",
            || scan(&metrics, (last, &name), None).0,
        );
        say(
            &format!("5 min of all series, {place}, scan by job"),
            "a series",
            || scan(&metrics, (last, &name), by_job()).0,
        );
        say(
            &format!("newest of all series, {place}, by job"),
            "a series",
            || newest(&metrics, last, &name),
        );
        say(
            &format!("5 min of all series, {place}, select alone"),
            "a series",
            || metrics.select(last, &name).expect("a select").len_at_most() as u64,
        );
        match place {
            "buffers" => db.flush().expect("a flush"),
            _ => db.compact().expect("a compaction"),
        }
    }
    db.close().expect("a clean close");
}

/// Six hours of fewer series.
fn hours() {
    let (series, rounds) = if is_tiny() { (100, 30) } else { (10_000, 1440) };
    let series: Vec<Labels> = (0..series).map(labels).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let db = database(folder.path());
    let metrics = db.default_namespace();
    write(&metrics, &series, rounds);
    let all = range(START_MS - 10, START_MS + rounds as i64 * SCRAPE_MS);
    for place in ["buffers", "runs", "blocks"] {
        say(&format!("6 h, {place}, select"), "a sample", || {
            let found = metrics.select(all, &[]).expect("a select");
            found
                .map(|one| one.expect("a series").values().len() as u64)
                .sum()
        });
        say(&format!("6 h, {place}, scan"), "a sample", || {
            scan(&metrics, (all, &[]), None).1
        });
        say(
            &format!("6 h, {place}, chunks for remote read"),
            "a sample",
            || {
                let mut found = metrics.select(all, &[]).expect("a select");
                let mut samples = 0;
                while let Some(one) = found.next_chunks().expect("chunks") {
                    samples += one
                        .chunks
                        .iter()
                        .map(|chunk| u64::from(chunk.count))
                        .sum::<u64>();
                }
                samples
            },
        );
        match place {
            "buffers" => db.flush().expect("a flush"),
            _ => db.compact().expect("a compaction"),
        }
    }
    db.close().expect("a clean close");
}

fn main() {
    let words = || std::env::args().skip(1);
    if !words().any(|word| word == "6 h") {
        instant();
    }
    if !words().any(|word| word == "5 min") {
        hours();
    }
}
