//! Series that come and go: what only blocks name leaves memory and the series files, and is found
//! all the same.

use std::sync::Arc;

use tsdb_core::clock::ManualClock;
use tsdb_core::vfs::MemVfs;
use tsdb_core::{
    Clock, Db, DbOptions, Labels, MaintenanceStep, Matcher, MetricKind, MetricMetadata, Sample,
    TimeRange, WriteBatch,
};

use crate::support::START;

const HOUR_MS: i64 = 3_600_000;
const SERIES: usize = 300;

fn labels(generation: usize, number: usize) -> Labels {
    let (pod, path) = (format!("pod-{generation}-{}", number / 10), number % 10);
    let pairs = [
        ("__name__", "requests_total"),
        ("pod", &pod),
        ("path", &path.to_string()),
    ];
    Labels::from_pairs(pairs).unwrap()
}

struct Fleet {
    vfs: Arc<MemVfs>,
    clock: Arc<ManualClock>,
    db: Db,
}

impl Fleet {
    fn new() -> Self {
        let (vfs, clock) = (Arc::new(MemVfs::new()), Arc::new(ManualClock::new(START)));
        let db = Db::open_with(vfs.clone(), clock.clone(), DbOptions::default()).unwrap();
        Self { vfs, clock, db }
    }

    fn write(&self, series: &[Labels], value: f64) {
        let mut batch = WriteBatch::new();
        for labels in series {
            batch.push(labels, Sample::new(self.clock.now_ms(), value));
        }
        let report = self.db.default_namespace().write(&batch).unwrap();
        assert_eq!(report.appended, series.len() as u64, "{report:?}");
    }

    /// Upkeep until there is nothing to do; how many steps let series leave.
    fn settle(&self) -> usize {
        let mut forgotten = 0;
        loop {
            match self.db.maintain().unwrap().step {
                MaintenanceStep::Idle => return forgotten,
                MaintenanceStep::Forget => forgotten += 1,
                _ => {}
            }
            // A compaction rests as long as it took.
            self.clock.advance(1);
        }
    }

    fn reopen(&mut self) {
        self.db.clone().close().unwrap();
        self.db = Db::in_memory(DbOptions::default()).unwrap();
        let (vfs, clock) = (self.vfs.clone(), self.clock.clone());
        self.db = Db::open_with(vfs, clock, DbOptions::default()).unwrap();
        assert!(self.db.recovery().torn.is_empty());
    }

    fn count(&self) -> (usize, usize) {
        let namespace = self.db.default_namespace();
        let (mut series, mut samples) = (0, 0);
        for one in namespace.select(TimeRange::ALL, &[]).unwrap() {
            series += 1;
            samples += one.unwrap().timestamps().len();
        }
        let listed = namespace.series(TimeRange::ALL, &[], usize::MAX).unwrap();
        assert_eq!(listed.values.len(), series);
        (series, samples)
    }
}

fn of_generation(generation: usize) -> Vec<Labels> {
    (0..SERIES)
        .map(|number| labels(generation, number))
        .collect()
}

#[test]
fn churned_series_leave_memory_and_series_files_flat() {
    let mut fleet = Fleet::new();
    let kept = of_generation(1_000_000);
    let metadata = MetricMetadata {
        metric: "requests_total".to_owned(),
        kind: MetricKind::Counter,
        help: "Requests served.".to_owned(),
        unit: String::new(),
    };
    let ticket = fleet
        .db
        .default_namespace()
        .set_metadata(std::slice::from_ref(&metadata));
    ticket.unwrap().wait().unwrap();
    let mut memory = Vec::new();
    let mut disk = Vec::new();
    const GENERATIONS: usize = 24;
    for generation in 0..GENERATIONS {
        let series = of_generation(generation);
        for at in 0..4 {
            fleet.write(&series, at as f64);
            fleet.write(&kept, at as f64);
            fleet.clock.advance(30 * 60_000);
        }
        fleet.db.flush().unwrap();
        fleet.clock.advance(HOUR_MS.unsigned_abs());
        fleet.write(&kept, 9.0);
        fleet.settle();
        if generation % 8 == 5 {
            fleet.reopen();
            fleet.settle();
        }
        let stats = fleet.db.stats().namespaces[0].clone();
        assert!(stats.series <= 4 * SERIES, "{} series", stats.series);
        memory.push(stats.memory.series());
        disk.push(stats.series_file_bytes);
    }
    println!("memory {memory:?}\nseries files {disk:?}");
    let most = |figures: &[usize]| figures.iter().max().copied().unwrap();
    let flat = |figures: &[usize]| most(&figures[4..]) <= most(&figures[..4]) * 21 / 20;
    let disk: Vec<usize> = disk.iter().map(|bytes| *bytes as usize).collect();
    assert!(flat(&memory), "{memory:?}");
    assert!(flat(&disk), "{disk:?}");
    assert!(fleet.db.stats().series_forgotten > 0);
    let (series, samples) = fleet.count();
    assert_eq!(series, (GENERATIONS + 1) * SERIES);
    assert_eq!(samples, (GENERATIONS * 4 * 2 + GENERATIONS) * SERIES);
    let namespace = fleet.db.default_namespace();
    assert_eq!(namespace.metadata(None, 10), [metadata]);
    let pods = namespace.label_values("pod", TimeRange::ALL, &[], usize::MAX);
    assert_eq!(pods.unwrap().values.len(), (GENERATIONS + 1) * SERIES / 10);
    let report = fleet.db.verify().unwrap();
    assert!(report.problems.is_empty(), "{report:?}");
}

