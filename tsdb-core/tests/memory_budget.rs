//! What a Db says it holds in memory is what the allocator gave it, and the budget is kept. Alone
//! in its process, in one test, so that nothing else allocates meanwhile.
#![cfg(test)]

mod watched;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tsdb_core::clock::ManualClock;
use tsdb_core::{
    Db, DbOptions, ErrorKind, Labels, MaintenanceStep, Matcher, RejectReason, Sample, TimeRange,
    WriteBatch,
};

use watched::{Watched, held};

const START: i64 = 1_700_006_400_000;
const PER_BATCH: usize = 2_000;

fn labels(number: usize) -> Labels {
    let (target, kind) = (number / 100, number % 100);
    let host = format!("10.0.{}.{}:9100", target / 256, target % 256);
    Labels::from_pairs([
        ("__name__", format!("metric_{kind}")),
        ("instance", host),
        ("job", format!("service-{}", target % 7)),
        ("pod", format!("app-{target:08x}")),
        ("id", format!("{number:016x}")),
    ])
    .unwrap()
}

fn batch(series: &[Labels], timestamp: i64) -> WriteBatch<'_> {
    let mut batch = WriteBatch::new();
    for (at, labels) in series.iter().enumerate() {
        batch.push(
            labels,
            Sample::new(timestamp, (timestamp + at as i64 * 7) as f64 / 3.0),
        );
    }
    batch
}

fn series(numbers: std::ops::Range<usize>) -> Vec<Labels> {
    numbers.map(labels).collect()
}

/// A Db with the memory that was held before it was made, and a look at the most that was since.
struct Flooded {
    db: Db,
    before: usize,
    most: Arc<AtomicUsize>,
    _folder: tempfile::TempDir,
}

impl Flooded {
    fn new(budget: u64, inline_flush: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (vfs, most) = Watched::new(folder.path());
        let clock = Arc::new(ManualClock::new(START + 10_000_000));
        let before = held();
        let options = DbOptions {
            memory_budget_bytes: budget,
            inline_flush,
            ..DbOptions::default()
        };
        let db = Db::open_with(Arc::new(vfs), clock, options).unwrap();
        Self {
            db,
            before,
            most,
            _folder: folder,
        }
    }

    /// What is said to be held is what is, to a tenth and a constant.
    fn check(&self, when: &str) {
        let stats = self.db.stats();
        let said = stats.series_memory_bytes
            + stats.buffer_memory_bytes
            + stats.append_memory_bytes
            + stats.file_memory_bytes
            + stats.queue_memory_bytes;
        let by_namespace: usize = stats.namespaces.iter().map(|one| one.memory.total()).sum();
        assert_eq!(by_namespace + stats.queue_memory_bytes, said);
        let held = held() - self.before;
        assert!(
            said.abs_diff(held) <= held / 10 + (512 << 10),
            "{when}: {held} bytes are held, {said} are said to be: {stats:?}"
        );
    }

    fn write(&self, numbers: std::ops::Range<usize>, timestamp: i64) {
        for from in numbers.clone().step_by(PER_BATCH) {
            let series = series(from..(from + PER_BATCH).min(numbers.end));
            let report = self
                .db
                .default_namespace()
                .write(&batch(&series, timestamp))
                .unwrap();
            assert_eq!(report.rejected_samples, 0, "{report:?}");
        }
    }
}

fn what_is_said_is_what_is_held() {
    let flooded = Flooded::new(1 << 30, true);
    flooded.check("empty");
    for to in [2_000, 20_000, 60_000] {
        flooded.write(0..to, START);
        flooded.check("after new series");
    }
    for scrape in 1..12 {
        flooded.write(0..20_000, START + scrape * 15_000);
    }
    flooded.check("with samples");
    // Late ones lie aside.
    for scrape in 1..12 {
        flooded.write(0..5_000, START + scrape * 15_000 - 7_000);
    }
    flooded.check("with late samples");
    flooded.db.flush().unwrap();
    flooded.check("flushed");
    flooded.write(60_000..80_000, START + 600_000);
    flooded.db.compact().unwrap();
    flooded.check("compacted");
    // They leave memory, and what is made meanwhile is accounted for.
    while flooded.db.maintain().unwrap().step == MaintenanceStep::Forget {
        flooded.check("forgetting");
    }
    let stats = flooded.db.stats();
    assert_eq!(
        (stats.namespaces[0].series, stats.series_forgotten),
        (0, 80_000)
    );
    flooded.check("forgotten");
    let wanted = [Matcher::equal("job", "service-3")];
    let found = flooded
        .db
        .default_namespace()
        .select(TimeRange::ALL, &wanted)
        .unwrap();
    assert!(found.map(Result::unwrap).count() > 5_000);
    flooded.check("read");
}

