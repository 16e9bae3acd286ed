//! Damage of every kind: nothing panics, nothing false is read, and the place is named.

use super::*;
use crate::prometheus_block::find_blocks;

/// Reads a block as far as it goes; what was read of it must be true.
fn held_against(files: &[(String, Vec<u8>)], truth: &[Read]) -> Vec<BlockError> {
    let mut block = match open(files) {
        Ok(block) => block,
        Err(error) => return vec![error],
    };
    let (all, errors) = read(&mut block);
    for (labels, samples, histograms) in &all {
        let (_, true_samples, true_histograms) = truth
            .iter()
            .find(|(name, _, _)| name == labels)
            .unwrap_or_else(|| panic!("{labels} was never there"));
        for sample in samples {
            assert!(true_samples.binary_search(sample).is_ok(), "{labels}");
        }
        for (time, histogram) in histograms {
            let found = true_histograms.binary_search_by_key(time, |(time, _)| *time);
            assert_eq!(
                true_histograms[found.expect("its time")].1,
                *histogram,
                "{labels}"
            );
        }
    }
    errors
}

#[test]
fn every_flipped_bit_is_found_or_harmless() {
    for files in [floats(), histograms()] {
        // Without tombstones, so that what they hide is no untruth.
        let plain: BlockFiles = files
            .iter()
            .filter(|(name, _)| *name != "tombstones")
            .cloned()
            .collect();
        let truth = whole(&plain);
        let samples =
            |all: &[Read]| -> usize { all.iter().map(|one| one.1.len() + one.2.len()).sum() };
        for (number, (name, bytes)) in files.iter().enumerate() {
            for at in 0..bytes.len() {
                for bit in 0..8 {
                    let mut changed = files.clone();
                    changed[number].1[at] ^= 1 << bit;
                    let errors = held_against(&changed, &truth);
                    if errors.is_empty() {
                        check_harmless(name, at, &changed, samples(&whole(&files)), &samples);
                        continue;
                    }
                    let named = |error: &BlockError| error.to_string().contains(": byte ");
                    assert!(errors.iter().all(named), "{errors:?}");
                }
            }
        }
    }
}

/// What no checksum covers and nobody needs: padding, sections that are not read, most of meta.json.
fn check_harmless(
    name: &str,
    at: usize,
    changed: &[(String, Vec<u8>)],
    count: usize,
    samples: &dyn Fn(&[Read]) -> usize,
) {
    match name {
        "meta.json" | "index" => {}
        "chunks/000001" => assert!((5..8).contains(&at), "byte {at} of a segment"),
        _ => panic!("byte {at} of {name}"),
    }
    assert_eq!(samples(&whole(changed)), count, "byte {at} of {name}");
}

#[test]
fn every_cut_is_found() {
    for files in [floats(), histograms()] {
        let plain: BlockFiles = files
            .iter()
            .filter(|(name, _)| *name != "tombstones")
            .cloned()
            .collect();
        let truth = whole(&plain);
        for (number, (name, bytes)) in files.iter().enumerate() {
            for len in 0..bytes.len() {
                let mut cut = files.clone();
                cut[number].1.truncate(len);
                assert!(
                    !held_against(&cut, &truth).is_empty(),
                    "{name} of {len} bytes"
                );
            }
            let mut without = files.clone();
            without.remove(number);
            let errors = held_against(&without, &truth);
            assert!(errors.iter().all(BlockError::is_missing), "{errors:?}");
            assert_eq!(errors.is_empty(), *name == "tombstones");
        }
    }
}

/// A chunk's samples go, its neighbours stay, and the error says where it is.
#[test]
fn a_damaged_chunk_costs_itself_alone() {
    let mut files = floats();
    let truth = whole(&files);
    files[3].1[30] ^= 1;
    let (all, errors) = read(&mut open(&files).expect("it opens"));
    let text: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(text.len(), 1);
    assert!(text[0].starts_with("chunks/000001: byte "), "{text:?}");
    assert!(
        text[0].contains("the checksum of a chunk is 0x"),
        "{text:?}"
    );
    assert!(all[0].1.is_empty());
    assert_eq!(all[1..], truth[1..]);
}

#[test]
fn a_damaged_series_costs_itself_alone() {
    let mut files = floats();
    let truth = whole(&files);
    let index = &mut files[1].1;
    // Entries of series begin at multiples of 16 behind the symbols.
    let symbols = 5
        + 4
        + usize::try_from(u32::from_le_bytes([index[8], index[7], index[6], index[5]]))
            .expect("few")
        + 4;
    let second = symbols.next_multiple_of(16) + 32;
    index[second + 3] ^= 1;
    let (all, errors) = read(&mut open(&files).expect("it opens"));
    assert_eq!(errors.len(), 1);
    assert!(
        errors[0].to_string().contains("an entry of a series"),
        "{errors:?}"
    );
    let left: Vec<Read> = [&truth[..1], &truth[2..]].concat();
    assert_eq!(all, left);
}

#[test]
fn folders_are_what_they_hold() {
    let block = disk(&floats());
    let found = find_blocks(&*block).expect("a block");
    assert_eq!((found.blocks.len(), found.has_head), (1, false));
    let length = |(_, bytes): &(String, Vec<u8>)| bytes.len() as u64;
    assert_eq!(
        found.blocks[0].bytes,
        floats().iter().map(length).sum::<u64>()
    );

    let data = MemVfs::new();
    data.create_dir(Path::new("")).expect("a root");
    let empty = find_blocks(&data).expect("a folder");
    assert!(empty.blocks.is_empty() && !empty.has_head);
    let names = [
        "01M8KV9478V99ECHC5W6R4KY4Q",
        "01M8KV9478V99ECHC5W6R4KY4R",
        "01M8KV9478V99ECHC5W6R4KY4S.tmp-for-deletion",
        "wal",
    ];
    for name in names {
        data.create_dir(Path::new(name)).expect("a folder");
    }
    let meta = |min: i64| {
        format!(
            r#"{{"ulid":"01M8KV9478V99ECHC5W6R4KY4Q","minTime":{min},"maxTime":{min},"version":1}}"#
        )
    };
    for (name, text) in [
        (names[0], meta(7)),
        (names[1], "{".to_owned()),
        (names[2], meta(1)),
    ] {
        let file = data
            .create(&Path::new(name).join("meta.json"))
            .expect("a file");
        write_all_at(&*file, text.as_bytes(), 0).expect("written");
    }
    assert!(
        !find_blocks(&data).expect("a folder").has_head,
        "an empty log is none"
    );
    data.create(Path::new("wal/00000000")).expect("a file");
    let found = find_blocks(&data).expect("a folder");
    assert!(found.has_head);
    let names: Vec<&str> = found
        .blocks
        .iter()
        .filter_map(|one| one.path.to_str())
        .collect();
    assert_eq!(
        names,
        ["01M8KV9478V99ECHC5W6R4KY4Q", "01M8KV9478V99ECHC5W6R4KY4R"]
    );
    assert!(found.blocks[0].meta.is_ok());
    let error = found.blocks[1].meta.as_ref().expect_err("no JSON");
    assert!(
        error.to_string().contains("meta.json: byte 0: no JSON"),
        "{error}"
    );
}
