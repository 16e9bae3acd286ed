//! Blocks as a Db makes, reads, keeps and drops them.

use std::sync::Arc;
use std::time::Duration;

use tsdb_core::clock::ManualClock;
use tsdb_core::model::{ProtocolRules, winner};
use tsdb_core::vfs::{FaultVfs, SplitMix64};
use tsdb_core::{
    Clock, Db, DbOptions, ErrorKind, Labels, MaintenanceStep, NamespaceOptions, Series, TimeRange,
    Vfs, WriteBatch,
};

use crate::support::{START, Universe, push, read_all, small_options, value};

const HOUR_MS: i64 = 3_600_000;
const NAMES: [&str; 1] = ["default"];

struct Disk {
    vfs: FaultVfs,
    clock: Arc<ManualClock>,
    options: DbOptions,
}

impl Disk {
    fn new(vfs: FaultVfs) -> Self {
        let mut options = small_options(ProtocolRules::default());
        options.log_cap_bytes = 1 << 30;
        let clock = Arc::new(ManualClock::new(START));
        Self {
            vfs,
            clock,
            options,
        }
    }

    fn open(&self) -> Db {
        let vfs = Arc::new(self.vfs.clone());
        Db::open_with(vfs, self.clock.clone(), self.options.clone()).unwrap()
    }
}

fn append(db: &Db, series: &Labels, samples: impl IntoIterator<Item = (i64, u64)>) {
    let mut batch = WriteBatch::new();
    for (time, bits) in samples {
        push(&mut batch, series, time, bits);
    }
    let report = db.default_namespace().write(&batch).unwrap();
    assert!(report.rejected.is_empty(), "{report:?}");
}

fn maintain(db: &Db) -> Vec<MaintenanceStep> {
    let mut steps = Vec::new();
    loop {
        let done = db.maintain().unwrap();
        steps.push(done.step);
        if !done.more {
            return steps;
        }
    }
}

/// The same times in two blocks, a run and a buffer, each place with values of its own: whichever
/// is read, merged or compacted, the winner stays.
#[test]
fn one_rule_decides_between_blocks_runs_and_buffers() {
    let (disk, universe) = (Disk::new(FaultVfs::new(1)), Universe::new(1));
    let mut random = SplitMix64::new(7);
    let (db, series) = (disk.open(), &universe.series[0]);
    let mut expected: Vec<u64> = Vec::new();
    for place in 0..4 {
        let values: Vec<u64> = (0..1500).map(|_| value(&mut random)).collect();
        expected = match place {
            0 => values.clone(),
            _ => expected
                .iter()
                .zip(&values)
                .map(|(a, b)| winner(f64::from_bits(*a), f64::from_bits(*b)).to_bits())
                .collect(),
        };
        append(&db, series, (0..).map(|at| START + at * 1000).zip(values));
        match place {
            0 => db.compact().unwrap(),
            1 => {
                // A second block of the same window, which is too small to be worth a merge.
                db.flush().unwrap();
                disk.clock.advance(3 * HOUR_MS.unsigned_abs());
                assert!(maintain(&db).contains(&MaintenanceStep::Compact));
                disk.clock.step_wall(-3 * HOUR_MS);
            }
            2 => db.flush().unwrap(),
            _ => {}
        }
    }
    let check = |db: &Db| {
        let found = read_all(db, &NAMES, &universe).unwrap();
        let found: Vec<u64> = found.into_iter().map(|(_, bits)| bits).collect();
        assert!(found == expected);
    };
    check(&db);
    let mut chunks = db.default_namespace().select(TimeRange::ALL, &[]).unwrap();
    let chunks = chunks.next_chunks().unwrap().unwrap().chunks;
    assert!(chunks.iter().all(|chunk| chunk.count <= 480));
    assert!(chunks.windows(2).all(|pair| pair[0].max < pair[1].min));
    assert_eq!(chunks.iter().map(|chunk| chunk.count).sum::<u32>(), 1500);
    db.compact().unwrap();
    check(&db);
    let stats = &db.stats().namespaces[0];
    // While all of it lay in blocks the series left memory, and it came back under another id: of
    // each there is a row, and readers join them.
    assert_eq!(db.stats().series_forgotten, 1);
    assert_eq!(
        (stats.runs, stats.blocks, stats.block_samples),
        (0, 1, 3000)
    );
    drop(db);
    check(&disk.open());
}

