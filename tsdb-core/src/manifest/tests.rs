mod backup;
mod details;
mod documents;
mod shards;

use std::path::Path;

use proptest::prelude::*;

use super::{
    AckMode, BlockDetails, BlockEntry, Catalog, DataFormat, Manifest, ManifestError,
    NamespaceEntry, RunDetails, RunEntry, SeriesFileEntry, check_namespace_name,
};
use crate::bits::{crc32c, put_i64, put_u32, put_u64};
use crate::model::{
    BlockId, Generation, MatchOp, MatcherText, NamespaceId, RunId, SeriesId, TOMBSTONE_BYTES_MAX,
    TOMBSTONE_MATCHERS_MAX, TimeRange, Tombstone, Window,
};
use crate::vfs::{Fault, FaultVfs, MemVfs, OperationKind, Verdict, Vfs};
use details::with_details;
use documents::with_documents;

const PATH: &str = "default/FILE";

const MANIFEST: &[u8] = include_bytes!("../../tests/testdata/v1/small.manifest");
const CATALOG: &[u8] = include_bytes!("../../tests/testdata/v1/small.catalog");
const FORMAT: &[u8] = include_bytes!("../../tests/testdata/v1/small.format");

const MANIFEST_2: &[u8] = include_bytes!("../../tests/testdata/v1/blocks.manifest");
const MANIFEST_3: &[u8] = include_bytes!("../../tests/testdata/v1/deletes.manifest");
const MANIFEST_4: &[u8] = include_bytes!("../../tests/testdata/v1/details.manifest");
const CATALOG_4: &[u8] = include_bytes!("../../tests/testdata/v1/documents.catalog");
const CATALOG_3: &[u8] = include_bytes!("../../tests/testdata/v1/limits.catalog");
const CATALOG_2: &[u8] = include_bytes!("../../tests/testdata/v1/sizes.catalog");

fn path() -> &'static Path {
    Path::new(PATH)
}

fn run(id: u64, generation: u64) -> RunEntry {
    RunEntry {
        id: RunId(id),
        generation: Generation(generation),
        windows_min: -7_200_000,
        windows_max: 7_199_999,
        bytes: 1008,
        samples: 33,
        details: None,
    }
}

fn manifest() -> Manifest {
    Manifest {
        namespace: NamespaceId(3),
        sequence: 12,
        flushed_generation: Generation(6),
        next_series: SeriesId(1 << 40),
        next_file: 20,
        last_wall_clock_ms: 1_760_000_000_000,
        runs: vec![run(15, 3), run(17, 6)],
        series_files: vec![
            SeriesFileEntry {
                number: 1,
                synced_len: 4096,
            },
            SeriesFileEntry {
                number: 16,
                synced_len: 0,
            },
        ],
        blocks: Vec::new(),
        tombstones: Vec::new(),
        last_delete: Generation(0),
    }
}

fn block(id: u64, generation: u64) -> BlockEntry {
    BlockEntry {
        id: BlockId(id),
        generation: Generation(generation),
        window: Window {
            start: -7_200_000,
            last: 7_199_999,
        },
        min_time: -7_000_000,
        max_time: 5,
        bytes: 4242,
        samples: 99,
        details: None,
    }
}

/// A manifest of the second version.
fn with_blocks() -> Manifest {
    Manifest {
        blocks: vec![block(14, 2), block(18, 6)],
        ..manifest()
    }
}

fn tombstone(generation: u64) -> Tombstone {
    let matcher = |op, name: &str, value: &str| MatcherText {
        op,
        name: name.to_owned(),
        value: value.to_owned(),
    };
    Tombstone {
        generation: Generation(generation),
        range: TimeRange::inclusive(-7_000_000, 1_760_000_000_000).unwrap(),
        matchers: vec![
            matcher(MatchOp::Equal, "__name__", "up"),
            matcher(MatchOp::NotEqual, "zone", ""),
            matcher(MatchOp::Regex, "h\u{f6}st", "a.*|b"),
            matcher(MatchOp::NotRegex, "job", "[0-9]+"),
        ],
    }
}

