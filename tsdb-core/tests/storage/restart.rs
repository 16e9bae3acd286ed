//! What a start finds does not depend on how many threads look, on how much they take at once, nor
//! on whether a snapshot of the series saves it work.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use tsdb_core::clock::ManualClock;
use tsdb_core::model::ProtocolRules;
use tsdb_core::vfs::{FaultVfs, Outage, SplitMix64};
use tsdb_core::wal::{FRAME_STAMP_BYTES, FrameStamp, LOG_HEADER_BYTES};
use tsdb_core::{
    Db, DbOptions, Matcher, MetricKind, MetricMetadata, NamespaceOptions, RecoveryReport, Sample,
    TimeRange, Vfs, WriteBatch,
};

use crate::support::{Contents, START, Universe, chain, read_all, small_options, value};

const NAMES: [&str; 2] = ["default", "second"];

fn options(open_threads: usize, large: bool) -> DbOptions {
    let mut options = small_options(ProtocolRules::default());
    options.rules.replay_in_large_batches = large;
    options.log_cap_bytes = 1 << 20;
    options.open_threads = open_threads;
    options
}

fn open(vfs: &FaultVfs, options: DbOptions) -> Result<Db, tsdb_core::Error> {
    let clock = Arc::new(ManualClock::new(START));
    Db::open_with(Arc::new(vfs.clone()), clock, options)
}

/// Late, early, equal and repeated samples of two namespaces, over two live logs.
fn folder(universe: &Universe, seed: u64) -> FaultVfs {
    let vfs = FaultVfs::new(seed);
    let mut random = SplitMix64::new(seed);
    for _ in 0..2 {
        let db = open(&vfs, options(1, true)).unwrap();
        db.namespace(NAMES[1], NamespaceOptions::default()).unwrap();
        for _ in 0..60 {
            let mut batch = WriteBatch::new();
            for _ in 0..1 + random.below(30) {
                let series = random.below(universe.series.len() as u64) as usize;
                let time = START + random.below(20_000).cast_signed() * 1000;
                for step in 0..random.below(4).cast_signed() {
                    let sample = Sample::new(time + step, f64::from_bits(value(&mut random)));
                    batch.push(&universe.series[series], sample);
                }
            }
            let namespace = db.find(NAMES[random.below(2) as usize]).unwrap();
            namespace.write(&batch).unwrap();
        }
    }
    vfs.image(Outage::BarePowerCut)
}

/// What is there and what the start says of it, or why it refuses.
fn found(
    vfs: &FaultVfs,
    universe: &Universe,
    options: DbOptions,
) -> Result<(Contents, RecoveryReport), String> {
    let db = open(vfs, options).map_err(|error| chain(&error))?;
    let report = RecoveryReport {
        duration_ms: 0,
        ..db.recovery().clone()
    };
    Ok((read_all(&db, &NAMES, universe)?, report))
}

const WAYS: [(usize, bool); 5] = [(2, true), (4, true), (1, false), (2, false), (4, false)];

#[test]
fn threads_and_batches_change_nothing() {
    let universe = Universe::new(1200);
    for seed in 0..4 {
        let disk = folder(&universe, seed);
        let copy = || disk.image(Outage::BarePowerCut);
        let expected = found(&copy(), &universe, options(1, true)).unwrap();
        assert!(expected.1.samples > 1000 && expected.1.logs == 2);
        for (threads, large) in WAYS {
            let other = found(&copy(), &universe, options(threads, large)).unwrap();
            assert!(expected == other, "{threads} threads, {large}, seed {seed}");
        }
    }
}

