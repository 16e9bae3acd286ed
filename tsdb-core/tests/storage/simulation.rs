//! Seeded histories of a Db: appends, commits and reads slipped in at every operation of commits,
//! cuts, flushes and merges; failed syncs; outages anywhere, also in recovery; several lives.
//! Then each rule of the commit protocol is switched off, and must be missed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tsdb_core::clock::ManualClock;
use tsdb_core::model::ProtocolRules;
use tsdb_core::vfs::{
    Fault, FaultVfs, Operation, OperationKind, Outage, SimulatedCrash, SplitMix64, Verdict,
};
use tsdb_core::{
    Clock, Db, DbOptions, Error, ErrorKind, Maintenance, MaintenanceStep, NamespaceOptions,
    WriteBatch,
};

use crate::support::{
    Covered, History, Loss, Place, START, Universe, chain, delete, must, push, read_all,
    small_options, value,
};

mod long;
mod sync_sites;

use sync_sites::SyncSites;

const NAMES: [&str; 2] = ["default", "second"];
/// Histories in which nothing may go wrong.
const SEEDS: u64 = 600;
/// Histories among which a missing rule must be noticed.
const SEEDS_FOR_A_RULE: u64 = 3_000;

const YEAR_MS: i64 = 365 * 86_400_000;
/// Of namespaces on a machine whose clock jumps.
const RETENTION: Duration = Duration::from_secs(30 * 86_400);

type Outcome = Result<(), String>;

/// What the schedule and the hook share. No lock is held while the Db is called.
struct World {
    universe: Universe,
    clock: Arc<ManualClock>,
    random: Mutex<SplitMix64>,
    history: Mutex<History>,
    db: Mutex<Option<Db>>,
    /// Whether operations may be slipped in: not where the Db holds the lock they need.
    open_to_others: Mutex<bool>,
    /// Whether a delete is being written, and whether it has cut the log.
    deleting: Mutex<(bool, bool)>,
    /// Whether this life has seen a failed sync.
    failed: Mutex<bool>,
    /// Whether series began to leave in this life: a step of that may be a cut.
    forgetting: Mutex<bool>,
    /// In how many operations the process is gone; counts down.
    crash_in: Mutex<u64>,
    /// Whether only syncs count for that.
    crash_at_sync: Mutex<bool>,
    /// One out of so many syncs fails; 0 for none.
    failing: u64,
    violation: Mutex<Option<String>>,
    /// Whether only a few series are written to at a time, so that the others leave memory; and
    /// the first of those.
    churning: Mutex<Option<usize>>,
    /// Whether this is a history of a long run.
    long: bool,
    /// How far the clock is from the truth, where it jumps at all.
    wrong_ms: Mutex<Option<i64>>,
    /// Whether a frame was ever acked: the folder knows then what time it was.
    noted: Mutex<bool>,
    /// What was done: steps of the schedule, those that were slipped in too.
    steps: Mutex<u64>,
    disk_operations: Mutex<u64>,
    crashes: Mutex<u64>,
    sites: Mutex<SyncSites>,
    /// Every operation of every life, folded.
    trace: Mutex<u64>,
}

impl World {
    fn below(&self, bound: u64) -> u64 {
        self.random.lock().below(bound)
    }

