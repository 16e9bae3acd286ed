//! What a start finds does not depend on how many threads look, nor on how much they take at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use tsdb_core::clock::ManualClock;
use tsdb_core::model::ProtocolRules;
use tsdb_core::vfs::{FaultVfs, Outage, SplitMix64};
use tsdb_core::wal::{FRAME_STAMP_BYTES, FrameStamp, LOG_HEADER_BYTES};
use tsdb_core::{Db, DbOptions, NamespaceOptions, RecoveryReport, Sample, WriteBatch};

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