/// A series that left comes back: one series to every reader, under the next id.
#[test]
fn a_series_that_returns_is_joined_with_what_it_was() {
    let mut fleet = Fleet::new();
    let (gone, stays) = (of_generation(0), of_generation(1));
    fleet.write(&gone, 1.0);
    fleet.db.compact().unwrap();
    fleet.write(&stays, 1.0);
    // A reader from before keeps its series.
    let before = fleet.db.default_namespace();
    let before = before.select(TimeRange::ALL, &[]).unwrap();
    // Some return while the others are leaving.
    assert_eq!(fleet.db.maintain().unwrap().step, MaintenanceStep::Forget);
    fleet.clock.advance(1_000);
    fleet.write(&gone[..50], 2.0);
    assert_eq!(fleet.count(), (2 * SERIES, 2 * SERIES + 50));
    assert!(fleet.settle() > 2);
    assert_eq!(fleet.db.stats().namespaces[0].series, SERIES + 50);
    assert_eq!(fleet.count(), (2 * SERIES, 2 * SERIES + 50));
    // And some after that; in the closed generation, flushed or not, slots were others.
    fleet.clock.advance(1_000);
    fleet.write(&gone[25..100], 3.0);
    fleet.write(&stays, 3.0);
    assert_eq!(fleet.count(), (2 * SERIES, 3 * SERIES + 125));
    assert_eq!(before.map(Result::unwrap).count(), 2 * SERIES);
    for _ in 0..2 {
        fleet.reopen();
        assert_eq!(fleet.count(), (2 * SERIES, 3 * SERIES + 125));
        let wanted = [
            Matcher::equal("pod", "pod-0-3"),
            Matcher::equal("path", "0"),
        ];
        let found = fleet.db.default_namespace();
        let found: Vec<_> = found
            .select(TimeRange::ALL, &wanted)
            .unwrap()
            .map(|one| one.unwrap().values().to_vec())
            .collect();
        assert_eq!(found, [[1.0, 2.0, 3.0]]);
        fleet.db.compact().unwrap();
        fleet.settle();
        assert_eq!(fleet.count(), (2 * SERIES, 3 * SERIES + 125));
    }
    assert_eq!(fleet.db.stats().namespaces[0].series, 0);
}

/// While the generation that was closed for it is not flushed, its samples are found by ids.
#[test]
fn samples_of_an_older_generation_are_found_while_it_waits() {
    let fleet = Fleet::new();
    let (gone, stays) = (of_generation(0), of_generation(1));
    fleet.write(&gone, 1.0);
    fleet.db.compact().unwrap();
    fleet.write(&stays, 1.0);
    while fleet.db.stats().generations_closed == 0 {
        assert_eq!(fleet.db.maintain().unwrap().step, MaintenanceStep::Forget);
    }
    fleet.clock.advance(1_000);
    fleet.write(&stays[100..], 2.0);
    fleet.write(&gone[..10], 2.0);
    let samples = SERIES + SERIES + 200 + 10;
    assert_eq!(fleet.count(), (2 * SERIES, samples));
    fleet.settle();
    assert_eq!(fleet.count(), (2 * SERIES, samples));
}
