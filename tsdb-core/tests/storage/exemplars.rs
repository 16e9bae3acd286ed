//! Exemplars: what is acked is there, in order of arrival, bit for bit, whatever happens to the
//! process, the machine, the logs and the series; deletes hide what came before them for good.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tsdb_core::clock::ManualClock;
use tsdb_core::model::ProtocolRules;
use tsdb_core::vfs::{
    FaultVfs, MemVfs, OpenMode, Outage, SplitMix64, Verdict, read_to_end, write_all_at,
};
use tsdb_core::{
    AppendReport, Db, DbOptions, Error, Exemplar, Labels, MaintenanceStep, Matcher, RejectReason,
    Sample, SeriesExemplars, TimeRange, Vfs, WriteBatch,
};

use crate::snapshots::folder_of;
use crate::support::{START, chain, delete, small_options};

/// How many the ring holds.
const LIMIT: usize = 8;

fn series(rank: usize) -> Labels {
    let host = format!("host{rank}");
    Labels::from_pairs([("__name__", "latency_bucket"), ("host", &host)]).unwrap()
}

fn exemplar(timestamp: i64, value: f64, trace: &str) -> Exemplar {
    Exemplar {
        labels: Labels::from_pairs([("trace_id", trace)]).unwrap(),
        value,
        timestamp,
    }
}

fn options(rules: ProtocolRules) -> DbOptions {
    DbOptions {
        exemplars_max: LIMIT,
        ..small_options(rules)
    }
}