/// A manifest of the third version.
fn with_tombstones() -> Manifest {
    let everything = Tombstone {
        range: TimeRange::ALL,
        matchers: Vec::new(),
        ..tombstone(6)
    };
    Manifest {
        tombstones: vec![tombstone(4), everything],
        last_delete: Generation(6),
        ..with_blocks()
    }
}

/// A catalog of the second version.
fn with_sizes() -> Catalog {
    let mut catalog = catalog();
    catalog.namespaces[1].retention_bytes = Some(1 << 40);
    catalog.namespaces[2].retention_bytes = Some(1);
    catalog
}

/// A catalog of the third version.
fn with_limits() -> Catalog {
    let mut catalog = with_sizes();
    catalog.namespaces[0].series_max = Some(100_000);
    catalog.namespaces[1].memory_max = Some(1 << 30);
    catalog.namespaces[1].series_max = Some(1);
    catalog
}

fn namespace(id: u32, name: &str) -> NamespaceEntry {
    NamespaceEntry {
        id: NamespaceId(id),
        name: name.to_owned(),
        retention_ms: None,
        retention_bytes: None,
        memory_max: None,
        series_max: None,
        window_ms: 7_200_000,
        ack: AckMode::Always,
    }
}

fn catalog() -> Catalog {
    let month = 30 * 24 * 3_600_000;
    Catalog {
        sequence: 5,
        next_namespace: NamespaceId(9),
        namespaces: vec![
            namespace(1, "default"),
            NamespaceEntry {
                retention_ms: Some(month),
                ack: AckMode::Interval(250),
                ..namespace(4, "agg_1m:30d")
            },
            NamespaceEntry {
                ack: AckMode::Os,
                ..namespace(8, "\u{e4}")
            },
        ],
        documents: Vec::new(),
    }
}

fn format() -> DataFormat {
    DataFormat {
        fingerprint_key: *b"0123456789abcdef",
    }
}

fn fresh() -> FaultVfs {
    let vfs = FaultVfs::new(7);
    vfs.create_dir(Path::new("default")).unwrap();
    vfs.sync_dir(Path::new("")).unwrap();
    vfs
}

#[test]
fn what_is_written_is_read() {
    let vfs = MemVfs::new();
    vfs.create_dir(Path::new("default")).unwrap();
    manifest().write(&vfs, path()).unwrap();
    assert_eq!(Manifest::read(&vfs, path()).unwrap(), manifest());
    catalog().write(&vfs, path()).unwrap();
    assert_eq!(Catalog::read(&vfs, path()).unwrap(), catalog());
    format().write(&vfs, path()).unwrap();
    assert_eq!(DataFormat::read(&vfs, path()).unwrap(), format());
    assert_eq!(vfs.list(Path::new("default")).unwrap(), ["FILE"]);
}

#[test]
fn the_formats_have_not_changed() {
    assert_eq!(manifest().encode(), MANIFEST);
    assert_eq!(Manifest::decode(path(), MANIFEST).unwrap(), manifest());
    assert_eq!(catalog().encode(), CATALOG);
    assert_eq!(Catalog::decode(path(), CATALOG).unwrap(), catalog());
    assert_eq!(with_blocks().encode(), MANIFEST_2);
    assert_eq!(Manifest::decode(path(), MANIFEST_2).unwrap(), with_blocks());
    assert_eq!(with_tombstones().encode(), MANIFEST_3);
    assert_eq!(
        Manifest::decode(path(), MANIFEST_3).unwrap(),
        with_tombstones()
    );
    assert_eq!(with_details().encode(), MANIFEST_4);
    assert_eq!(
        Manifest::decode(path(), MANIFEST_4).unwrap(),
        with_details()
    );
    assert_eq!(with_sizes().encode(), CATALOG_2);
    assert_eq!(Catalog::decode(path(), CATALOG_2).unwrap(), with_sizes());
    assert_eq!(with_limits().encode(), CATALOG_3);
    assert_eq!(Catalog::decode(path(), CATALOG_3).unwrap(), with_limits());
    assert_eq!(with_documents().encode(), CATALOG_4);
    assert_eq!(
        Catalog::decode(path(), CATALOG_4).unwrap(),
        with_documents()
    );
    assert_eq!(format().encode(), FORMAT);
    assert_eq!(DataFormat::decode(path(), FORMAT).unwrap(), format());
}

fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let crc = crc32c(&bytes);
    put_u32(&mut bytes, crc);
    bytes
}

#[test]
fn layout_of_a_manifest() {
    let mut bytes = b"tsdb-man\x01\0\0\0".to_vec();
    put_u32(&mut bytes, 3); // namespace
    put_u64(&mut bytes, 12); // sequence
    put_u64(&mut bytes, 6); // flushed generation
    put_u64(&mut bytes, 1 << 40); // next series
    put_u64(&mut bytes, 20); // next file
    put_i64(&mut bytes, 1_760_000_000_000); // last wall clock
    put_u32(&mut bytes, 2); // runs
    for (id, generation) in [(15, 3), (17, 6)] {
        put_u64(&mut bytes, id);
        put_u64(&mut bytes, generation);
        put_i64(&mut bytes, -7_200_000);
        put_i64(&mut bytes, 7_199_999);
        put_u64(&mut bytes, 1008);
        put_u64(&mut bytes, 33);
    }
    put_u32(&mut bytes, 2); // series files
    for (number, len) in [(1, 4096), (16, 0)] {
        put_u64(&mut bytes, number);
        put_u64(&mut bytes, len);
    }
    put_u32(&mut bytes, 0); // tombstones
    assert_eq!(sealed(bytes), manifest().encode());
}

#[test]
fn what_needs_a_second_version_is_written_in_it() {
    let mut bytes = b"tsdb-man\x02\0\0\0".to_vec();
    bytes.extend(&MANIFEST[12..MANIFEST.len() - 4]);
    put_u32(&mut bytes, 2); // blocks
    for (id, generation) in [(14, 2), (18, 6)] {
        put_u64(&mut bytes, id);
        put_u64(&mut bytes, generation);
        for time in [-7_200_000, 7_199_999, -7_000_000, 5] {
            put_i64(&mut bytes, time);
        }
        put_u64(&mut bytes, 4242);
        put_u64(&mut bytes, 99);
    }
    assert_eq!(sealed(bytes), with_blocks().encode());
    let bytes = with_sizes().encode();
    assert_eq!(bytes[8..12], [2, 0, 0, 0]);
    assert_eq!(Catalog::decode(path(), &bytes).unwrap(), with_sizes());
    // What the first version can say is not said in the second one.
    let mut empty = b"tsdb-man\x02\0\0\0".to_vec();
    empty.extend(&MANIFEST[12..MANIFEST.len() - 4]);
    put_u32(&mut empty, 0);
    Manifest::decode(path(), &sealed(empty)).unwrap_err();
    let mut plain = CATALOG[..CATALOG.len() - 4].to_vec();
    plain[8] = 2;
    Catalog::decode(path(), &sealed(plain)).unwrap_err();
    let bytes = with_limits().encode();
    assert_eq!(bytes[8..12], [3, 0, 0, 0]);
    let mut sizes = with_sizes().encode();
    sizes.truncate(sizes.len() - 4);
    sizes[8] = 3;
    Catalog::decode(path(), &sealed(sizes)).unwrap_err();
    // An older version does not know the flags of a newer one.
    let mut older = bytes[..bytes.len() - 4].to_vec();
    older[8] = 2;
    Catalog::decode(path(), &sealed(older)).unwrap_err();
    let mut nothing = with_limits();
    nothing.namespaces[1].series_max = Some(0);
    Catalog::decode(path(), &nothing.encode()).unwrap_err();
}

