//! What a query engine asks of the database: the last five minutes of very many series, and hours
//! of many, from buffers, runs and blocks. CPU time of the thread, best of some runs. Linux only.
//!
//! `cargo bench -p tsdb-bench --bench read --profile quick`; `-- "6 h" blocks` measures that alone,
//! with `-- --test` each part runs once on little.
#![expect(clippy::expect_used, reason = "a benchmark may panic")]

use std::hint::black_box;

use tsdb_bench::counters::{SCRAPE_MS, START_MS, database, labels, write};
use tsdb_bench::cpu::say;
use tsdb_bench::is_tiny;
use tsdb_core::{Grouping, Labels, Matcher, MergedSamples, Namespace, ScanOptions, TimeRange};

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
        if let Some(count) = counts.get_mut(newest.group as usize) {
            *count += 1;
        }
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
