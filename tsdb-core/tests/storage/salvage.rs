//! Folders damaged in every way, and salvaged: they open, every sample that the report does not
//! name is there bit for bit, and none is invented.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use tsdb_core::clock::ManualClock;
use tsdb_core::manifest::{Catalog, Manifest};
use tsdb_core::model::{ProtocolRules, SeriesId};
use tsdb_core::series::{SeriesRecord, read_series_file};
use tsdb_core::vfs::{FaultVfs, OperationKind, Outage, SplitMix64, Verdict};
use tsdb_core::{Db, Lost, NamespaceOptions, SalvageReport, Vfs, WriteBatch};

use crate::support::{
    Contents, Place, START, Universe, chain, delete, must, open_at, push, read_all, small_options,
    value,
};

const NAMES: [&str; 2] = ["default", "second"];

/// A folder of a few generations, runs, blocks and deletes, what it holds and what was ever
/// written to it.
struct Folder {
    vfs: FaultVfs,
    universe: Universe,
    now_ms: i64,
    all: Contents,
    /// Without what the newest log alone holds.
    older: Contents,
    written: BTreeSet<(Place, u64)>,
    /// Ids that a series had, by namespace and rank.
    ids: BTreeMap<(usize, usize), BTreeSet<SeriesId>>,
    newest_log: String,
}

struct Writer {
    random: SplitMix64,
    universe: Universe,
    clock: Arc<ManualClock>,
    db: Db,
    written: BTreeSet<(Place, u64)>,
}

impl Writer {
    fn append(&mut self, samples: usize) {
        let number = self.random.index(NAMES.len());
        let mut batch = WriteBatch::new();
        let now = START + self.random.between(-20_000_000, 0);
        for _ in 0..samples {
            let rank = self.random.index(self.universe.series.len());
            let time = now + self.random.between(0, 600_000) / 15_000 * 15_000;
            let bits = value(&mut self.random);
            push(&mut batch, &self.universe.series[rank], time, bits);
            self.written.insert(((number, rank, time), bits));
        }
        let namespace = self.db.find(NAMES[number]).unwrap();
        namespace.write(&batch).unwrap();
    }

    fn go_on(&mut self, operations: u64) {
        for _ in 0..operations {
            match self.random.below(40) {
                0 | 1 => drop(self.db.maintain().unwrap()),
                2 if self.random.coin() => self.db.compact().unwrap(),
                3 => {
                    let number = self.random.index(NAMES.len());
                    let namespace = self.db.find(NAMES[number]).unwrap();
                    let time = (START, 20_000_000);
                    let chosen = self.universe.to_delete(&mut self.random, number, time);
                    delete(&namespace, chosen.1.range, &chosen.0).unwrap();
                }
                4 if self.random.coin() => self.db.flush().unwrap(),
                _ => {
                    let samples = self.random.index(20) + 1;
                    self.append(samples);
                }
            }
        }
    }
}

fn open(vfs: &FaultVfs, clock: &Arc<ManualClock>) -> Db {
    let options = small_options(ProtocolRules::default());
    Db::open_with(Arc::new(vfs.clone()), clock.clone(), options).unwrap()
}

fn folder(seed: u64, operations: u64) -> Folder {
    let (vfs, clock) = (FaultVfs::new(seed), Arc::new(ManualClock::new(START)));
    let db = open(&vfs, &clock);
    db.namespace(NAMES[1], NamespaceOptions::default()).unwrap();
    let mut writer = Writer {
        random: SplitMix64::new(seed),
        universe: Universe::new(6),
        clock,
        db,
        written: BTreeSet::new(),
    };
    writer.go_on(operations);
    let mut writer = Writer {
        db: {
            drop(writer.db);
            open(&vfs, &writer.clock)
        },
        ..writer
    };
    let older = read_all(&writer.db, &NAMES, &writer.universe).unwrap();
    // Overwrites nothing: what is older is shown as it was.
    let before: BTreeSet<Place> = older.iter().map(|one| one.0).collect();
    for rank in 0..6 {
        let mut batch = WriteBatch::new();
        let time = START + 1_000_000 + i64::try_from(rank).unwrap();
        let bits = value(&mut writer.random);
        push(&mut batch, &writer.universe.series[rank], time, bits);
        assert!(!before.contains(&(0, rank, time)));
        writer.written.insert(((0, rank, time), bits));
        writer.db.default_namespace().write(&batch).unwrap();
    }
    let all = read_all(&writer.db, &NAMES, &writer.universe).unwrap();
    drop(writer.db);
    let vfs = vfs.image(Outage::BarePowerCut);
    let ids = ids_of(&vfs, &writer.universe);
    let mut logs = vfs.contents().into_keys();
    let newest_log = logs.rfind(|path| path.ends_with(".log")).unwrap();
    Folder {
        now_ms: START,
        universe: writer.universe,
        all,
        older,
        written: writer.written,
        ids,
        newest_log,
        vfs,
    }
}

