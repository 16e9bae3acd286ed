//! Every bit of every file of a small folder flipped, one at a time, and all of it opened and
//! read: refused with path and offset, or a torn end of the newest log, reported; never a panic,
//! never a wrong or missing sample otherwise.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tsdb_core::clock::ManualClock;
use tsdb_core::model::ProtocolRules;
use tsdb_core::vfs::{FaultVfs, Outage};
use tsdb_core::{Db, Error, ErrorKind, MetricKind, MetricMetadata, NamespaceOptions, WriteBatch};

use crate::support::{Contents, START, Universe, chain, push, read_all, small_options, value};

const NAMES: [&str; 2] = ["default", "second"];

/// A folder with two live logs, two runs, a block, two namespaces; and what it holds, with the samples of
/// the newest log apart.
struct Folder {
    vfs: FaultVfs,
    universe: Universe,
    all: Contents,
    /// Without what the newest log alone holds.
    older: Contents,
    newest_log: String,
}

fn append(db: &Db, universe: &Universe, round: u64) {
    let mut random = tsdb_core::vfs::SplitMix64::new(round);
    for name in NAMES {
        let mut batch = WriteBatch::new();
        for rank in 0..3 {
            let time = START + round.cast_signed() * 1000;
            let labels = &universe.series[rank + round as usize % 3];
            push(&mut batch, labels, time, value(&mut random));
        }
        db.find(name).unwrap().write(&batch).unwrap();
    }
}

fn folder() -> Folder {
    let (vfs, clock) = (FaultVfs::new(9), Arc::new(ManualClock::new(START)));
    let universe = Universe::new(2);
    let open = || {
        let options = small_options(ProtocolRules::default());
        Db::open_with(Arc::new(vfs.clone()), clock.clone(), options).unwrap()
    };
    let db = open();
    db.namespace(NAMES[1], NamespaceOptions::default()).unwrap();
    let metadata = MetricMetadata {
        metric: "up".to_owned(),
        kind: MetricKind::Gauge,
        help: "whether it is up".to_owned(),
        unit: String::new(),
    };
    let ticket = db.default_namespace().set_metadata(&[metadata]).unwrap();
    ticket.wait().unwrap();
    append(&db, &universe, 5);
    db.compact().unwrap();
    append(&db, &universe, 0);
    append(&db, &universe, 1);
    db.flush().unwrap();
    // Into a generation that is closed by reopening, and into the newest one.
    append(&db, &universe, 2);
    drop(db);
    let db = open();
    let older = read_all(&db, &NAMES, &universe).unwrap();
    append(&db, &universe, 3);
    append(&db, &universe, 4);
    let all = read_all(&db, &NAMES, &universe).unwrap();
    drop(db);
    let vfs = vfs.image(Outage::BarePowerCut);
    let newest_log = vfs
        .contents()
        .into_keys()
        .rfind(|path| path.ends_with(".log"))
        .unwrap();
    Folder {
        vfs,
        universe,
        all,
        older,
        newest_log,
    }
}

/// What became of a damaged folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    /// Opening refused it.
    Refused,
    /// Reading refused it.
    Unreadable,
    /// The end of the newest log was given up, and reported.
    Torn,
    /// The newest log ends behind a whole frame: nothing can tell that there were more.
    Shorter,
    /// All samples are right, and `verify` reports the damage.
    Verified,
    /// Nothing was amiss.
    Whole,
}

/// An error about damage says which file, and where.
fn names_place(error: &Error, damaged: &str) -> Result<(), String> {
    let text = chain(error);
    if error.kind() != ErrorKind::Corrupt {
        return Err(format!("kind {:?}: {text}", error.kind()));
    }
    if !text.contains(damaged) || !text.contains("byte") {
        return Err(format!("does not name {damaged} and a byte: {text}"));
    }
    Ok(())
}

impl Folder {
    fn damaged(&self, path: &str, bytes: &[u8]) -> Result<Fate, String> {
        let image = self.vfs.image(Outage::Kill);
        image.overwrite(path, bytes).unwrap();
        let opened = crate::support::open_at(&image, START, ProtocolRules::default());
        let db = match opened {
            Ok(db) => db,
            Err(error) => {
                names_place(&error, path)?;
                return Ok(Fate::Refused);
            }
        };
        let torn = db.recovery().torn.clone();
        let found = match read_all(&db, &NAMES, &self.universe) {
            Ok(found) => found,
            Err(what) if what.contains(path) && what.contains("byte") => {
                return Ok(Fate::Unreadable);
            }
            Err(what) => return Err(what),
        };
        if found == self.all {
            if !torn.is_empty() {
                return Err(format!("torn, but nothing is missing: {torn:?}"));
            }
            let problems = db.verify().map_err(|error| chain(&error))?.problems;
            let known = problems.iter().any(|one| one.path.to_str() == Some(path));
            return Ok(if known { Fate::Verified } else { Fate::Whole });
        }
        let named = torn
            .iter()
            .any(|tail| tail.path.to_str() == Some(path) && tail.bytes > 0);
        let kept = |sample| found.binary_search(sample).is_ok();
        let shorter = torn.is_empty() && bytes.len() < self.vfs.content(path).unwrap().len();
        if path == self.newest_log && (named || shorter) && self.older.iter().all(kept) {
            let fate = if named { Fate::Torn } else { Fate::Shorter };
            let invented = found.iter().find(|sample| !self.all.contains(sample));
            return invented.map_or(Ok(fate), |one| Err(format!("invented {one:?}")));
        }
        Err(format!("samples are wrong or missing, torn {torn:?}"))
    }

