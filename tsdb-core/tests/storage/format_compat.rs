//! Data folders of released versions: opened by this one, every sample checked. The folders are
//! never changed; a release adds one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tsdb_core::clock::ManualClock;
use tsdb_core::model::{ProtocolRules, winner};
use tsdb_core::vfs::{MemVfs, OpenMode, OsVfs, read_to_end, write_all_at};
use tsdb_core::{
    Ack, Db, Labels, MaintenanceStep, MetricKind, MetricMetadata, NamespaceOptions, STALE_NAN_BITS,
    Sample, TimeRange, Vfs, WriteBatch,
};

use crate::support::{START, small_options};

const DAY: Duration = Duration::from_secs(24 * 3600);
const MINUTE_MS: i64 = 60_000;

/// Where the folder of a version is kept.
pub(crate) fn kept(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/testdata")
        .join(version)
}

/// A step of what the folder went through.
enum Step {
    Append(&'static str, Labels, Vec<(i64, u64)>),
    Flush,
    Merge,
    Reopen,
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied()).unwrap()
}

/// What was done to the folder of 0.1.0, with every feature of its formats.
fn history() -> Vec<Step> {
    use Step::{Append, Flush, Merge, Reopen};
    let up = labels(&[("__name__", "up"), ("instance", "a:9100"), ("job", "node")]);
    let text = labels(&[
        ("__name__", "gr\u{fc}\u{df}e"),
        ("emoji", "\u{1f980}"),
        ("quote", "a\"b\\c\n"),
    ]);
    let odd = labels(&[("__name__", "odd")]);
    let bits = |value: f64| value.to_bits();
    let minute = |from: i64, count: i64, value: fn(i64) -> f64| -> Vec<(i64, u64)> {
        let minutes = from..from + count;
        minutes
            .map(|at| (START + at * MINUTE_MS, bits(value(at))))
            .collect()
    };
    let values = vec![
        (i64::MIN, bits(1.0)),
        (-1, bits(-0.0)),
        (0, bits(f64::INFINITY)),
        (1, bits(f64::NEG_INFINITY)),
        (START, STALE_NAN_BITS),
        (START + 1, 0x7ff8_0000_0000_1234),
        (START + 2, 0xfff0_0000_0000_0001),
        (START + 3, 1),
        (7_258_118_400_000, bits(2200.0)),
        (i64::MAX, bits(f64::MAX)),
    ];
    vec![
        Append("default", up.clone(), minute(0, 300, |at| (at % 7) as f64)),
        Append("default", text.clone(), minute(0, 20, |_| 1.5)),
        Append("metrics", up.clone(), minute(0, 130, |at| 1.0 / at as f64)),
        Flush,
        Append("default", odd, values),
        // The same times again: equal, larger, and smaller values, and a stale marker.
        Append(
            "default",
            text.clone(),
            minute(5, 10, |at| if at % 2 == 0 { 1.5 } else { 0.5 }),
        ),
        Append(
            "default",
            text.clone(),
            vec![(START, bits(3.0)), (START + MINUTE_MS, STALE_NAN_BITS)],
        ),
        Flush,
        Append("lazy", up.clone(), minute(0, 10, |at| at as f64)),
        // Late samples, from before the first flush.
        Append("default", up.clone(), minute(-200, 100, |at| at as f64)),
        Flush,
        Merge,
        Append("metrics", text, minute(400, 30, |_| f64::NAN)),
        Flush,
        Reopen,
        // Two generations that are in their logs only.
        Append("metrics", up.clone(), minute(200, 50, |_| 8.25)),
        Append(
            "default",
            labels(&[("__name__", "new"), ("instance", "a:9100")]),
            minute(300, 3, |_| 0.0),
        ),
        Reopen,
        Append("default", up, minute(300, 9, |at| at as f64)),
    ]
}

fn options_of(namespace: &str) -> NamespaceOptions {
    let (retention, window, ack) = match namespace {
        "metrics" => (
            Some(400 * DAY),
            DAY / 24,
            Ack::Interval(Duration::from_secs(5)),
        ),
        "lazy" => (None, DAY, Ack::Os),
        _ => (None, DAY / 12, Ack::Always),
    };
    NamespaceOptions {
        retention,
        window,
        ack,
        ..NamespaceOptions::default()
    }
}

fn metadata() -> MetricMetadata {
    MetricMetadata {
        metric: "up".to_owned(),
        kind: MetricKind::Gauge,
        help: "Whether the target answered.".to_owned(),
        unit: "bool".to_owned(),
    }
}

type All = BTreeMap<(String, String, i64), u64>;

fn expected() -> All {
    let mut all = All::new();
    for step in history() {
        if let Step::Append(namespace, labels, samples) = step {
            for (time, bits) in samples {
                let place = (namespace.to_owned(), labels.to_string(), time);
                let kept = all.entry(place).or_insert(bits);
                *kept = winner(f64::from_bits(*kept), f64::from_bits(bits)).to_bits();
            }
        }
    }
    all
}

