//! Digests: equal where the samples are, however they came and wherever they are, and else not.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use tsdb_core::clock::ManualClock;
use tsdb_core::model::ProtocolRules;
use tsdb_core::vfs::{MemVfs, SplitMix64};
use tsdb_core::{
    Db, Digest, ErrorKind, Labels, Matcher, Namespace, SeriesDigest, ShardDigest, ShardSet,
    TimeRange, WriteBatch, shard_of,
};

use crate::support::{START, Universe, histogram_code, push, small_options, value};

const WINDOW_MS: i64 = 10_000;
const SPREAD_MS: i64 = 50_000;

/// Samples by series and time: several at one time stand for the one that wins.
type Samples = BTreeMap<(usize, i64), Vec<u64>>;

fn shards() -> ShardSet {
    ShardSet::all(NonZeroU32::new(8).unwrap()).unwrap()
}

fn samples(random: &mut SplitMix64, universe: &Universe) -> Samples {
    let mut samples = Samples::new();
    for _ in 0..300 {
        let place = (
            random.index(universe.series.len()),
            START + random.between(0, SPREAD_MS),
        );
        samples.entry(place).or_default().push(value(random));
    }
    samples
}

/// A database that went through a history of its own, with these samples in the end.
fn replica(series: &[Labels], samples: &Samples, seed: u64) -> Db {
    let mut random = SplitMix64::new(seed);
    let vfs = Arc::new(MemVfs::new());
    let open = |random: &mut SplitMix64| {
        let mut options = small_options(ProtocolRules::default());
        options.fingerprint_key = Some([random.below(256) as u8; 16]);
        let clock = Arc::new(ManualClock::new(START + 4 * SPREAD_MS));
        Db::open_with(vfs.clone(), clock, options).unwrap()
    };
    let mut db = open(&mut random);
    // What is deleted, before the samples that count and in places of theirs.
    if random.coin() {
        let mut junk = WriteBatch::new();
        for _ in 0..50 {
            let at = START + random.between(0, SPREAD_MS);
            push(
                &mut junk,
                &series[random.index(series.len())],
                at,
                value(&mut random),
            );
        }
        db.default_namespace().write(&junk).unwrap();
        if random.coin() {
            db.flush().unwrap();
        }
        let all = [Matcher::shards(shards())];
        db.default_namespace().delete(TimeRange::ALL, &all).unwrap();
    }
    let mut rows: Vec<(usize, i64, u64)> = Vec::new();
    for (&(rank, at), codes) in samples {
        rows.extend(codes.iter().map(|code| (rank, at, *code)));
        // The same ones once more, as a retry sends them.
        if random.chance(1, 4) {
            rows.extend(codes.iter().map(|code| (rank, at, *code)));
        }
    }
    random.shuffle(&mut rows);
    for rows in rows.chunks(1 + random.index(60)) {
        let mut batch = WriteBatch::new();
        for &(rank, at, code) in rows {
            push(&mut batch, &series[rank], at, code);
        }
        db.default_namespace().write(&batch).unwrap();
        match random.below(12) {
            0 => db.flush().unwrap(),
            1 => db.compact().unwrap(),
            2 => {
                db.maintain().unwrap();
            }
            3 => {
                drop(db);
                db = open(&mut random);
            }
            _ => {}
        }
    }
    db
}

fn digests(db: &Db) -> (Vec<ShardDigest>, Vec<SeriesDigest>) {
    let namespace: Namespace = db.default_namespace();
    let of_series = namespace.series_digests(TimeRange::ALL, &shards()).unwrap();
    (
        namespace
            .digests(TimeRange::ALL, &shards(), WINDOW_MS)
            .unwrap(),
        of_series.map(Result::unwrap).collect(),
    )
}

/// Numbers of series and samples, counted by hand.
fn check_counts(
    series: &[Labels],
    samples: &Samples,
    found: &(Vec<ShardDigest>, Vec<SeriesDigest>),
) {
    let mut by_window: BTreeMap<(u32, i64), (BTreeMap<usize, ()>, u64)> = BTreeMap::new();
    let mut by_series: BTreeMap<&Labels, u64> = BTreeMap::new();
    for &(rank, at) in samples.keys() {
        let shard = shard_of(&series[rank], shards().of());
        let one = by_window.entry((shard, at - at % WINDOW_MS)).or_default();
        one.0.insert(rank, ());
        one.1 += 1;
        *by_series.entry(&series[rank]).or_default() += 1;
    }
    let wanted = by_window
        .iter()
        .map(|(place, one)| (*place, one.0.len() as u64, one.1));
    let counted = found
        .0
        .iter()
        .map(|one| ((one.shard, one.window.start), one.series, one.samples));
    assert!(wanted.eq(counted));
    let counted = found.1.iter().map(|one| (&one.labels, one.samples));
    assert!(by_series.into_iter().eq(counted));
}

