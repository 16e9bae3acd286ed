//! The facade's everyday behaviour.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use tsdb_core::clock::ManualClock;
use tsdb_core::vfs::MemVfs;
use tsdb_core::{
    Db, DbOptions, ErrorKind, Labels, MaintenanceStep, Matcher, NamespaceOptions, Sample,
    TimeRange, WriteBatch,
};

const START: i64 = 1_700_000_000_000;

fn labels(name: &str, host: &str) -> Labels {
    Labels::from_pairs([("__name__", name), ("host", host)]).unwrap()
}

fn write(db: &Db, series: &Labels, samples: &[(i64, f64)]) -> u64 {
    let mut batch = WriteBatch::new();
    samples
        .iter()
        .for_each(|&(t, v)| batch.push(series, Sample::new(t, v)));
    let report = db.default_namespace().write(&batch).unwrap();
    assert!(report.rejected.is_empty(), "{:?}", report.rejected);
    report.appended
}

fn read(db: &Db, matchers: &[Matcher]) -> Vec<(String, Vec<(i64, u64)>)> {
    let found = db
        .default_namespace()
        .select(TimeRange::ALL, matchers)
        .unwrap();
    found
        .map(|series| {
            let series = series.unwrap();
            let samples = series
                .samples()
                .map(|s| (s.timestamp, s.value.to_bits()))
                .collect();
            (series.labels().to_string(), samples)
        })
        .collect()
}

fn open(vfs: &Arc<MemVfs>, clock: &Arc<ManualClock>) -> Db {
    Db::open_with(vfs.clone(), clock.clone(), DbOptions::default()).unwrap()
}

#[test]
fn what_was_written_is_there_after_dropping_closing_and_flushing() {
    let (vfs, clock) = (Arc::new(MemVfs::new()), Arc::new(ManualClock::new(START)));
    let (a, b) = (labels("up", "a"), labels("up", "b"));
    let expected = |more: bool| {
        let mut first = vec![(START, 1f64.to_bits()), (START + 15_000, 2f64.to_bits())];
        if more {
            first.push((START + 30_000, 3f64.to_bits()));
        }
        vec![
            (r#"up{host="a"}"#.to_owned(), first),
            (
                r#"up{host="b"}"#.to_owned(),
                vec![(START, f64::NAN.to_bits())],
            ),
        ]
    };
    let db = open(&vfs, &clock);
    assert_eq!(write(&db, &a, &[(START + 15_000, 2.0), (START, 1.0)]), 2);
    assert_eq!(write(&db, &b, &[(START, f64::NAN)]), 1);
    assert_eq!(read(&db, &[]), expected(false));
    drop(db);
    let db = open(&vfs, &clock);
    assert_eq!(db.recovery().samples, 3);
    assert_eq!(read(&db, &[]), expected(false));
    db.flush().unwrap();
    assert_eq!(read(&db, &[]), expected(false));
    assert_eq!(write(&db, &a, &[(START + 30_000, 3.0), (START, 1.0)]), 2);
    assert_eq!(read(&db, &[]), expected(true));
    db.close().unwrap();
    let db = open(&vfs, &clock);
    assert_eq!(db.recovery().frames, 0);
    assert_eq!(db.recovery().runs, 2);
    assert_eq!(read(&db, &[]), expected(true));
    assert_eq!(read(&db, &[Matcher::equal("host", "b")]).len(), 1);
    let report = db.verify().unwrap();
    assert_eq!(
        (
            report.problems.as_slice(),
            report.series,
            report.run_samples
        ),
        (&[][..], 2, 5)
    );
}

#[test]
fn a_second_db_on_the_folder_is_refused_and_a_closed_one_refuses() {
    let (vfs, clock) = (Arc::new(MemVfs::new()), Arc::new(ManualClock::new(START)));
    let db = open(&vfs, &clock);
    let second = Db::open_with(vfs.clone(), clock.clone(), DbOptions::default());
    assert_eq!(second.unwrap_err().kind(), ErrorKind::Locked);
    let namespace = db.default_namespace();
    db.close().unwrap();
    assert_eq!(
        namespace.write(&WriteBatch::new()).unwrap_err().kind(),
        ErrorKind::Closed
    );
    open(&vfs, &clock).close().unwrap();
}

#[test]
fn maintenance_cuts_flushes_merges_and_expires() {
    let (vfs, clock) = (Arc::new(MemVfs::new()), Arc::new(ManualClock::new(START)));
    let db = open(&vfs, &clock);
    let hour = std::time::Duration::from_secs(3600);
    let options = NamespaceOptions {
        retention: Some(24 * hour),
        ..NamespaceOptions::default()
    };
    db.namespace("default", options).unwrap();
    let a = labels("up", "a");
    let mut steps = Vec::new();
    for round in 0..60i64 {
        write(&db, &a, &[(START + round * 3_600_000, 1.0)]);
        loop {
            let done = db.maintain().unwrap();
            steps.push(done.step);
            if !done.more {
                break;
            }
        }
        clock.advance(3_600_000);
    }
    for step in [
        MaintenanceStep::Cut,
        MaintenanceStep::Flush,
        MaintenanceStep::Merge,
    ] {
        assert!(steps.contains(&step), "{step:?} never happened");
    }
    let stats = db.stats();
    assert!(stats.namespaces[0].runs <= 9, "{stats:?}");
    let kept = read(&db, &[])[0].1.clone();
    let oldest = START + 60 * 3_600_000 - 26 * 3_600_000;
    assert!(
        kept.len() >= 24 && kept.iter().all(|&(t, _)| t > oldest - 20 * 3_600_000),
        "{kept:?}"
    );
    assert_eq!(kept.last().unwrap().0, START + 59 * 3_600_000);
}