/// Windows grow by fours up to a tenth of the retention; what is expired is left out or dropped
/// whole; nothing else is ever missing.
#[test]
fn windows_grow_and_expire() {
    let (disk, universe) = (Disk::new(FaultVfs::new(2)), Universe::new(1));
    let db = disk.open();
    let hour = Duration::from_secs(3600);
    let options = NamespaceOptions {
        retention: Some(100 * hour),
        window: hour,
        ..NamespaceOptions::default()
    };
    db.namespace("default", options).unwrap();
    let end = START + 200 * HOUR_MS;
    while disk.clock.now_ms() < end {
        let now = disk.clock.now_ms();
        append(&db, &universe.series[0], [(now, 1)]);
        disk.clock.advance(600_000);
        maintain(&db);
        if now % (40 * HOUR_MS) == 0 {
            let found = read_all(&db, &NAMES, &universe).unwrap();
            let oldest = found[0].0.2;
            assert!(
                oldest <= (now - 99 * HOUR_MS).max(START),
                "{oldest} at {now}"
            );
            let steps = found.windows(2).map(|pair| pair[1].0.2 - pair[0].0.2);
            assert!(steps.into_iter().all(|step| step == 600_000));
        }
    }
    let stats = db.stats();
    let namespace = &stats.namespaces[0];
    // A hundred hours in blocks of four, and some that are not merged yet or about to go.
    assert!((24..34).contains(&namespace.blocks), "{stats:?}");
    assert!(
        stats.blocks_expired > 10 && stats.compactions > 100,
        "{stats:?}"
    );
    assert!(namespace.runs <= 2, "{stats:?}");
    assert_eq!(db.verify().unwrap().problems, []);
}

/// Past its bytes a namespace drops its oldest blocks, and nothing that is in no block.
#[test]
fn bytes_are_kept_within_their_limit() {
    let (disk, universe) = (Disk::new(FaultVfs::new(3)), Universe::new(2));
    let db = disk.open();
    let mut random = SplitMix64::new(1);
    for hour in 0..24 {
        for series in &universe.series {
            let times = (0..360).map(|at| START + hour * HOUR_MS + at * 10_000);
            append(&db, series, times.map(|time| (time, random.next_u64())));
        }
        db.flush().unwrap();
        disk.clock.advance(HOUR_MS.unsigned_abs());
        maintain(&db);
    }
    let before = db.stats().namespaces[0].clone();
    assert!(before.blocks > 3 && before.runs > 0, "{before:?}");
    let limit = before.run_bytes + before.block_bytes / 2;
    let all = read_all(&db, &NAMES, &universe).unwrap();
    let options = NamespaceOptions {
        retention_bytes: Some(limit),
        ..NamespaceOptions::default()
    };
    db.namespace("default", options).unwrap();
    assert!(maintain(&db).contains(&MaintenanceStep::Expire));
    let after = db.stats().namespaces[0].clone();
    assert!(after.run_bytes + after.block_bytes <= limit, "{after:?}");
    assert_eq!(after.runs, before.runs);
    let kept = read_all(&db, &NAMES, &universe).unwrap();
    let oldest = kept.iter().map(|(place, _)| place.2).min().unwrap();
    let newer = all.iter().filter(|(place, _)| place.2 >= oldest);
    assert!(newer.eq(&kept), "only the oldest are gone");
    // A limit below what the runs take drops all blocks, and no run.
    let options = NamespaceOptions {
        retention_bytes: Some(1),
        ..options
    };
    db.namespace("default", options).unwrap();
    assert!(maintain(&db).contains(&MaintenanceStep::Expire));
    let after = db.stats().namespaces[0].clone();
    assert_eq!((after.blocks, after.runs), (0, before.runs));
    drop(db);
    let db = disk.open();
    assert_eq!(db.default_namespace().options(), options);
    let mut removed = db.recovery().removed.iter();
    assert!(
        removed.all(|path| path.starts_with("wal")),
        "nothing was left over"
    );
}

