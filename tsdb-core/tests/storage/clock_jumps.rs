//! A clock that jumps by years must cost nobody a sample: neither one that is stored, nor one
//! that a sender whose clock is right sends meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tsdb_core::clock::ManualClock;
use tsdb_core::model::ProtocolRules;
use tsdb_core::vfs::{MemVfs, SplitMix64};
use tsdb_core::{Db, DbOptions, Labels, NamespaceOptions, Sample, WriteBatch};

use crate::support::{Place, START, Universe, push, read_all, small_options, value};

const YEAR_MS: i64 = 365 * 86_400_000;
const RETENTION: Duration = Duration::from_secs(30 * 86_400);
const STEPS: usize = 600;

struct Host {
    seed: u64,
    random: SplitMix64,
    vfs: Arc<MemVfs>,
    clock: Arc<ManualClock>,
    db: Db,
    universe: Universe,
    /// What a sender with a right clock sends next.
    true_ms: i64,
    sent: BTreeMap<Place, u64>,
    /// How far the clock is from the truth.
    wrong_ms: i64,
}

/// With the limit on early samples that is the default: a clock that is behind must not set it off.
fn options() -> DbOptions {
    let mut options = small_options(ProtocolRules::default());
    options.limits.max_future = DbOptions::default().limits.max_future;
    assert!(options.limits.max_future.is_some());
    options
}

impl Host {
    fn new(seed: u64) -> Self {
        let (vfs, clock) = (Arc::new(MemVfs::new()), Arc::new(ManualClock::new(START)));
        let options = options();
        let db = Db::open_with(vfs.clone(), clock.clone(), options).unwrap();
        let keep = NamespaceOptions {
            retention: Some(RETENTION),
            ..NamespaceOptions::default()
        };
        db.namespace("default", keep).unwrap();
        Self {
            seed,
            random: SplitMix64::new(seed),
            vfs,
            clock,
            db,
            universe: Universe::new(3),
            true_ms: START,
            sent: BTreeMap::new(),
            wrong_ms: 0,
        }
    }

    fn step(&mut self) {
        match self.random.below(20) {
            0 => self.jump(),
            1 => self.reopen(),
            2 | 3 => while self.db.maintain().unwrap().more {},
            4 => self.db.flush().unwrap(),
            _ => self.send(),
        }
        let passed = self.random.below(20_000);
        self.clock.advance(passed);
        self.true_ms += i64::try_from(passed).unwrap();
    }

    /// Away by up to a year in either direction, or back.
    fn jump(&mut self) {
        let to_ms = match self.random.below(3) {
            0 => 0,
            1 => self.random.between(-YEAR_MS, YEAR_MS),
            _ => [YEAR_MS, -YEAR_MS][usize::from(self.random.coin())],
        };
        self.clock.step_wall(to_ms - self.wrong_ms);
        self.wrong_ms = to_ms;
    }

    fn reopen(&mut self) {
        self.send();
        self.db.flush().unwrap();
        self.send();
        let options = options();
        let none = Db::in_memory(options.clone()).unwrap();
        let db = std::mem::replace(&mut self.db, none);
        match self.random.coin() {
            true => db.close().unwrap(),
            false => drop(db),
        }
        self.db = Db::open_with(self.vfs.clone(), self.clock.clone(), options).unwrap();
    }

    /// Some samples of now, and some that come days late.
    fn send(&mut self) {
        let late_ms = match self.random.below(4) {
            0 => self.random.between(0, 20 * 86_400_000),
            _ => 0,
        };
        let mut batch = WriteBatch::new();
        for (rank, labels) in self.universe.series.iter().enumerate() {
            let timestamp = self.true_ms - late_ms + i64::try_from(rank).unwrap();
            // The winner of two values at one place is another test's matter.
            let place = (0, rank, timestamp);
            if self.sent.contains_key(&place) {
                continue;
            }
            let bits = value(&mut self.random);
            push(&mut batch, labels, timestamp, bits);
            self.sent.insert(place, bits);
        }
        let report = self.db.default_namespace().write(&batch).unwrap();
        let (seed, wrong) = (self.seed, self.wrong_ms);
        assert!(
            report.rejected.is_empty(),
            "seed {seed}, clock wrong by {wrong} ms: {:?}",
            report.rejected
        );
    }

    fn check(&self) {
        let found = read_all(&self.db, &["default"], &self.universe).unwrap();
        let sent: Vec<(Place, u64)> = self
            .sent
            .iter()
            .map(|(place, bits)| (*place, *bits))
            .collect();
        let (seed, wrong) = (self.seed, self.wrong_ms);
        assert!(
            found == sent,
            "seed {seed}, clock wrong by {wrong} ms: {} samples sent, {} there",
            sent.len(),
            found.len()
        );
    }
}

#[test]
fn jumps_of_a_year_lose_nothing() {
    for seed in 1..=6 {
        let mut host = Host::new(seed);
        for step in 0..STEPS {
            host.step();
            if step % 50 == 0 {
                host.check();
            }
        }
        host.check();
        // Once the clock is right again expiry goes on, and still takes nothing that is young.
        host.clock.step_wall(-host.wrong_ms);
        host.wrong_ms = 0;
        while host.db.maintain().unwrap().more {}
        assert!(!host.db.stats().expiry_suspended, "seed {seed}");
        host.check();
        host.clock
            .advance(RETENTION.as_millis().try_into().unwrap());
        host.clock.advance(21 * 86_400_000);
        while host.db.maintain().unwrap().more {}
        let left = read_all(&host.db, &["default"], &host.universe).unwrap();
        assert!(
            left.len() < host.sent.len() / 2,
            "seed {seed}: nothing expires any more"
        );
    }
}

#[test]
fn what_another_store_has_taken_is_taken_however_early() {
    let host = Host::new(1);
    let namespace = host.db.find("default").unwrap();
    let labels = Labels::from_pairs([("__name__", "early")]).unwrap();
    let mut batch = WriteBatch::new();
    batch.push(&labels, Sample::new(START + 7_200_000, 1.0));
    let refused = namespace.write(&batch).unwrap();
    assert_eq!(refused.rejected_samples, 1);
    batch.mark_copied();
    let taken = namespace.write(&batch).unwrap();
    assert!(taken.is_complete() && taken.appended == 1);
}
