//! The facade's everyday behaviour.
#![cfg(test)]

use std::sync::Arc;

use tsdb_core::clock::ManualClock;
use tsdb_core::vfs::{FaultVfs, MemVfs};
use tsdb_core::{
    Ack, Db, DbOptions, EncodedLabels, Error, ErrorKind, Labels, MaintenanceStep, Matcher,
    MetricKind, MetricMetadata, NamespaceOptions, RejectReason, Sample, SeriesKey, SeriesLimits,
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
        steps.extend(maintain(&db));
        clock.advance(3_600_000);
    }
    for step in [
        MaintenanceStep::Cut,
        MaintenanceStep::Flush,
        MaintenanceStep::Compact,
        MaintenanceStep::Expire,
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

#[test]
fn runs_of_a_window_that_goes_on_are_merged() {
    let (vfs, clock) = (Arc::new(MemVfs::new()), Arc::new(ManualClock::new(START)));
    let db = open(&vfs, &clock);
    for round in 0..40 {
        write(&db, &labels("up", "a"), &[(START + round, round as f64)]);
        db.flush().unwrap();
        let steps = maintain(&db);
        assert!(!steps.contains(&MaintenanceStep::Compact), "{steps:?}");
    }
    let stats = db.stats();
    assert!(
        stats.merges > 0 && stats.namespaces[0].runs <= 8,
        "{stats:?}"
    );
    clock.advance(3 * 3_600_000);
    assert!(maintain(&db).contains(&MaintenanceStep::Compact));
    let stats = db.stats().namespaces[0].clone();
    assert_eq!((stats.runs, stats.blocks, stats.block_samples), (0, 1, 40));
    assert_eq!(read(&db, &[])[0].1.len(), 40);
}

/// Upkeep until there is nothing to do; which steps it took.
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

#[test]
fn a_clock_that_jumped_expires_nothing_until_it_is_back_or_confirmed() {
    const DAY_MS: i64 = 86_400_000;
    let (vfs, clock) = (Arc::new(MemVfs::new()), Arc::new(ManualClock::new(START)));
    let day = std::time::Duration::from_secs(86_400);
    let options = NamespaceOptions {
        retention: Some(30 * day),
        ..NamespaceOptions::default()
    };
    let db = open(&vfs, &clock);
    db.namespace("default", options).unwrap();
    let a = labels("up", "a");
    write(&db, &a, &[(START, 1.0)]);
    db.flush().unwrap();
    for jump in [365 * DAY_MS, -365 * DAY_MS] {
        clock.step_wall(jump);
        assert!(!maintain(&db).contains(&MaintenanceStep::Expire));
        assert!(
            db.stats().expiry_suspended,
            "a jump of {jump} ms was not seen"
        );
        assert_eq!(read(&db, &[]).len(), 1);
        clock.step_wall(-jump);
        maintain(&db);
        assert!(!db.stats().expiry_suspended, "the clock is back");
    }
    clock.step_wall(365 * DAY_MS);
    drop(db);
    let db = open(&vfs, &clock);
    assert!(db.stats().expiry_suspended, "a jump while nobody looked");
    assert!(!maintain(&db).contains(&MaintenanceStep::Expire));
    // Nor is a late sample refused by a clock that cannot be trusted.
    write(&db, &a, &[(START + 1, 1.0)]);
    db.flush().unwrap();
    db.confirm_clock();
    assert!(maintain(&db).contains(&MaintenanceStep::Expire));
    assert_eq!(read(&db, &[]), []);
}

#[test]
fn what_exceeds_a_limit_is_rejected_alone() {
    let limits = SeriesLimits {
        series: 2,
        labels: 3,
        label_name_bytes: 10,
        label_value_bytes: 20,
        ..SeriesLimits::default()
    };
    let clock = Arc::new(ManualClock::new(START));
    let options = DbOptions {
        limits,
        ..DbOptions::default()
    };
    let db = Db::open_with(Arc::new(MemVfs::new()), clock, options).unwrap();
    let long = "x".repeat(21);
    let series = [
        labels("up", "a"),
        Labels::from_pairs([("host", "a")]).unwrap(),
        Labels::from_pairs([("__name__", "up"), ("a", "1"), ("b", "1"), ("c", "1")]).unwrap(),
        labels("up", &long),
        Labels::from_pairs([("__name__", "up"), ("label_names", "1")]).unwrap(),
        labels("up", "b"),
        labels("up", "c"),
    ];
    let mut batch = WriteBatch::new();
    series
        .iter()
        .for_each(|labels| batch.push(labels, Sample::new(START, 1.0)));
    batch.push(&series[0], Sample::new(START + 3_600_001, 1.0));
    batch.push(&series[0], Sample::new(START + 3_600_000, 2.0));
    let report = db.default_namespace().write(&batch).unwrap();
    let reasons: Vec<_> = report
        .rejected
        .iter()
        .map(|rejected| &rejected.reason)
        .collect();
    assert!(
        matches!(
            reasons[..],
            [
                RejectReason::NoMetricName,
                RejectReason::TooManyLabels { count: 4, limit: 3 },
                RejectReason::LabelValueTooLong {
                    length: 21,
                    limit: 20,
                    ..
                },
                RejectReason::LabelNameTooLong {
                    length: 11,
                    limit: 10
                },
                RejectReason::SeriesLimit { limit: 2 },
                RejectReason::TooFarInFuture { .. },
            ]
        ),
        "{reasons:?}"
    );
    assert_eq!(
        (
            report.appended,
            report.rejected_samples,
            report.rejected_series
        ),
        (3, 6, 5)
    );
    assert_eq!(read(&db, &[]).len(), 2);
}

#[test]
fn metadata_is_kept() {
    let (vfs, clock) = (Arc::new(MemVfs::new()), Arc::new(ManualClock::new(START)));
    let about = |metric: &str, kind, help: &str| MetricMetadata {
        metric: metric.to_owned(),
        kind,
        help: help.to_owned(),
        unit: "seconds".to_owned(),
    };
    let first = [
        about("a", MetricKind::Counter, "old"),
        about("b", MetricKind::Gauge, ""),
    ];
    let second = about("a", MetricKind::Counter, "new");
    let db = open(&vfs, &clock);
    let namespace = db.default_namespace();
    namespace.set_metadata(&first).unwrap().wait().unwrap();
    namespace
        .set_metadata(std::slice::from_ref(&second))
        .unwrap()
        .wait()
        .unwrap();
    drop((namespace, db));
    let db = open(&vfs, &clock);
    let namespace = db.default_namespace();
    assert_eq!(
        namespace.metadata(None, 9),
        [second.clone(), first[1].clone()]
    );
    assert_eq!(namespace.metadata(Some("a"), 9), [second]);
    assert_eq!(namespace.metadata(None, 1).len(), 1);
    assert!(
        namespace.set_metadata(&first[1..]).unwrap().is_done(),
        "it is known and durable"
    );
}

#[test]
fn reading_only_writes_nothing_and_sees_what_the_log_holds() {
    let clock = Arc::new(ManualClock::new(START));
    let disk = FaultVfs::new(1);
    let db = Db::open_with(Arc::new(disk.clone()), clock.clone(), DbOptions::default()).unwrap();
    let a = labels("up", "a");
    write(&db, &a, &[(START, 1.0)]);
    db.flush().unwrap();
    write(&db, &a, &[(START + 1, 2.0)]);
    let (before, changes) = (disk.contents(), disk.counters());
    let reader = Db::open_read_only_with(Arc::new(disk.clone()), clock).unwrap();
    assert_eq!(read(&reader, &[])[0].1.len(), 2);
    let batch = WriteBatch::new();
    let refused = reader.default_namespace().append(&batch).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    assert_eq!(disk.contents(), before);
    assert_eq!(disk.counters().since(&changes).bytes_written(), 0);
    write(&db, &a, &[(START + 2, 3.0)]);
    assert_eq!(
        read(&reader, &[])[0].1.len(),
        2,
        "it does not follow the writer"
    );
}

#[test]
fn a_namespace_that_does_not_wait_still_syncs_in_its_interval() {
    let clock = Arc::new(ManualClock::new(START));
    let disk = FaultVfs::new(1);
    let db = Db::open_with(Arc::new(disk.clone()), clock.clone(), DbOptions::default()).unwrap();
    let ack = Ack::Interval(std::time::Duration::from_millis(500));
    db.namespace(
        "default",
        NamespaceOptions {
            ack,
            ..NamespaceOptions::default()
        },
    )
    .unwrap();
    write(&db, &labels("up", "a"), &[(START, 1.0)]);
    let syncs = db.stats().log.syncs;
    assert!(!db.wait_for_work(std::time::Duration::ZERO));
    clock.advance(500);
    assert!(db.wait_for_work(std::time::Duration::ZERO), "a sync is due");
    db.commit().unwrap();
    assert_eq!(db.stats().log.syncs, syncs + 1);
    let after = Db::open_with(Arc::new(disk.power_cut(7)), clock, DbOptions::default()).unwrap();
    assert_eq!(read(&after, &[]).len(), 1);
}

#[test]
fn memory_past_its_budget_is_flushed_or_refused() {
    let a = labels("up", "a");
    let fill = |inline_flush: bool| {
        let clock = Arc::new(ManualClock::new(START));
        let options = DbOptions {
            memory_budget_bytes: 400_000,
            inline_flush,
            ..DbOptions::default()
        };
        let db = Db::open_with(Arc::new(MemVfs::new()), clock, options).unwrap();
        let mut batch = WriteBatch::new();
        for at in 0..60_000i64 {
            let mixed = (at.unsigned_abs() + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 12;
            batch.push(&a, Sample::new(START - at * 1000, mixed as f64));
            if batch.samples_len() == 100 {
                db.default_namespace().write(&batch)?;
                batch.clear();
            }
        }
        Ok::<_, Error>(read(&db, &[])[0].1.len())
    };
    assert_eq!(fill(true).unwrap(), 60_000);
    let refused = fill(false).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Backpressure);
    assert!(refused.is_retryable() && refused.to_string().contains("memory_budget_bytes"));
}

#[test]
fn a_namespace_tells_what_its_series_are_made_of() {
    let (vfs, clock) = (Arc::new(MemVfs::new()), Arc::new(ManualClock::new(START)));
    let db = open(&vfs, &clock);
    for host in ["a", "b", "c"] {
        write(&db, &labels("up", host), &[(START, 1.0)]);
    }
    write(&db, &labels("load", "b"), &[(START, 1.0)]);
    let found = db.default_namespace().cardinality(1, Some("host")).unwrap();
    assert_eq!(
        (found.series, found.label_names, found.label_pairs),
        (4, 2, 5)
    );
    let first = |counted: &[tsdb_core::Counted]| (counted[0].text.clone(), counted[0].count);
    assert_eq!(first(&found.metrics), ("up".to_owned(), 3));
    assert_eq!(first(&found.values_of_names), ("host".to_owned(), 3));
    assert_eq!(first(&found.series_of_values), ("b".to_owned(), 2));
    assert_eq!(found.pairs[0].value, "up");
    let namespace = db.default_namespace();
    db.close().unwrap();
    let error = namespace.cardinality(1, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
}

#[test]
fn series_are_found_in_whatever_order_they_come() {
    const COUNT: usize = 200;
    let db = Db::in_memory(DbOptions::default()).unwrap();
    let all: Vec<Labels> = (0..COUNT).map(|at| labels("m", &format!("{at}"))).collect();
    let as_before: Vec<usize> = (0..COUNT).collect();
    let orders: [Vec<usize>; 7] = [
        as_before.clone(),
        as_before.clone(),
        as_before.iter().rev().copied().collect(),
        (0..COUNT).map(|at| at * 77 % COUNT).collect(),
        // One in nine is missing, others come twice.
        (0..COUNT).filter(|at| at % 9 != 4).chain(10..60).collect(),
        (COUNT / 2..COUNT).chain(0..COUNT / 2).collect(),
        as_before
            .iter()
            .flat_map(|&at| [at, COUNT - 1 - at])
            .collect(),
    ];
    let mut expected = vec![Vec::new(); COUNT];
    for (round, order) in orders.iter().enumerate() {
        // The second time by encoded labels as well: another fingerprint of the same series.
        for encoded in [false, true] {
            let timestamp = START + (round * 2 + usize::from(encoded)) as i64 * 1000;
            let mut batch = WriteBatch::new();
            for &at in order {
                if encoded {
                    batch.begin(SeriesKey::Encoded(EncodedLabels {
                        bytes: all[at].get("host").unwrap().as_bytes(),
                        parse: |host, builder| {
                            builder.push_bytes(b"__name__", b"m");
                            builder.push_bytes(b"host", host);
                            Ok(())
                        },
                    }));
                    batch.sample(timestamp, at as f64);
                } else {
                    batch.push(&all[at], Sample::new(timestamp, at as f64));
                }
                let samples: &mut Vec<_> = &mut expected[at];
                if samples.last() != Some(&(timestamp, (at as f64).to_bits())) {
                    samples.push((timestamp, (at as f64).to_bits()));
                }
            }
            let report = db.default_namespace().write(&batch).unwrap();
            assert!(report.rejected.is_empty(), "{:?}", report.rejected);
        }
    }
    assert_eq!(db.stats().namespaces[0].series, COUNT);
    for (series, expected) in all.iter().zip(expected) {
        let host = series.get("host").unwrap();
        let found = read(&db, &[Matcher::equal("host", host)]);
        assert_eq!(found, [(series.to_string(), expected)]);
    }
}

#[test]
fn a_label_that_is_left_out_makes_no_series_of_its_own() {
    let db = Db::in_memory(DbOptions::default()).unwrap();
    let of = |replica: &str| {
        Labels::from_pairs([("__name__", "up"), ("host", "a"), ("replica", replica)]).unwrap()
    };
    let all = [of("one"), of("two")];
    let texts: [&[u8]; 7] = [
        b"__name__",
        b"up",
        b"host",
        b"a",
        b"replica",
        b"one",
        b"two",
    ];
    for (round, leave_out) in [true, true, false].into_iter().enumerate() {
        for (at, labels) in all.iter().enumerate() {
            let start = START + (round * 100 + at * 10) as i64;
            let mut batch = WriteBatch::new();
            if leave_out {
                batch.leave_out("replica".into());
            }
            batch.push(labels, Sample::new(start, 1.0));
            batch.begin(SeriesKey::Encoded(EncodedLabels {
                bytes: labels.get("replica").unwrap().as_bytes(),
                parse: |replica, builder| {
                    builder.push("__name__", "up");
                    builder.push("host", "a");
                    builder.push_bytes(b"replica", replica);
                    Ok(())
                },
            }));
            batch.sample(start + 1, 2.0);
            texts.iter().for_each(|text| batch.symbol(text));
            batch.begin_symbols();
            [0, 1, 2, 3, 4, 5 + at as u32]
                .iter()
                .for_each(|index| batch.push_ref(*index));
            batch.sample(start + 2, 3.0);
            let report = db.default_namespace().write(&batch).unwrap();
            assert_eq!((report.appended, report.rejected_samples), (3, 0));
        }
    }
    let found = read(&db, &[]);
    let counts: Vec<_> = found
        .iter()
        .map(|(name, all)| (&**name, all.len()))
        .collect();
    assert_eq!(
        counts,
        [
            (r#"up{host="a"}"#, 12),
            (r#"up{host="a", replica="one"}"#, 3),
            (r#"up{host="a", replica="two"}"#, 3),
        ]
    );
}
