//! Placement shards: what is read, listed, deleted and copied of some of them.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;

use tsdb_core::clock::ManualClock;
use tsdb_core::model::ProtocolRules;
use tsdb_core::vfs::{MemVfs, SplitMix64};
use tsdb_core::{
    Db, Error, ErrorKind, Histogram, Labels, Matcher, Namespace, Sample, Series, ShardSet,
    TimeRange, WriteBatch, shard_of,
};

use crate::support::{START, push, small_options, some_shards, value};

const SERIES: usize = 60;
const DAY_MS: i64 = 24 * 3_600_000;

fn of(shards: u32) -> NonZeroU32 {
    NonZeroU32::new(shards).unwrap()
}

fn set(all: u32, shards: &[u32]) -> ShardSet {
    ShardSet::new(of(all), shards.iter().copied()).unwrap()
}

fn open(vfs: &Arc<MemVfs>) -> Db {
    let mut options = small_options(ProtocolRules::default());
    options.log_cap_bytes = 1 << 20;
    let clock = Arc::new(ManualClock::new(START + 400 * DAY_MS));
    Db::open_with(vfs.clone(), clock, options).unwrap()
}

fn labels(number: usize) -> Labels {
    let (host, odd) = (
        format!("host{}", number / 3),
        ["", "a\"b", "\u{e9}\n"][number % 3],
    );
    let name = ["up", "cpu", "memory"][number % 3];
    Labels::from_pairs([("__name__", name), ("host", &host), ("odd", odd)]).unwrap()
}

/// All there is of a series, to the last bit.
fn bits(series: &Series) -> (Labels, String) {
    let floats = series.samples().map(|one| (one.timestamp, one.bits()));
    let floats: Vec<_> = floats.collect();
    let canonical = |histogram: &Histogram| {
        let mut bytes = Vec::new();
        histogram.put_bytes(&mut bytes);
        bytes
    };
    let histograms = series
        .histograms()
        .iter()
        .map(|(at, one)| (*at, canonical(one)));
    let histograms: Vec<_> = histograms.collect();
    let text = format!("{floats:x?} {histograms:x?}");
    (series.labels().clone(), text)
}

fn write(db: &Db, numbers: impl Iterator<Item = usize>, at: i64) {
    let all: Vec<Labels> = numbers.map(labels).collect();
    let mut batch = WriteBatch::new();
    for labels in &all {
        for step in 0..3 {
            batch.push(labels, Sample::new(START + at * DAY_MS + step, step as f64));
        }
    }
    let report = db.default_namespace().write(&batch).unwrap();
    assert!(report.rejected.is_empty());
}

/// Series of which some are in a block, some in a run, some in buffers, some in several; and some
/// that only a block knows.
fn filled(vfs: &Arc<MemVfs>) -> Db {
    let db = open(vfs);
    write(&db, (0..SERIES).filter(|n| n % 4 != 1), 0);
    db.compact().unwrap();
    write(&db, (0..SERIES).filter(|n| n % 4 > 1), 1);
    db.flush().unwrap();
    write(&db, (0..SERIES).filter(|n| n % 4 == 1 || n % 5 == 1), 2);
    db
}

fn selected(namespace: &Namespace, range: TimeRange, matchers: &[Matcher]) -> Vec<Labels> {
    let set = namespace.select(range, matchers).unwrap();
    set.map(|one| one.unwrap().into_labels()).collect()
}

/// All that can be asked, against a filter of what there is.
fn check(db: &Db, random: &mut SplitMix64) {
    let namespace = db.default_namespace();
    let days = [(0, 400), (0, 0), (1, 1), (2, 2)].map(|(from, to)| {
        TimeRange::inclusive(START + from * DAY_MS, START + to * DAY_MS + 9).unwrap()
    });
    for range in days.into_iter().chain([TimeRange::ALL]) {
        let all = selected(&namespace, range, &[]);
        let listed = namespace.series(range, &[], usize::MAX).unwrap().values;
        for _ in 0..6 {
            let mut matchers = vec![some_shards(random)];
            match random.below(6) {
                0 => matchers.insert(0, Matcher::equal("__name__", "up")),
                1 => matchers.push(Matcher::not_regex("host", "host1.*").unwrap()),
                2 => matchers.push(Matcher::not_equal("odd", "")),
                3 => matchers.push(some_shards(random)),
                _ => {}
            }
            let matches = |labels: &&Labels| {
                matchers.iter().all(|matcher| match matcher.shard_set() {
                    Some(set) => set.contains(shard_of(labels, set.of())),
                    None => matcher.matches(labels.get(matcher.name()).unwrap_or("")),
                })
            };
            let wanted: Vec<Labels> = all.iter().filter(matches).cloned().collect();
            assert_eq!(
                selected(&namespace, range, &matchers),
                wanted,
                "{matchers:?} {range:?}"
            );
            // Lists look at chunks only, so that there may be more.
            let wanted: Vec<Labels> = listed.iter().filter(matches).cloned().collect();
            let series = namespace.series(range, &matchers, usize::MAX).unwrap();
            assert_eq!(series.values, wanted, "{matchers:?} {range:?}");
            let names: BTreeSet<&str> = wanted.iter().flatten().map(|one| one.name).collect();
            let found = namespace.label_names(range, &matchers, usize::MAX).unwrap();
            assert!(found.values.iter().eq(names), "{matchers:?} {range:?}");
            let hosts: BTreeSet<&str> = wanted.iter().filter_map(|one| one.get("host")).collect();
            let found = namespace
                .label_values("host", range, &matchers, usize::MAX)
                .unwrap();
            assert!(found.values.iter().eq(hosts), "{matchers:?} {range:?}");
        }
    }
}