/// New series without end: they are refused, those there are stay welcome, and nothing takes more
/// than the budget and a tenth, tables that grow and buffers that are flushed included.
fn a_flood_ends_in_refusals_within_the_budget() {
    const BUDGET: u64 = 24 << 20;
    let flooded = Flooded::new(BUDGET, true);
    let namespace = flooded.db.default_namespace();
    let (mut stored, mut refused) = (0, 0);
    let mut most = 0;
    for from in (0..140_000).step_by(PER_BATCH) {
        let idle = held();
        let series = series(from..from + PER_BATCH);
        let batch = batch(&series, START);
        let sender = held() - idle;
        flooded.most.store(0, Ordering::Relaxed);
        let report = namespace.write(&batch).unwrap();
        let seen = flooded.most.load(Ordering::Relaxed);
        most = most.max(seen.saturating_sub(flooded.before + sender));
        stored += report.appended;
        refused += report.rejected_samples;
        for rejected in &report.rejected {
            assert!(
                matches!(rejected.reason, RejectReason::SeriesMemory { limit, .. } if limit == BUDGET),
                "{rejected}"
            );
        }
        assert_eq!(report.appended + report.rejected_samples, PER_BATCH as u64);
    }
    let known = series(0..PER_BATCH);
    let report = namespace.write(&batch(&known, START + 1_000)).unwrap();
    assert_eq!(
        (report.appended, report.rejected_samples),
        (PER_BATCH as u64, 0)
    );
    println!("{stored} stored, {refused} refused, at most {most} bytes held of {BUDGET}");
    assert!(stored > 60_000 && refused > 20_000, "{stored} {refused}");
    assert!(most as u64 <= BUDGET + BUDGET / 10, "{most} bytes");
    flooded.check("flooded");
}

/// Samples of known series fill the budget: writers are told to wait, and maintenance makes room.
fn pressure_passes_once_buffers_are_flushed() {
    // Room for one scrape of all series in the worst case: each ends a chunk and begins another.
    const BUDGET: u64 = 5 << 20;
    const SERIES: usize = 8_000;
    let flooded = Flooded::new(BUDGET, false);
    let namespace = flooded.db.default_namespace();
    let known = series(0..SERIES);
    let mut waited = 0;
    for scrape in 0..100 {
        let batch = batch(&known, START + scrape * 15_000 + scrape * scrape);
        flooded.most.store(0, Ordering::Relaxed);
        match namespace.write(&batch) {
            Ok(report) => assert_eq!(report.appended, SERIES as u64),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Backpressure, "{error}");
                assert!(error.to_string().contains("memory_budget_bytes"), "{error}");
                waited += 1;
                let mut flushed = false;
                while flooded.db.stats().generations_closed > 0 || !flushed {
                    let step = flooded.db.maintain().unwrap().step;
                    flushed |= step == MaintenanceStep::Flush;
                    assert_ne!(step, MaintenanceStep::Idle, "nothing makes room");
                }
                let report = namespace.write(&batch).unwrap();
                assert_eq!(report.appended, SERIES as u64);
            }
        }
        assert!(flooded.db.stats().buffer_memory_bytes as u64 <= BUDGET);
    }
    assert!(waited > 2, "{waited} times");
}

#[test]
fn memory_is_accounted_and_bounded() {
    what_is_said_is_what_is_held();
    a_flood_ends_in_refusals_within_the_budget();
    pressure_passes_once_buffers_are_flushed();
}