    /// Flips every bit of the files that are chosen; counts what became of it, by file.
    fn flip(&self, chosen: impl Fn(&str) -> bool) -> BTreeMap<(String, Fate), u64> {
        let mut fates = BTreeMap::new();
        for (path, content) in self.vfs.contents() {
            if !chosen(&path) {
                continue;
            }
            for bit in 0..content.len() * 8 {
                let mut bytes = content.clone();
                bytes[bit / 8] ^= 1 << (bit % 8);
                let run = || self.damaged(&path, &bytes);
                let fate = catch_unwind(AssertUnwindSafe(run));
                let fate = fate.unwrap_or_else(|_| panic!("{path}, bit {bit}: it panicked"));
                let fate = fate.unwrap_or_else(|what| panic!("{path}, bit {bit}: {what}"));
                *fates.entry((path.clone(), fate)).or_insert(0) += 1;
            }
        }
        println!("{fates:?}");
        fates
    }
}

/// Each bit of these files is covered by a checksum that opening looks at.
fn all_refused(fates: &BTreeMap<(String, Fate), u64>, files: usize) {
    assert_eq!(fates.len(), files, "{fates:?}");
    assert!(
        fates.keys().all(|(_, fate)| *fate == Fate::Refused),
        "{fates:?}"
    );
}

#[test]
fn small_files_are_refused() {
    let folder = folder();
    let fates =
        folder.flip(|path| path == "FORMAT" || path == "CATALOG" || path.ends_with("MANIFEST"));
    all_refused(&fates, 4);
}

#[test]
fn series_files_are_refused() {
    // All of them was synced before a manifest was written: nothing may be torn.
    let folder = folder();
    all_refused(&folder.flip(|path| path.ends_with(".series")), 2);
}

#[test]
fn an_older_log_is_refused() {
    let folder = folder();
    let older = |path: &str| path.ends_with(".log") && path != folder.newest_log;
    all_refused(&folder.flip(older), 1);
}

#[test]
fn the_newest_log_is_refused_or_torn() {
    let folder = folder();
    let fates = folder.flip(|path| path == folder.newest_log);
    assert_eq!(fates.len(), 2, "{fates:?}");
    let whole = |(_, fate): &(String, Fate)| matches!(fate, Fate::Refused | Fate::Torn);
    assert!(fates.keys().all(whole), "{fates:?}");
}

#[test]
fn runs_are_refused_when_read() {
    let folder = folder();
    let fates = folder.flip(|path| path.ends_with(".run"));
    // The header says nothing that reading needs: only `verify` looks at it.
    let noticed = |(_, fate): &(String, Fate)| matches!(fate, Fate::Unreadable | Fate::Verified);
    assert!(fates.keys().all(noticed), "{fates:?}");
    assert_eq!(fates.len(), 4, "{fates:?}");
}

#[test]
fn blocks_are_refused_when_read() {
    let folder = folder();
    let fates = folder.flip(|path| path.ends_with(".block"));
    // Labels are known in memory, and statistics not asked for: these only `verify` looks at.
    let noticed = |(_, fate): &(String, Fate)| matches!(fate, Fate::Unreadable | Fate::Verified);
    assert!(fates.keys().all(noticed), "{fates:?}");
    assert_eq!(fates.len(), 4, "{fates:?}");
}

#[test]
fn files_cut_short_or_gone_are_refused_or_torn() {
    let folder = folder();
    for (path, content) in folder.vfs.contents() {
        if path == "LOCK" {
            continue;
        }
        for len in 0..content.len() {
            let fate = folder.damaged(&path, &content[..len]);
            let fate = fate.unwrap_or_else(|what| panic!("{path} of {len} bytes: {what}"));
            let torn = matches!(fate, Fate::Torn | Fate::Shorter) && path == folder.newest_log;
            let noticed = matches!(fate, Fate::Refused | Fate::Unreadable);
            assert!(torn || noticed, "{path} of {len} bytes: {fate:?}");
        }
    }
}

#[test]
fn a_lock_file_may_say_anything() {
    let folder = folder();
    let fates = folder.flip(|path| path == "LOCK");
    assert!(
        fates.keys().all(|(_, fate)| *fate == Fate::Whole),
        "{fates:?}"
    );
}

#[test]
fn reopening_later_does_not_make_damage_good() {
    // Retention and time have no say in what is damage.
    let folder = folder();
    let image = folder.vfs.image(Outage::Kill);
    let mut bytes = image.content("default/MANIFEST").unwrap();
    bytes[20] ^= 1;
    image.overwrite("default/MANIFEST", &bytes).unwrap();
    let later = START + i64::try_from(Duration::from_secs(86_400).as_millis()).unwrap();
    for now in [START, later] {
        let error = crate::support::open_at(&image, now, ProtocolRules::default()).unwrap_err();
        names_place(&error, "default/MANIFEST").unwrap();
        assert_eq!(image.content("default/MANIFEST").unwrap(), bytes);
    }
}