#[test]
fn shards_are_a_filter_of_labels_wherever_series_are() {
    for seed in 0..4 {
        let mut random = SplitMix64::new(seed);
        let vfs = Arc::new(MemVfs::new());
        let mut db = filled(&vfs);
        check(&db, &mut random);
        drop(db);
        db = open(&vfs);
        check(&db, &mut random);
        db.compact().unwrap();
        check(&db, &mut random);
        // Memory forgets what only blocks know.
        db.close().unwrap();
        let db = open(&vfs);
        write(&db, 0..7, 3);
        while db.maintain().unwrap().more {}
        check(&db, &mut random);
        check(
            &Db::open_read_only_with(vfs.clone(), Arc::new(ManualClock::new(START))).unwrap(),
            &mut random,
        );
        // A few more while the index keeps hashes.
        write(&db, SERIES..SERIES + 20, 3);
        check(&db, &mut random);
    }
}

#[test]
fn a_shard_is_deleted_whole_and_comes_back_by_writes() {
    let vfs = Arc::new(MemVfs::new());
    let mut db = filled(&vfs);
    let third = [Matcher::shards(set(8, &[3]))];
    let before = selected(&db.default_namespace(), TimeRange::ALL, &[]);
    let is_third = |labels: &Labels| shard_of(labels, of(8)) == 3;
    let others: Vec<Labels> = before
        .iter()
        .filter(|one| !is_third(one))
        .cloned()
        .collect();
    assert!(others.len() + 3 < before.len(), "a shard with some series");
    let report = db
        .default_namespace()
        .delete(TimeRange::ALL, &third)
        .unwrap();
    assert_eq!(report.series as usize, before.len() - others.len());
    let check = |db: &Db| {
        let namespace = db.default_namespace();
        assert_eq!(selected(&namespace, TimeRange::ALL, &[]), others);
        assert_eq!(selected(&namespace, TimeRange::ALL, &third), []);
        let series = namespace.series(TimeRange::ALL, &[], usize::MAX).unwrap();
        assert_eq!(series.values, others);
        for range in [
            TimeRange::ALL,
            TimeRange::inclusive(0, START + DAY_MS).unwrap(),
        ] {
            let hosts = namespace
                .label_values("host", range, &third, usize::MAX)
                .unwrap();
            assert!(hosts.values.is_empty());
        }
    };
    check(&db);
    drop(db);
    db = open(&vfs);
    check(&db);
    db.flush().unwrap();
    check(&db);
    db.close().unwrap();
    db = open(&vfs);
    check(&db);
    // Its data comes again, to the same times.
    let one = (0..SERIES)
        .find(|number| is_third(&labels(*number)))
        .unwrap();
    write(&db, std::iter::once(one), 0);
    for _ in 0..2 {
        assert_eq!(
            selected(&db.default_namespace(), TimeRange::ALL, &third),
            [labels(one)]
        );
        db.compact().unwrap();
    }
    let stats = db.stats().namespaces.remove(0);
    assert_eq!(stats.tombstones, 0);
    assert_eq!(db.verify().unwrap().problems, []);
    let left = selected(&db.default_namespace(), TimeRange::ALL, &[]);
    assert_eq!(left.len(), others.len() + 1);
}

#[test]
fn a_shard_is_copied_to_another_node() {
    let mut random = SplitMix64::new(5);
    let from = filled(&Arc::new(MemVfs::new()));
    let (mut batch, all): (_, Vec<Labels>) = (WriteBatch::new(), (0..SERIES).map(labels).collect());
    for labels in &all {
        for _ in 0..9 {
            let at = START + random.between(0, 3 * DAY_MS);
            push(&mut batch, labels, at, value(&mut random));
        }
    }
    from.default_namespace().write(&batch).unwrap();
    let to = open(&Arc::new(MemVfs::new()));
    let shards = set(8, &[1, 6]);
    let matchers = [Matcher::shards(shards.clone())];
    let mut chunks = from
        .default_namespace()
        .select(TimeRange::ALL, &matchers)
        .unwrap();
    let mut copied = 0;
    while let Some(series) = chunks.next_exact_chunks().unwrap() {
        let series = Series::from_chunks(series.labels, series.chunks, TimeRange::ALL).unwrap();
        let mut batch = WriteBatch::new();
        series.push_to(&mut batch);
        assert_eq!(
            batch.samples_len() + batch.histograms().len(),
            series.samples_len()
        );
        let report = to.default_namespace().write(&batch).unwrap();
        assert!(report.rejected.is_empty());
        copied += 1;
    }
    assert!(copied > 5);
    let read = |db: &Db, matchers: &[Matcher]| -> Vec<(Labels, String)> {
        let set = db
            .default_namespace()
            .select(TimeRange::ALL, matchers)
            .unwrap();
        set.map(|one| bits(&one.unwrap())).collect()
    };
    assert!(read(&to, &[]) == read(&from, &matchers));
    let digests = |db: &Db, shards: &ShardSet| {
        db.default_namespace()
            .digests(TimeRange::ALL, shards, DAY_MS)
            .unwrap()
    };
    assert_eq!(
        digests(&to, &ShardSet::all(of(8)).unwrap()),
        digests(&from, &shards)
    );
}

