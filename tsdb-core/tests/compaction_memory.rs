//! What a compaction may hold in memory, however much it compacts.
#![cfg(test)]

mod watched;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tsdb_core::clock::ManualClock;
use tsdb_core::{Db, DbOptions, Labels, Sample, WriteBatch};

use watched::{Watched, held};

const START: i64 = 1_700_006_400_000;
const SERIES: usize = 4_000;
const MOST_HELD: usize = 4 << 20;

/// The most that compacting eight runs of `samples` samples a series holds beyond what was held
/// before, and the bytes of the samples decoded.
fn most_held(samples: i64) -> (usize, usize) {
    let folder = tempfile::tempdir().unwrap();
    let (vfs, most) = Watched::new(folder.path());
    let clock = Arc::new(ManualClock::new(START + 7_200_000));
    let options = DbOptions {
        log_cap_bytes: 1 << 30,
        ..DbOptions::default()
    };
    let db = Db::open_with(Arc::new(vfs), clock, options).unwrap();
    let series: Vec<Labels> = (0..SERIES)
        .map(|number| {
            let (host, path) = (
                format!("host-{}", number / 40),
                format!("/p/{}", number % 40),
            );
            Labels::from_pairs([
                ("__name__", "requests_total"),
                ("host", &host),
                ("path", &path),
            ])
        })
        .collect::<Result<_, _>>()
        .unwrap();
    for at in 0..samples {
        let mut batch = WriteBatch::new();
        for (number, labels) in (0i64..).zip(&series) {
            let value = (at * (number % 11) + at * at % 7) as f64;
            batch.push(labels, Sample::new(START + at * 7_200_000 / samples, value));
        }
        db.default_namespace().write(&batch).unwrap();
        if (at + 1) % (samples / 8) == 0 {
            db.flush().unwrap();
        }
    }
    assert_eq!(db.stats().namespaces[0].runs, 8);
    let before = held();
    most.store(0, Ordering::Relaxed);
    db.compact().unwrap();
    let stats = db.stats().namespaces[0].clone();
    let total = SERIES as i64 * samples;
    assert_eq!((stats.runs, stats.block_samples), (0, total.unsigned_abs()));
    let more = most.load(Ordering::Relaxed).saturating_sub(before);
    (more, stats.block_samples as usize * 16)
}

/// Eight runs become a block, first a fresh one and then a dense one.
#[test]
fn a_compaction_holds_some_mebibytes_whatever_it_reads() {
    for samples in [80, 480] {
        let (more, decoded) = most_held(samples);
        println!("{samples} samples a series: {more} bytes held, {decoded} decoded");
        // For each run a page of its directory and its chunks, a quarter of a mebibyte; a group
        // of the block and its directory; the index of 4,000 rows; the samples tables are trained
        // on.
        assert!(more < MOST_HELD, "{more} bytes");
    }
}