#[test]
fn what_needs_a_third_version_is_written_in_it() {
    let mut bytes = b"tsdb-man\x03\0\0\0".to_vec();
    let second = with_blocks().encode();
    bytes.extend(&second[12..MANIFEST.len() - 8]);
    put_u32(&mut bytes, 2); // tombstones
    put_u64(&mut bytes, 4); // generation
    put_i64(&mut bytes, -7_000_000); // first millisecond
    put_i64(&mut bytes, 1_760_000_000_000); // last millisecond
    put_u32(&mut bytes, 4); // matchers
    for (op, name, value) in [
        (0, "__name__", "up"),
        (1, "zone", ""),
        (2, "h\u{f6}st", "a.*|b"),
        (3, "job", "[0-9]+"),
    ] {
        bytes.push(op);
        for text in [name, value] {
            put_u32(&mut bytes, u32::try_from(text.len()).unwrap());
            bytes.extend(text.bytes());
        }
    }
    put_u64(&mut bytes, 6);
    put_i64(&mut bytes, i64::MIN);
    put_i64(&mut bytes, i64::MAX);
    put_u32(&mut bytes, 0);
    bytes.extend(&second[MANIFEST.len() - 4..second.len() - 4]); // blocks
    put_u64(&mut bytes, 6); // last delete
    assert_eq!(sealed(bytes), with_tombstones().encode());
    let read = Manifest::decode(path(), &with_tombstones().encode());
    assert_eq!(read.unwrap(), with_tombstones());
    // A delete is remembered when nothing is left to hide, and without blocks too.
    let bare = Manifest {
        last_delete: Generation(5),
        ..manifest()
    };
    assert_eq!(Manifest::decode(path(), &bare.encode()).unwrap(), bare);
}

#[test]
fn tombstones_that_make_no_sense_are_refused() {
    let vfs = fresh();
    let refused = |change: fn(&mut Manifest)| {
        let mut manifest = with_tombstones();
        change(&mut manifest);
        let read = Manifest::decode(path(), &manifest.encode());
        assert!(read.is_err(), "{manifest:?}");
        manifest.write(&vfs, path()).unwrap_err();
    };
    refused(|manifest| manifest.tombstones.reverse());
    refused(|manifest| manifest.tombstones[1].generation = Generation(4));
    refused(|manifest| manifest.last_delete = Generation(5));
    refused(|manifest| manifest.last_delete = Generation(7));
    let read = |change: fn(&mut Tombstone)| {
        let mut manifest = with_tombstones();
        change(&mut manifest.tombstones[0]);
        assert!(Manifest::decode(path(), &manifest.encode()).is_err());
    };
    read(|one| one.matchers[0].value = "x".repeat(TOMBSTONE_BYTES_MAX));
    read(|one| one.matchers = vec![one.matchers[0].clone(); TOMBSTONE_MATCHERS_MAX + 1]);
}

#[test]
fn layout_of_a_catalog_and_of_format() {
    let mut bytes = b"tsdb-cat\x01\0\0\0".to_vec();
    put_u64(&mut bytes, 5); // sequence
    put_u32(&mut bytes, 9); // next namespace
    put_u32(&mut bytes, 3); // namespaces
    put_u32(&mut bytes, 1);
    bytes.extend(b"\x07default\x00");
    put_u64(&mut bytes, 7_200_000);
    put_u32(&mut bytes, 4);
    bytes.extend(b"\x0aagg_1m:30d\x03");
    put_u64(&mut bytes, 7_200_000);
    put_u64(&mut bytes, 2_592_000_000);
    put_u64(&mut bytes, 250);
    put_u32(&mut bytes, 8);
    bytes.extend(b"\x02\xc3\xa4\x04");
    put_u64(&mut bytes, 7_200_000);
    assert_eq!(sealed(bytes), catalog().encode());

    assert_eq!(
        sealed(b"tsdb-fmt\x01\0\0\x000123456789abcdef".to_vec()),
        format().encode()
    );
    assert!(
        !format!("{:?}", format()).contains("48"),
        "the key stays out of logs"
    );
}

fn assert_names_the_place(error: &ManifestError, len: usize) {
    match error {
        ManifestError::Corrupt {
            path: at,
            offset,
            what,
        } => {
            assert!(
                at == path() && *offset <= len as u64 && !what.is_empty(),
                "{error}"
            );
        }
        other => panic!("{other}"),
    }
}