fn open(vfs: &(impl Vfs + Clone + 'static), options: DbOptions) -> Result<Db, Error> {
    let clock = Arc::new(ManualClock::new(START));
    Db::open_with(Arc::new(vfs.clone()), clock, options)
}

fn write(db: &Db, rows: &[(usize, Exemplar)]) -> Result<AppendReport, Error> {
    let all: Vec<Labels> = rows.iter().map(|(rank, _)| series(*rank)).collect();
    let mut batch = WriteBatch::new();
    for (labels, (_, exemplar)) in all.iter().zip(rows) {
        batch.push_exemplar(labels, exemplar.clone());
    }
    db.default_namespace().write(&batch)
}

fn read(db: &Db) -> Vec<SeriesExemplars> {
    let namespace = db.default_namespace();
    namespace.exemplars(TimeRange::ALL, &[]).unwrap()
}

/// The ring as a plain list.
#[derive(Clone, Debug, Default)]
struct Model(VecDeque<(usize, Exemplar)>);

impl Model {
    fn write(&mut self, rows: &[(usize, Exemplar)]) {
        for row in rows {
            if !self.0.contains(row) {
                self.0.push_back(row.clone());
            }
            while self.0.len() > LIMIT {
                self.0.pop_front();
            }
        }
    }

    fn delete(&mut self, range: TimeRange, rank: usize) {
        self.0
            .retain(|(held, one)| *held != rank || !range.contains(one.timestamp));
    }

    fn read(&self) -> Vec<SeriesExemplars> {
        let of_rank = |rank: usize| {
            let held = self.0.iter().filter(|one| one.0 == rank);
            let mut exemplars: Vec<Exemplar> = held.map(|one| one.1.clone()).collect();
            exemplars.sort_by_key(|one| one.timestamp);
            SeriesExemplars {
                labels: series(rank),
                exemplars,
            }
        };
        (0..5)
            .map(of_rank)
            .filter(|one| !one.exemplars.is_empty())
            .collect()
    }
}

#[test]
fn they_are_rejected_dropped_and_repeated_as_data() {
    let vfs = MemVfs::new();
    let db = open(&vfs, options(ProtocolRules::default())).unwrap();
    let (labels, long) = (series(0), "x".repeat(121));
    let mut batch = WriteBatch::new();
    batch.push(&labels, Sample::new(START, 1.0));
    batch.push_exemplar(&labels, exemplar(START, 0.5, "a"));
    batch.push_exemplar(&labels, exemplar(START, 0.5, &long));
    let twice = Labels::from_pairs([("b", "1"), ("b", "2")]);
    batch.exemplar(START, 1.0, twice.map_err(Into::into));
    // Older, and again.
    batch.push_exemplar(&labels, exemplar(-7, 0.5, "a"));
    batch.push_exemplar(&labels, exemplar(START, 0.5, "a"));
    let report = db.default_namespace().write(&batch).unwrap();
    assert_eq!((report.appended, report.appended_exemplars), (1, 3));
    assert_eq!((report.rejected_exemplars, report.rejected_samples), (2, 0));
    assert!(!report.is_complete());
    let reasons: Vec<String> = report.rejected.iter().map(ToString::to_string).collect();
    assert!(
        matches!(report.rejected[0].reason, RejectReason::Exemplar(_))
            && reasons[0].contains("129 characters or more, beyond the 128")
            && reasons[1].contains("\"b\" occurs twice"),
        "{reasons:?}"
    );
    let found = read(&db);
    assert_eq!(
        found[0].exemplars,
        [exemplar(-7, 0.5, "a"), exemplar(START, 0.5, "a")]
    );
    let stats = db.stats().namespaces[0].exemplars;
    assert_eq!((stats.held, stats.stored, stats.dropped), (2, 3, 0));
    assert!(stats.bytes > 0 && db.stats().exemplar_memory_bytes == stats.bytes);

    let no_name = Labels::from_pairs([("host", "a")]).unwrap();
    let mut batch = WriteBatch::new();
    batch.push_exemplar(&no_name, exemplar(START, 0.5, "a"));
    let report = db.default_namespace().write(&batch).unwrap();
    assert_eq!((report.rejected_exemplars, report.rejected_series), (1, 1));
    db.close().unwrap();

    let off = DbOptions {
        exemplars_max: 0,
        ..small_options(ProtocolRules::default())
    };
    let db = open(&vfs, off).unwrap();
    let report = write(&db, &[(1, exemplar(1, 1.0, "z"))]).unwrap();
    assert_eq!(
        (report.appended_exemplars, report.dropped_exemplars),
        (0, 1)
    );
    assert!(report.is_complete() && read(&db).is_empty());
    assert_eq!(db.stats().namespaces[0].exemplars.dropped, 1);
}

#[test]
fn matchers_and_range_choose() {
    let db = open(&MemVfs::new(), options(ProtocolRules::default())).unwrap();
    let rows = [
        (2, exemplar(30, 1.0, "a")),
        (1, exemplar(20, 2.0, "b")),
        (1, exemplar(10, 3.0, "c")),
    ];
    write(&db, &rows).unwrap();
    let namespace = db.default_namespace();
    let found = |range: (i64, i64), matchers: &[Matcher]| -> Vec<(String, Vec<i64>)> {
        let range = TimeRange::inclusive(range.0, range.1).unwrap();
        let found = namespace.exemplars(range, matchers).unwrap();
        let times = |one: &SeriesExemplars| one.exemplars.iter().map(|one| one.timestamp).collect();
        let host = |one: &SeriesExemplars| one.labels.get("host").unwrap().to_owned();
        found.iter().map(|one| (host(one), times(one))).collect()
    };
    let all = [
        ("host1".to_owned(), vec![10, 20]),
        ("host2".to_owned(), vec![30]),
    ];
    assert_eq!(found((10, 30), &[]), all);
    assert_eq!(found((11, 29), &[]), [("host1".to_owned(), vec![20])]);
    assert_eq!(
        found((10, 30), &[Matcher::equal("host", "host2")]),
        all[1..]
    );
    assert_eq!(
        found((10, 30), &[Matcher::regex("host", "host[1-9]").unwrap()]),
        all
    );
    assert_eq!(found((10, 30), &[Matcher::equal("zone", "a")]), []);
}

/// A life of writes, deletes, upkeep and restarts; `allowed` holds what may be found at any moment.
struct Life {
    random: SplitMix64,
    rules: ProtocolRules,
    vfs: FaultVfs,
    db: Option<Db>,
    model: Model,
    allowed: Arc<Mutex<[Model; 2]>>,
}

impl Life {
    fn rows(&mut self) -> Vec<(usize, Exemplar)> {
        let mut row = || {
            let (time, trace) = (self.random.below(6), ["a", "b"][self.random.index(2)]);
            let value = [1.0, -0.0, f64::NAN][self.random.index(3)];
            (
                self.random.index(5),
                exemplar(time.cast_signed(), value, trace),
            )
        };
        let mut rows = vec![row()];
        (0..3).for_each(|_| rows.push(row()));
        rows.truncate(1 + self.random.index(4));
        rows
    }

    /// Does what leads from the present content to `next`.
    fn change(
        &mut self,
        next: Model,
        action: impl FnOnce(&Db) -> Result<(), Error>,
    ) -> Result<(), Error> {
        *self.allowed.lock() = [self.model.clone(), next.clone()];
        if let Some(db) = &self.db {
            action(db)?;
        }
        self.model = next;
        *self.allowed.lock() = [self.model.clone(), self.model.clone()];
        Ok(())
    }

    fn step(&mut self) -> Result<(), Error> {
        let Some(db) = &self.db else {
            self.db = Some(open(&self.vfs, options(self.rules))?);
            return Ok(());
        };
        match self.random.below(20) {
            0..9 => {
                let rows = self.rows();
                let mut next = self.model.clone();
                next.write(&rows);
                self.change(next, |db| write(db, &rows).map(|_| ()))
            }
            9 => {
                let mut batch = WriteBatch::new();
                let labels = series(self.random.index(5));
                batch.push(&labels, Sample::new(START, 1.0));
                db.default_namespace().write(&batch).map(|_| ())
            }
            10..13 => {
                let (rank, to) = (self.random.index(5), self.random.below(6).cast_signed());
                let range = TimeRange::inclusive(0, to).unwrap();
                let mut next = self.model.clone();
                next.delete(range, rank);
                let host = format!("host{rank}");
                self.change(next, |db| {
                    let matchers = [Matcher::equal("host", host)];
                    delete(&db.default_namespace(), range, &matchers).map(|_| ())
                })
            }
            13..15 => db.flush(),
            15..17 => loop {
                if db.maintain()?.step == MaintenanceStep::Idle {
                    return Ok(());
                }
            },
            17 => db.compact().map(|_| ()),
            18 => self.db.take().map_or(Ok(()), Db::close),
            _ => {
                self.db = None;
                Ok(())
            }
        }
    }
}

/// Opens an image: what is found must be allowed, and go on as it would have.
fn examine(image: &FaultVfs, rules: ProtocolRules, allowed: &[Model; 2]) -> Result<(), String> {
    for life in 0..2 {
        let db = open(image, options(rules)).map_err(|error| chain(&error))?;
        let found = read(&db);
        let Some(model) = allowed.iter().find(|model| model.read() == found) else {
            return Err(format!("life {life}: {found:?}, not {allowed:?}"));
        };
        let verified = db.verify().map_err(|error| chain(&error))?;
        if !verified.problems.is_empty() {
            return Err(format!("{verified:?}"));
        }
        if life == 0 {
            continue;
        }
        // Which ones go next shows in what order they are.
        let mut model = model.clone();
        for at in 0..LIMIT as i64 {
            let rows = [(0, exemplar(1_000 + at, 1.0, "later"))];
            write(&db, &rows).map_err(|error| chain(&error))?;
            model.write(&rows);
            if model.read() != read(&db) {
                return Err(format!("after {at} more: {:?}, not {model:?}", read(&db)));
            }
        }
    }
    Ok(())
}

/// Plays a life, with an outage of each kind at its operations: at each sync, and at some others.
fn play(seed: u64, rules: ProtocolRules) -> Result<u64, String> {
    let vfs = FaultVfs::new(seed);
    let allowed = Arc::new(Mutex::new([Model::default(), Model::default()]));
    let (examined, failure) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(None)));
    let hook = (
        Arc::clone(&allowed),
        Arc::clone(&examined),
        Arc::clone(&failure),
    );
    vfs.on_operation(move |vfs, operation| {
        let (allowed, examined, failure) = &hook;
        let number = operation.number;
        if failure.lock().is_some() || !(operation.kind.is_sync() || number.is_multiple_of(4)) {
            return Verdict::Proceed;
        }
        examined.fetch_add(1, Ordering::Relaxed);
        for outage in [Outage::Kill, Outage::PowerCut { seed: number }] {
            if let Err(what) = examine(&vfs.image(outage), rules, &allowed.lock()) {
                let what = format!("operation {number}, {outage:?}: {what}");
                failure.lock().get_or_insert(what);
            }
        }
        Verdict::Proceed
    });
    let mut life = Life {
        random: SplitMix64::new(seed),
        rules,
        vfs: vfs.clone(),
        db: None,
        model: Model::default(),
        allowed,
    };
    for step in 0..STEPS {
        let done = life.step();
        if let Some(what) = failure.lock().take() {
            return Err(format!("seed {seed}, step {step}, {what}"));
        }
        done.map_err(|error| format!("seed {seed}, step {step}: {}", chain(&error)))?;
        if let Some(db) = &life.db {
            let (found, expected) = (read(db), life.model.read());
            if found != expected {
                return Err(format!(
                    "seed {seed}, step {step}: {found:?}, not {expected:?}"
                ));
            }
        }
    }
    vfs.clear_hook();
    Ok(examined.load(Ordering::Relaxed))
}

