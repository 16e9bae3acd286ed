//! A database inside a program: write in any order, read back, come back after a restart.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use tsdb_core::{Db, DbOptions, Labels, Matcher, Sample, TimeRange, WriteBatch};

/// 2023-11-14 22:13:20 UTC.
const START_MS: i64 = 1_700_000_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let db = Db::open(folder.path(), DbOptions::default())?;

    let hosts: Vec<Labels> = ["a", "b"]
        .iter()
        .map(|host| Labels::from_pairs([("__name__", "cpu_seconds_total"), ("host", host)]))
        .collect::<Result<_, _>>()?;
    let mut batch = WriteBatch::new();
    for minute in [2, 0, 1, 0] {
        // Late samples and duplicates are welcome.
        for labels in &hosts {
            let timestamp = START_MS + minute * 60_000;
            batch.push(labels, Sample::new(timestamp, minute as f64 * 1.5));
        }
    }
    let report = db.default_namespace().write(&batch)?; // Durable when it returns.
    assert!(report.rejected.is_empty());
    db.close()?;

    let db = Db::open(folder.path(), DbOptions::default())?;
    let range = TimeRange::new(START_MS, START_MS + 3 * 60_000)?; // Half-open, milliseconds.
    let host_a = [
        Matcher::equal("__name__", "cpu_seconds_total"),
        Matcher::regex("host", "a|z")?,
    ];
    let mut found = Vec::new();
    for series in db.default_namespace().select(range, &host_a)? {
        let series = series?;
        println!("{}", series.labels());
        for sample in series.samples() {
            println!("  {} {}", sample.timestamp, sample.value);
            found.push(((sample.timestamp - START_MS) / 60_000, sample.value));
        }
    }
    assert_eq!(found, [(0, 0.0), (1, 1.5), (2, 3.0)]);
    db.close()?;
    Ok(())
}
