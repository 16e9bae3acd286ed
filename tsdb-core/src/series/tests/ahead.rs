use std::path::Path;

use proptest::prelude::*;

use super::{NAMESPACE, small_file};
use crate::bits::{crc32c, crc32c_append};
use crate::model::{FingerprintDomain, FingerprintKey, Labels, SeriesId, ShardId};
use crate::series::{
    Definition, HashedRecord, SERIES_HEADER_BYTES, SeriesError, SeriesImage, SeriesRecord,
    series_path,
};
use crate::vfs::{MemVfs, OpenMode, Vfs, read_to_end, write_all_at};

/// A series file of so many records of a few series each, of which most share labels.
fn file_bytes(records: u64) -> Vec<u8> {
    let vfs = MemVfs::new();
    let file = small_file(&vfs);
    let texts: Vec<String> = (0..40).map(|number| format!("text-{number:02}")).collect();
    let mut id = 3;
    for record in 0..records {
        let rows: Vec<[(u32, u32); 2]> = (0..1 + record % 5)
            .map(|row| [(0, 1 + (record % 13) as u32), (20, 21 + row as u32)])
            .collect();
        let definitions: Vec<Definition<'_>> = rows
            .iter()
            .map(|labels| {
                id += 1;
                let shard = ShardId(0);
                Definition {
                    id: SeriesId(id),
                    shard,
                    labels,
                }
            })
            .collect();
        file.reserve(4096).unwrap();
        file.define(4096, &definitions, |symbol| &texts[symbol as usize]);
    }
    file.sync().unwrap();
    let path = series_path(Path::new("ns"), 1);
    read_to_end(&*vfs.open(&path, OpenMode::Read).unwrap()).unwrap()
}

fn image(bytes: &[u8]) -> Result<SeriesImage, SeriesError> {
    let vfs = MemVfs::new();
    vfs.create_dir(Path::new("ns")).unwrap();
    vfs.create_dir(Path::new("ns/series")).unwrap();
    let file = vfs.create(&series_path(Path::new("ns"), 1)).unwrap();
    write_all_at(&*file, bytes, 0).unwrap();
    SeriesImage::open(&vfs, (Path::new("ns"), NAMESPACE), 1)
}

type Said = (Vec<(u64, String)>, Result<(u64, u64, Vec<String>), String>);

/// What a file says one record after the other, refused at a series of the choice.
fn read(image: &SeriesImage, refuse: u64) -> Said {
    let mut said = Vec::new();
    let end = image.read(None, &mut |record| {
        match record {
            SeriesRecord::Series(id, _, _) if id.0 == refuse => return Err("refused"),
            SeriesRecord::Series(id, _, labels) => said.push((id.0, labels.to_string())),
            SeriesRecord::Metadata(one) => said.push((0, format!("{one:?}"))),
        }
        Ok(())
    });
    (said, ended(end))
}

fn read_ahead(image: &SeriesImage, refuse: u64, threads: usize) -> Said {
    let key = FingerprintKey::new([9; 16]);
    let mut said = Vec::new();
    let end = image.read_ahead(None, (&key, threads), &mut |record| {
        match record {
            HashedRecord::Series(id, ..) if id.0 == refuse => return Err("refused"),
            HashedRecord::Series(id, fingerprint, labels) => {
                let expected = key.of(FingerprintDomain::Canonical, labels.as_bytes());
                assert_eq!(fingerprint, expected);
                assert!(Labels::from_bytes(labels.as_bytes().into()).is_ok());
                said.push((id.0, labels.to_string()));
            }
            HashedRecord::Metadata(one) => said.push((0, format!("{one:?}"))),
        }
        Ok(())
    });
    (said, ended(end))
}

fn ended(
    end: Result<crate::series::SeriesEnd, SeriesError>,
) -> Result<(u64, u64, Vec<String>), String> {
    match end {
        Ok(end) => {
            let symbols = end.symbols.iter().map(ToString::to_string).collect();
            Ok((end.end, end.torn_bytes, symbols))
        }
        // Where inside of a record a series was refused is not told alike.
        Err(SeriesError::Corrupt { what, .. }) => Err(what),
        Err(error) => Err(error.to_string()),
    }
}

/// The bytes with one bit of a record flipped and its checksum made right, or torn.
fn damaged(mut bytes: Vec<u8>, record: usize, bit: usize, is_sealed: bool) -> Vec<u8> {
    let mut records = Vec::new();
    let mut at = SERIES_HEADER_BYTES;
    while at < bytes.len() {
        let len = u32::from_le_bytes(*bytes[at..].first_chunk().unwrap()) as usize;
        records.push((at, at + 8 + len));
        at += 8 + len;
    }
    let (start, end) = records[record % records.len()];
    let bit = bit % ((end - start - 8) * 8);
    bytes[start + 8 + bit / 8] ^= 1 << (bit % 8);
    if is_sealed {
        let crc = crc32c_append(crc32c(&bytes[start..start + 4]), &bytes[start + 8..end]);
        bytes[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
    }
    bytes
}

#[test]
fn a_long_file_is_read_alike_by_any_number_of_threads() {
    let bytes = file_bytes(60_000);
    let image = image(&bytes).unwrap();
    let expected = read(&image, 0);
    assert!(expected.0.len() > 150_000 && expected.1.is_ok());
    for threads in [1, 2, 4] {
        assert!(read_ahead(&image, 0, threads) == expected);
    }
    let expected = read(&image, 90_000);
    assert_eq!(expected.1, Err("refused".to_owned()));
    assert!(read_ahead(&image, 90_000, 3) == expected);
}

#[test]
fn one_long_symbol_named_often_takes_no_more_memory_than_series_by_series() {
    let (vfs, long) = (MemVfs::new(), "x".repeat(100_000));
    let file = small_file(&vfs);
    let labels: Vec<[(u32, u32); 2]> = (0..300).map(|row| [(30, 31), (32, 40 + row)]).collect();
    let definitions: Vec<Definition<'_>> = (4..)
        .zip(&labels)
        .map(|(id, labels)| Definition {
            id: SeriesId(id),
            shard: ShardId(0),
            labels,
        })
        .collect();
    file.reserve(1 << 20).unwrap();
    let numbers: Vec<String> = (0..400).map(|number| format!("n{number:03}")).collect();
    file.define(1 << 20, &definitions, |symbol| match symbol {
        31 => &long,
        _ => &numbers[symbol as usize],
    });
    file.sync().unwrap();
    let image = SeriesImage::open(&vfs, (Path::new("ns"), NAMESPACE), 1).unwrap();
    let expected = read(&image, 0);
    assert_eq!(expected.0.len(), 304);
    assert!(read_ahead(&image, 0, 3) == expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_file_is_read_alike(record: usize, bit: usize, seals: bool, threads in 1..4usize) {
        let image = image(&damaged(file_bytes(30), record, bit, seals)).unwrap();
        prop_assert_eq!(read_ahead(&image, 0, threads), read(&image, 0));
    }
}