const STEPS: usize = 120;

#[test]
fn an_outage_at_any_moment_loses_nothing_and_brings_nothing_back() {
    let mut examined = 0;
    for seed in 0..4 {
        examined += play(seed, ProtocolRules::default()).unwrap();
    }
    println!("{examined} moments");
    assert!(examined > 1_000, "{examined} moments");
}

#[test]
fn each_rule_of_exemplars_is_needed() {
    let with = |change: fn(&mut ProtocolRules)| {
        let mut rules = ProtocolRules::default();
        change(&mut rules);
        (0..20).find_map(|seed| play(seed, rules).err())
    };
    let violations = [
        with(|rules| rules.exemplars_saved_before_log_goes = false),
        with(|rules| rules.delete_spares_newer_exemplars = false),
    ];
    for (number, violation) in violations.into_iter().enumerate() {
        println!(
            "rule {number}: {}",
            violation.expect("nobody misses this rule")
        );
    }
}

#[test]
fn they_outlive_their_series_and_the_series_outlive_them() {
    let vfs = FaultVfs::new(1);
    let mut rules = ProtocolRules::default();
    rules.replay_in_large_batches = false;
    let db = open(&vfs, options(rules)).unwrap();
    let rows = [(1, exemplar(1, 1.0, "a")), (2, exemplar(2, 2.0, "b"))];
    write(&db, &rows).unwrap();
    let before = db.stats().namespaces[0].series;
    let mut forgot = false;
    loop {
        match db.maintain().unwrap().step {
            MaintenanceStep::Idle => break,
            step => forgot |= step == MaintenanceStep::Forget,
        }
        // The log names the series until it is flushed, wherever that is.
        let image = vfs.image(Outage::Kill);
        assert_eq!(read(&open(&image, options(rules)).unwrap()), read(&db));
    }
    assert!(forgot && before == 2 && db.stats().namespaces[0].series == 0);
    // They come back under other ids, and what is there is known.
    let report = write(&db, &[rows[1].clone(), (1, exemplar(3, 3.0, "c"))]).unwrap();
    assert_eq!(report.appended_exemplars, 2);
    let mut model = Model::default();
    model.write(&rows);
    model.write(&[(1, exemplar(3, 3.0, "c"))]);
    assert_eq!(read(&db), model.read());
    drop(db);
    assert_eq!(read(&open(&vfs, options(rules)).unwrap()), model.read());
}