    fn note(&self, operation: &Operation<'_>) {
        let mut trace = self.trace.lock();
        let path = operation.path.as_os_str().as_encoded_bytes();
        let words = [operation.kind as u64, operation.offset, operation.length];
        let bytes = words.iter().flat_map(|word| word.to_le_bytes());
        for byte in bytes.chain(path.iter().copied()) {
            *trace = (*trace ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn on_operation(self: &Arc<Self>, operation: &Operation<'_>) -> Verdict {
        self.note(operation);
        *self.disk_operations.lock() += 1;
        if self.crashes_now(operation) {
            self.sites.lock().crashed_at(operation);
            return Verdict::Crash;
        }
        self.sites.lock().passed(operation);
        if self.failing > 0 && operation.kind.is_sync() && self.below(self.failing) == 0 {
            *self.failed.lock() = true;
            return Verdict::Fail(Fault::DISK);
        }
        // Space is reserved under the log's lock: nobody else gets in there.
        let reserving = operation.kind == OperationKind::Allocate;
        let deleting = {
            let mut deleting = self.deleting.lock();
            let cuts = operation.kind == OperationKind::Rename && operation.path.starts_with("wal");
            deleting.1 |= cuts;
            *deleting == (true, true)
        };
        if deleting && !reserving {
            let db = self.db.lock().clone();
            if let Some(what) = db.and_then(|db| self.upkeep_meanwhile(&db).err()) {
                self.violation.lock().get_or_insert(what);
            }
            if self.below(4) == 0 {
                return Verdict::Crash;
            }
        }
        if *self.open_to_others.lock() && !reserving {
            let db = self.db.lock().clone();
            while let Some(db) = db.as_ref().filter(|_| self.below(3) == 0) {
                if let Err(what) = self.slip_in(db) {
                    self.violation.lock().get_or_insert(what);
                }
            }
        }
        Verdict::Proceed
    }

    /// Whether the process is gone at this operation.
    fn crashes_now(&self, operation: &Operation<'_>) -> bool {
        let mut crash_in = self.crash_in.lock();
        // A long run counts down at what makes something durable, so that each of these comes up.
        if *self.crash_at_sync.lock() && !operation.kind.is_sync() {
            return *crash_in == 0;
        }
        *crash_in = crash_in.saturating_sub(1);
        *crash_in == 0
    }

    /// Upkeep goes on while the frame of a delete is written; but for a cut, which waits for that.
    fn upkeep_meanwhile(&self, db: &Db) -> Outcome {
        for _ in 0..self.below(12) {
            if db.stats().log_open_bytes > 1024 || *self.forgetting.lock() {
                break;
            }
            match self.maintain(db) {
                Ok(done) if done.more => {}
                done => return self.tolerate(done),
            }
        }
        Ok(())
    }

    fn maintain(&self, db: &Db) -> Result<Maintenance, Error> {
        let done = db.maintain()?;
        *self.forgetting.lock() |= done.step == MaintenanceStep::Forget;
        Ok(done)
    }

    fn slip_in(self: &Arc<Self>, db: &Db) -> Outcome {
        *self.steps.lock() += 1;
        match self.below(8) {
            0..=5 => self.append(db),
            6 => self.tolerate(db.commit()),
            _ => self.check_live(db),
        }
    }

    /// Errors that a failed sync explains, or the end of the process.
    fn tolerate<T>(&self, done: Result<T, Error>) -> Outcome {
        match done {
            Ok(_) => Ok(()),
            Err(error) if SimulatedCrash::caused(&error) => Ok(()),
            Err(error)
                if error.kind() == ErrorKind::Poisoned
                    && chain(&error).contains("simulated crash") =>
            {
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::Backpressure => Ok(()),
            Err(error)
                if *self.failed.lock()
                    && matches!(error.kind(), ErrorKind::Io | ErrorKind::Poisoned) =>
            {
                Ok(())
            }
            Err(error) => Err(chain(&error)),
        }
    }

    fn append(self: &Arc<Self>, db: &Db) -> Outcome {
        let number = usize::from(self.below(3) == 0);
        let Some(namespace) = db.find(NAMES[number]) else {
            return Ok(());
        };
        let mut samples: Vec<(Place, u64)> = Vec::new();
        {
            let mut random = self.random.lock();
            let now = self.true_ms() / 1000 * 1000;
            for _ in 0..=random.below(2) {
                let all = self.universe.series.len();
                let rank = match *self.churning.lock() {
                    Some(first) => (first + random.index(2)) % all,
                    None => random.index(all),
                };
                let time = now - random.between(0, 3) * 1000;
                let bits = if random.chance(1, 3) {
                    (random.below(3) as f64).to_bits()
                } else {
                    value(&mut random)
                };
                samples.push(((number, rank, time), bits));
            }
        }
        let mut batch = WriteBatch::new();
        for &((_, rank, timestamp), bits) in &samples {
            let labels = &self.universe.series[rank];
            push(&mut batch, labels, timestamp, bits);
        }
        let moment = self.history.lock().append(&samples);
        match namespace.append(&batch) {
            Ok(appended) => {
                if !appended.report.is_complete() {
                    return Err(format!("refused: {:?}", appended.report.rejected));
                }
                let world = Arc::clone(self);
                appended.ticket.on_commit(move |done| {
                    if done.is_ok() {
                        world.history.lock().acked(&samples, moment, true);
                        *world.noted.lock() = true;
                    }
                });
                Ok(())
            }
            Err(error) => {
                self.history.lock().refused(&samples, moment);
                self.tolerate(Err::<(), _>(error))
            }
        }
    }

    fn check_live(&self, db: &Db) -> Outcome {
        // What is slipped in between two reads would be in one of them only.
        let others = std::mem::replace(&mut *self.open_to_others.lock(), false);
        let found = read_all(db, &NAMES, &self.universe);
        *self.open_to_others.lock() = others;
        match found {
            Ok(found) => self.history.lock().check_live(&found),
            Err(what) if what.contains("simulated crash") => Ok(()),
            Err(what) => Err(what),
        }
    }

    fn make_namespace(&self, db: &Db, name: &str) -> Outcome {
        let options = NamespaceOptions {
            window: Duration::from_secs(30 << self.below(3)),
            // Nothing is as old as that, but by a clock that jumped.
            retention: self.wrong_ms.lock().map(|_| RETENTION),
            ..NamespaceOptions::default()
        };
        *self.open_to_others.lock() = false;
        let made = db.namespace(name, options);
        *self.open_to_others.lock() = true;
        self.tolerate(made)
    }

    fn snapshot(&self, db: &Db) -> Outcome {
        let name = format!("at-{}", *self.steps.lock());
        if self.below(3) == 0 {
            *self.crash_at_sync.lock() = true;
            *self.crash_in.lock() = 1 + self.below(24);
        }
        *self.open_to_others.lock() = false;
        let made = db.snapshot(&name);
        *self.open_to_others.lock() = true;
        self.tolerate(made)
    }

    /// What a sender whose clock is right calls now.
    fn true_ms(&self) -> i64 {
        self.clock.now_ms() - self.wrong_ms.lock().unwrap_or(0)
    }

    /// The clock goes wrong by up to a year in either direction, or right again.
    fn jump(&self) {
        let to_ms = {
            let mut random = self.random.lock();
            match random.below(4) {
                0 => 0,
                1 => random.between(-YEAR_MS, YEAR_MS),
                2 => random.between(-3 * 3_600_000, 3 * 3_600_000),
                _ => [YEAR_MS, -YEAR_MS][usize::from(random.coin())],
            }
        };
        if let Some(wrong_ms) = &mut *self.wrong_ms.lock() {
            self.clock.step_wall(to_ms - *wrong_ms);
            *wrong_ms = to_ms;
        }
    }

    fn delete(&self, db: &Db) -> Outcome {
        let number = usize::from(self.below(3) == 0);
        let Some(namespace) = db.find(NAMES[number]) else {
            return Ok(());
        };
        let time = (self.true_ms() / 1000 * 1000, 60_000);
        let mut random = self.random.lock();
        let (matchers, covered) = self.universe.to_delete(&mut random, number, time);
        drop(random);
        let moment = self.history.lock().delete_begins(&covered);
        *self.deleting.lock() = (true, false);
        let done = delete(&namespace, covered.range, &matchers);
        *self.deleting.lock() = (false, false);
        if done.is_ok() {
            self.history.lock().deleted(&covered, moment);
        }
        self.tolerate(done)
    }

    /// A namespace goes; appends slip in while the catalog is written.
    fn remove(&self, db: &Db) -> Outcome {
        let covered = Covered::all_of(1, self.universe.series.len());
        let moment = self.history.lock().delete_begins(&covered);
        if self.below(3) == 0 {
            *self.crash_in.lock() = 1 + self.below(40);
        }
        let done = db.remove_namespace(NAMES[1]);
        if done.is_ok() {
            self.history.lock().deleted(&covered, moment);
        }
        self.tolerate(done)
    }

    /// All into blocks, and upkeep until nothing is left to do: series leave memory.
    fn settle(&self, db: &Db) -> Outcome {
        self.tolerate(db.compact())?;
        for _ in 0..self.below(30) {
            match self.maintain(db) {
                Ok(done) if done.more => {}
                done => return self.tolerate(done),
            }
        }
        Ok(())
    }

    fn advance(&self) {
        self.clock.advance(self.below(40_000));
        if self.wrong_ms.lock().is_some() && *self.noted.lock() && self.below(3) == 0 {
            self.jump();
        }
        if let Some(first) = &mut *self.churning.lock() {
            *first += 1;
        }
    }

    fn step(self: &Arc<Self>, db: &Db) -> Outcome {
        *self.steps.lock() += 1;
        match self.below(40) {
            0..=15 => self.append(db),
            16..=25 => self.tolerate(db.commit()),
            26..=33 => self.tolerate(self.maintain(db)),
            34 if self.below(3) == 0 => self.settle(db),
            34 => self.tolerate(db.flush()),
            35 if self.wrong_ms.lock().is_some() && self.below(2) == 0 => {
                self.make_namespace(db, NAMES[0])
            }
            35 => self.make_namespace(db, NAMES[1]),
            36 if self.below(6) == 0 => self.remove(db),
            36 => self.delete(db),
            37 => {
                self.advance();
                Ok(())
            }
            38 if self.long && self.below(10) == 0 => self.snapshot(db),
            _ => self.check_live(db),
        }
    }
}

fn options(rules: ProtocolRules) -> DbOptions {
    let mut options = DbOptions {
        // An append that flushes would wait for the flush it was slipped into.
        inline_flush: false,
        runs_max: 2,
        ..small_options(rules)
    };
    options.limits.max_future = Some(Duration::from_secs(3600));
    options
}

/// The disk after the lives of one seed, and the trace of all operations.
struct End {
    vfs: FaultVfs,
    trace: u64,
}

struct Simulation {
    world: Arc<World>,
    vfs: FaultVfs,
    rules: ProtocolRules,
    /// The worst loss since a Db was last open.
    loss: Loss,
}

impl Simulation {
    fn new(seed: u64, rules: ProtocolRules) -> Self {
        Self::with(seed, rules, false)
    }

    /// A history with more of everything.
    fn long(seed: u64, rules: ProtocolRules) -> Self {
        Self::with(seed, rules, true)
    }

    fn with(seed: u64, rules: ProtocolRules, long: bool) -> Self {
        let mut random = SplitMix64::new(seed);
        let failing = [0, 0, 60, 15][random.index(4)];
        let world = World {
            universe: Universe::new(1 + random.index(3)),
            clock: Arc::new(ManualClock::new(START)),
            random: Mutex::new(random.fork()),
            history: Mutex::default(),
            db: Mutex::new(None),
            open_to_others: Mutex::new(false),
            deleting: Mutex::new((false, false)),
            failed: Mutex::new(false),
            forgetting: Mutex::new(false),
            crash_in: Mutex::new(u64::MAX),
            crash_at_sync: Mutex::new(false),
            failing,
            violation: Mutex::new(None),
            churning: Mutex::new(random.coin().then_some(0)),
            long,
            wrong_ms: Mutex::new((long && random.coin()).then_some(0)),
            noted: Mutex::new(false),
            steps: Mutex::new(0),
            disk_operations: Mutex::new(0),
            crashes: Mutex::new(0),
            sites: Mutex::default(),
            trace: Mutex::new(seed),
        };
        Self {
            world: Arc::new(world),
            vfs: FaultVfs::new(random.next_u64()),
            rules,
            loss: Loss::Process,
        }
    }

    /// Sets the hook, and the moment of the crash.
    fn arm(&self, within: u64) {
        let at_sync = self.world.long && self.world.below(2) == 0;
        *self.world.crash_at_sync.lock() = at_sync;
        let in_operations = match self.world.below(4) {
            0 => u64::MAX,
            _ if at_sync => 1 + self.world.below(within / 4),
            _ => 1 + self.world.below(within),
        };
        *self.world.crash_in.lock() = in_operations;
        *self.world.failed.lock() = false;
        *self.world.forgetting.lock() = false;
        let world = Arc::clone(&self.world);
        self.vfs
            .on_operation(move |_, operation| world.on_operation(operation));
    }

    /// The process ends, perhaps with the machine.
    fn end_life(&mut self) {
        *self.world.crashes.lock() += 1;
        *self.world.open_to_others.lock() = false;
        let outage = match self.world.below(8) {
            0..=2 => Outage::Kill,
            3 => Outage::BarePowerCut,
            _ => Outage::PowerCut {
                seed: self.world.random.lock().next_u64(),
            },
        };
        if outage != Outage::Kill {
            self.loss = Loss::Machine;
        }
        let image = self.vfs.image(outage);
        self.vfs.clear_hook();
        self.vfs.crash();
        *self.world.db.lock() = None;
        self.vfs = image;
    }

    /// Opens the Db, however often it is brought down meanwhile.
    fn open(&mut self) -> Result<Db, String> {
        for _ in 0..20 {
            self.arm(60);
            let (vfs, clock) = (Arc::new(self.vfs.clone()), Arc::clone(&self.world.clock));
            match Db::open_with(vfs, clock, options(self.rules)) {
                Ok(db) => return Ok(db),
                Err(error) => {
                    self.world
                        .tolerate(Err::<(), _>(error))
                        .map_err(|what| format!("opening: {what}"))?;
                    self.end_life();
                }
            }
        }
        self.vfs.clear_hook();
        let (vfs, clock) = (Arc::new(self.vfs.clone()), Arc::clone(&self.world.clock));
        Db::open_with(vfs, clock, options(self.rules)).map_err(|error| chain(&error))
    }

    fn live(&mut self) -> Outcome {
        let db = self.open()?;
        let after_recovery = *self.world.crash_in.lock();
        // What is looked at here is not what the process does.
        *self.world.crash_in.lock() = u64::MAX;
        let found = read_all(&db, &NAMES, &self.world.universe)?;
        *self.world.crash_in.lock() = after_recovery;
        let mut history = self.world.history.lock();
        let checked = history.check_after(&found, u64::MAX - 1, self.loss);
        checked.map_err(|what| format!("after {:?}: {what}", self.loss))?;
        history.adopt(&found);
        drop(history);
        self.loss = Loss::Process;
        *self.world.db.lock() = Some(db.clone());
        self.arm(600);
        *self.world.open_to_others.lock() = true;
        for _ in 0..self.world.below(150) {
            self.world.step(&db)?;
            if let Some(what) = self.world.violation.lock().take() {
                return Err(what);
            }
            if self.vfs.has_crashed() {
                break;
            }
        }
        if self.world.long && !self.vfs.has_crashed() && self.world.below(3) == 0 {
            self.close(db)?;
        } else {
            drop(db);
        }
        self.end_life();
        Ok(())
    }

    /// A clean end, which may itself be cut short; the disk is brought down right after it.
    fn close(&self, db: Db) -> Outcome {
        *self.world.open_to_others.lock() = false;
        let moment = self.world.history.lock().tick();
        // One whose disk failed is closed without flushing.
        let flushes = db.poisoned().is_none();
        let done = db.close();
        if done.is_ok() && flushes {
            self.world.history.lock().all_safe(moment);
        }
        self.world.tolerate(done)
    }

    fn run(mut self) -> Result<End, String> {
        let lives = match self.world.long {
            false => 2 + self.world.below(4),
            true => 4 + self.world.below(12),
        };
        for life in 0..lives {
            self.live().map_err(|what| format!("life {life}: {what}"))?;
        }
        *self.world.crash_in.lock() = u64::MAX;
        let db = self.open()?;
        self.vfs.clear_hook();
        let found = read_all(&db, &NAMES, &self.world.universe)?;
        let history = self.world.history.lock();
        history.check_after(&found, u64::MAX - 1, self.loss)?;
        let report = db.verify().map_err(|error| chain(&error))?;
        if !report.problems.is_empty() {
            return Err(format!("{report:?}"));
        }
        drop(db);
        let trace = *self.world.trace.lock();
        Ok(End {
            vfs: self.vfs,
            trace,
        })
    }
}

/// How many histories it takes until one goes wrong, and how; `None` if none does.
fn first_violation(rules: ProtocolRules, seeds: u64) -> Option<(u64, String)> {
    (0..seeds).find_map(|seed| {
        let run = || Simulation::new(seed, rules).run();
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(_)) => None,
            Ok(Err(what)) => Some((seed, what)),
            Err(_) => Some((seed, "a panic".to_owned())),
        }
    })
}

#[test]
fn no_history_breaks_a_promise() {
    for seed in 0..SEEDS {
        must(seed, Simulation::new(seed, ProtocolRules::default()).run());
    }
}

#[test]
fn the_same_seed_is_the_same_history_and_the_same_bytes() {
    for seed in 0..40 {
        let run = || must(seed, Simulation::new(seed, ProtocolRules::default()).run());
        let (one, other) = (run(), run());
        assert_eq!(one.trace, other.trace, "seed {seed}");
        assert_eq!(one.vfs.contents(), other.vfs.contents(), "seed {seed}");
    }
}

/// Makes a test that switches a rule off and expects the simulation to notice.
macro_rules! missed {
    ($($rule:ident)*) => {$(
        #[test]
        fn $rule() {
            let mut rules = ProtocolRules::default();
            rules.$rule = false;
            let found = first_violation(rules, SEEDS_FOR_A_RULE);
            let (seed, what) = found.expect("nobody misses this rule");
            println!("without {}: seed {seed}: {what}", stringify!($rule));
        }
    )*};
}

mod without {
    use super::{ProtocolRules, SEEDS_FOR_A_RULE, first_violation};

    missed! {
        definitions_before_frames batch_before_definitions cut_syncs_the_old_log
        folder_synced_before_first_frame log_kept_for_every_namespace run_listed_before_log_goes
        run_synced_before_listed recovery_cuts_torn_frames recovery_syncs
        recovery_rewrites_unsynced replay_keeps_generations torn_unless_claimed
        duplicates_are_logged order_free_winner failure_poisons delete_begins_generation
        tombstone_listed_before_log_goes tombstone_listed_before_applied
        tombstone_spares_newer_inputs tombstone_applied_before_merging
        output_has_highest_generation tombstone_kept_for_older_files
        forgetting_spares_runs forgetting_spares_buffers
        ids_are_never_reused series_file_listed_before_sealed_go
    }
}