/// A reader keeps what it began with, is counted, and is refused past the limit; it holds up
/// neither compaction nor removal.
#[test]
fn what_a_reader_holds_is_counted_and_bounded() {
    for (limit, refused) in [(u64::MAX, false), (0, true)] {
        let mut disk = Disk::new(FaultVfs::new(5));
        disk.options.pinned_bytes_max = limit;
        let universe = Universe::new(60);
        let db = disk.open();
        let fill = |round: i64| {
            for series in &universe.series {
                let times = (0..100).map(|at| START + round * 100_000 + at * 1000);
                append(&db, series, times.map(|time| (time, 5)));
            }
        };
        fill(0);
        db.compact().unwrap();
        fill(1);
        db.flush().unwrap();
        let mut reader = db.default_namespace().select(TimeRange::ALL, &[]).unwrap();
        let first = reader.next().unwrap().unwrap();
        assert_eq!(first.timestamps().len(), 200);
        assert_eq!(db.stats().pinned_files, 0);
        fill(2);
        db.compact().unwrap();
        let stats = db.stats();
        assert_eq!(stats.pinned_files, 2, "a block and a run: {stats:?}");
        assert!(stats.pinned_bytes > 1000);
        assert_eq!(disk.vfs.list("default/runs".as_ref()).unwrap().len(), 0);
        assert_eq!(disk.vfs.list("default/blocks".as_ref()).unwrap().len(), 1);
        let rest: Vec<_> = reader.by_ref().collect();
        if refused {
            // What was read before is given out, then comes the error, and nothing is held.
            let error = rest.last().unwrap().as_ref().unwrap_err().to_string();
            assert!(error.contains("pinned_bytes_max"), "{error}");
        } else {
            assert_eq!(rest.len(), universe.series.len() - 1);
            // What was appended meanwhile to the buffers it began with may be among them.
            let samples = |one: &Result<Series, _>| one.as_ref().unwrap().timestamps().len();
            assert!(
                rest.iter()
                    .map(samples)
                    .all(|count| count == 200 || count == 300)
            );
            drop(reader);
        }
        assert_eq!(db.stats().pinned_files, 0);
        let found = read_all(&db, &NAMES, &universe).unwrap();
        assert_eq!(found.len(), universe.series.len() * 300);
    }
}

/// A damaged block is told once, named; other windows go on being compacted.
#[test]
fn damage_holds_up_only_what_it_is_in() {
    let (disk, universe) = (Disk::new(FaultVfs::new(4)), Universe::new(1));
    let db = disk.open();
    let series = &universe.series[0];
    append(
        &db,
        series,
        (0..500).map(|at| (START + at * 1000, at.cast_unsigned())),
    );
    db.compact().unwrap();
    let path = "default/blocks";
    let name = disk.vfs.list(path.as_ref()).unwrap().remove(0);
    let path = format!("{path}/{name}");
    let mut bytes = disk.vfs.content(&path).unwrap();
    bytes[70] ^= 1;
    disk.vfs.overwrite(&path, &bytes).unwrap();
    append(
        &db,
        series,
        (0..500).map(|at| (START + 500_000 + at * 1000, 1)),
    );
    let error = db.compact().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(crate::support::chain(&error).contains(&name), "{error}");
    db.compact().unwrap();
    let stats = db.stats().namespaces[0].clone();
    assert_eq!((stats.runs, stats.blocks), (0, 2), "{stats:?}");
    let report = db.verify().unwrap();
    assert_eq!(report.problems.len(), 1, "{report:?}");
}