fn found(db: &Db) -> All {
    let mut all = All::new();
    for namespace in db.namespaces() {
        for series in namespace.select(TimeRange::ALL, &[]).unwrap() {
            let series = series.unwrap();
            for sample in series.samples() {
                let place = (
                    namespace.name().to_owned(),
                    series.labels().to_string(),
                    sample.timestamp,
                );
                all.insert(place, sample.bits());
            }
        }
    }
    all
}

fn open(vfs: Arc<dyn Vfs>) -> Db {
    let clock = Arc::new(ManualClock::new(START + 9 * 3_600_000));
    let mut options = small_options(ProtocolRules::default());
    options.log_cap_bytes = 1 << 20;
    options.runs_max = 2;
    Db::open_with(vfs, clock, options).unwrap()
}

fn append(db: &Db, namespace: &str, labels: &Labels, samples: &[(i64, u64)]) {
    let namespace = db.namespace(namespace, options_of(namespace)).unwrap();
    let mut batch = WriteBatch::new();
    for &(time, bits) in samples {
        batch.push(labels, Sample::new(time, f64::from_bits(bits)));
    }
    let report = namespace.write(&batch).unwrap();
    assert!(report.rejected.is_empty(), "{report:?}");
}

fn play(vfs: &Arc<dyn Vfs>) {
    let mut db = open(Arc::clone(vfs));
    let described = db.default_namespace().set_metadata(&[metadata()]).unwrap();
    described.wait().unwrap();
    for step in history() {
        match step {
            Step::Append(namespace, labels, samples) => {
                append(&db, namespace, &labels, &samples);
            }
            Step::Flush => db.flush().unwrap(),
            Step::Merge => {
                while db.maintain().unwrap().step != MaintenanceStep::Merge {
                    assert!(
                        db.stats().namespaces.iter().any(|one| one.runs > 2),
                        "no merge"
                    );
                }
            }
            Step::Reopen => {
                drop(db);
                db = open(Arc::clone(vfs));
            }
        }
    }
    assert!(found(&db) == expected());
}

/// Copies a folder, with all folders in it.
pub(crate) fn copy(from: &dyn Vfs, to: &dyn Vfs, folder: &Path) {
    for name in from.list(folder).unwrap() {
        let path = folder.join(name);
        if from.list(&path).is_ok() {
            to.create_dir(&path).unwrap();
            copy(from, to, &path);
        } else if path != Path::new("LOCK") {
            let file = from.open(&path, OpenMode::Read).unwrap();
            let copied = to.create(&path).unwrap();
            write_all_at(&*copied, &read_to_end(&*file).unwrap(), 0).unwrap();
        }
    }
}

/// The folder of a version in memory, to be written to as well.
pub(crate) fn folder_of(version: &str) -> Arc<MemVfs> {
    let vfs = Arc::new(MemVfs::new());
    copy(&OsVfs::new(kept(version)), &*vfs, Path::new(""));
    vfs
}

fn check(db: &Db) {
    let (found, expected) = (found(db), expected());
    assert_eq!(found.len(), expected.len());
    for (place, bits) in &expected {
        assert_eq!(found.get(place), Some(bits), "{place:?}");
    }
    for namespace in ["default", "lazy", "metrics"] {
        assert_eq!(db.find(namespace).unwrap().options(), options_of(namespace));
    }
    assert_eq!(db.default_namespace().metadata(None, 10), [metadata()]);
}

#[test]
fn the_folder_of_0_1_0_is_read_whole() {
    let vfs = folder_of("v0.1.0");
    let db = open(vfs.clone());
    let recovery = db.recovery();
    // Logs, runs and series files all hold something.
    assert!(
        recovery.logs >= 2 && recovery.runs >= 4 && recovery.frames >= 3,
        "{recovery:?}"
    );
    assert_eq!((&recovery.torn, &recovery.removed), (&vec![], &vec![]));
    check(&db);
    assert_eq!(db.verify().unwrap().problems, []);
}

#[test]
fn the_folder_of_0_1_0_goes_on() {
    let vfs = folder_of("v0.1.0");
    let db = open(vfs.clone());
    let more = labels(&[("__name__", "later")]);
    append(&db, "default", &more, &[(START, 1)]);
    db.flush().unwrap();
    while db.maintain().unwrap().more {}
    db.close().unwrap();
    let mut all = found(&open(vfs));
    let added = all.remove(&("default".to_owned(), more.to_string(), START));
    assert_eq!(added, Some(1));
    assert!(all == expected());
}

#[test]
fn the_folder_of_0_1_0_is_opened_for_reading_only() {
    let clock = Arc::new(ManualClock::new(START));
    let vfs = Arc::new(OsVfs::new(kept("v0.1.0")));
    check(&Db::open_read_only_with(vfs, clock).unwrap());
}

/// Writes the folder of the present version: run it once, at its release.
#[test]
#[ignore = "makes a new golden folder; kept ones never change"]
fn make_the_folder_of_this_version() {
    let vfs: Arc<dyn Vfs> = Arc::new(MemVfs::new());
    play(&vfs);
    let to = OsVfs::new(kept(concat!("v", env!("CARGO_PKG_VERSION"))));
    to.create_dir(Path::new("")).unwrap();
    copy(&*vfs, &to, Path::new(""));
}
