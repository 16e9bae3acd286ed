//! Counters of many targets, as scrapes bring them.

use tsdb_core::{Db, DbOptions, Labels, Namespace, Sample, WriteBatch};

use crate::mix;

/// Series of a target.
const TARGET: usize = 1000;

/// The begin of a window of two hours, in milliseconds.
pub const START_MS: i64 = 1_699_999_200_000;

/// Time between scrapes, in milliseconds.
pub const SCRAPE_MS: i64 = 15_000;

/// Series `number` of targets that arrive whole, as scrapes do: ten labels. The even ones are
/// `http_requests_total`, the others buckets of `http_request_duration_seconds`, 20 a handler.
///
/// # Panics
/// Never: the labels are valid.
#[must_use]
#[expect(clippy::expect_used, reason = "the labels are valid")]
pub fn labels(number: usize) -> Labels {
    let (target, kind) = (number / TARGET, number % TARGET);
    let (is_bucket, place) = (kind % 2 == 1, kind / 2);
    let (name, le, handler) = match (is_bucket, place % 20) {
        (false, _) => ("http_requests_total", String::new(), place),
        (true, 19) => (
            "http_request_duration_seconds_bucket",
            "+Inf".to_owned(),
            place / 20,
        ),
        (true, bucket) => (
            "http_request_duration_seconds_bucket",
            format!("{}", bucket as f64 * 0.025 + 0.025),
            place / 20,
        ),
    };
    Labels::from_pairs([
        ("__name__", name.to_owned()),
        ("cluster", "prod-eu-west-1a".to_owned()),
        ("container", format!("app-{}", target % 40)),
        ("handler", format!("/api/v1/resource/{handler}")),
        (
            "instance",
            format!("10.0.{}.{}:9100", target / 256, target % 256),
        ),
        ("job", format!("service-{}", target % 40)),
        ("le", le),
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
///
/// # Panics
/// When a write fails.
#[expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark may panic"
)]
pub fn write(metrics: &Namespace, series: &[Labels], rounds: usize) {
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

/// A new database with room for hours of the fleet in memory.
///
/// # Panics
/// When there is none.
#[must_use]
#[expect(clippy::expect_used, reason = "a benchmark may panic")]
pub fn database(folder: &std::path::Path) -> Db {
    let options = DbOptions {
        log_cap_bytes: 4 << 30,
        memory_budget_bytes: 6 << 30,
        ..DbOptions::default()
    };
    Db::open(folder, options).expect("a new database")
}