fn ids_of(vfs: &FaultVfs, universe: &Universe) -> BTreeMap<(usize, usize), BTreeSet<SeriesId>> {
    let mut ids: BTreeMap<_, BTreeSet<SeriesId>> = BTreeMap::new();
    let catalog = Catalog::read(vfs, Path::new("CATALOG")).unwrap();
    for (number, entry) in catalog.namespaces.iter().enumerate() {
        let folder = Path::new(&entry.name);
        let manifest = Manifest::read(vfs, &folder.join("MANIFEST")).unwrap();
        for file in manifest.series_files {
            read_series_file(vfs, (folder, entry.id), file.number, &mut |record| {
                if let SeriesRecord::Series(id, _, labels) = record {
                    let rank = universe.rank(&labels).unwrap();
                    ids.entry((number, rank)).or_default().insert(id);
                }
                Ok(())
            })
            .unwrap();
        }
    }
    ids
}

/// What may be missing, and what may be back.
struct Account<'a> {
    folder: &'a Folder,
    report: &'a SalvageReport,
}

impl Account<'_> {
    fn names(&self, place: &Place) -> bool {
        let (number, rank, time) = *place;
        self.report.damage.iter().any(|damage| {
            let Lost::Samples(lost) = &damage.lost else {
                return false;
            };
            let ids = self.folder.ids.get(&(number, rank));
            let within = |ranges: &Vec<(SeriesId, SeriesId)>| {
                // An id that no series file knows any more is known to blocks.
                ids.is_none_or(|ids| {
                    let within = |id| ranges.iter().any(|(a, b)| (*a..=*b).contains(id));
                    ids.iter().any(within)
                })
            };
            lost.namespace
                .as_deref()
                .is_none_or(|name| name == NAMES[number])
                && lost.series.as_ref().is_none_or(within)
                && lost
                    .times
                    .is_none_or(|(min, max)| (min..=max).contains(&time))
        })
    }

    fn deletes_lost(&self, place: &Place) -> bool {
        self.report.damage.iter().any(|damage| match &damage.lost {
            Lost::Deletes { namespace, .. } => namespace
                .as_deref()
                .is_none_or(|name| name == NAMES[place.0]),
            _ => false,
        })
    }

    /// Compares what is there now to what was; how many samples are missing.
    fn check(&self, found: &Contents, newest_may_miss: bool) -> Result<usize, String> {
        let now: BTreeMap<Place, u64> = found.iter().copied().collect();
        let before: BTreeMap<Place, u64> = self.folder.all.iter().copied().collect();
        let older: BTreeSet<Place> = self.folder.older.iter().map(|one| one.0).collect();
        let mut missing = 0;
        for (place, bits) in &before {
            if now.get(place) == Some(bits) {
                continue;
            }
            missing += 1;
            let excused = newest_may_miss && !older.contains(place);
            if !excused && !self.names(place) {
                // A deleted sample that is back may win over the one written later.
                let back = now.contains_key(place) && self.deletes_lost(place);
                if !back {
                    return Err(format!("{place:?} is missing: {:?}", now.get(place)));
                }
            }
        }
        for (place, bits) in &now {
            if before.get(place) == Some(bits) {
                continue;
            }
            if !self.folder.written.contains(&(*place, *bits)) {
                return Err(format!("{place:?} was invented: {bits:x}"));
            }
            if !self.names(place) && !self.deletes_lost(place) {
                return Err(format!("{place:?} is back, although no delete is lost"));
            }
        }
        Ok(missing)
    }
}

fn dynamic(vfs: &FaultVfs) -> Arc<dyn Vfs> {
    Arc::new(vfs.clone())
}

