//! What crashes and failing disks leave of a namespace that is being removed or made anew: all of
//! it, or nothing; never a folder that nobody lists, and its neighbours as they were.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tsdb_core::clock::ManualClock;
use tsdb_core::model::ProtocolRules;
use tsdb_core::vfs::{
    Fault, FaultVfs, Operation, OperationKind, Outage, SimulatedCrash, SplitMix64, Verdict,
};
use tsdb_core::{
    Db, Error, ErrorKind, Exemplar, Labels, Matcher, Namespace, NamespaceOptions, TimeRange, Vfs,
    WriteBatch,
};

use crate::support::{
    Contents, Covered, History, Loss, Place, START, Universe, chain, must, open_at, push, read_all,
    small_options, value,
};

const NAMES: [&str; 3] = ["default", "second", "third"];

/// Checks disk images.
struct Examiner {
    universe: Universe,
    history: Mutex<History>,
    rules: ProtocolRules,
    examined: AtomicU64,
    failure: Mutex<Option<String>>,
}

impl Examiner {
    fn examine(&self, vfs: &FaultVfs, number: u64) -> Result<(), String> {
        let cut = Outage::PowerCut { seed: number };
        for outage in [Outage::Kill, Outage::BarePowerCut, cut] {
            let loss = match outage {
                Outage::Kill => Loss::Process,
                _ => Loss::Machine,
            };
            self.examined.fetch_add(1, Ordering::Relaxed);
            let image = vfs.image(outage);
            let found = self.open(&image, loss)?;
            // Again, after an end during recovery, and after one right behind it.
            let during = vfs.image(outage);
            let operations = image.counters().operations();
            during.crash_at_operation(1 + SplitMix64::new(number).below(operations));
            match open_at(&during, START, self.rules) {
                Err(error) if !SimulatedCrash::caused(&error) => return Err(chain(&error)),
                _ => {}
            }
            let again = Outage::PowerCut { seed: number };
            self.open(&during.image(again), Loss::Machine)?;
            let after = self.open(&image.image(again), Loss::Machine)?;
            if after != found {
                return Err("what recovery showed did not survive".to_owned());
            }
        }
        Ok(())
    }

    /// Opens an image, and checks what it shows and what lies in its folder.
    fn open(&self, image: &FaultVfs, loss: Loss) -> Result<Contents, String> {
        let db = open_at(image, START, self.rules).map_err(|error| chain(&error))?;
        let found = read_all(&db, &NAMES, &self.universe)?;
        let checked = self.history.lock().check_after(&found, u64::MAX - 1, loss);
        checked.map_err(|what| format!("{loss:?}: {what}"))?;
        let report = db.verify().map_err(|error| chain(&error))?;
        if !report.problems.is_empty() {
            return Err(format!("{report:?}"));
        }
        let listed = |name: &String| db.find(name).is_some();
        let ours = ["CATALOG", "FORMAT", "LOCK", "wal", "snapshots"];
        let root = image.list(Path::new("")).map_err(|error| chain(&error))?;
        let mut others = root.iter().filter(|name| !ours.contains(&name.as_str()));
        if let Some(name) = others.find(|name| !listed(name)) {
            return Err(format!("{name} is left, which no catalog lists"));
        }
        Ok(found)
    }
}

struct Workload {
    random: SplitMix64,
    examiner: Arc<Examiner>,
    vfs: FaultVfs,
    db: Db,
}

type Outcome = Result<(), Error>;

impl Workload {
    fn new(seed: u64, rules: ProtocolRules) -> Result<Self, Error> {
        let examiner = Arc::new(Examiner {
            universe: Universe::new(3),
            history: Mutex::default(),
            rules,
            examined: AtomicU64::new(0),
            failure: Mutex::new(None),
        });
        let vfs = FaultVfs::new(seed);
        let hook = Arc::clone(&examiner);
        vfs.on_operation(move |vfs, operation| {
            let telling = is_telling(operation);
            if telling && hook.failure.lock().is_none() {
                let done = hook.examine(vfs, operation.number);
                let place = format!("{:?} {}", operation.kind, operation.path.display());
                *hook.failure.lock() = done.err().map(|what| format!("{place}: {what}"));
            }
            Verdict::Proceed
        });
        Ok(Self {
            random: SplitMix64::new(seed),
            db: open(&vfs, rules)?,
            examiner,
            vfs,
        })
    }

