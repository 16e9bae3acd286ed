//! What a namespace may hold: it is refused what is beyond, and its neighbours are not harmed.

use std::sync::Arc;

use tsdb_core::clock::ManualClock;
use tsdb_core::model::ProtocolRules;
use tsdb_core::vfs::MemVfs;
use tsdb_core::{
    AppendReport, Db, Error, ErrorKind, Labels, MaintenanceStep, NamespaceOptions, RejectReason,
    Sample, WriteBatch,
};

use crate::support::{START, small_options};

const MIB: u64 = 1 << 20;

struct Host {
    vfs: Arc<MemVfs>,
    inline_flush: bool,
    db: Db,
}

impl Host {
    fn new(inline_flush: bool) -> Self {
        let vfs = Arc::new(MemVfs::new());
        let db = open(&vfs, inline_flush);
        Self {
            vfs,
            inline_flush,
            db,
        }
    }

    fn limit(&self, memory_max: Option<u64>, series_max: Option<u64>) {
        let options = NamespaceOptions {
            memory_max,
            series_max,
            ..NamespaceOptions::default()
        };
        self.db.namespace("tenant", options).unwrap();
    }

    /// A sample of each of so many series.
    fn write(
        &self,
        namespace: &str,
        series: std::ops::Range<usize>,
        timestamp: i64,
    ) -> Result<AppendReport, Error> {
        let labels: Vec<Labels> = series.map(labels).collect();
        let mut batch = WriteBatch::new();
        for labels in &labels {
            let value = f64::from_bits(timestamp.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a));
            batch.push(labels, Sample::new(timestamp, value));
        }
        self.db.find(namespace).unwrap().write(&batch)
    }

    fn memory(&self, namespace: &str) -> u64 {
        let stats = self.db.stats();
        let found = stats.namespaces.iter().find(|one| one.name == namespace);
        found.unwrap().memory.total() as u64
    }
}

fn open(vfs: &Arc<MemVfs>, inline_flush: bool) -> Db {
    let mut options = small_options(ProtocolRules::default());
    options.log_cap_bytes = 1 << 30;
    options.inline_flush = inline_flush;
    let clock = Arc::new(ManualClock::new(START));
    Db::open_with(vfs.clone(), clock, options).unwrap()
}

fn labels(number: usize) -> Labels {
    let (pod, path) = (format!("pod-{}", number / 10), format!("/{}", number % 10));
    Labels::from_pairs([
        ("__name__", "requests_total"),
        ("pod", &pod),
        ("path", &path),
    ])
    .unwrap()
}

#[test]
fn series_beyond_series_max_are_refused_and_cost_nobody() {
    let mut host = Host::new(true);
    host.limit(None, Some(50));
    let report = host.write("tenant", 0..60, START).unwrap();
    assert_eq!((report.appended, report.rejected_series), (50, 10));
    assert_eq!(
        report.rejected[0].reason,
        RejectReason::NamespaceSeriesLimit { limit: 50 }
    );
    let text = report.rejected[0].to_string();
    assert!(text.contains("series_max of 50"), "{text}");
    let neighbour = host.write("default", 0..60, START).unwrap();
    assert!(neighbour.is_complete(), "{neighbour:?}");
    // The limit outlives a restart, and can be raised and taken away.
    host.db.clone().close().unwrap();
    host.db = open(&host.vfs, host.inline_flush);
    assert_eq!(
        host.db.find("tenant").unwrap().options().series_max,
        Some(50)
    );
    let report = host.write("tenant", 40..60, START + 1).unwrap();
    assert_eq!((report.appended, report.rejected_series), (10, 10));
    host.limit(None, Some(55));
    let report = host.write("tenant", 40..60, START + 2).unwrap();
    assert_eq!((report.appended, report.rejected_series), (15, 5));
    host.limit(None, None);
    assert!(
        host.write("tenant", 40..60, START + 3)
            .unwrap()
            .is_complete()
    );
}

#[test]
fn a_flood_of_series_stays_within_memory_max_and_harms_no_neighbour() {
    let host = Host::new(true);
    host.limit(Some(2 * MIB), None);
    assert!(host.write("default", 0..100, START).unwrap().is_complete());
    let (mut refused, mut pressed) = (None, None);
    for batch in 0..300 {
        let timestamp = START + batch as i64;
        match host.write("tenant", batch * 100..(batch + 1) * 100, timestamp) {
            Ok(report) => refused = report.rejected.into_iter().next().or(refused),
            Err(error) => pressed = Some(error),
        }
        let neighbour = host.write("default", 0..100, timestamp).unwrap();
        assert!(neighbour.is_complete(), "{neighbour:?}");
        let held = host.memory("tenant");
        assert!(held <= 2 * MIB * 11 / 10, "{held} bytes");
    }
    let reason = refused.expect("nothing was refused").reason;
    assert!(
        matches!(reason, RejectReason::NamespaceMemory { limit, .. } if limit == 2 * MIB),
        "{reason}"
    );
    assert!(reason.to_string().contains("raise memory_max"), "{reason}");
    if let Some(error) = pressed {
        assert!(error.to_string().contains("memory_max"), "{error}");
    }
    let stats = host.db.stats();
    let flushes = stats.flushes;
    assert!(
        flushes < 60,
        "a neighbour was cut into {flushes} small runs"
    );
    // What is known goes on being written.
    assert!(
        host.write("tenant", 0..10, START - 1)
            .unwrap()
            .is_complete()
    );
}

#[test]
fn samples_beyond_memory_max_wait_for_a_flush_and_only_theirs() {
    let host = Host::new(false);
    host.limit(Some(MIB), None);
    let refusal = (0..10_000).find_map(|at| host.write("tenant", 0..50, START + at * 1000).err());
    let error = refusal.expect("nothing was refused");
    assert_eq!(error.kind(), ErrorKind::Backpressure);
    assert!(error.is_retryable());
    let text = error.to_string();
    assert!(text.contains("memory_max of 1048576"), "{text}");
    assert!(host.write("default", 0..50, START).unwrap().is_complete());
    // Upkeep flushes for the namespace's sake alone.
    assert_eq!(host.db.maintain().unwrap().step, MaintenanceStep::Cut);
    while host.db.maintain().unwrap().more {}
    assert!(
        host.write("tenant", 0..50, START - 1)
            .unwrap()
            .is_complete()
    );
}

#[test]
fn limits_that_leave_no_room_are_refused() {
    let host = Host::new(true);
    for (memory_max, series_max, name) in [
        (Some(MIB - 1), None, "memory_max"),
        (None, Some(0), "series_max"),
    ] {
        let options = NamespaceOptions {
            memory_max,
            series_max,
            ..NamespaceOptions::default()
        };
        let error = host.db.namespace("tenant", options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(name), "{error}");
    }
}