#[test]
fn every_flipped_bit_and_every_cut_is_noticed() {
    type Decode = fn(&[u8]) -> Option<ManifestError>;
    let (blocks, sizes) = (with_blocks().encode(), with_sizes().encode());
    let deletes = with_tombstones().encode();
    let limits = with_limits().encode();
    let cases: [(&[u8], Decode); 8] = [
        (CATALOG_4, |bytes| Catalog::decode(path(), bytes).err()),
        (&limits, |bytes| Catalog::decode(path(), bytes).err()),
        (&deletes, |bytes| Manifest::decode(path(), bytes).err()),
        (&blocks, |bytes| Manifest::decode(path(), bytes).err()),
        (&sizes, |bytes| Catalog::decode(path(), bytes).err()),
        (MANIFEST, |bytes| Manifest::decode(path(), bytes).err()),
        (CATALOG, |bytes| Catalog::decode(path(), bytes).err()),
        (FORMAT, |bytes| DataFormat::decode(path(), bytes).err()),
    ];
    for (bytes, decode) in cases {
        assert!(decode(bytes).is_none());
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.to_vec();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_names_the_place(&decode(&bad).unwrap(), bytes.len());
        }
        for len in 0..bytes.len() {
            assert_names_the_place(&decode(&bytes[..len]).unwrap(), len);
        }
        let longer = [bytes, &[0]].concat();
        assert_names_the_place(&decode(&longer).unwrap(), longer.len());
        // A right checksum does not make wrong numbers dangerous.
        for at in 12..bytes.len() - 4 {
            for value in [0, 1, 0x7f, 0xff] {
                let mut forged = bytes[..bytes.len() - 4].to_vec();
                forged[at] = value;
                let _outcome = decode(&sealed(forged));
            }
        }
    }
}

#[test]
fn another_version_is_refused_by_number() {
    let mut bytes = FORMAT[..FORMAT.len() - 4].to_vec();
    bytes[8] = 2;
    let error = DataFormat::decode(path(), &sealed(bytes)).unwrap_err();
    let text = "default/FILE has format version 2, this build reads 1: use a build that reads it";
    assert_eq!(error.to_string(), text);
}

#[test]
fn one_kind_of_file_is_not_taken_for_another() {
    let error = Manifest::decode(path(), CATALOG).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("wrong magic: not a file of this kind"),
        "{error}"
    );
}

fn refusal(result: Result<(), ManifestError>) -> &'static str {
    match result {
        Err(ManifestError::Refused { what, .. }) => what,
        other => panic!("{other:?}"),
    }
}

/// What makes no sense is neither written nor read.
#[test]
fn a_manifest_must_make_sense() {
    type Change = fn(&mut Manifest);
    let nothing = "a block that holds nothing, or times outside its window";
    let cases: [(Change, &str); 14] = [
        (
            |m| m.blocks = vec![block(18, 6), block(14, 2)],
            "blocks out of order or listed twice",
        ),
        (
            |m| m.blocks = vec![block(20, 6)],
            "a block numbered past the next file",
        ),
        (
            |m| m.blocks = vec![block(14, 7)],
            "a block newer than the flushed generation",
        ),
        (
            |m| {
                m.blocks = vec![BlockEntry {
                    max_time: 7_200_000,
                    ..block(14, 2)
                }];
            },
            nothing,
        ),
        (
            |m| {
                m.blocks = vec![BlockEntry {
                    samples: 0,
                    ..block(14, 2)
                }];
            },
            nothing,
        ),
        (|m| m.runs.swap(0, 1), "runs out of order or listed twice"),
        (
            |m| m.runs[0].id = RunId(17),
            "runs out of order or listed twice",
        ),
        (|m| m.next_file = 17, "a run numbered past the next file"),
        (
            |m| m.flushed_generation = Generation(5),
            "a run newer than the flushed generation",
        ),
        (
            |m| m.runs[1].windows_min = 7_200_000,
            "a run that holds nothing",
        ),
        (|m| m.runs[1].samples = 0, "a run that holds nothing"),
        (|m| m.runs[1].bytes = 0, "a run that holds nothing"),
        (
            |m| m.series_files.swap(0, 1),
            "series files out of order or listed twice",
        ),
        (
            |m| m.series_files[1].number = 20,
            "a series file numbered past the next file",
        ),
    ];
    for (change, what) in cases {
        let vfs = fresh();
        let mut bad = manifest();
        change(&mut bad);
        assert_eq!(refusal(bad.write(&vfs, path())), what);
        assert!(vfs.contents().is_empty());
        let error = Manifest::decode(path(), &bad.encode()).unwrap_err();
        assert!(error.to_string().ends_with(what), "{error}");
    }
}

