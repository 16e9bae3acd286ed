use super::*;
use crate::vfs::{read_to_end, write_all_at};

fn put(vfs: &MemVfs, bytes: &[u8]) {
    if vfs.list(Path::new("")).unwrap().contains(&PATH.to_owned()) {
        vfs.remove(Path::new(PATH)).unwrap();
    }
    let file = vfs.create(Path::new(PATH)).unwrap();
    write_all_at(&*file, bytes, 0).unwrap();
}

fn small() -> (Rows, Vec<u8>) {
    let vfs = MemVfs::new();
    let rows = some_rows(4, 9, window(), 12);
    write(&vfs, &rows, window(), dense(&rows));
    let file = vfs.open(Path::new(PATH), OpenMode::Read).unwrap();
    (rows, read_to_end(&*file).unwrap())
}

fn assert_names_the_place(error: &BlockError, len: u64) {
    match error {
        BlockError::Corrupt { path, offset, what } => {
            assert!(*offset <= len, "offset {offset} of {len}");
            assert!(path == Path::new(PATH) && !what.is_empty());
        }
        BlockError::Version { path, .. } | BlockError::Index { path, .. } => {
            assert_eq!(path, Path::new(PATH));
        }
        other => panic!("{other}"),
    }
}

/// Reads everything in both ways: an error that names its place, or exactly what was written.
fn assert_error_or_same(vfs: &MemVfs, rows: &Rows, len: u64) {
    let reader = match open(vfs) {
        Ok(reader) => Arc::new(reader),
        Err(error) => return assert_names_the_place(&error, len),
    };
    let all: Vec<u32> = (0..reader.meta().rows).collect();
    for found in [
        scan(&reader, key(0)),
        look_up(&reader, &all, TimeRange::ALL),
    ] {
        match found {
            Ok(found) => assert_eq!(found, *rows),
            Err(error) => assert_names_the_place(&error, len),
        }
    }
    let error = reader.verify().expect_err("verifying notices every change");
    assert_names_the_place(&error, len);
}

#[test]
fn every_flipped_bit_is_noticed() {
    let (rows, bytes) = small();
    let vfs = MemVfs::new();
    for bit in 0..bytes.len() * 8 {
        let mut bad = bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        put(&vfs, &bad);
        assert_error_or_same(&vfs, &rows, bytes.len() as u64);
    }
    println!("{} bits", bytes.len() * 8);
}

#[test]
fn every_cut_is_noticed() {
    let (_, bytes) = small();
    let vfs = MemVfs::new();
    for len in 0..bytes.len() {
        put(&vfs, &bytes[..len]);
        assert_names_the_place(&open(&vfs).unwrap_err(), bytes.len() as u64);
    }
    put(&vfs, &[&bytes[..], &[0]].concat());
    open(&vfs).unwrap_err();
}

#[test]
fn another_version_is_refused_by_number() {
    let (_, mut bytes) = small();
    let at = bytes.len() - 16;
    bytes[at] = 9;
    let crc = crate::bits::crc32c(&bytes[bytes.len() - 28..bytes.len() - 12]);
    let place = bytes.len() - 12..bytes.len() - 8;
    bytes[place].copy_from_slice(&crc.to_le_bytes());
    let vfs = MemVfs::new();
    put(&vfs, &bytes);
    let error = open(&vfs).unwrap_err();
    let text = "block 0000000007.block has format version 9, this build reads 1: use a build that reads it";
    assert_eq!(error.to_string(), text);
}
