//! A reader that is slow, or that nobody reads on: it holds nobody up, what it keeps from being
//! freed is counted, and past a limit it is taken from it.

use std::sync::Arc;

use tsdb_core::clock::ManualClock;
use tsdb_core::model::ProtocolRules;
use tsdb_core::vfs::{FaultVfs, Vfs};
use tsdb_core::{
    Db, DbOptions, Error, ErrorKind, Labels, MaintenanceStep, Matcher, Sample, SeriesSet,
    TimeRange, WriteBatch,
};

use crate::support::{START, Universe, small_options};

const MINUTE_MS: u64 = 60_000;

struct Host {
    vfs: FaultVfs,
    clock: Arc<ManualClock>,
    db: Db,
    universe: Universe,
    written: i64,
}

impl Host {
    fn new(change: impl Fn(&mut DbOptions)) -> Self {
        let mut options = small_options(ProtocolRules::default());
        options.log_cap_bytes = 1 << 30;
        change(&mut options);
        let (vfs, clock) = (FaultVfs::new(1), Arc::new(ManualClock::new(START)));
        let db = Db::open_with(Arc::new(vfs.clone()), clock.clone(), options).unwrap();
        Self {
            vfs,
            clock,
            db,
            universe: Universe::new(60),
            written: 0,
        }
    }

    fn write(&mut self, series: &[Labels]) {
        let mut batch = WriteBatch::new();
        for labels in series {
            for second in 0..50 {
                let timestamp = START + (self.written + second) * 1000;
                batch.push(labels, Sample::new(timestamp, second as f64 / 3.0));
            }
        }
        self.written += 50;
        self.db.default_namespace().write(&batch).unwrap();
    }

    fn write_all(&mut self) {
        let all = self.universe.series.clone();
        self.write(&all);
    }

    /// Upkeep until there is nothing to do; what was done.
    fn settle(&self) -> Vec<MaintenanceStep> {
        let mut steps = Vec::new();
        while steps.last() != Some(&MaintenanceStep::Idle) {
            steps.push(self.db.maintain().unwrap().step);
            self.clock.advance(1);
        }
        steps
    }

    /// A select of which a batch was read.
    fn begin(&self) -> SeriesSet {
        let mut reader = self.db.default_namespace().select(TimeRange::ALL, &[]);
        assert!(reader.as_mut().unwrap().next().unwrap().is_ok());
        reader.unwrap()
    }
}

/// Reads on until the reader is refused.
fn refusal(reader: &mut SeriesSet) -> Error {
    let refused = reader.find_map(Result::err).expect("nobody refuses it");
    assert!(reader.next().is_none(), "nothing comes after a refusal");
    Error::from(refused)
}

#[test]
fn a_reader_held_for_an_hour_holds_up_nobody_and_is_refused() {
    let mut host = Host::new(|_| ());
    host.write_all();
    host.db.compact().unwrap();
    host.write_all();
    let mut reader = host.begin();
    let idle = host.db.stats();
    assert_eq!((idle.readers, idle.readers_overtaken), (1, 0));
    // Files are replaced, samples deleted, series leave memory, twice.
    let staying = host.universe.series[..20].to_vec();
    for round in 0..2 {
        host.write(&staying[round * 10..]);
        host.db.compact().unwrap();
        let steps = host.settle();
        assert!(
            steps.contains(&MaintenanceStep::Forget),
            "{round}: {steps:?}"
        );
        host.write_all();
    }
    let host0 = Matcher::equal("host", "host0");
    let deleted = host.db.default_namespace().delete(TimeRange::ALL, &[host0]);
    assert_eq!(deleted.unwrap().series, 3);
    host.db.compact().unwrap();
    assert_eq!(host.vfs.list("default/runs".as_ref()).unwrap().len(), 0);
    assert_eq!(host.vfs.list("default/blocks".as_ref()).unwrap().len(), 1);
    host.settle();
    let held = host.db.stats();
    assert_eq!((held.readers, held.readers_overtaken), (1, 1));
    assert!(
        held.pinned_files > 0 && held.pinned_bytes > 1000,
        "{held:?}"
    );
    assert!(held.pinned_memory_bytes > idle.pinned_memory_bytes + 50_000);
    assert!(held.series_memory_bytes >= held.pinned_memory_bytes);

    host.clock.advance(59 * MINUTE_MS);
    host.settle();
    assert_eq!(host.db.stats().readers_refused, 0, "not yet an hour");
    host.clock.advance(2 * MINUTE_MS);
    host.settle();
    // Freed before the reader comes back.
    let freed = host.db.stats();
    assert_eq!((freed.pinned_files, freed.pinned_bytes), (0, 0));
    assert_eq!((freed.readers_overtaken, freed.readers_refused), (0, 1));
    // What it has read and not given out is its own.
    assert_eq!(freed.pinned_memory_bytes, idle.pinned_memory_bytes);
    let error = refusal(&mut reader);
    assert_eq!(error.kind(), ErrorKind::Limit);
    let text = error.to_string();
    assert!(text.contains("reader_age_max of 3600000"), "{text}");
    drop(reader);
    assert_eq!(host.db.stats().pinned_memory_bytes, 0);
    // Another one sees the present.
    let found = host
        .db
        .default_namespace()
        .select(TimeRange::ALL, &[])
        .unwrap();
    assert_eq!(
        found.map(Result::unwrap).count(),
        host.universe.series.len() - 3
    );
}

#[test]
fn a_reader_of_what_is_live_is_never_refused() {
    let mut host = Host::new(|options| options.reader_memory_max = Some(0));
    host.write_all();
    host.db.compact().unwrap();
    host.settle();
    let reader = host.begin();
    host.clock.advance(600 * MINUTE_MS);
    host.settle();
    host.clock.advance(600 * MINUTE_MS);
    host.settle();
    assert_eq!(
        reader.map(Result::unwrap).count(),
        host.universe.series.len() - 1
    );
    assert_eq!(host.db.stats().readers_refused, 0);
}

#[test]
fn memory_that_only_readers_hold_is_bounded_and_the_longest_goes_first() {
    let mut host = Host::new(|options| options.reader_age_max = None);
    host.write_all();
    let mut first = host.begin();
    let own = host.db.stats().pinned_memory_bytes;
    host.db.flush().unwrap();
    host.settle();
    let of_one = (host.db.stats().pinned_memory_bytes - own) as u64;
    assert!(of_one > 10_000, "{of_one}");
    drop(host);

    let limit = of_one + of_one / 2;
    let mut host = Host::new(|options| {
        options.reader_age_max = None;
        options.reader_memory_max = Some(limit);
    });
    assert_eq!(
        first.by_ref().map(Result::unwrap).count(),
        179,
        "without a limit it goes on"
    );
    host.write_all();
    let mut first = host.begin();
    host.db.flush().unwrap();
    host.settle();
    host.write_all();
    let second = host.begin();
    assert_eq!(host.db.stats().readers_refused, 0);
    host.clock.advance(1000);
    host.db.flush().unwrap();
    host.settle();
    assert_eq!(host.db.stats().readers_refused, 1);
    let text = refusal(&mut first).to_string();
    assert!(
        text.contains(&format!("reader_memory_max of {limit}")),
        "{text}"
    );
    assert_eq!(second.map(Result::unwrap).count(), 179);
}
