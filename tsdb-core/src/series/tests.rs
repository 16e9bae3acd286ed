//! Series files give back what was defined, registries find it, buffers keep every sample.

mod ahead;
mod columns;
mod snapshot;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::model::{
    FingerprintDomain, FingerprintKey, MetricKind, MetricMetadata, NamespaceId, SeriesId, ShardId,
    TimeRange, Window, winner,
};
use crate::vfs::{MemVfs, OpenMode, Vfs, read_to_end, write_all_at};

const NAMESPACE: NamespaceId = NamespaceId(9);

/// Symbols as a caller would number them, and labels in pairs of them.
struct Texts(Vec<&'static str>);

impl Texts {
    fn symbol(&mut self, text: &'static str) -> u32 {
        let found = self.0.iter().position(|known| *known == text);
        found.unwrap_or_else(|| {
            self.0.push(text);
            self.0.len() - 1
        }) as u32
    }
}

fn small_file(vfs: &MemVfs) -> SeriesFile {
    vfs.create_dir(Path::new("ns")).unwrap();
    vfs.create_dir(Path::new("ns/series")).unwrap();
    let header = SeriesHeader {
        namespace: NAMESPACE,
        number: 1,
        next_id: SeriesId(1),
    };
    let file = SeriesFile::create(vfs, Path::new("ns"), header).unwrap();
    let mut texts = Texts(vec!["never used"]);
    let series = [
        vec![("__name__", "up"), ("host", "a")],
        vec![("__name__", "up"), ("host", "b")],
        vec![("__name__", "down"), ("host", "b")],
    ];
    for (at, labels) in (1u64..).zip(series) {
        let pairs: Vec<_> = labels
            .iter()
            .map(|&(n, v)| (texts.symbol(n), texts.symbol(v)))
            .collect();
        let promised = SeriesFile::definitions_bytes_at_most(40, 1, 2);
        file.reserve(promised).unwrap();
        let definition = Definition {
            id: SeriesId(at),
            shard: ShardId(2),
            labels: &pairs,
        };
        file.define(promised, &[definition], |symbol| texts.0[symbol as usize]);
        file.sync().unwrap();
    }
    let metadata = [MetricMetadata {
        metric: "up".to_owned(),
        kind: MetricKind::Gauge,
        help: "whether it is up".to_owned(),
        unit: String::new(),
    }];
    let promised = SeriesFile::metadata_bytes_at_most(&metadata);
    file.reserve(promised).unwrap();
    file.describe(promised, &metadata);
    assert!(file.has_unsynced());
    file.sync().unwrap();
    assert!(!file.has_unsynced());
    file
}

const GOLDEN: &[u8] = include_bytes!("../../tests/testdata/v1/small.series");

fn small_bytes() -> Vec<u8> {
    let vfs = MemVfs::new();
    small_file(&vfs);
    read_to_end(
        &*vfs
            .open(&series_path(Path::new("ns"), 1), OpenMode::Read)
            .unwrap(),
    )
    .unwrap()
}

#[test]
fn the_golden_series_file_is_written() {
    assert!(
        small_bytes() == GOLDEN,
        "the series format has changed: raise its version instead"
    );
}

/// Writes the golden file of a new version; refuses to touch one that is there.
#[test]
#[ignore = "run by hand once for each version of the format"]
fn write_the_golden_series_file() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/testdata/v1");
    let vfs = crate::vfs::OsVfs::new(folder);
    let file = vfs.create(Path::new("small.series")).unwrap();
    write_all_at(&*file, &small_bytes(), 0).unwrap();
}

fn read(vfs: &MemVfs) -> Result<(Vec<String>, SeriesEnd), SeriesError> {
    let mut said = Vec::new();
    let end = read_series_file(vfs, (Path::new("ns"), NAMESPACE), 1, &mut |record| {
        said.push(match record {
            SeriesRecord::Series(id, shard, labels) => format!("{} {} {labels}", id.0, shard.0),
            SeriesRecord::Metadata(metadata) => format!("{} {:?}", metadata.metric, metadata.kind),
        });
        Ok(())
    })?;
    Ok((said, end))
}