/// The same but for one thing at a place: a sample less, one more, another value, another time,
/// another label.
fn changed(
    change: u32,
    (samples, series): (&Samples, &[Labels]),
    place: (usize, i64),
    random: &mut SplitMix64,
) -> Option<(Samples, Vec<Labels>)> {
    let (mut samples, mut series) = (samples.clone(), series.to_vec());
    let mut free = (place.0, place.1 + 1);
    while samples.contains_key(&free) {
        free.1 += 1;
    }
    let codes = samples.remove(&place)?;
    match change {
        0 => {}
        1 => {
            samples.insert(place, codes);
            samples.insert(free, vec![value(random)]);
        }
        2 => {
            // A bit of a float, or another histogram.
            let code = match codes.iter().copied().max()? {
                u64::MAX => histogram_code(random),
                code => code ^ 1,
            };
            if codes.contains(&code) {
                return None;
            }
            samples.insert(place, vec![code]);
        }
        3 => {
            samples.insert(free, codes);
        }
        _ => {
            samples.insert(place, codes);
            let pairs = series[place.0].iter().map(|one| (one.name, one.value));
            let pairs: Vec<_> = pairs.chain([("zzz", "1")]).collect();
            series[place.0] = Labels::from_pairs(pairs).unwrap();
        }
    }
    Some((samples, series))
}

#[test]
fn equal_samples_have_equal_digests_and_any_difference_tells() {
    let universe = Universe::new(4);
    let series = universe.series.as_slice();
    for seed in 0..12 {
        let mut random = SplitMix64::new(seed);
        let samples = samples(&mut random, &universe);
        let first = digests(&replica(series, &samples, 2 * seed));
        check_counts(series, &samples, &first);
        let second = digests(&replica(series, &samples, 2 * seed + 1));
        assert_eq!(first, second, "seed {seed}");
        let places: Vec<(usize, i64)> = samples.keys().copied().collect();
        for change in 0..5 {
            let place = places[random.index(places.len())];
            let changed = changed(change, (&samples, series), place, &mut random);
            let Some((other, labels)) = changed else {
                continue;
            };
            let found = digests(&replica(&labels, &other, random.next_u64()));
            assert_ne!(
                found.0, first.0,
                "seed {seed}, change {change} at {place:?}"
            );
            let digests = |all: &[SeriesDigest]| -> Vec<(Labels, Digest)> {
                all.iter()
                    .map(|one| (one.labels.clone(), one.digest))
                    .collect()
            };
            let (found, first) = (digests(&found.1), digests(&first.1));
            let differ = found.iter().filter(|one| !first.contains(one)).count();
            assert!(
                differ <= 1 && found != first,
                "only the changed series differs"
            );
        }
    }
}

#[test]
fn digests_are_of_what_was_asked_for() {
    let universe = Universe::new(4);
    let samples = samples(&mut SplitMix64::new(77), &universe);
    let db = replica(&universe.series, &samples, 1);
    let namespace = db.default_namespace();
    let all = digests(&db).0;
    let some = ShardSet::new(shards().of(), [2, 5]).unwrap();
    let range = TimeRange::inclusive(START, START + 2 * WINDOW_MS - 1 - START % WINDOW_MS).unwrap();
    let found = namespace.digests(range, &some, WINDOW_MS).unwrap();
    let wanted: Vec<ShardDigest> = all
        .iter()
        .filter(|one| some.contains(one.shard) && one.window.start <= range.max())
        .copied()
        .collect();
    assert!(!wanted.is_empty());
    assert_eq!(found, wanted);
    let none = ShardSet::new(shards().of(), []).unwrap();
    assert_eq!(
        namespace.digests(TimeRange::ALL, &none, WINDOW_MS).unwrap(),
        []
    );
    assert_eq!(
        namespace
            .series_digests(TimeRange::ALL, &none)
            .unwrap()
            .count(),
        0
    );
    // One window of all time is what its series are together.
    let whole = namespace
        .digests(TimeRange::ALL, &shards(), i64::MAX)
        .unwrap();
    let series = namespace.series_digests(TimeRange::ALL, &shards()).unwrap();
    let mut joined: BTreeMap<u32, Digest> = BTreeMap::new();
    for one in series.map(Result::unwrap) {
        let of_shard = joined
            .entry(shard_of(&one.labels, shards().of()))
            .or_default();
        *of_shard = of_shard.joined(one.digest);
    }
    assert!(
        joined
            .into_iter()
            .eq(whole.iter().map(|one| (one.shard, one.digest)))
    );
    for window_ms in [0, -1, i64::MIN] {
        let error = namespace
            .digests(TimeRange::ALL, &shards(), window_ms)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn a_digest_never_changes() {
    let labels = Labels::from_pairs([("__name__", "up"), ("host", "a")]).unwrap();
    let db = Db::in_memory(tsdb_core::DbOptions::default()).unwrap();
    let mut batch = WriteBatch::new();
    for at in 0..200i64 {
        push(&mut batch, &labels, 1_000 + at, (at as f64).to_bits());
    }
    push(&mut batch, &labels, 5_000, 0xffff_0000_0000_0007);
    db.default_namespace().write(&batch).unwrap();
    let mut found = db
        .default_namespace()
        .series_digests(TimeRange::ALL, &shards())
        .unwrap();
    let found = found.next().unwrap().unwrap();
    assert_eq!(found.samples, 201);
    // Replicas of other versions answer with it.
    assert_eq!(
        found.digest,
        Digest(0x8d80_67df_adb9_9136_dcac_df8e_961a_746c)
    );
}