/// The samples of one series on several replicas, each of which has some, in chunks of its own.
#[test]
fn replicas_are_merged_whatever_each_has() {
    for seed in 0..40 {
        let mut random = SplitMix64::new(seed);
        let labels = labels(1);
        let mut all = WriteBatch::new();
        let mut chunks = Vec::new();
        for _ in 0..3 {
            let db = open(&Arc::new(MemVfs::new()));
            let mut some = WriteBatch::new();
            for _ in 0..random.below(400) {
                let (at, code) = (START + random.between(0, 300), value(&mut random));
                push(&mut some, &labels, at, code);
                push(&mut all, &labels, at, code);
            }
            db.default_namespace().write(&some).unwrap();
            if random.coin() {
                db.flush().unwrap();
            }
            let mut set = db.default_namespace().select(TimeRange::ALL, &[]).unwrap();
            if let Some(series) = set.next_exact_chunks().unwrap() {
                chunks.extend(series.chunks);
            }
        }
        random.shuffle(&mut chunks);
        let whole = open(&Arc::new(MemVfs::new()));
        whole.default_namespace().write(&all).unwrap();
        let from = START + random.between(-10, 310);
        for range in [
            TimeRange::ALL,
            TimeRange::inclusive(from, from + 50).unwrap(),
        ] {
            let wanted = whole.default_namespace().select(range, &[]).unwrap().next();
            let merged = Series::from_chunks(labels.clone(), chunks.clone(), range).unwrap();
            match wanted {
                Some(wanted) => assert!(bits(&merged) == bits(&wanted.unwrap()), "seed {seed}"),
                None => assert_eq!(merged.samples_len(), 0),
            }
        }
    }
}

#[test]
fn chunks_that_are_not_what_they_say_are_refused() {
    let db = open(&Arc::new(MemVfs::new()));
    let mut random = SplitMix64::new(9);
    let labels = labels(1);
    let mut batch = WriteBatch::new();
    for at in 0..60 {
        let code = if at < 30 {
            7 + at
        } else {
            crate::support::histogram_code(&mut random)
        };
        push(&mut batch, &labels, START + at.cast_signed(), code);
    }
    db.default_namespace().write(&batch).unwrap();
    let mut set = db.default_namespace().select(TimeRange::ALL, &[]).unwrap();
    let chunks = set.next_exact_chunks().unwrap().unwrap().chunks;
    assert!(chunks.len() >= 2);
    let make = |chunks| Series::from_chunks(labels.clone(), chunks, TimeRange::ALL);
    let whole = make(chunks.clone()).unwrap();
    assert_eq!(whole.samples_len(), 60);
    assert_eq!(
        make([chunks.clone(), chunks.clone()].concat()).unwrap(),
        whole
    );
    assert_eq!(make(Vec::new()).unwrap().samples_len(), 0);
    let lies: [fn(&mut tsdb_core::ChunkPart); 5] = [
        |chunk| chunk.min -= 1,
        |chunk| chunk.max += 1,
        |chunk| chunk.count += 1,
        |chunk| chunk.bytes = Box::default(),
        |chunk| chunk.encoding = tsdb_core::Encoding::FloatHistogram,
    ];
    for lie in lies {
        for at in 0..chunks.len() {
            let mut chunks = chunks.clone();
            lie(&mut chunks[at]);
            let error = Error::from(make(chunks).unwrap_err());
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains("another replica"), "{error}");
        }
    }
    // Every bit flipped: an error, or other samples as many at the same ends.
    let mut changed = BTreeMap::new();
    for at in 0..chunks.len() {
        for bit in 0..8 * chunks[at].bytes.len() {
            let mut chunks = chunks.clone();
            chunks[at].bytes[bit / 8] ^= 1 << (bit % 8);
            let outcome = match make(chunks) {
                Ok(series) if bits(&series) == bits(&whole) => "same",
                Ok(series) => {
                    assert_eq!(series.samples_len(), 60);
                    "others"
                }
                Err(_) => "error",
            };
            *changed.entry(outcome).or_insert(0) += 1;
        }
    }
    // Some bits mean nothing where they are: hints that are told elsewhere, what fills the last byte.
    assert!(
        changed["same"] < 500 && changed["error"] > 1000,
        "{changed:?}"
    );
}