#[test]
fn a_catalog_must_make_sense() {
    type Change = fn(&mut Catalog);
    let cases: [(Change, &str); 6] = [
        (
            |c| c.namespaces.swap(0, 1),
            "namespaces out of order or listed twice",
        ),
        (
            |c| c.next_namespace = NamespaceId(8),
            "a namespace numbered past the next one",
        ),
        (
            |c| c.namespaces[0].window_ms = 0,
            "window or retention of no length",
        ),
        (
            |c| c.namespaces[1].retention_ms = Some(0),
            "window or retention of no length",
        ),
        (
            |c| c.namespaces[2].name = "Default".to_owned(),
            "two namespaces of one name, upper and lower case being the same",
        ),
        (|c| c.namespaces[2].name.clear(), "namespace without a name"),
    ];
    for (change, what) in cases {
        let vfs = fresh();
        let mut bad = catalog();
        change(&mut bad);
        assert_eq!(refusal(bad.write(&vfs, path())), what);
        assert!(vfs.contents().is_empty());
        let error = Catalog::decode(path(), &bad.encode()).unwrap_err();
        assert!(error.to_string().ends_with(what), "{error}");
    }
}

#[test]
fn namespace_names_are_safe_folder_names() {
    let long = "a".repeat(200);
    for good in [
        "default",
        "agg_1m:30d",
        "metrics 10s",
        "\u{e4}",
        "wal2",
        &long,
    ] {
        assert_eq!(check_namespace_name(good), Ok(()));
    }
    let too_long = "a".repeat(201);
    for bad in [
        "", ".", "..", ".x", "a/b", "a\\b", "a\nb", "a\0", "wal", "CATALOG", &too_long,
    ] {
        assert!(check_namespace_name(bad).is_err(), "{bad:?}");
    }
}

/// Crashes before each operation of a replacement, and then looks at what is on the disk.
#[test]
fn a_crash_leaves_the_old_or_the_new_file() {
    let old = manifest();
    let new = Manifest {
        sequence: 13,
        next_file: 21,
        ..manifest()
    };
    for operation in 0.. {
        let vfs = fresh();
        old.write(&vfs, path()).unwrap();
        vfs.crash_at_operation(vfs.counters().operations() + 1 + operation);
        let result = new.write(&vfs, path());
        for seed in 0..20 {
            let after = vfs.power_cut(seed);
            let found = Manifest::read(&after, path()).unwrap();
            match &result {
                Ok(()) => assert_eq!(found, new),
                Err(_) => assert!(found == old || found == new),
            }
            let newest = Manifest {
                sequence: 14,
                ..new.clone()
            };
            newest.write(&after, path()).unwrap();
            assert_eq!(
                Manifest::read(&after.power_cut(seed), path()).unwrap(),
                newest
            );
        }
        if result.is_ok() {
            assert!(
                operation > 4,
                "remove, create, write, sync, rename, sync of the folder"
            );
            return;
        }
    }
}

#[test]
fn a_failing_disk_names_file_and_action() {
    let cases = [
        (OperationKind::Create, "cannot create default/FILE.tmp"),
        (OperationKind::Write, "cannot write default/FILE.tmp"),
        (OperationKind::Sync, "cannot sync default/FILE.tmp"),
        (OperationKind::Rename, "cannot replace default/FILE"),
        (OperationKind::SyncDir, "cannot replace default/FILE"),
    ];
    for (kind, text) in cases {
        let vfs = fresh();
        vfs.on_operation(move |_, operation| {
            if operation.kind == kind {
                Verdict::Fail(Fault::DISK)
            } else {
                Verdict::Proceed
            }
        });
        assert_eq!(
            manifest().write(&vfs, path()).unwrap_err().to_string(),
            text
        );
        vfs.clear_hook();
        manifest().write(&vfs, path()).unwrap();
        assert_eq!(Manifest::read(&vfs, path()).unwrap(), manifest());
    }
    let error = Manifest::read(&fresh(), path()).unwrap_err();
    assert_eq!(error.to_string(), "cannot open default/FILE");
}

