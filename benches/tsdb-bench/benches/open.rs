//! Opening a folder: after a crash, after a clean stop, and after a crash in the middle of a load
//! whose samples come late and out of order, and of a folder with very many files. Wall clock and
//! CPU time of the process, and what the disk is asked for. Linux only.
//!
//! `cargo bench -p tsdb-bench --bench open`, with `-- SERIES SCRAPES [RUNS]` for other sizes, with
//! `steady`, `late` or `files` for one part alone; with `-- --test` each part runs once on little.
#![expect(clippy::expect_used, reason = "a benchmark may panic")]
#![expect(clippy::print_stdout, reason = "a benchmark says what it measured")]

use std::path::Path;
use std::sync::Arc;

use tsdb_bench::{CountingVfs, is_tiny, mix};
use tsdb_core::vfs::{MemVfs, OpenMode, OsVfs, read_to_end, write_all_at};
use tsdb_core::{Clock, Db, DbOptions, Labels, Sample, SystemClock, Vfs, WriteBatch};

/// Series of a target, which are written together.
const TARGET: usize = 1000;
/// Series of a request.
const REQUEST: usize = 2000;
const START: i64 = 1_700_000_000_000;
const STEP_MS: i64 = 15_000;
const MONTH_MS: i64 = 32 * 24 * 3_600_000;
/// As far back the samples of the late load lie at most.
const LATE_MS: u64 = 6 * 3_600_000;

/// Series `number` of a fleet of targets, with ten labels.
fn labels(number: usize) -> Labels {
    let (target, kind) = (number / TARGET, number % TARGET);
    let chance = mix(target as u64);
    Labels::from_pairs([
        ("__name__", format!("metric_{}_seconds_bucket", kind / 84)),
        ("cluster", "prod-eu-west-1a".to_owned()),
        ("container", format!("app-{}", target % 40)),
        ("endpoint", "http-metrics".to_owned()),
        (
            "instance",
            format!("10.{}.{}.9:9100", target / 256, target % 256),
        ),
        ("job", format!("service-{}", target % 40)),
        ("le", format!("{}", (kind % 84) as f64 * 0.025)),
        ("namespace", format!("team-{}-production", target % 25)),
        ("pod", format!("app-{}-{chance:016x}", target % 40)),
        ("service", format!("service-{}", target % 40)),
    ])
    .expect("labels")
}