impl Folder {
    /// Opens a salvaged folder, and compares.
    fn compare(
        &self,
        vfs: &FaultVfs,
        report: &SalvageReport,
        shorter: bool,
    ) -> Result<usize, String> {
        let db = open_at(vfs, self.now_ms, ProtocolRules::default());
        let db = db.map_err(|error| format!("it does not open: {}", chain(&error)))?;
        let problems = db.verify().map_err(|error| chain(&error))?.problems;
        if !problems.is_empty() {
            return Err(format!("problems are left: {problems:?}"));
        }
        let found = read_all(&db, &NAMES, &self.universe)?;
        let torn = report.torn.iter();
        let torn = torn.filter(|tail| tail.path.to_str() == Some(&self.newest_log));
        let newest_may_miss = shorter || torn.count() > 0;
        let account = Account {
            folder: self,
            report,
        };
        let missing = account.check(&found, newest_may_miss)?;
        // It takes samples, keeps them, and is compacted.
        let mut batch = WriteBatch::new();
        let sample = tsdb_core::Sample::new(START + 2_000_000, 1.5);
        batch.push(&self.universe.series[0], sample);
        db.find(NAMES[0])
            .unwrap()
            .write(&batch)
            .map_err(|error| chain(&error))?;
        db.compact().map_err(|error| chain(&error))?;
        let again = read_all(&db, &NAMES, &self.universe)?;
        if again.len() != found.len() + 1 {
            return Err(format!("{} samples, {} before", again.len(), found.len()));
        }
        Ok(missing)
    }

    /// Salvages a damaged image, to a folder of its own and in place.
    fn salvage(
        &self,
        image: &FaultVfs,
        path: &str,
        shorter: bool,
    ) -> Result<(SalvageReport, usize), String> {
        let told = Db::examine(&dynamic(image), &mut |_| ()).map_err(|error| chain(&error))?;
        let before = image.contents();
        let to = FaultVfs::new(1);
        let report = Db::salvage(&dynamic(image), &dynamic(&to), &mut |_| ());
        let report = report.map_err(|error| chain(&error))?;
        let mut after = image.contents();
        if let Some(lock) = before.get("LOCK") {
            after.insert("LOCK".to_owned(), lock.clone());
        }
        if before != after {
            return Err("the damaged folder was changed".to_owned());
        }
        if report.damage != told.damage {
            return Err(format!("{:?}, but first {:?}", report.damage, told.damage));
        }
        if report.is_healthy() {
            if !to.contents().is_empty() {
                return Err("something was written for a healthy folder".to_owned());
            }
            return Ok((report.clone(), self.compare(image, &report, shorter)?));
        }
        let about = |one: &tsdb_core::Damage| one.path.to_str() == Some(path);
        let torn = |one: &tsdb_core::TornTail| one.path.to_str() == Some(path);
        if !report.damage.iter().any(about) && !report.torn.iter().any(torn) {
            return Err(format!("it does not name the file: {:?}", report.damage));
        }
        let missing = self.compare(&to, &report, shorter)?;
        let in_place = Db::salvage_in_place(&dynamic(image), &mut |_| ());
        let in_place = in_place.map_err(|error| chain(&error))?;
        if in_place.damage != report.damage {
            return Err("in place it gives up something else".to_owned());
        }
        let again = self.compare(image, &report, shorter)?;
        if again != missing {
            return Err(format!("in place {again} are missing, else {missing}"));
        }
        Ok((report, missing))
    }
}

#[test]
fn a_healthy_folder_is_left_alone() {
    let folder = folder(1, 150);
    let image = folder.vfs.image(Outage::Kill);
    let before = image.contents();
    let to = FaultVfs::new(1);
    let mut read = 0;
    let report = Db::salvage(&dynamic(&image), &dynamic(&to), &mut |_| read += 1).unwrap();
    assert!(
        report.is_healthy() && report.rewritten.is_empty(),
        "{report:?}"
    );
    assert!(read > 4 && report.series > 0 && report.samples >= folder.all.len() as u64);
    assert!(to.contents().is_empty());
    let report = Db::salvage_in_place(&dynamic(&image), &mut |_| ()).unwrap();
    assert!(report.is_healthy());
    let mut after = image.contents();
    after.insert("LOCK".to_owned(), before["LOCK"].clone());
    assert!(after == before);
}

/// What is done to a file.
#[derive(Clone, Copy, Debug)]
enum Harm {
    Flip(usize),
    Cut(usize),
    Zeros(usize),
    Gone,
}