    fn step(&mut self) -> Outcome {
        let number = 1 + self.random.index(NAMES.len() - 1);
        match self.random.below(24) {
            0..=2 => self.remove(number),
            3 => self.db.flush(),
            4 => self.db.compact(),
            5 => self.db.maintain().map(drop),
            6 => self.delete(number),
            7 => self.reopen(),
            8 => self
                .db
                .snapshot(&format!("s{}", self.random.next_u64()))
                .map(drop),
            _ => self.append(),
        }
    }

    fn append(&mut self) -> Outcome {
        let number = self.random.index(NAMES.len());
        let namespace = self
            .db
            .namespace(NAMES[number], NamespaceOptions::default())?;
        let universe = &self.examiner.universe;
        let mut samples: Vec<(Place, u64)> = Vec::new();
        for _ in 0..1 + self.random.below(6) {
            let rank = self.random.index(universe.series.len());
            let time = START + self.random.between(0, 20) * 1000;
            samples.push(((number, rank, time), value(&mut self.random)));
        }
        let mut batch = WriteBatch::new();
        for &((_, rank, timestamp), bits) in &samples {
            push(&mut batch, &universe.series[rank], timestamp, bits);
        }
        let exemplar = Exemplar {
            labels: Labels::from_pairs([("trace", "1")]).unwrap(),
            value: self.random.below(100) as f64,
            timestamp: START,
        };
        batch.push_exemplar(&universe.series[0], exemplar);
        let moment = self.examiner.history.lock().append(&samples);
        namespace.write(&batch)?;
        self.examiner.history.lock().acked(&samples, moment, true);
        Ok(())
    }

    fn remove(&mut self, number: usize) -> Outcome {
        let covered = Covered::all_of(number, self.examiner.universe.series.len());
        let moment = self.examiner.history.lock().delete_begins(&covered);
        self.db.remove_namespace(NAMES[number])?;
        self.examiner.history.lock().deleted(&covered, moment);
        Ok(())
    }

    fn delete(&mut self, number: usize) -> Outcome {
        let Some(namespace) = self.db.find(NAMES[number]) else {
            return Ok(());
        };
        let universe = &self.examiner.universe;
        let matchers = [Matcher::equal("host", "host1")];
        let covered = Covered {
            namespace: number,
            ranks: universe.matching(&matchers),
            range: TimeRange::ALL,
        };
        let moment = self.examiner.history.lock().delete_begins(&covered);
        namespace.delete(covered.range, &matchers)?;
        self.examiner.history.lock().deleted(&covered, moment);
        Ok(())
    }

    fn reopen(&mut self) -> Outcome {
        let next = open(&FaultVfs::new(0), self.examiner.rules)?;
        let before = std::mem::replace(&mut self.db, next);
        if self.random.coin() {
            before.close()?;
        } else {
            drop(before);
        }
        self.db = open(&self.vfs, self.examiner.rules)?;
        let found = read_all(&self.db, &NAMES, &self.examiner.universe).unwrap();
        let mut history = self.examiner.history.lock();
        history.check_live(&found).unwrap();
        history.adopt(&found);
        Ok(())
    }
}

/// Where a disk image is worth a look: before what makes something durable, and what moves or
/// removes names.
fn is_telling(operation: &Operation<'_>) -> bool {
    let renames = matches!(
        operation.kind,
        OperationKind::Rename | OperationKind::Remove | OperationKind::RemoveDir
    );
    renames || operation.kind.is_sync()
}

fn open(vfs: &FaultVfs, rules: ProtocolRules) -> Result<Db, Error> {
    let clock = Arc::new(ManualClock::new(START));
    Db::open_with(Arc::new(vfs.clone()), clock, small_options(rules))
}

/// Plays a history with an outage at every telling operation.
fn play(seed: u64, rules: ProtocolRules) -> Result<u64, String> {
    let mut workload = Workload::new(seed, rules).map_err(|error| chain(&error))?;
    for step in 0..90 {
        let done = workload.step();
        let failed = workload.examiner.failure.lock().take();
        let failed = failed.or(done.err().map(|error| chain(&error)));
        if let Some(what) = failed {
            return Err(format!("step {step}: {what}"));
        }
        let found = read_all(&workload.db, &NAMES, &workload.examiner.universe)?;
        workload.examiner.history.lock().check_live(&found)?;
    }
    workload.vfs.clear_hook();
    Ok(workload.examiner.examined.load(Ordering::Relaxed))
}