const SAID: [&str; 4] = [
    r#"1 2 up{host="a"}"#,
    r#"2 2 up{host="b"}"#,
    r#"3 2 down{host="b"}"#,
    "up Gauge",
];

#[test]
fn a_series_file_says_what_was_said_and_goes_on_after_reopening() {
    let vfs = MemVfs::new();
    let end = small_file(&vfs).synced_end();
    let (said, found) = read(&vfs).unwrap();
    assert_eq!(said, SAID);
    assert_eq!((found.end, found.torn_bytes), (end, 0));
    let texts: Vec<&str> = found.symbols.iter().map(|text| &**text).collect();
    assert_eq!(texts, ["__name__", "up", "host", "a", "b", "down"]);
    let file = SeriesFile::open(&vfs, Path::new("ns"), 1, found.end, 40, 6).unwrap();
    (0..6).for_each(|symbol| file.know_symbol(symbol, symbol));
    file.reserve(500).unwrap();
    let definition = Definition {
        id: SeriesId(8),
        shard: ShardId(0),
        labels: &[(0, 5), (2, 6)],
    };
    file.define(500, &[definition], |symbol| {
        if symbol == 6 {
            "c"
        } else {
            texts[symbol as usize]
        }
    });
    file.sync().unwrap();
    let (said, found) = read(&vfs).unwrap();
    assert_eq!(said[..4], SAID);
    assert_eq!(said[4], r#"8 0 down{host="c"}"#);
    assert_eq!(found.symbols.len(), 7);
}

#[test]
fn every_bit_of_a_series_file_flipped_is_seen() {
    let vfs = MemVfs::new();
    small_file(&vfs);
    let file = vfs
        .open(&series_path(Path::new("ns"), 1), OpenMode::ReadWrite)
        .unwrap();
    let bytes = read_to_end(&*file).unwrap();
    for bit in 0..bytes.len() * 8 {
        let at = bit / 8;
        write_all_at(&*file, &[bytes[at] ^ 1 << (bit % 8)], at as u64).unwrap();
        match read(&vfs) {
            Err(SeriesError::Corrupt { path, .. }) => {
                assert!(at < SERIES_HEADER_BYTES, "bit {bit}");
                assert_eq!(path, series_path(Path::new("ns"), 1));
            }
            Err(other) => panic!("bit {bit}: {other}"),
            Ok((said, end)) => {
                assert!(
                    said.len() < 4 && said == SAID[..said.len()],
                    "bit {bit}: {said:?}"
                );
                assert!(end.torn_bytes > 0 && end.end <= at as u64, "bit {bit}");
            }
        }
        write_all_at(&*file, &[bytes[at]], at as u64).unwrap();
    }
}

#[test]
fn labels_larger_than_their_record_by_far_are_refused() {
    let mut payload = vec![1];
    let put = |payload: &mut Vec<u8>, number: usize| {
        crate::bits::put_uvarint(payload, number as u64);
    };
    let long = "x".repeat(1 << 20);
    let names: Vec<String> = (10..60).map(|number| format!("name{number}")).collect();
    put(&mut payload, 1 + names.len());
    for symbol in std::iter::once(&long).chain(&names) {
        put(&mut payload, symbol.len());
        payload.extend_from_slice(symbol.as_bytes());
    }
    for number in [1, 1, 0, names.len()] {
        put(&mut payload, number);
    }
    // Each name with the one long value.
    for name in 1..=names.len() {
        put(&mut payload, name);
        put(&mut payload, 0);
    }
    let refused = read_record(&payload, &mut Vec::new(), &mut |_| Ok(())).unwrap_err();
    assert_eq!(refused.what, "labels longer than any series may have");
}

proptest! {
    #[test]
    fn reading_a_record_is_total(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut symbols = Vec::new();
        let _ = read_record(&bytes, &mut symbols, &mut |_| Ok(()));
        let _ = record_at(&bytes);
        let _ = decode_header(&bytes);
        prop_assert!(symbols.iter().map(|text| text.len()).sum::<usize>() <= bytes.len());
    }

    #[test]
    fn a_buffer_gives_back_every_sample(
        samples in proptest::collection::vec(
            (prop_oneof![-50i64..400, any::<i64>()], 0u64..4, any::<bool>()),
            1..1200,
        ),
        window_ms in 1i64..200,
    ) {
        let mut buffer = Buffer::default();
        let mut arena = BufferArena::new(window_ms);
        let mut model: BTreeMap<i64, f64> = BTreeMap::new();
        for (timestamp, value, stale) in samples {
            let value = if stale { f64::from_bits(crate::model::STALE_NAN_BITS) } else { value as f64 };
            buffer.append(&mut arena, timestamp, value.to_bits(), true);
            prop_assert_eq!(buffer.logged(&arena), Some(value.to_bits()));
            let kept = model.entry(timestamp).or_insert(value);
            *kept = winner(*kept, value);
        }
        check_buffer(&buffer, &arena, &model, window_ms)?;
        let logged = buffer.logged(&arena);
        buffer.settle(&mut arena, &mut SettleSpace::default()).unwrap();
        arena.release_late();
        check_buffer(&buffer, &arena, &model, window_ms)?;
        prop_assert_eq!(buffer.logged(&arena), logged);
        let mut settled = Vec::new();
        BufferView::new(Some(&buffer), &arena, None).unwrap().read(TimeRange::ALL, &mut settled);
        // Where none was late they come as they were kept, the latest first.
        settled.sort_unstable_by_key(|part| part.min);
        prop_assert!(settled.is_sorted_by(|a, b| a.max < b.min));
        let one_window = |part: &ChunkPart| Window::of(part.min, window_ms).last >= part.max;
        prop_assert!(settled.iter().all(one_window));
    }
}

#[test]
fn chunks_that_came_in_order_are_settled_as_they_are_and_read_the_latest_first() {
    let (mut buffer, mut arena) = (Buffer::default(), BufferArena::new(1));
    for timestamp in [0, 180, 360] {
        buffer.append(&mut arena, timestamp, 0, true);
    }
    buffer
        .settle(&mut arena, &mut SettleSpace::default())
        .unwrap();
    let mut settled = Vec::new();
    let view = BufferView::new(Some(&buffer), &arena, None).unwrap();
    view.read(TimeRange::ALL, &mut settled);
    let times: Vec<_> = settled.iter().map(|part| (part.min, part.max)).collect();
    assert_eq!(times, [(180, 180), (0, 0), (360, 360)]);
}

/// That a buffer has what the model has, as a whole and in part, and says in which windows.
fn check_buffer(
    buffer: &Buffer,
    arena: &BufferArena,
    model: &BTreeMap<i64, f64>,
    window_ms: i64,
) -> Result<(), TestCaseError> {
    let buffer = BufferView::new(Some(buffer), arena, None).unwrap();
    let mut parts = Vec::new();
    buffer.read(TimeRange::ALL, &mut parts);
    let mut windows = BTreeSet::new();
    buffer.windows(window_ms, &mut |window| _ = windows.insert(window));
    let expected = model.keys().map(|t| Window::of(*t, window_ms));
    prop_assert_eq!(windows, expected.collect::<BTreeSet<_>>());
    let merged = merge_parts(&mut parts.clone(), TimeRange::ALL).unwrap();
    let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    prop_assert_eq!(
        &merged.timestamps,
        &model.keys().copied().collect::<Vec<_>>()
    );
    prop_assert_eq!(
        bits(&merged.values),
        bits(&model.values().copied().collect::<Vec<_>>())
    );
    let mut apart = disjoint_parts(parts).unwrap();
    prop_assert!(apart.is_sorted_by(|a, b| a.max < b.min));
    let again = merge_parts(&mut apart, TimeRange::ALL).unwrap();
    prop_assert_eq!(again.timestamps, merged.timestamps);
    let range = TimeRange::inclusive(10, 90).unwrap();
    let mut some = Vec::new();
    buffer.read(range, &mut some);
    let some = merge_parts(&mut some, range).unwrap();
    let expected: Vec<i64> = model.range(10..=90).map(|(t, _)| *t).collect();
    prop_assert_eq!(buffer.overlaps(range) || expected.is_empty(), true);
    prop_assert_eq!(some.timestamps, expected);
    Ok(())
}

#[test]
fn late_samples_of_many_series_take_little_and_are_compressed_when_there_are_many() {
    let mut arena = BufferArena::new(7_200_000);
    let mut buffers: Vec<Buffer> = (0..100).map(|_| Buffer::default()).collect();
    for buffer in &mut buffers {
        buffer.append(&mut arena, 1 << 40, 1, true);
    }
    let mut bytes = Vec::new();
    // Each comes before all others, and the last value of a series is told again and again.
    for round in 1..=4_000i64 {
        for (number, buffer) in (0..).zip(&mut buffers) {
            let bits = (round * 1_000 + number) as u64;
            buffer.append(&mut arena, (1 << 40) - round * 60_000, bits, true);
            assert_eq!(buffer.logged(&arena), Some(bits));
        }
        if round % 1_000 == 0 {
            bytes.push(arena.heap_bytes());
        }
    }
    assert!(bytes[0] < 100 * 1_000 * 24, "{bytes:?}");
    assert!(bytes[3] < bytes[0] * 3, "blocks are used again: {bytes:?}");
    for (number, buffer) in (0..).zip(&mut buffers) {
        let samples = |buffer: &Buffer, arena: &BufferArena| {
            let mut parts = Vec::new();
            let view = BufferView::new(Some(buffer), arena, None).unwrap();
            view.read(TimeRange::ALL, &mut parts);
            merge_parts(&mut parts, TimeRange::ALL).unwrap()
        };
        let found = samples(buffer, &arena);
        buffer
            .settle(&mut arena, &mut SettleSpace::default())
            .unwrap();
        assert_eq!(samples(buffer, &arena), found);
        assert_eq!(found.timestamps.len(), 4_001);
        assert!(found.timestamps.is_sorted_by(|a, b| a < b));
        assert_eq!(found.values[0].to_bits(), 4_000_000 + number);
    }
    let settled = arena.heap_bytes();
    arena.release_late();
    assert!(arena.heap_bytes() < settled);
}

/// Bytes a series takes in an arena with 60 samples, where a window ends after so many.
fn arena_bytes(before_the_end: i64) -> usize {
    const SERIES: usize = 4_000;
    let mut arena = BufferArena::new(1_000_000);
    let mut buffers: Vec<Buffer> = (0..SERIES).map(|_| Buffer::default()).collect();
    for scrape in 0..60 {
        for (number, buffer) in (0u16..).zip(&mut buffers) {
            let value = f64::from(number) + (scrape * scrape % 7) as f64;
            let timestamp = 1_000_000 + (scrape - before_the_end) * 1_000;
            buffer.append(&mut arena, timestamp, value.to_bits(), true);
        }
    }
    for (number, buffer) in (0u16..).zip(&buffers) {
        let view = BufferView::new(Some(buffer), &arena, None).unwrap();
        let mut parts = Vec::new();
        view.read(TimeRange::ALL, &mut parts);
        assert_eq!(parts.len(), if before_the_end == 60 { 1 } else { 2 });
        let merged = merge_parts(&mut parts, TimeRange::ALL).unwrap();
        let expected = (0..60).map(|scrape| f64::from(number) + f64::from(scrape * scrape % 7));
        assert_eq!(merged.values, expected.collect::<Vec<_>>());
    }
    arena.heap_bytes() / SERIES
}

#[test]
fn a_window_that_ends_takes_little_memory() {
    let (one, two) = (arena_bytes(60), arena_bytes(30));
    assert!(two - one <= 100, "{one} B in one window, {two} B in two");
}

#[test]
fn a_registry_finds_series_by_any_encoding_and_bounds_aliases() {
    let key = FingerprintKey::new([7; 16]);
    let canonical = |text: &str| key.of(FingerprintDomain::Canonical, text.as_bytes());
    let encoded = |text: &str| key.of(FingerprintDomain::Encoded, text.as_bytes());
    let mut registry = Registry::new();
    let labels = |at: u64| at.to_string();
    for at in 0..5_000u64 {
        let fingerprint = canonical(&labels(at));
        assert_eq!(registry.find_labels(fingerprint, |_| false), None);
        let id = SeriesId(registry.next_id().0 + at % 3);
        assert_eq!(registry.insert(fingerprint, id), Some(at as u32));
        assert_eq!(registry.slot(id), Some(at as u32));
        assert_eq!(registry.id(at as u32), Some(id));
        assert_eq!(registry.find(encoded(&labels(at))), None);
        registry.alias(encoded(&labels(at)), at as u32);
    }
    for at in 0..5_000 {
        registry.prefetch(encoded(&labels(at)));
        assert_eq!(registry.find(encoded(&labels(at))), Some(at as u32));
        assert!(registry.is_usual(at as u32, encoded(&labels(at))));
        assert!(!registry.is_usual(at as u32 + 1, encoded(&labels(at))));
    }
    for at in 0..5_000 {
        let slot = registry.find_labels(canonical(&labels(at)), |slot| u64::from(slot) == at);
        assert_eq!(slot.map(u64::from), Some(at));
        assert_eq!(
            registry.find_labels(canonical(&labels(at)), |_| false),
            None
        );
    }
    for other in 0..20 {
        registry.alias(encoded(&format!("other {other}")), 17);
    }
    let known = (0..20).filter(|other| registry.find(encoded(&format!("other {other}"))).is_some());
    assert_eq!(known.count(), 3, "four aliases a series, one was there");
    assert_eq!(registry.slot(SeriesId(u64::MAX)), None);
    let bytes = registry.heap_bytes() / 5_000;
    assert!(bytes < 66, "{bytes} B a series");
}

#[test]
fn series_leave_and_come_back_under_other_ids() {
    let key = FingerprintKey::new([7; 16]);
    let canonical = |text: &str| key.of(FingerprintDomain::Canonical, text.as_bytes());
    let encoded = |text: &str| key.of(FingerprintDomain::Encoded, text.as_bytes());
    let mut registry = Registry::new();
    let text = |at: u64| format!("series {at}");
    for at in 0..1_000 {
        let slot = registry.insert(canonical(&text(at)), SeriesId(at + 1));
        registry.alias(encoded(&text(at)), slot.unwrap());
    }
    let leaves = |slot: u32| slot.is_multiple_of(3);
    assert!(!registry.any_leaving());
    (0..1_000)
        .filter(|slot| leaves(*slot))
        .for_each(|slot| registry.leave(slot));
    assert!((0..1_000).all(|slot| registry.is_leaving(slot) == leaves(slot)));
    // One returns before the others are gone: what led to its old slot leads to the new one.
    let next = registry.next_id();
    let back = registry.insert(canonical(&text(3)), next).unwrap();
    registry.alias(encoded(&text(3)), back);
    assert_eq!(registry.find(encoded(&text(3))), Some(back));
    let stay: Vec<u32> = (0..=back)
        .filter(|slot| !registry.is_leaving(*slot))
        .collect();
    let moved = |slot: u32| stay.binary_search(&slot).ok().map(|to| to as u32);
    let (before, after) = (registry.heap_bytes(), registry.retain(moved));
    assert!(after.heap_bytes() < before);
    assert_eq!(
        (after.len(), after.next_id()),
        (stay.len(), SeriesId(1_002))
    );
    for at in (0..1_000).filter(|at| *at != 3) {
        let expected = moved(at as u32);
        assert_eq!(after.find(encoded(&text(at))), expected);
        let found = after.find_labels(canonical(&text(at)), |slot| Some(slot) == expected);
        assert_eq!(found, expected);
        assert_eq!(after.slot(SeriesId(at + 1)), expected);
    }
    assert_eq!(after.find(encoded(&text(3))), moved(back));
    assert_eq!(after.slot(next), moved(back));
    assert_eq!(after.slot(SeriesId(4)), None);
}
