//! Disk images at the syncs of a long workload, each opened after the end of the process and of
//! the machine, and brought down once more during and right after recovery.
//!
//! A sample of the syncs is taken by default; `TSDB_CRASH_EVERY_SYNC=1` (`cargo xtask crash`)
//! takes them all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tsdb_core::clock::ManualClock;
use tsdb_core::model::ProtocolRules;
use tsdb_core::vfs::{FaultVfs, Outage, SimulatedCrash, SplitMix64, Verdict};
use tsdb_core::{Ack, Clock, Db, MetricKind, MetricMetadata, NamespaceOptions, WriteBatch};

use crate::support::{
    Contents, Covered, History, Loss, Place, START, Universe, chain, delete, must, open_at, push,
    read_all, small_options, value,
};

const OPERATIONS: u64 = 10_000;
/// Syncs that are looked into by default, of each of the two workloads.
const IMAGES: u64 = 500;
/// About so many syncs there are in a workload; the sample is spread over them.
const SYNCS_ABOUT: u64 = 6_000;
const NAMES: [&str; 3] = ["default", "short", "lazy"];
const RULES: fn() -> ProtocolRules = ProtocolRules::default;

/// What the hook needs to look into an image.
struct Examiner {
    universe: Universe,
    history: Mutex<History>,
    clock: Arc<ManualClock>,
    examined: AtomicU64,
    failure: Mutex<Option<String>>,
}

impl Examiner {
    /// Opens an image and checks what it shows; answers that, and how many operations it took.
    fn open(&self, image: &FaultVfs, loss: Loss) -> Result<(Contents, u64), String> {
        let db = open_at(image, self.clock.now_ms(), RULES()).map_err(|error| chain(&error))?;
        let operations = image.counters().operations();
        let found = read_all(&db, &NAMES, &self.universe)?;
        let history = self.history.lock();
        history.check_after(&found, u64::MAX - 1, loss)?;
        drop(history);
        let torn = &db.recovery().torn;
        if loss == Loss::Process && !torn.is_empty() {
            return Err(format!("torn although only the process ended: {torn:?}"));
        }
        if torn
            .iter()
            .any(|tail| tail.what.is_empty() || tail.path.as_os_str().is_empty())
        {
            return Err(format!("torn, but not said where and why: {torn:?}"));
        }
        Ok((found, operations))
    }

    /// One outage at this moment, then another one during recovery, and one right after it.
    fn outage(&self, vfs: &FaultVfs, outage: Outage, seed: u64) -> Result<(), String> {
        let mut random = SplitMix64::new(seed);
        let loss = match outage {
            Outage::Kill => Loss::Process,
            Outage::PowerCut { .. } | Outage::BarePowerCut => Loss::Machine,
        };
        let first = vfs.image(outage);
        let (found, operations) = self.open(&first, loss)?;
        let after = first.image(Outage::PowerCut {
            seed: random.next_u64(),
        });
        let db = open_at(&after, self.clock.now_ms(), RULES()).map_err(|error| chain(&error))?;
        if read_all(&db, &NAMES, &self.universe)? != found {
            return Err("what recovery showed did not survive a power cut after it".to_owned());
        }
        let report = db.verify().map_err(|error| chain(&error))?;
        if !report.problems.is_empty() {
            return Err(format!("{report:?}"));
        }
        let during = vfs.image(outage);
        during.crash_at_operation(1 + random.below(operations));
        match open_at(&during, self.clock.now_ms(), RULES()) {
            Err(error) if !SimulatedCrash::caused(&error) => return Err(chain(&error)),
            _ => {}
        }
        let (again, loss) = if random.chance(1, 3) {
            (Outage::Kill, loss)
        } else {
            let seed = random.next_u64();
            (Outage::PowerCut { seed }, Loss::Machine)
        };
        let third = during.image(again);
        let torn_again = matches!(again, Outage::PowerCut { .. });
        self.open(&third, if torn_again { Loss::Machine } else { loss })
            .map(|_| ())
            .map_err(|what| format!("after a crash in recovery and {again:?}: {what}"))
    }

    fn examine(&self, vfs: &FaultVfs, sync: u64, seed: u64) -> Result<(), String> {
        let mut random = SplitMix64::new(seed ^ sync);
        let seed = random.next_u64();
        self.examined.fetch_add(1, Ordering::Relaxed);
        let cut = if random.chance(1, 8) {
            Outage::BarePowerCut
        } else {
            Outage::PowerCut { seed }
        };
        for outage in [Outage::Kill, cut] {
            self.outage(vfs, outage, random.next_u64())
                .map_err(|what| format!("sync {sync}, {outage:?}: {what}"))?;
        }
        Ok(())
    }
}

