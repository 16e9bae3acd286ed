//! One fixed story, told again and again, each time with one operation of the disk failing: typed
//! errors, reads stay right, what was acked stays, and all goes on once the disk does.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tsdb_core::clock::ManualClock;
use tsdb_core::model::ProtocolRules;
use tsdb_core::vfs::{Fault, FaultVfs, Operation, OperationKind, Outage, SplitMix64, Verdict};
use tsdb_core::{Clock, Db, Error, ErrorKind, NamespaceOptions, Sample, WriteBatch};

use crate::support::{
    History, Loss, Place, START, Universe, chain, push, read_all, small_options, value,
};

const STEPS: u64 = 70;
const NAMES: [&str; 2] = ["default", "second"];

type Outcome = Result<(), String>;

/// An operation of the story, as it was when nothing failed.
#[derive(Clone, Debug)]
struct Told {
    kind: OperationKind,
    path: String,
    length: u64,
}

/// What happened to the one operation that was chosen.
#[derive(Debug, Default)]
struct Shared {
    told: Vec<Told>,
    fired: bool,
}

struct Story {
    vfs: FaultVfs,
    clock: Arc<ManualClock>,
    universe: Universe,
    history: History,
    db: Option<Db>,
    shared: Arc<Mutex<Shared>>,
    /// Errors met so far.
    errors: Vec<ErrorKind>,
    /// How often the Db was found poisoned.
    poisonings: u64,
}

impl Story {
    fn new() -> Self {
        Self {
            vfs: FaultVfs::new(3),
            clock: Arc::new(ManualClock::new(START)),
            universe: Universe::new(3),
            history: History::default(),
            db: None,
            shared: Arc::default(),
            errors: Vec::new(),
            poisonings: 0,
        }
    }