/// A log of which one bit of one frame's payload is wrong, and all checksums are right.
fn damaged(log: &[u8], random: &mut SplitMix64) -> Vec<u8> {
    let mut frames = Vec::new();
    let mut at = LOG_HEADER_BYTES;
    while let Ok((stamp, _)) = FrameStamp::parse(&log[at..]) {
        let end = at + FRAME_STAMP_BYTES + stamp.payload_len as usize;
        frames.push(at..end);
        at = end;
    }
    let frame = frames[random.index(frames.len())].clone();
    let mut log = log.to_vec();
    let payload = frame.start + FRAME_STAMP_BYTES..frame.end;
    let byte = payload.start + random.index(payload.len());
    log[byte] ^= 1 << random.below(8);
    let crc = FrameStamp::checksum(&log[frame.clone()]).to_le_bytes();
    log[frame.start + 4..frame.start + 8].copy_from_slice(&crc);
    log
}

#[test]
fn refusals_are_the_same_with_any_number_of_threads() {
    let universe = Universe::new(40);
    let disk = folder(&universe, 77);
    let files = disk.contents();
    let logs: Vec<_> = files
        .iter()
        .filter(|(path, _)| path.ends_with(".log"))
        .collect();
    let mut random = SplitMix64::new(5);
    let mut refused = BTreeMap::new();
    for _ in 0..60 {
        let (path, log) = logs[random.index(logs.len())];
        let log = damaged(log, &mut random);
        let attempt = |threads, large| {
            let disk = disk.image(Outage::BarePowerCut);
            disk.overwrite(path, &log).unwrap();
            found(&disk, &universe, options(threads, large))
        };
        let expected = attempt(1, true);
        for (threads, large) in WAYS {
            assert!(expected == attempt(threads, large), "{expected:?}");
        }
        if let Err(error) = expected {
            let what = ["has none before", "which no series file defines", "byte"];
            let what = what.into_iter().find(|what| error.contains(what));
            *refused.entry(what).or_insert(0) += 1;
        }
    }
    assert!(refused.len() >= 2, "{refused:?}");
}

const SNAPSHOT: &str = "default/series/snapshot";

fn metric(number: u64) -> MetricMetadata {
    MetricMetadata {
        metric: format!("metric{number}"),
        kind: MetricKind::Counter,
        help: "what it counts".to_owned(),
        unit: String::new(),
    }
}

/// Samples of some series, the first `known` of them most likely known, and metadata.
fn write_some(db: &Db, universe: &Universe, random: &mut SplitMix64, series: usize) {
    for name in NAMES {
        let namespace = db.namespace(name, NamespaceOptions::default()).unwrap();
        let mut batch = WriteBatch::new();
        for _ in 0..20 {
            let time = START + random.below(20_000).cast_signed() * 1000;
            let sample = Sample::new(time, f64::from_bits(value(random)));
            batch.push(&universe.series[random.index(series)], sample);
        }
        namespace.write(&batch).unwrap();
        let ticket = namespace.set_metadata(&[metric(random.below(8))]).unwrap();
        ticket.wait().unwrap();
    }
}

/// Everything that a Db tells: samples, metadata, labels found through the index.
type Everything = (Contents, Vec<MetricMetadata>, Vec<String>);

fn all_of(db: &Db, universe: &Universe) -> Everything {
    let contents = read_all(db, &NAMES, universe).unwrap();
    let mut metadata = Vec::new();
    let mut found = Vec::new();
    for namespace in db.namespaces() {
        metadata.extend(namespace.metadata(None, usize::MAX));
        let host = Matcher::regex("host", "host1.*").unwrap();
        let series = namespace
            .series(TimeRange::ALL, &[host], usize::MAX)
            .unwrap();
        found.extend(series.values.iter().map(ToString::to_string));
    }
    (contents, metadata, found)
}

/// Opens a copy of the disk, without its snapshots if so told.
fn look(disk: &FaultVfs, universe: &Universe, keep: bool) -> (Everything, RecoveryReport) {
    let disk = disk.image(Outage::BarePowerCut);
    if !keep {
        for name in NAMES {
            let path = format!("{name}/series/snapshot");
            disk.remove(Path::new(&path)).unwrap();
        }
    }
    let db = open(&disk, options(4, false)).unwrap();
    (all_of(&db, universe), db.recovery().clone())
}