struct Workload {
    random: SplitMix64,
    vfs: FaultVfs,
    db: Option<Db>,
    examiner: Arc<Examiner>,
}

type Outcome = Result<(), String>;

impl Workload {
    fn db(&self) -> &Db {
        self.db.as_ref().unwrap()
    }

    fn step(&mut self) -> Outcome {
        match self.random.below(1000) {
            0..800 => self.append(),
            800..900 => {
                self.examiner.clock.advance(self.random.below(4_000));
                self.note_floor();
                Ok(())
            }
            900..970 => self.maintain(),
            970..980 => self.flush(),
            980..988 => self.set_metadata(),
            988..991 => self.change_options(),
            991 => self.remove(),
            992..994 => self.delete(),
            994..997 => self.examine_live(),
            _ => self.reopen(),
        }
    }

    fn append(&mut self) -> Outcome {
        let number = self.random.index(NAMES.len());
        let Some(namespace) = self.db().find(NAMES[number]) else {
            return self.change_options();
        };
        let now = self.examiner.clock.now_ms();
        let mut samples: Vec<(Place, u64)> = Vec::new();
        for _ in 0..=self.random.below(3) {
            let rank = self.random.index(self.examiner.universe.series.len());
            let back = [0, 30_000, 900_000][self.random.index(3)];
            let time = (now - self.random.between(0, back)) / 1000 * 1000;
            samples.push(((number, rank, time), value(&mut self.random)));
        }
        let mut batch = WriteBatch::new();
        for &((_, rank, timestamp), bits) in &samples {
            let labels = &self.examiner.universe.series[rank];
            push(&mut batch, labels, timestamp, bits);
        }
        let retention = namespace.options().retention;
        if let Some(retention) = retention {
            let oldest = now - i64::try_from(retention.as_millis()).unwrap();
            samples.retain(|(place, _)| place.2 >= oldest);
            self.examiner.history.lock().expires(number, oldest);
        }
        let synced = namespace.options().ack == Ack::Always;
        // Another reader may see a sample from here on.
        let moment = self.examiner.history.lock().append(&samples);
        let appended = namespace.append(&batch).map_err(|error| chain(&error))?;
        let report = &appended.report;
        if report.appended + report.appended_histograms != samples.len() as u64 {
            return Err(format!("{:?} of {}", appended.report, samples.len()));
        }
        let examiner = Arc::clone(&self.examiner);
        appended.ticket.on_commit(move |done| {
            if done.is_ok() {
                examiner.history.lock().acked(&samples, moment, synced);
            }
        });
        if self.random.chance(2, 3) {
            self.db().commit().map_err(|error| chain(&error))?;
        }
        Ok(())
    }

    /// What upkeep may leave out from now on.
    fn note_floor(&self) {
        let short = self.db().find(NAMES[1]);
        if let Some(retention) = short.and_then(|short| short.options().retention) {
            let retention = i64::try_from(retention.as_millis()).unwrap();
            let oldest = self.examiner.clock.now_ms() - retention;
            self.examiner.history.lock().expires(1, oldest);
        }
    }