#[test]
fn an_outage_leaves_all_of_a_namespace_or_nothing() {
    let mut examined = 0;
    for seed in 0..3 {
        examined += must(seed, play(seed, ProtocolRules::default()));
    }
    println!("{examined} images");
    assert!(examined > 2000, "{examined} images");
}

#[test]
fn the_folder_goes_after_the_catalog_was_written() {
    let mut rules = ProtocolRules::default();
    rules.namespace_unlisted_before_folder_goes = false;
    let violation = (0..3).find_map(|seed| play(seed, rules).err());
    println!("{}", violation.expect("nobody misses this rule"));
}

fn write(namespace: &Namespace, universe: &Universe, second: i64) -> Result<(), Error> {
    let mut batch = WriteBatch::new();
    for labels in &universe.series {
        push(
            &mut batch,
            labels,
            START + second,
            (second as f64).to_bits(),
        );
    }
    namespace.write(&batch).map(drop)
}

/// The disk refuses something, once or from then on: the namespace is gone, or whole, and then what
/// is acked to it afterwards is safe.
#[test]
fn a_failing_disk_leaves_it_whole_or_gone() {
    let kinds = [
        OperationKind::Create,
        OperationKind::Write,
        OperationKind::Sync,
        OperationKind::Rename,
        OperationKind::SyncDir,
        OperationKind::List,
        OperationKind::Remove,
        OperationKind::RemoveDir,
    ];
    let (mut kept, mut gone, mut poisoned) = (0, 0, 0);
    for kind in kinds {
        for first in 1..6 {
            for last in [first, u64::MAX] {
                let outcome = refuse(kind, first, last);
                match must((kind, first, last), outcome) {
                    Refused::Kept => kept += 1,
                    Refused::Gone => gone += 1,
                    Refused::Poisoned => poisoned += 1,
                }
            }
        }
    }
    println!("{kept} kept, {gone} gone, {poisoned} poisoned");
    assert!(kept > 5 && gone > 20 && poisoned > 0);
}

enum Refused {
    Kept,
    Gone,
    Poisoned,
}

/// Removes a namespace while the operations of a kind fail from the `first` one up to the `last`.
fn refuse(kind: OperationKind, first: u64, last: u64) -> Result<Refused, String> {
    let universe = Universe::new(2);
    let vfs = FaultVfs::new(first);
    let text = |error: Error| chain(&error);
    let db = open(&vfs, ProtocolRules::default()).map_err(text)?;
    for name in NAMES {
        let namespace = db.namespace(name, NamespaceOptions::default());
        write(&namespace.map_err(text)?, &universe, 1).map_err(text)?;
    }
    db.flush().map_err(text)?;
    let counted = AtomicU64::new(0);
    vfs.on_operation(move |_, operation| {
        if operation.kind == kind {
            let number = counted.fetch_add(1, Ordering::Relaxed) + 1;
            if (first..=last).contains(&number) {
                return Verdict::Fail(Fault::DISK);
            }
        }
        Verdict::Proceed
    });
    let removed = db.remove_namespace("second");
    vfs.clear_hook();
    let refused = match removed {
        Ok(true) => Refused::Gone,
        Ok(false) => return Err("it was not there".to_owned()),
        Err(error) if error.kind() != ErrorKind::Io => return Err(chain(&error)),
        Err(_) if db.poisoned().is_some() => Refused::Poisoned,
        Err(_) => Refused::Kept,
    };
    let gone = matches!(refused, Refused::Gone);
    if db.find("second").is_some() == gone {
        return Err("it is there and not there".to_owned());
    }
    if matches!(refused, Refused::Poisoned) {
        let second = db.find("second").ok_or("it is gone")?;
        let kind = write(&second, &universe, 2).map_err(|error| error.kind());
        if kind != Err(ErrorKind::Poisoned) {
            return Err(format!("an append is answered {kind:?}"));
        }
    } else {
        // All goes on; what is acked now must be found after the worst.
        for namespace in db.namespaces() {
            write(&namespace, &universe, 2).map_err(text)?;
        }
        while db.maintain().map_err(text)?.more {}
        let root = vfs.list(Path::new("")).map_err(|error| chain(&error))?;
        let left = |name: &&String| name.starts_with('.') || (gone && *name == "second");
        if let Some(name) = root.iter().find(left) {
            return Err(format!("{name} is left"));
        }
    }
    let before = read_all(&db, &NAMES, &universe)?;
    drop(db);
    for outage in [Outage::Kill, Outage::BarePowerCut] {
        let image = vfs.image(outage);
        let db = open(&image, ProtocolRules::default()).map_err(text)?;
        let found = read_all(&db, &NAMES, &universe)?;
        let without = before.iter().filter(|one| one.0.0 != 1);
        let is_without = found.iter().eq(without);
        let may_be = matches!(refused, Refused::Poisoned) && is_without;
        if found != before && !may_be {
            return Err(format!("{outage:?}: {} of {}", found.len(), before.len()));
        }
        let again = db.namespace("second", NamespaceOptions::default());
        write(&again.map_err(text)?, &universe, 3).map_err(text)?;
    }
    Ok(refused)
}

