//! The manifest of a backup: golden bytes, every bit flipped, whatever bytes.

use std::path::Path;

use proptest::prelude::*;

use crate::bits::crc32c;
use crate::manifest::{BackupFile, BackupManifest, FileSums, ManifestError};

const GOLDEN: &[u8] = include_bytes!("../../../tests/testdata/v1/small.backup");

fn file(path: &str, len: u64, sums: (u32, u64)) -> BackupFile {
    BackupFile {
        path: path.to_owned(),
        len,
        sums: FileSums {
            crc: sums.0,
            hash: sums.1,
        },
    }
}

fn manifest() -> BackupManifest {
    BackupManifest {
        created_ms: 1_760_000_000_000,
        files: vec![
            file("CATALOG", 47, (0x0102_0304, 0x1122_3344_5566_7788)),
            file("FORMAT", 32, (0xdead_beef, 1)),
            file("default/runs/0000000003.run", 1 << 33, (7, u64::MAX)),
        ],
    }
}

fn decode(bytes: &[u8]) -> Result<BackupManifest, ManifestError> {
    BackupManifest::decode(Path::new("backups/a.backup"), bytes)
}

#[test]
fn golden_bytes_stay() {
    assert_eq!(manifest().encode(), GOLDEN);
    assert_eq!(decode(GOLDEN).unwrap(), manifest());
}

#[test]
fn every_flipped_bit_and_every_cut_is_found() {
    for bit in 0..GOLDEN.len() * 8 {
        let mut bytes = GOLDEN.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        decode(&bytes).unwrap_err();
    }
    for len in 0..GOLDEN.len() {
        decode(&GOLDEN[..len]).unwrap_err();
    }
}

/// Two files that end with their own CRC have the same CRC, and must not be taken for each other.
#[test]
fn sums_tell_files_apart_that_end_with_their_crc() {
    let sums = |text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        bytes.extend(crc32c(&bytes).to_le_bytes());
        let (mut whole, mut parts) = (FileSums::default(), FileSums::default());
        whole.add(&bytes);
        bytes.chunks(3).for_each(|part| parts.add(part));
        assert_eq!(whole, parts);
        whole
    };
    let (one, other) = (sums("one file"), sums("another!"));
    assert_eq!(one.crc, other.crc);
    assert_ne!(one, other);
    // The published test vector of the hash.
    let mut vector = FileSums::default();
    vector.add(b"foobar");
    assert_eq!(vector.hash, 0x8594_4171_f739_67e8);
}

/// Paths that would be written outside of the folder, or twice, are refused whatever the checksum.
#[test]
fn paths_that_lead_elsewhere_are_refused() {
    for path in [
        "",
        "/etc/passwd",
        "../a",
        "a/../../b",
        "a//b",
        "a/",
        "./a",
        "a\\b",
        "a\0",
    ] {
        let manifest = BackupManifest {
            created_ms: 0,
            files: vec![file(path, 1, (1, 1))],
        };
        decode(&manifest.encode()).unwrap_err();
    }
    for paths in [["b", "a"], ["a", "a"]] {
        let files = paths.map(|path| file(path, 1, (1, 1))).to_vec();
        let manifest = BackupManifest {
            created_ms: 0,
            files,
        };
        decode(&manifest.encode()).unwrap_err();
    }
}

proptest! {
    #[test]
    fn any_bytes_behind_a_right_checksum_are_no_harm(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = GOLDEN[..12].to_vec();
        bytes.extend(body);
        bytes.extend(crc32c(&bytes).to_le_bytes());
        if let Ok(manifest) = decode(&bytes) {
            prop_assert_eq!(decode(&manifest.encode()).unwrap(), manifest);
        }
    }
}
