use crate::bits::{crc32c, put_u32, put_u64, put_uvarint};
use crate::model::{
    FingerprintDomain, FingerprintKey, MetricKind, MetricMetadata, NamespaceId, SeriesId,
};
use crate::series::{
    CoveredFile, Registry, SNAPSHOT_MAGIC, SeriesSnapshot, SnapshotHead, encode_snapshot,
};

const GOLDEN: &[u8] = include_bytes!("../../../tests/testdata/v1/small.snapshot");
const IDS: [u64; 6] = [1, 2, 3, 7, 8, 40];

fn key() -> FingerprintKey {
    FingerprintKey::new([7; 16])
}

fn registry() -> Registry {
    let mut registry = Registry::new();
    for id in IDS {
        let fingerprint = key().of(FingerprintDomain::Canonical, &id.to_le_bytes());
        registry.insert(fingerprint, SeriesId(id)).unwrap();
    }
    registry
}

fn head() -> SnapshotHead {
    let file = |number, bytes, symbols| CoveredFile {
        number,
        bytes,
        symbols,
        crc: 0x1234_5678,
    };
    SnapshotHead {
        namespace: NamespaceId(3),
        next_id: SeriesId(43),
        files: vec![file(1, 400, 0), file(9, 77, 5)],
    }
}

fn metadata() -> MetricMetadata {
    MetricMetadata {
        metric: "up".to_owned(),
        kind: MetricKind::Gauge,
        help: "help".to_owned(),
        unit: String::new(),
    }
}

fn written() -> Vec<u8> {
    let metadata = [metadata()];
    encode_snapshot(&head(), &key(), &registry(), metadata.iter(), b"index")
}

#[test]
fn the_format_has_not_changed() {
    assert_eq!(written(), GOLDEN);
}

#[test]
fn what_was_written_is_read() {
    let read = SeriesSnapshot::decode(GOLDEN, &key()).unwrap();
    assert_eq!(read.head, head());
    assert_eq!(read.metadata, [metadata()]);
    assert_eq!(read.index, b"index");
    let (read, expected) = (read.registry().unwrap(), registry());
    assert_eq!(read.ids(), expected.ids());
    assert_eq!(read.next_id(), SeriesId(43));
    for (slot, id) in (0..).zip(IDS) {
        let fingerprint = key().of(FingerprintDomain::Canonical, &id.to_le_bytes());
        assert_eq!(
            read.find_labels(fingerprint, |found| found == slot),
            Some(slot)
        );
        assert_eq!(read.slot(SeriesId(id)), Some(slot));
    }
}

#[test]
fn the_page_draws_these_bytes() {
    let mut out = SNAPSHOT_MAGIC.to_vec();
    put_u32(&mut out, 1);
    put_u32(&mut out, 3); // namespace
    put_u64(&mut out, 43); // next id
    let check = key().of(FingerprintDomain::Canonical, b"snapshot of series");
    put_u64(&mut out, check.lookup());
    put_u64(&mut out, check.verify());
    put_u32(&mut out, 2); // files
    for (number, bytes, symbols) in [(1, 400, 0), (9, 77, 5)] {
        put_u64(&mut out, number);
        put_u64(&mut out, bytes);
        put_u32(&mut out, symbols);
        put_u32(&mut out, 0x1234_5678);
    }
    let crc = crc32c(&out);
    put_u32(&mut out, crc);
    let mut series = Vec::new();
    for number in [6, 1, 3, 4, 1, 1, 1, 32, 1] {
        put_uvarint(&mut series, number);
    }
    for id in IDS {
        let fingerprint = key().of(FingerprintDomain::Canonical, &id.to_le_bytes());
        put_u32(&mut series, (fingerprint.lookup() >> 32) as u32);
    }
    for body in [&b"\x01\x02up\x02\x04help\x00"[..], &series, b"index"] {
        let start = out.len();
        put_u64(&mut out, body.len() as u64);
        out.extend_from_slice(body);
        let crc = crc32c(&out[start..]);
        put_u32(&mut out, crc);
    }
    assert_eq!(out, GOLDEN);
}

#[test]
fn any_wrong_bit_is_seen() {
    for bit in 0..GOLDEN.len() * 8 {
        let mut bytes = GOLDEN.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(SeriesSnapshot::decode(&bytes, &key()).is_err(), "bit {bit}");
    }
    for len in 0..GOLDEN.len() {
        assert!(SeriesSnapshot::decode(&GOLDEN[..len], &key()).is_err());
    }
    let other = FingerprintKey::new([8; 16]);
    assert!(SeriesSnapshot::decode(GOLDEN, &other).is_err());
}