    /// Lets `verdict` decide on the operation with this number.
    fn break_at(&self, number: u64, verdict: Verdict) {
        let shared = Arc::clone(&self.shared);
        self.vfs.on_operation(move |_, operation: &Operation<'_>| {
            let mut shared = shared.lock();
            shared.told.push(Told {
                kind: operation.kind,
                path: operation.path.display().to_string(),
                length: operation.length,
            });
            if operation.number == number && verdict != Verdict::Proceed {
                shared.fired = true;
                return verdict;
            }
            Verdict::Proceed
        });
    }

    /// Takes note of an error, which must be one that a failing disk explains.
    fn tolerate<T>(&mut self, what: &str, done: Result<T, Error>) -> Result<Option<T>, String> {
        match done {
            Ok(value) => Ok(Some(value)),
            Err(error)
                if matches!(error.kind(), ErrorKind::Io | ErrorKind::Poisoned)
                    && self.shared.lock().fired =>
            {
                if !error.is_retryable() {
                    return Err(format!("{what}: not retryable: {}", chain(&error)));
                }
                self.errors.push(error.kind());
                Ok(None)
            }
            Err(error) => Err(format!("{what}: {}", chain(&error))),
        }
    }

    /// The open Db; opens it, twice if the first time meets the fault.
    fn db(&mut self) -> Result<Db, String> {
        for _ in 0..2 {
            if let Some(db) = &self.db {
                return Ok(db.clone());
            }
            let mut options = small_options(ProtocolRules::default());
            options.runs_max = 2;
            let opened = Db::open_with(Arc::new(self.vfs.clone()), self.clock.clone(), options);
            self.db = self.tolerate("opening", opened)?;
            if self.db.is_some() {
                self.read(Some(Loss::Process))?;
            }
        }
        self.db.clone().ok_or("opening failed twice".to_owned())
    }

    /// Reads all, twice if the first time meets the fault, and compares.
    fn read(&mut self, after: Option<Loss>) -> Outcome {
        let db = self.db()?;
        let fired_before = self.shared.lock().fired;
        let mut found = read_all(&db, &NAMES, &self.universe);
        if found.is_err() && !fired_before && self.shared.lock().fired {
            found = read_all(&db, &NAMES, &self.universe);
        }
        let found = found?;
        match after {
            None => self.history.check_live(&found),
            Some(loss) => {
                self.history.check_after(&found, u64::MAX - 1, loss)?;
                self.history.adopt(&found);
                Ok(())
            }
        }
    }

    fn append(&mut self, step: u64) -> Outcome {
        let mut random = SplitMix64::new(step);
        let db = self.db()?;
        let number = random.index(2);
        let Some(namespace) = db.find(NAMES[number]) else {
            return Ok(());
        };
        let mut samples: Vec<(Place, u64)> = Vec::new();
        for _ in 0..=random.below(4) {
            let rank = random.index(self.universe.series.len());
            let time = self.clock.now_ms() - random.between(0, 10) * 1000;
            samples.push(((number, rank, time), value(&mut random)));
        }
        let mut batch = WriteBatch::new();
        for &((_, rank, timestamp), bits) in &samples {
            let labels = &self.universe.series[rank];
            push(&mut batch, labels, timestamp, bits);
        }
        let appended = namespace.append(&batch);
        let Some(appended) = self.tolerate("appending", appended)? else {
            return Ok(());
        };
        let moment = self.history.append(&samples);
        let waited = appended.ticket.wait().map_err(Error::from);
        if self.tolerate("waiting", waited)?.is_some() {
            self.history.acked(&samples, moment, true);
        }
        Ok(())
    }

    fn step(&mut self, step: u64) -> Outcome {
        self.do_step(step)?;
        self.look_at_poison()
    }

    fn do_step(&mut self, step: u64) -> Outcome {
        let db = self.db()?;
        match step % 14 {
            0 if step < 14 => {
                let options = NamespaceOptions {
                    window: Duration::from_secs(60),
                    ..NamespaceOptions::default()
                };
                let made = db.namespace(NAMES[1], options);
                self.tolerate("making a namespace", made)?;
            }
            6 => {
                let done = db.flush();
                self.tolerate("flushing", done)?;
            }
            9 => {
                self.clock.advance(4_000_000);
                for _ in 0..24 {
                    let done = db.maintain();
                    self.tolerate("maintaining", done)?;
                }
            }
            10 if step.is_multiple_of(3) => {
                let done = db.compact();
                self.tolerate("compacting", done)?;
            }
            11 => self.read(None)?,
            12 if step.is_multiple_of(4) => {
                self.db = None;
                let closed = db.close();
                self.tolerate("closing", closed)?;
            }
            13 if step.is_multiple_of(3) => self.db = None,
            _ => self.append(step)?,
        }
        Ok(())
    }

    /// A poisoned Db still reads, refuses to append and to flush, and is healed by reopening.
    fn look_at_poison(&mut self) -> Outcome {
        let Some(db) = self.db.clone().filter(|db| db.poisoned().is_some()) else {
            return Ok(());
        };
        self.read(None)?;
        let sample = Sample::new(self.clock.now_ms(), 1.0);
        let mut batch = WriteBatch::new();
        batch.push(&self.universe.series[0], sample);
        let refused = db.default_namespace().append(&batch);
        let refused = refused.map(|_| ()).map_err(|error| error.kind());
        let maintained = db.maintain().map(|_| ()).map_err(|error| error.kind());
        if refused != Err(ErrorKind::Poisoned) || maintained != Err(ErrorKind::Poisoned) {
            return Err(format!("poisoned, but {refused:?}, {maintained:?}"));
        }
        self.poisonings += 1;
        drop(db);
        self.db = None;
        self.db().map(|_| ())
    }

    fn tell(&mut self) -> Outcome {
        for step in 0..STEPS {
            self.step(step)
                .map_err(|what| format!("step {step}: {what}"))?;
        }
        self.read(None)?;
        self.vfs.clear_hook();
        let report = self.db()?.verify().map_err(|error| chain(&error))?;
        if !report.problems.is_empty() {
            return Err(format!("{report:?}"));
        }
        self.db = None;
        self.vfs = self.vfs.image(Outage::BarePowerCut);
        let db = crate::support::open_at(&self.vfs, self.clock.now_ms(), ProtocolRules::default());
        let db = db.map_err(|error| chain(&error))?;
        let found = read_all(&db, &NAMES, &self.universe)?;
        self.history
            .check_after(&found, u64::MAX - 1, Loss::Machine)
    }
}

