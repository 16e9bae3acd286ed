use super::*;
use crate::vfs::{File, read_to_end, write_all_at};

fn put(vfs: &MemVfs, bytes: &[u8]) {
    // A run that was there before is gone: each case has a file of its own.
    if vfs.list(Path::new("")).unwrap().contains(&PATH.to_owned()) {
        vfs.remove(Path::new(PATH)).unwrap();
    }
    let file = vfs.create(Path::new(PATH)).unwrap();
    write_all_at(&*file, bytes, 0).unwrap();
}

fn small_run() -> (Rows, Vec<u8>) {
    let vfs = MemVfs::new();
    let rows = small_rows();
    write(&vfs, PATH, &rows, 3);
    let file = vfs.open(Path::new(PATH), OpenMode::Read).unwrap();
    (rows, read_to_end(&*file).unwrap())
}

fn assert_names_the_place(error: &RunError, len: u64) {
    match error {
        RunError::Corrupt { path, offset, what } => {
            assert!(*offset <= len, "offset {offset} of {len}");
            assert!(path == Path::new(PATH) && !what.is_empty());
        }
        RunError::Version { path, .. } => assert_eq!(path, Path::new(PATH)),
        other => panic!("{other}"),
    }
}

/// Reads everything in both ways: an error that names its place, or exactly what was written.
fn assert_error_or_same(vfs: &MemVfs, rows: &Rows, len: u64) {
    let keys: Vec<RowKey> = rows
        .values()
        .flat_map(|series| series.keys().copied())
        .collect();
    let keys: Vec<RowKey> = std::collections::BTreeSet::from_iter(keys)
        .into_iter()
        .collect();
    let reader = match open(vfs, PATH) {
        Ok(reader) => reader,
        Err(error) => return assert_names_the_place(&error, len),
    };
    for result in [scan(&reader), look_up(&reader, &keys, TimeRange::ALL)] {
        match result {
            Ok(found) => assert_eq!(found, *rows),
            Err(error) => assert_names_the_place(&error, len),
        }
    }
    match reader.ids(TimeRange::ALL) {
        Ok(found) => assert_eq!(found, keys),
        Err(error) => assert_names_the_place(&error, len),
    }
    let error = reader.verify().expect_err("verifying notices every change");
    assert_names_the_place(&error, len);
}

#[test]
fn every_flipped_bit_is_noticed() {
    let (rows, bytes) = small_run();
    let vfs = MemVfs::new();
    for bit in 0..bytes.len() * 8 {
        let mut bad = bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        put(&vfs, &bad);
        assert_error_or_same(&vfs, &rows, bytes.len() as u64);
    }
}

#[test]
fn every_cut_and_every_addition_is_noticed_at_opening() {
    let (_, bytes) = small_run();
    let vfs = MemVfs::new();
    for len in 0..bytes.len() {
        put(&vfs, &bytes[..len]);
        assert_names_the_place(&open(&vfs, PATH).unwrap_err(), len as u64);
    }
    put(&vfs, &[&bytes[..], &[0]].concat());
    assert_names_the_place(&open(&vfs, PATH).unwrap_err(), bytes.len() as u64 + 1);
    put(&vfs, &bytes);
    open(&vfs, PATH).unwrap().verify().unwrap();
}

#[test]
fn another_version_is_refused_by_number() {
    let (_, bytes) = small_run();
    let vfs = MemVfs::new();
    let mut other = bytes.clone();
    let trailer = bytes.len() - 28;
    other[trailer + 12] = 9;
    let crc = crate::bits::crc32c(&other[trailer..trailer + 16]);
    other[trailer + 16..trailer + 20].copy_from_slice(&crc.to_le_bytes());
    put(&vfs, &other);
    assert!(matches!(
        open(&vfs, PATH),
        Err(RunError::Version { version: 9, .. })
    ));
}

/// Changes `range` of a run and makes the checksum right again that stands at `crc`.
fn forge(bytes: &[u8], at: usize, value: u8, covered: std::ops::Range<usize>) -> Vec<u8> {
    let mut forged = bytes.to_vec();
    forged[at] = value;
    let crc = crate::bits::crc32c(&forged[covered.clone()]);
    forged[covered.end..covered.end + 4].copy_from_slice(&crc.to_le_bytes());
    forged
}

#[test]
fn directories_with_right_checksums_and_wrong_numbers_never_panic() {
    let (_, bytes) = small_run();
    let vfs = MemVfs::new();
    put(&vfs, &bytes);
    let reader = open(&vfs, PATH).unwrap();
    let mut spans = Vec::new();
    for section in 0..2 {
        let (meta, pages) = reader.section(section).unwrap();
        let begin = meta.index_offset as usize;
        spans.push(begin..begin + meta.index_len as usize - 4);
        for page in pages {
            spans.push(page.offset as usize..page.end() as usize - 4);
        }
    }
    let footer = reader.sections().unwrap()[1].end() as usize;
    spans.push(footer..bytes.len() - 28 - 4);
    for span in spans {
        for at in span.clone() {
            for value in [0, 1, 0x7f, 0x80, 0xff, bytes[at].wrapping_add(1)] {
                put(&vfs, &forge(&bytes, at, value, span.clone()));
                // Whatever comes out, it comes without a panic and within the file.
                let _outcome = open(&vfs, PATH).and_then(|reader| {
                    reader.ids(TimeRange::ALL)?;
                    reader.verify()
                });
            }
        }
    }
}

#[derive(Debug)]
struct Failing;

impl File for Failing {
    fn read_at(&self, _: &mut [u8], _: u64) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::PermissionDenied.into())
    }
    fn write_at(&self, _: &[u8], _: u64) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::StorageFull.into())
    }
    fn len(&self) -> std::io::Result<u64> {
        Ok(1000)
    }
    fn set_len(&self, _: u64) -> std::io::Result<()> {
        Ok(())
    }
    fn allocate(&self, _: u64) -> std::io::Result<()> {
        Ok(())
    }
    fn sync(&self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_failing_disk_is_told_apart_from_corruption() {
    let path = Path::new(PATH);
    let error = RunReader::open(path, Box::new(Failing)).unwrap_err();
    assert_eq!(error.to_string(), "cannot read run some.run at byte 0");
    let writer = RunWriter::create(path, Box::new(Failing), header()).unwrap();
    let error = writer.finish().unwrap_err();
    assert_eq!(error.to_string(), "cannot write run some.run at byte 0");
    let source = std::error::Error::source(&error).unwrap();
    let source = source.downcast_ref::<std::io::Error>().unwrap();
    assert_eq!(source.kind(), std::io::ErrorKind::StorageFull);
}
