//! A data folder with native histograms of every kind in a log, a run and a block, as this version
//! first wrote them: opened by later ones, every bit checked. The folder is never changed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use tsdb_core::clock::ManualClock;
use tsdb_core::model::ProtocolRules;
use tsdb_core::vfs::{MemVfs, OsVfs};
use tsdb_core::{
    BucketSpan, Db, Histogram, HistogramCounts, Labels, ResetHint, STALE_NAN_BITS, Sample,
    SampleRef, TimeRange, Vfs, WriteBatch,
};

use crate::format_compat::{copy, folder_of, kept};
use crate::support::{START, small_options};

const FOLDER: &str = "histograms-1";
const MINUTE_MS: i64 = 60_000;
/// How many rounds went to the block, the run and the log each.
const ROUNDS: i64 = 40;

fn span(offset: i32, length: u32) -> BucketSpan {
    BucketSpan { offset, length }
}

fn integer(round: i64) -> Histogram {
    let number = round.unsigned_abs();
    Histogram {
        schema: 3,
        zero_threshold: 1e-128,
        sum: round as f64 / 3.0,
        start_timestamp: START - 5 * MINUTE_MS,
        positive_spans: vec![span(-2, 2), span(5, 1)],
        negative_spans: vec![span(0, 1)],
        counts: HistogramCounts::Integer {
            count: 3 * number + 16,
            zero_count: number,
            positive: vec![4, round, -1],
            negative: vec![5],
        },
        ..Histogram::default()
    }
}

fn float(round: i64) -> Histogram {
    Histogram {
        schema: -4,
        zero_threshold: 0.5,
        sum: f64::NEG_INFINITY,
        reset_hint: [ResetHint::Unknown, ResetHint::Reset, ResetHint::NoReset][round as usize % 3],
        positive_spans: vec![span(0, 3)],
        counts: HistogramCounts::Float {
            count: round as f64 + 10.0,
            zero_count: 0.5,
            positive: vec![1.5, round as f64, 0.0],
            negative: Vec::new(),
        },
        ..Histogram::default()
    }
}

fn custom(round: i64) -> Histogram {
    Histogram {
        schema: -53,
        sum: round as f64,
        positive_spans: vec![span(0, 3)],
        custom_values: vec![0.005, 1.0],
        counts: HistogramCounts::Integer {
            count: 6,
            zero_count: 0,
            positive: vec![1, 1, 1],
            negative: Vec::new(),
        },
        ..Histogram::default()
    }
}

#[derive(Debug, PartialEq)]
enum Bits {
    Float(u64),
    Histogram(Vec<u8>),
}

type All = BTreeMap<(String, i64), Bits>;

/// A sample as bits: of a float its own, of a histogram its canonical ones.
fn bits(sample: &SampleRef<'_>) -> Bits {
    match sample {
        SampleRef::Float(sample) => Bits::Float(sample.bits()),
        SampleRef::Histogram(_, histogram) => {
            let mut bytes = Vec::new();
            histogram.put_bytes(&mut bytes);
            Bits::Histogram(bytes)
        }
    }
}

fn series() -> [Labels; 4] {
    ["integer", "float", "custom", "mixed"].map(|kind| {
        let pairs = [("__name__", "request_duration_seconds"), ("kind", kind)];
        Labels::from_pairs(pairs).unwrap()
    })
}

/// What a round writes of the series of this number.
fn of_round(number: usize, round: i64) -> Option<Histogram> {
    match number {
        0 if round % 17 == 16 => Some(Histogram {
            sum: f64::from_bits(STALE_NAN_BITS),
            ..Histogram::default()
        }),
        0 => Some(integer(round)),
        1 => Some(float(round)),
        2 => Some(custom(round)),
        // A float between histograms, and both forms in a chunk.
        _ => match round % 3 {
            0 => None,
            1 => Some(integer(round)),
            _ => Some(float(round)),
        },
    }
}

fn write(db: &Db, rounds: std::ops::Range<i64>) {
    let series = series();
    let mut batch = WriteBatch::new();
    for round in rounds {
        for (number, labels) in series.iter().enumerate() {
            let timestamp = START + round * MINUTE_MS;
            match of_round(number, round) {
                Some(histogram) => batch.push_histogram(labels, timestamp, histogram),
                None => batch.push(labels, Sample::new(timestamp, round as f64 / 7.0)),
            }
        }
    }
    let report = db.default_namespace().write(&batch).unwrap();
    assert!(report.is_complete(), "{report:?}");
}

fn expected() -> All {
    let mut all = All::new();
    for (number, labels) in series().iter().enumerate() {
        for round in 0..3 * ROUNDS {
            let timestamp = START + round * MINUTE_MS;
            let sample = match of_round(number, round) {
                Some(histogram) => bits(&SampleRef::Histogram(timestamp, &histogram)),
                None => Bits::Float((round as f64 / 7.0).to_bits()),
            };
            all.insert((labels.to_string(), timestamp), sample);
        }
    }
    all
}

fn found(db: &Db) -> All {
    let mut all = All::new();
    for series in db.default_namespace().select(TimeRange::ALL, &[]).unwrap() {
        let series = series.unwrap();
        for sample in series.all_samples() {
            let place = (series.labels().to_string(), sample.timestamp());
            all.insert(place, bits(&sample));
        }
    }
    all
}

fn open(vfs: Arc<dyn Vfs>) -> Db {
    let clock = Arc::new(ManualClock::new(START + 3 * ROUNDS * MINUTE_MS));
    let mut options = small_options(ProtocolRules::default());
    options.log_cap_bytes = 1 << 20;
    Db::open_with(vfs, clock, options).unwrap()
}

fn play(vfs: &Arc<dyn Vfs>) {
    let db = open(Arc::clone(vfs));
    write(&db, 0..ROUNDS);
    db.compact().unwrap();
    write(&db, ROUNDS..2 * ROUNDS);
    db.flush().unwrap();
    write(&db, 2 * ROUNDS..3 * ROUNDS);
    assert!(found(&db) == expected());
}

#[test]
fn histograms_of_a_kept_log_run_and_block_come_back_bit_for_bit() {
    let vfs = folder_of(FOLDER);
    let db = open(vfs.clone());
    let stats = &db.stats().namespaces[0];
    assert!(stats.blocks > 0 && stats.runs > 0, "{stats:?}");
    let recovery = db.recovery();
    assert!(
        recovery.frames > 0 && recovery.torn.is_empty(),
        "{recovery:?}"
    );
    assert!(found(&db) == expected());
    assert_eq!(db.verify().unwrap().problems, []);
    // And goes on: all of it into one block.
    db.compact().unwrap();
    assert!(found(&db) == expected());
    db.close().unwrap();
    assert!(found(&open(vfs)) == expected());
}

/// Writes the folder: once, for each version of a format with histograms.
#[test]
#[ignore = "makes a new golden folder; kept ones never change"]
fn make_the_folder_of_histograms() {
    let vfs: Arc<dyn Vfs> = Arc::new(MemVfs::new());
    play(&vfs);
    let to = OsVfs::new(kept(FOLDER));
    to.create_dir(Path::new("")).unwrap();
    copy(&*vfs, &to, Path::new(""));
}