proptest! {
    #[test]
    fn any_manifest_comes_back(
        ids in prop::collection::btree_set(0u64..1000, 0..50),
        files in prop::collection::btree_set(0u64..1000, 0..50),
        blocks in prop::collection::btree_set(0u64..1000, 0..50),
        numbers in any::<[u64; 4]>(),
        clock in any::<i64>(),
        times in any::<(i64, i64)>(),
        deletes in prop::collection::btree_set(0..9u64, 0..5),
        detailed in any::<bool>(),
    ) {
        let entry = |id| RunEntry {
            windows_min: times.0.min(times.1),
            windows_max: times.0.max(times.1),
            details: detailed.then_some(RunDetails {
                first_generation: Generation(numbers[0] / 2),
                min_time: times.0.min(times.1),
                max_time: times.0.max(times.1),
                last_series: SeriesId(numbers[3]),
            }),
            ..run(id, numbers[0])
        };
        let block = |id| BlockEntry {
            details: detailed.then_some(BlockDetails {
                first_generation: Generation(numbers[0] / 2),
                first_series: SeriesId(numbers[1].min(numbers[3])),
                last_series: SeriesId(numbers[1].max(numbers[3])),
                rows: 9,
                row_samples_max: 99,
                dense: id % 2 == 0,
                histograms: id % 3 == 0,
            }),
            ..block(id, numbers[0])
        };
        let file = |number| SeriesFileEntry { number, synced_len: numbers[1] };
        let manifest = Manifest {
            namespace: NamespaceId(0),
            sequence: numbers[2],
            flushed_generation: Generation(numbers[0]),
            next_series: SeriesId(numbers[3]),
            next_file: 1000,
            last_wall_clock_ms: clock,
            runs: ids.into_iter().map(entry).collect(),
            series_files: files.into_iter().map(file).collect(),
            blocks: blocks.into_iter().map(block).collect(),
            tombstones: deletes
                .into_iter()
                .rev()
                .filter(|back| *back < numbers[0])
                .map(|back| tombstone(numbers[0] - back))
                .collect(),
            last_delete: Generation(numbers[0]),
        };
        prop_assert_eq!(Manifest::decode(path(), &manifest.encode()).unwrap(), manifest);
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for magic in [&MANIFEST[..12], &CATALOG[..12], &FORMAT[..12]] {
            let file = sealed([magic, &bytes].concat());
            let _outcome = (
                Manifest::decode(path(), &file),
                Catalog::decode(path(), &file),
                DataFormat::decode(path(), &file),
            );
        }
    }
}

/// Writes the golden files of a new version; leaves those that are there alone.
#[test]
#[ignore = "run by hand once for each version of the formats"]
fn write_golden_files() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/testdata/v1");
    let vfs = crate::vfs::OsVfs::new(folder);
    let files = [
        ("blocks.manifest", with_blocks().encode()),
        ("deletes.manifest", with_tombstones().encode()),
        ("details.manifest", with_details().encode()),
        ("shards.manifest", shards::with_shards().encode()),
        ("sizes.catalog", with_sizes().encode()),
        ("limits.catalog", with_limits().encode()),
        ("documents.catalog", with_documents().encode()),
        ("small.manifest", manifest().encode()),
        ("small.catalog", catalog().encode()),
        ("small.format", format().encode()),
    ];
    for (name, bytes) in files {
        if vfs.list(Path::new("")).unwrap().contains(&name.to_owned()) {
            continue;
        }
        let file = vfs.create(Path::new(name)).unwrap();
        crate::vfs::write_all_at(&*file, &bytes, 0).unwrap();
    }
}