fn harm(image: &FaultVfs, path: &str, harm: Harm) {
    let mut bytes = image.content(path).unwrap();
    match harm {
        Harm::Flip(bit) => bytes[bit / 8] ^= 1 << (bit % 8),
        Harm::Cut(len) => bytes.truncate(len),
        Harm::Zeros(page) => {
            let end = bytes.len().min((page + 1) * 4096);
            bytes[page * 4096..end].fill(0);
        }
        Harm::Gone => return image.remove(Path::new(path)).unwrap(),
    }
    image.overwrite(path, &bytes).unwrap();
}

fn chosen(random: &mut SplitMix64, len: usize) -> Harm {
    match random.below(8) {
        0 => Harm::Gone,
        1 | 2 => Harm::Cut(random.index(len)),
        3 | 4 => Harm::Zeros(random.index(len.div_ceil(4096))),
        _ => Harm::Flip(random.index(len * 8)),
    }
}

/// Whether samples that nothing else tells of can be gone without a trace: the newest log, or the
/// first one, whole or from some frame on.
fn leaves_no_trace(folder: &Folder, path: &str, harm: Harm) -> bool {
    let mut logs = folder.vfs.contents().into_keys();
    let first = logs.find(|path| path.ends_with(".log"));
    match harm {
        Harm::Gone => path == folder.newest_log || first.as_deref() == Some(path),
        Harm::Cut(_) => path == folder.newest_log,
        _ => false,
    }
}

#[test]
fn every_sample_that_is_not_named_is_there() {
    let mut kinds: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for seed in 0..10 {
        let folder = folder(seed, 40 + seed * 12);
        let mut random = SplitMix64::new(seed ^ 0x5eed);
        for round in 0..14 {
            let image = folder.vfs.image(Outage::Kill);
            let contents = image.contents();
            let paths: Vec<&String> = contents.keys().filter(|path| *path != "LOCK").collect();
            let path = random.pick(&paths).unwrap().as_str();
            let one = chosen(&mut random, contents[path].len());
            if matches!(one, Harm::Gone)
                && path.ends_with(".log")
                && path != folder.newest_log
                && leaves_no_trace(&folder, path, one)
            {
                continue;
            }
            harm(&image, path, one);
            if image
                .content(path)
                .is_ok_and(|bytes| bytes == contents[path])
            {
                continue;
            }
            let shorter = leaves_no_trace(&folder, path, one);
            let about = (seed, round, path, one);
            let (report, missing) = must(about, folder.salvage(&image, path, shorter));
            let kind = Path::new(path)
                .extension()
                .and_then(|one| one.to_str())
                .unwrap_or(path);
            let entry = kinds.entry(kind.to_owned()).or_default();
            entry.0 += u64::from(!report.is_healthy());
            entry.1 += missing as u64;
        }
    }
    println!("{kinds:?}");
    for kind in [
        "log", "run", "block", "series", "MANIFEST", "CATALOG", "FORMAT",
    ] {
        assert!(
            kinds
                .iter()
                .any(|(name, met)| name.ends_with(kind) && met.0 > 0),
            "{kind}: {kinds:?}"
        );
    }
}

/// One bit costs no more than what its checksum covers, and small files nothing.
#[test]
fn one_bit_costs_little() {
    let folder = folder(77, 200);
    let mut random = SplitMix64::new(7);
    for (path, content) in folder.vfs.contents() {
        if path == "LOCK" {
            continue;
        }
        for _ in 0..12 {
            let image = folder.vfs.image(Outage::Kill);
            let bit = Harm::Flip(random.index(content.len() * 8));
            harm(&image, &path, bit);
            let (report, missing) = must((&path, bit), folder.salvage(&image, &path, false));
            let (counted, uncounted) = report.lost_samples();
            assert!(
                uncounted || missing as u64 <= counted + u64::from(!report.torn.is_empty()) * 6,
                "{path} {bit:?}: {missing} missing, {report:?}"
            );
            if path == "FORMAT" || path == "CATALOG" || path.ends_with("MANIFEST") {
                assert!(
                    missing <= folder.written.len() - folder.all.len(),
                    "{path} {bit:?}"
                );
            }
        }
    }
}