/// The operations of the story when nothing fails.
fn undisturbed() -> Vec<Told> {
    let mut story = Story::new();
    story.break_at(0, Verdict::Proceed);
    story.tell().unwrap();
    let told = story.shared.lock().told.clone();
    assert!(told.len() > 300, "only {} operations", told.len());
    told
}

/// Tells the story with `verdict` on each operation that `chosen` picks; answers for each its
/// place in the story and the errors met.
fn tell_with(
    verdict: impl Fn(&Told) -> Option<Verdict>,
    mut look: impl FnMut(&Told, &[ErrorKind]),
) {
    for (number, told) in (1u64..).zip(undisturbed()) {
        let Some(verdict) = verdict(&told) else {
            continue;
        };
        let mut story = Story::new();
        story.break_at(number, verdict);
        let done = story.tell();
        done.unwrap_or_else(|what| panic!("operation {number}, {told:?}, {verdict:?}: {what}"));
        assert!(story.shared.lock().fired, "operation {number} never came");
        look(&told, &story.errors);
    }
}

#[test]
fn any_operation_may_fail_with_an_input_output_error() {
    let mut failures = 0;
    tell_with(
        |_| Some(Verdict::Fail(Fault::DISK)),
        |_, errors| failures += u64::from(!errors.is_empty()),
    );
    assert!(failures > 200, "only {failures} faults were noticed");
}

#[test]
fn the_disk_may_be_full_at_any_write() {
    let takes_space = |told: &Told| {
        let kinds = [
            OperationKind::Write,
            OperationKind::Allocate,
            OperationKind::Create,
            OperationKind::CreateDir,
            OperationKind::Rename,
            OperationKind::SetLen,
        ];
        kinds
            .contains(&told.kind)
            .then_some(Verdict::Fail(Fault::NO_SPACE))
    };
    tell_with(takes_space, |told, errors| {
        // Space is reserved before anything is promised: nothing is poisoned by the lack of it.
        if told.kind == OperationKind::Allocate {
            assert!(
                !errors.contains(&ErrorKind::Poisoned),
                "{told:?}: {errors:?}"
            );
        }
    });
}

#[test]
fn any_sync_may_fail() {
    tell_with(
        |told| told.kind.is_sync().then_some(Verdict::Fail(Fault::DISK)),
        |told, errors| assert!(!errors.is_empty(), "{told:?} failed unnoticed"),
    );
}

#[test]
fn a_failed_write_or_sync_of_a_frame_poisons() {
    // What is written to a log or a series file in use is on its way to an ack.
    let mut poisonings = 0;
    for (number, told) in (1u64..).zip(undisturbed()) {
        let kinds = [OperationKind::Write, OperationKind::Sync];
        let in_use = told.path.starts_with("wal/") || told.path.ends_with(".series");
        if !kinds.contains(&told.kind) || !in_use {
            continue;
        }
        let mut story = Story::new();
        story.break_at(number, Verdict::Fail(Fault::DISK));
        for step in 0..STEPS {
            let was_open = story.db.is_some();
            story.step(step).unwrap();
            if story.shared.lock().fired {
                // Closing and opening write too; what fails there leaves no open Db.
                if was_open && story.db.is_some() {
                    assert_eq!(story.poisonings, 1, "operation {number}, {told:?}");
                    poisonings += 1;
                }
                break;
            }
        }
    }
    assert!(poisonings > 50, "only {poisonings}");
}