/// The disk refuses something while one of the same name is made anew over what could not be
/// removed: nothing of the old one is in it.
#[test]
fn what_could_not_be_removed_does_not_come_back() {
    let universe = Universe::new(2);
    for closes in [false, true] {
        let vfs = FaultVfs::new(4);
        let db = open(&vfs, ProtocolRules::default()).unwrap();
        let second = db.namespace("second", NamespaceOptions::default()).unwrap();
        write(&second, &universe, 1).unwrap();
        db.flush().unwrap();
        vfs.on_operation(|_, operation| {
            let moves = operation.kind == OperationKind::Rename;
            match moves && operation.path == Path::new("second") {
                true => Verdict::Fail(Fault::DISK),
                false => Verdict::Proceed,
            }
        });
        assert!(db.remove_namespace("second").unwrap());
        assert_eq!(db.maintain().unwrap_err().kind(), ErrorKind::Io);
        let error = db.namespace("second", NamespaceOptions::default());
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Io);
        vfs.clear_hook();
        let runs = vfs.list(Path::new("second/runs")).unwrap();
        assert_eq!(runs.len(), 1);
        let db = if closes {
            db.close().unwrap();
            open(&vfs, ProtocolRules::default()).unwrap()
        } else {
            db
        };
        let second = db.namespace("second", NamespaceOptions::default()).unwrap();
        assert_eq!(vfs.list(Path::new("second/runs")).unwrap(), [""; 0]);
        write(&second, &universe, 2).unwrap();
        let expected = read_all(&db, &NAMES, &universe).unwrap();
        assert_eq!(expected.len(), universe.series.len());
        while db.maintain().unwrap().more {}
        assert_eq!(read_all(&db, &NAMES, &universe).unwrap(), expected);
        drop((db, second));
        let db = open(&vfs.image(Outage::BarePowerCut), ProtocolRules::default()).unwrap();
        assert_eq!(read_all(&db, &NAMES, &universe).unwrap(), expected);
    }
}

/// Folders that are somebody else's stay: those without a manifest, and those of a namespace that a
/// newer catalog lists.
#[test]
fn folders_of_others_are_left_alone() {
    let universe = Universe::new(2);
    let vfs = FaultVfs::new(5);
    let db = open(&vfs, ProtocolRules::default()).unwrap();
    let older = vfs.content("CATALOG").unwrap();
    let second = db.namespace("second", NamespaceOptions::default()).unwrap();
    write(&second, &universe, 1).unwrap();
    db.close().unwrap();
    vfs.create_dir(Path::new("lost+found")).unwrap();
    let file = vfs.create(Path::new("lost+found/MANIFEST")).unwrap();
    tsdb_core::vfs::write_all_at(&*file, b"not one of ours", 0).unwrap();
    vfs.create_dir(Path::new("empty")).unwrap();
    let runs = vfs.list(Path::new("second/runs")).unwrap();
    vfs.overwrite("CATALOG", &older).unwrap();
    let db = open(&vfs, ProtocolRules::default()).unwrap();
    assert_eq!(db.namespaces().len(), 1);
    assert_eq!(vfs.list(Path::new("second/runs")).unwrap(), runs);
    let root = vfs.list(Path::new("")).unwrap();
    let has = |name: &str| root.iter().any(|one| one == name);
    assert!(has("lost+found") && has("empty"), "{root:?}");
}