#[test]
fn a_snapshot_tells_what_the_series_files_tell() {
    let universe = Universe::new(60);
    for seed in 0..6 {
        let (disk, mut random) = (FaultVfs::new(seed), SplitMix64::new(seed));
        let mut held = 0;
        for round in 1..6 {
            let db = open(&disk, options(2, true)).unwrap();
            let report = db.recovery();
            assert_eq!(report.refused_snapshots, []);
            assert_eq!(report.series_from_snapshots, held);
            assert!(report.series >= held);
            write_some(&db, &universe, &mut random, round * 20);
            let stops_cleanly = random.coin() || round == 1;
            if stops_cleanly {
                let all = db.stats();
                let series = all.namespaces.iter().map(|one| one.series as u64);
                held = series.sum();
                db.close().unwrap();
            } else {
                drop(db);
            }
            let (with, report) = look(&disk, &universe, true);
            assert_eq!(report.series_from_snapshots, held);
            let (without, report) = look(&disk, &universe, false);
            assert_eq!(report.series_from_snapshots, 0);
            assert!(with == without, "round {round} of seed {seed}");
        }
    }
}

/// A small folder after a clean stop, a crash behind it.
fn stopped(universe: &Universe) -> FaultVfs {
    let (disk, mut random) = (FaultVfs::new(3), SplitMix64::new(3));
    let db = open(&disk, options(1, true)).unwrap();
    write_some(&db, universe, &mut random, 10);
    db.close().unwrap();
    let db = open(&disk, options(1, true)).unwrap();
    write_some(&db, universe, &mut random, 14);
    drop(db);
    disk
}

#[test]
fn a_snapshot_with_any_bit_wrong_is_left_aside_and_removed() {
    let universe = Universe::new(6);
    let disk = stopped(&universe);
    let (expected, report) = look(&disk, &universe, true);
    assert!(report.series_from_snapshots > 0);
    let bytes = disk.contents()[SNAPSHOT].clone();
    let refused = |bytes: &[u8]| {
        let copy = disk.image(Outage::BarePowerCut);
        copy.overwrite(SNAPSHOT, bytes).unwrap();
        let db = open(&copy, options(1, true)).unwrap();
        assert!(expected == all_of(&db, &universe));
        let refused = &db.recovery().refused_snapshots;
        assert_eq!(refused.len(), 1);
        assert_eq!(refused[0].path, Path::new(SNAPSHOT));
        assert!(!copy.contents().contains_key(SNAPSHOT));
    };
    for bit in 0..bytes.len() * 8 {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        refused(&bytes);
    }
    for len in (0..bytes.len()).step_by(7) {
        refused(&bytes[..len]);
    }
}

#[test]
fn damage_that_a_snapshot_covers_is_still_found() {
    let universe = Universe::new(6);
    let disk = stopped(&universe);
    let path = "default/series/0000000001.series";
    let bytes = disk.contents()[path].clone();
    let covered = bytes.len() / 2;
    for at in 0..covered {
        let (copy, mut bytes) = (disk.image(Outage::BarePowerCut), bytes.clone());
        bytes[at] ^= 4;
        copy.overwrite(path, &bytes).unwrap();
        let error = open(&copy, options(1, true)).unwrap_err();
        assert!(chain(&error).contains(path), "{}", chain(&error));
    }
}

#[test]
fn a_snapshot_of_another_folder_is_left_aside() {
    let universe = Universe::new(6);
    let disk = stopped(&universe);
    let other = FaultVfs::new(4);
    let db = open(&other, options(1, true)).unwrap();
    write_some(&db, &universe, &mut SplitMix64::new(99), 18);
    db.close().unwrap();
    let (expected, _) = look(&disk, &universe, true);
    let foreign = [
        &other.contents()[SNAPSHOT],
        &disk.contents()["second/series/snapshot"],
    ];
    for bytes in foreign {
        let copy = disk.image(Outage::BarePowerCut);
        copy.overwrite(SNAPSHOT, bytes).unwrap();
        let (found, report) = look(&copy, &universe, true);
        assert!(found == expected);
        assert_eq!(report.refused_snapshots.len(), 1);
    }
}