#[test]
fn snapshots_and_readers_have_them_and_a_damaged_file_is_named() {
    let vfs = MemVfs::new();
    let mut model = Model::default();
    let db = open(&vfs, options(ProtocolRules::default())).unwrap();
    let rows: Vec<_> = (0..10).map(|at| (1, exemplar(at, 1.0, "a"))).collect();
    write(&db, &rows).unwrap();
    model.write(&rows);
    db.flush().unwrap();
    let more = [(2, exemplar(50, 1.0, "b"))];
    write(&db, &more).unwrap();
    model.write(&more);
    let reader = |vfs: &MemVfs| {
        let clock = Arc::new(ManualClock::new(START));
        Db::open_read_only_with(Arc::new(vfs.clone()), clock)
    };
    // As many as the writer holds, although the log has more.
    assert_eq!(read(&reader(&vfs).unwrap()).len(), 2);
    assert_eq!(read(&reader(&vfs).unwrap()), model.read());
    db.snapshot("one").unwrap();
    db.default_namespace()
        .delete(TimeRange::ALL, &[Matcher::equal("host", "host1")])
        .unwrap();
    db.close().unwrap();
    let copy = MemVfs::clone(&folder_of(&vfs, Path::new("snapshots/one")));
    let restored = open(&copy, options(ProtocolRules::default())).unwrap();
    assert_eq!(read(&restored), model.read());
    // A delete of the copy reaches what the original's generations held.
    let matchers = [Matcher::equal("host", "host2")];
    let deleted = restored
        .default_namespace()
        .delete(TimeRange::ALL, &matchers);
    assert!(deleted.unwrap().generation.is_some());
    restored.close().unwrap();
    model.delete(TimeRange::ALL, 2);
    let restored = open(&copy, options(ProtocolRules::default())).unwrap();
    assert_eq!(read(&restored), model.read());
    drop(restored);

    let path = Path::new("default/EXEMPLARS");
    let file = copy.open(path, OpenMode::ReadWrite).unwrap();
    let mut bytes = read_to_end(&*file).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    write_all_at(&*file, &bytes, 0).unwrap();
    let error = open(&copy, options(ProtocolRules::default())).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("default/EXEMPLARS is corrupt at byte"),
        "{error}"
    );
}