    fn maintain(&mut self) -> Outcome {
        let steps = 1 + self.random.below(8);
        for _ in 0..steps {
            if !self.db().maintain().map_err(|error| chain(&error))?.more {
                break;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Outcome {
        let moment = self.examiner.history.lock().tick();
        let done = if self.random.chance(1, 3) {
            self.db().compact()
        } else {
            self.db().flush()
        };
        done.map_err(|error| chain(&error))?;
        self.examiner.history.lock().all_safe(moment);
        Ok(())
    }

    fn set_metadata(&mut self) -> Outcome {
        let metadata = MetricMetadata {
            metric: "up".to_owned(),
            kind: MetricKind::Gauge,
            help: format!("help {}", self.random.below(1000)),
            unit: String::new(),
        };
        let ticket = self.db().default_namespace().set_metadata(&[metadata]);
        let waited = ticket.map_err(|error| chain(&error))?.wait();
        waited.map_err(|error| chain(&error))
    }

    fn change_options(&mut self) -> Outcome {
        let number = self.random.index(NAMES.len());
        let options = NamespaceOptions {
            retention: (number == 1).then_some(Duration::from_secs(1200)),
            window: Duration::from_secs(60 << self.random.below(5)),
            ack: if number == 2 { Ack::Os } else { Ack::Always },
            ..NamespaceOptions::default()
        };
        let made = self.db().namespace(NAMES[number], options);
        made.map(|_| ()).map_err(|error| chain(&error))
    }

    fn delete(&mut self) -> Outcome {
        let number = self.random.index(NAMES.len());
        let Some(namespace) = self.db().find(NAMES[number]) else {
            return Ok(());
        };
        let time = (self.examiner.clock.now_ms() / 1000 * 1000, 900_000);
        let universe = &self.examiner.universe;
        let (matchers, covered) = universe.to_delete(&mut self.random, number, time);
        let moment = self.examiner.history.lock().delete_begins(&covered);
        let done = delete(&namespace, covered.range, &matchers);
        done.map_err(|error| chain(&error))?;
        self.examiner.history.lock().deleted(&covered, moment);
        Ok(())
    }

    fn remove(&mut self) -> Outcome {
        let number = 1 + self.random.index(NAMES.len() - 1);
        let covered = Covered::all_of(number, self.examiner.universe.series.len());
        let moment = self.examiner.history.lock().delete_begins(&covered);
        let removed = self.db().remove_namespace(NAMES[number]);
        removed.map_err(|error| chain(&error))?;
        self.examiner.history.lock().deleted(&covered, moment);
        Ok(())
    }

    fn examine_live(&mut self) -> Outcome {
        let found = read_all(self.db(), &NAMES, &self.examiner.universe)?;
        self.examiner.history.lock().check_live(&found)
    }

    fn reopen(&mut self) -> Outcome {
        if let Some(db) = self.db.take().filter(|_| self.random.coin()) {
            let moment = self.examiner.history.lock().tick();
            db.close().map_err(|error| chain(&error))?;
            self.examiner.history.lock().all_safe(moment);
        }
        let options = small_options(RULES());
        let (vfs, clock) = (Arc::new(self.vfs.clone()), Arc::clone(&self.examiner.clock));
        let db = Db::open_with(vfs, clock, options).map_err(|error| chain(&error))?;
        let found = read_all(&db, &NAMES, &self.examiner.universe)?;
        let mut history = self.examiner.history.lock();
        history.check_after(&found, u64::MAX - 1, Loss::Process)?;
        history.adopt(&found);
        drop(history);
        self.db = Some(db);
        Ok(())
    }
}

fn play(seed: u64) {
    let every = std::env::var_os("TSDB_CRASH_EVERY_SYNC").is_some();
    let vfs = FaultVfs::new(seed);
    let examiner = Arc::new(Examiner {
        universe: Universe::new(8),
        history: Mutex::default(),
        clock: Arc::new(ManualClock::new(START)),
        examined: AtomicU64::new(0),
        failure: Mutex::new(None),
    });
    let hook = Arc::clone(&examiner);
    let lottery = Mutex::new(SplitMix64::new(seed ^ 0x5eed));
    vfs.on_operation(move |vfs, operation| {
        let drawn = every || lottery.lock().chance(IMAGES, SYNCS_ABOUT);
        if operation.kind.is_sync() && drawn && hook.failure.lock().is_none() {
            let done = hook.examine(vfs, operation.sync_number, seed);
            *hook.failure.lock() = done.err();
        }
        Verdict::Proceed
    });
    let mut workload = Workload {
        random: SplitMix64::new(seed),
        vfs: vfs.clone(),
        db: None,
        examiner: Arc::clone(&examiner),
    };
    for operation in 0..OPERATIONS {
        let done = match &workload.db {
            None => workload.reopen(),
            Some(_) => workload.step(),
        };
        must((seed, operation), done);
        let failure = examiner.failure.lock().take();
        must((seed, operation), failure.map_or(Ok(()), Err));
    }
    vfs.clear_hook();
    let (syncs, examined) = (
        vfs.counters().syncs(),
        examiner.examined.load(Ordering::Relaxed),
    );
    let promised = if every { syncs } else { IMAGES * 9 / 10 };
    println!("seed {seed}: {examined} of {syncs} syncs examined");
    assert!(examined >= promised, "{examined} of {syncs} syncs examined");
}

#[test]
fn images_at_the_syncs_of_ten_thousand_operations_1() {
    play(1);
}

#[test]
fn images_at_the_syncs_of_ten_thousand_operations_2() {
    play(2);
}
