//! PromQL over a database inside a program.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use tsdb_core::{Db, DbOptions, Labels, Sample, WriteBatch};
use tsdb_promql::{Cancel, Engine, Value};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let db = Db::open(folder.path(), DbOptions::default())?;
    let jobs: Vec<Labels> = ["api", "db"]
        .iter()
        .map(|job| Labels::from_pairs([("__name__", "requests_total"), ("job", job)]))
        .collect::<Result<_, _>>()?;
    let mut batch = WriteBatch::new();
    for labels in &jobs {
        for at in 0..=20 {
            batch.push(labels, Sample::new(at * 15_000, at as f64 * 30.0));
        }
    }
    db.default_namespace().write(&batch)?;

    // A namespace is a source of series as it is.
    let engine = Engine::default();
    let query = "sum by (job) (rate(requests_total[2m]))";
    let answer = engine.instant(&db.default_namespace(), query, 300_000, &Cancel::default())?;
    let Value::Vector(samples) = answer.value else {
        return Err("an aggregation gives a vector".into());
    };
    for sample in &samples {
        println!("{} {:?}", sample.labels, sample.value);
    }
    assert_eq!(samples.len(), 2);

    let times = (60_000, 300_000, 60_000); // First, last, step; milliseconds.
    let answer = engine.range(&db.default_namespace(), query, times, &Cancel::default())?;
    let Value::Matrix(series) = answer.value else {
        return Err("a range gives a matrix".into());
    };
    println!("{} series, {:?}", series.len(), answer.stats);
    let is_two = |rate: f64| (rate - 2.0).abs() < 1e-9;
    let last = |one: &tsdb_promql::MatrixSeries| one.floats.last().copied();
    assert!(
        series
            .iter()
            .all(|one| last(one).is_some_and(|(_, rate)| is_two(rate)))
    );
    db.close()?;
    Ok(())
}