/// Two files at once, each damaged in its way.
#[test]
fn several_damaged_files_are_all_named() {
    for seed in 20..26 {
        let folder = folder(seed, 120);
        let mut random = SplitMix64::new(seed);
        let image = folder.vfs.image(Outage::Kill);
        let contents = image.contents();
        let damageable = |path: &&String| {
            *path != "LOCK" && **path != folder.newest_log && !path.ends_with("snapshot")
        };
        let mut paths: Vec<&String> = contents.keys().filter(damageable).collect();
        random.shuffle(&mut paths);
        let damaged = &paths[..3];
        for path in damaged {
            harm(
                &image,
                path,
                Harm::Flip(random.index(contents[*path].len() * 8)),
            );
        }
        let told = Db::examine(&dynamic(&image), &mut |_| ()).unwrap();
        for path in damaged {
            let about = |one: &tsdb_core::Damage| one.path.to_str() == Some(path);
            // What no manifest lists is nobody's.
            let lost = told.damage.iter().any(about)
                || told.torn.iter().any(|t| t.path.to_str() == Some(path));
            assert!(lost, "{seed} {path}: {told:?}");
        }
        must(seed, folder.salvage(&image, damaged[0], false));
    }
}

/// The machine ends at every change that a salvage makes: what comes then is the damaged folder
/// as it was, or one whose salvage goes on where it was.
#[test]
fn a_salvage_that_is_cut_short_is_repeated() {
    let folder = folder(5, 60);
    let contents = folder.vfs.contents();
    let path = contents.keys().find(|path| path.ends_with(".run")).unwrap();
    for in_place in [true, false] {
        let damaged = folder.vfs.image(Outage::Kill);
        harm(&damaged, path, Harm::Flip(8 * 60));
        let images = Arc::new(parking_lot::Mutex::new(Vec::new()));
        let to = FaultVfs::new(2);
        let watched = if in_place {
            damaged.clone()
        } else {
            to.clone()
        };
        let hook = Arc::clone(&images);
        watched.on_operation(move |vfs, operation| {
            if operation.kind.is_sync() || operation.kind == OperationKind::Rename {
                let number = operation.sync_number;
                let cut = Outage::PowerCut { seed: number };
                hook.lock()
                    .extend([Outage::Kill, Outage::BarePowerCut, cut].map(|one| vfs.image(one)));
            }
            Verdict::Proceed
        });
        let report = if in_place {
            Db::salvage_in_place(&dynamic(&damaged), &mut |_| ()).unwrap()
        } else {
            Db::salvage(&dynamic(&damaged), &dynamic(&to), &mut |_| ()).unwrap()
        };
        watched.clear_hook();
        let images = std::mem::take(&mut *images.lock());
        assert!(images.len() > 30, "{} images", images.len());
        for (number, image) in images.into_iter().enumerate() {
            let again = if in_place {
                Db::salvage_in_place(&dynamic(&image), &mut |_| ())
            } else {
                let opened =
                    Db::open_read_only_with(dynamic(&image), Arc::new(ManualClock::new(START)));
                if opened.is_ok() {
                    must(number, folder.compare(&image, &report, false));
                    continue;
                }
                Db::salvage(&dynamic(&damaged), &dynamic(&image), &mut |_| ())
            };
            let again = must(number, again.map_err(|error| chain(&error)));
            // Once everything has its place nothing is left to be told.
            assert!(
                again.is_healthy() || again.damage == report.damage,
                "{again:?}"
            );
            must(number, folder.compare(&image, &report, false));
        }
    }
}

/// An unfinished salvage in place opens for nobody.
#[test]
fn a_folder_half_salvaged_does_not_open() {
    let folder = folder(6, 40);
    let image = folder.vfs.image(Outage::Kill);
    harm(&image, "default/MANIFEST", Harm::Flip(100));
    let crash = image.clone();
    let seen = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let hook = Arc::clone(&seen);
    crash.on_operation(move |vfs, operation| {
        if operation.kind == OperationKind::Rename {
            hook.lock().push(vfs.image(Outage::Kill));
        }
        Verdict::Proceed
    });
    Db::salvage_in_place(&dynamic(&image), &mut |_| ()).unwrap();
    crash.clear_hook();
    let mut refused = 0;
    for image in std::mem::take(&mut *seen.lock()) {
        let error = open_at(&image, START, ProtocolRules::default());
        let Err(error) = error else {
            panic!("a half salvaged folder opens")
        };
        refused += u64::from(chain(&error).contains("--salvage --in-place"));
    }
    assert!(refused >= 4, "{refused}");
}