#[test]
fn short_reads_and_writes_are_carried_on() {
    for part in [1, 2, 3] {
        tell_with(
            |told| {
                let most = usize::try_from(told.length / 4 * part).unwrap();
                match told.kind {
                    OperationKind::Read if most > 0 => Some(Verdict::ShortRead(most)),
                    OperationKind::Write if most > 0 => Some(Verdict::ShortWrite(most)),
                    _ => None,
                }
            },
            |told, errors| assert!(errors.is_empty(), "{told:?}: {errors:?}"),
        );
    }
}

/// Appends to one series until told otherwise.
struct Filler {
    db: Db,
    next: i64,
    universe: Universe,
}

impl Filler {
    fn append(&mut self) -> Result<(), Error> {
        let mut batch = WriteBatch::new();
        for _ in 0..2_000 {
            self.next += 1;
            let value =
                f64::from_bits(self.next.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15));
            batch.push(&self.universe.series[0], Sample::new(self.next, value));
        }
        let done = self.db.default_namespace().write(&batch);
        if done.is_err() {
            self.next -= 2_000;
        }
        done.map(|_| ())
    }

    fn count(&self) -> usize {
        let namespace = self.db.default_namespace();
        let found = namespace.select(tsdb_core::TimeRange::ALL, &[]).unwrap();
        found.map(|series| series.unwrap().timestamps().len()).sum()
    }
}

#[test]
fn a_full_disk_refuses_appends_and_takes_them_again_when_space_returns() {
    let vfs = FaultVfs::new(5);
    let mut options = small_options(ProtocolRules::default());
    options.log_cap_bytes = 1 << 30;
    let clock = Arc::new(ManualClock::new(START));
    let mut filler = Filler {
        db: Db::open_with(Arc::new(vfs.clone()), clock, options).unwrap(),
        next: 0,
        universe: Universe::new(1),
    };
    filler.append().unwrap();
    for round in 0..4 {
        vfs.set_capacity(Some(vfs.used_bytes()));
        let mut accepted = 0;
        let error = loop {
            match filler.append() {
                Ok(()) => accepted += 1,
                Err(error) => break error,
            }
        };
        assert!(accepted < 1_000, "space was taken that is not there");
        assert_eq!(error.kind(), ErrorKind::Io, "{error}");
        assert!(error.is_retryable());
        assert!(chain(&error).contains("o space left"), "{}", chain(&error));
        assert_eq!(filler.db.poisoned(), None);
        assert_eq!(filler.count() as i64, filler.next, "round {round}");
        vfs.set_capacity(None);
        filler.append().unwrap();
        assert_eq!(filler.count() as i64, filler.next, "round {round}");
    }
}

/// A log reserves more ahead than a disk may have left when its process was killed.
#[test]
fn what_was_killed_on_a_full_disk_opens_again() {
    let vfs = FaultVfs::new(6);
    let open = || {
        let mut options = small_options(ProtocolRules::default());
        options.log_cap_bytes = 1 << 30;
        let clock = Arc::new(ManualClock::new(START));
        Db::open_with(Arc::new(vfs.clone()), clock, options).unwrap()
    };
    let mut filler = Filler {
        db: open(),
        next: 0,
        universe: Universe::new(1),
    };
    filler.append().unwrap();
    for _ in 0..2 {
        vfs.set_capacity(Some(vfs.used_bytes()));
        while filler.append().is_ok() {}
        let next = filler.next;
        drop(filler);
        // A page for the lock, and some for what opening writes.
        vfs.set_capacity(Some(vfs.used_bytes() + (64 << 10)));
        filler = Filler {
            db: open(),
            next,
            universe: Universe::new(1),
        };
        assert_eq!(filler.count() as i64, next);
    }
    let refused = (0..1_000).find_map(|_| filler.append().err());
    let refused = refused.expect("space that is not there");
    assert!(refused.is_retryable(), "{refused}");
    vfs.set_capacity(None);
    filler.append().unwrap();
    assert_eq!(filler.count() as i64, filler.next);
}