/// A third stays as it is, a third counts, a third moves.
fn value(number: usize, scrape: usize) -> f64 {
    let chance = mix((number * 4096 + scrape) as u64);
    match number % 3 {
        0 => number as f64,
        1 => (scrape as u64 * 100 + chance % 100) as f64,
        _ => (chance % 100_000) as f64 / 1000.0,
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Load {
    Steady,
    Late,
}

fn options() -> DbOptions {
    DbOptions {
        // All of it stays in the log: the most that a start may have to replay.
        log_cap_bytes: 1 << 30,
        memory_budget_bytes: 16 << 30,
        ..DbOptions::default()
    }
}

/// Writes `scrapes` samples of each series.
fn fill(folder: &Path, series: &[Labels], scrapes: usize, load: Load) -> Db {
    let db = Db::open(folder, options()).expect("a new database");
    let namespace = db.default_namespace();
    let mut batch = WriteBatch::new();
    for scrape in 0..scrapes {
        for (request, part) in series.chunks(REQUEST).enumerate() {
            batch.clear();
            for (at, labels) in part.iter().enumerate() {
                let number = request * REQUEST + at;
                let mut timestamp = START + scrape as i64 * STEP_MS;
                let chance = mix((number * 8192 + scrape) as u64);
                if load == Load::Late && chance.is_multiple_of(2) {
                    timestamp -= ((chance >> 8) % LATE_MS) as i64;
                }
                batch.push(labels, Sample::new(timestamp, value(number, scrape)));
            }
            drop(namespace.append(&batch).expect("an append"));
        }
        db.commit().expect("a commit");
    }
    db
}

/// CPU time of the process in milliseconds, in steps of the kernel's clock tick.
fn cpu_ms() -> u64 {
    let text = std::fs::read_to_string("/proc/self/stat").expect("Linux counts it");
    let behind_name = text.rsplit(')').next().unwrap_or_default();
    let ticks = behind_name.split_whitespace().skip(11).take(2);
    ticks
        .filter_map(|text| text.parse::<u64>().ok())
        .sum::<u64>()
        * 10
}

/// Opens the folder with one thread and with as many as there are, and says how long that took.
fn measure(what: &str, folder: &Path, series: usize, samples: Option<u64>) {
    let clock = SystemClock::new();
    let default = options().open_threads;
    for run in 0..numbers().nth(2).unwrap_or(if is_tiny() { 2 } else { 6 }) {
        let open_threads = if run % 2 == 0 { 1 } else { default };
        let (began, cpu) = (clock.monotonic_ms(), cpu_ms());
        let options = DbOptions {
            open_threads,
            ..options()
        };
        let db = Db::open(folder, options).expect("a folder that opens");
        let (wall, cpu) = (clock.monotonic_ms() - began, cpu_ms() - cpu);
        let report = db.recovery().clone();
        assert_eq!(report.series, series as u64);
        if let Some(samples) = samples {
            assert_eq!(report.samples, samples);
        }
        println!(
            "{what:<20} {open_threads} threads: {wall:>6} ms, {cpu:>6} ms CPU, {} samples",
            report.samples,
        );
        drop(db);
    }
}

/// Numbers among the arguments.
fn numbers() -> impl Iterator<Item = usize> {
    std::env::args().filter_map(|argument| argument.parse::<usize>().ok())
}

/// Whether a part is to be run: named, or none is.
fn is_wanted(part: &str) -> bool {
    let named = |part: &str| std::env::args().any(|argument| argument == part);
    named(part) || !["steady", "late", "files"].into_iter().any(named)
}

fn main() {
    let mut sizes = numbers();
    let (series, scrapes) = if is_tiny() {
        (2 * TARGET, 3)
    } else {
        (sizes.next().unwrap_or(320_000), sizes.next().unwrap_or(60))
    };
    let names: Vec<Labels> = (0..series).map(labels).collect();
    if is_wanted("steady") {
        steady(&names, scrapes);
    }
    if is_wanted("late") {
        late(&names, scrapes);
    }
    if is_wanted("files") {
        files(if is_tiny() { 5 } else { 1000 });
        files(if is_tiny() { 10 } else { 10_000 });
    }
}

/// A folder with so many runs and as many blocks, all of them small.
fn files(count: usize) {
    let memory = Arc::new(MemVfs::new());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let options = DbOptions {
        runs_max: usize::MAX,
        ..options()
    };
    let open = || Db::open_with(memory.clone(), Arc::clone(&clock), options.clone());
    let db = open().expect("a new database");
    let label = Labels::from_pairs([("__name__", "up")]).expect("labels");
    let mut batch = WriteBatch::new();
    // Too far apart to be merged: a block each.
    for number in 0..count as i64 {
        batch.push(&label, Sample::new(START - number * MONTH_MS, 1.0));
    }
    drop(db.default_namespace().append(&batch).expect("an append"));
    db.compact().expect("a compaction");
    for number in 0..count as i64 {
        batch.clear();
        batch.push(&label, Sample::new(START + number, 1.0));
        drop(db.default_namespace().append(&batch).expect("an append"));
        db.flush().expect("a flush");
    }
    drop(db);
    let folder = tempfile::tempdir().expect("a folder");
    copy(&*memory, &OsVfs::new(folder.path()), Path::new(""));
    for _ in 0..3 {
        let disk = CountingVfs::new(folder.path());
        let asked = disk.asked();
        let (began, cpu) = (clock.monotonic_ms(), cpu_ms());
        let db = Db::open_with(Arc::new(disk), Arc::clone(&clock), options.clone());
        let db = db.expect("a folder that opens");
        let (wall, cpu) = (clock.monotonic_ms() - began, cpu_ms() - cpu);
        let report = db.recovery();
        assert_eq!((report.runs, report.blocks), (count as u64, count as u64));
        println!(
            "{count} runs and {count} blocks: {wall:>6} ms, {cpu:>6} ms CPU, {} operations, {} \
             opens, {} bytes read",
            asked.operations(),
            asked.opens(),
            asked.bytes_read()
        );
    }
}

/// Copies a folder with all that is in it, but for the lock.
fn copy(from: &dyn Vfs, to: &dyn Vfs, folder: &Path) {
    to.create_dir(folder).expect("a folder");
    for name in from.list(folder).expect("a folder") {
        let path = folder.join(name);
        if from.list(&path).is_ok() {
            copy(from, to, &path);
        } else if path != Path::new("LOCK") {
            let file = from.open(&path, OpenMode::Read).expect("a file");
            let bytes = read_to_end(&*file).expect("its bytes");
            let copied = to.create(&path).expect("a file");
            write_all_at(&*copied, &bytes, 0).expect("room");
        }
    }
}

fn steady(names: &[Labels], scrapes: usize) {
    let series = names.len();
    let samples = (series * scrapes) as u64;
    let folder = tempfile::tempdir().expect("a folder");
    drop(fill(folder.path(), names, scrapes, Load::Steady));
    measure("steady, killed", folder.path(), series, Some(samples));
    let db = Db::open(folder.path(), options()).expect("a folder that opens");
    db.close().expect("a clean stop");
    measure("steady, clean stop", folder.path(), series, Some(0));
}

fn late(names: &[Labels], scrapes: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let fewer = names.get(..names.len() / 6).unwrap_or_default();
    drop(fill(folder.path(), fewer, scrapes * 3, Load::Late));
    let samples = (fewer.len() * scrapes * 3) as u64;
    measure("late, killed", folder.path(), fewer.len(), Some(samples));
}
