use super::*;
use crate::index::{IndexError, IndexRebuild};

#[test]
fn what_stays_gets_dense_slots_while_series_are_added() {
    let series: Vec<_> = fleet(3000).collect();
    let mut old = index(&series[..2000]);
    let stays = |slot: u32| slot % 3 != 1;
    let mut rebuild = IndexRebuild::new();
    let mut next = series[2000..].iter();
    let mut steps = 0;
    while !rebuild.step(&old, 300, stays) {
        let labels = next.next().unwrap();
        old.add(old.len() as u32, labels);
        steps += 1;
    }
    assert_eq!(steps, 6);
    let (new, moves) = rebuild.finish();
    new.validate().unwrap();
    assert_eq!(moves.len(), old.len());
    let mut expected = 0;
    for slot in 0..old.len() as u32 {
        let moved = moves.slot(slot);
        assert_eq!(moved, stays(slot).then_some(expected));
        expected += u32::from(moved.is_some());
        if let Some(moved) = moved {
            assert_eq!(new.labels(moved), old.labels(slot));
        }
    }
    assert_eq!(new.len() as u32, expected);
    assert_eq!(moves.slot(u32::MAX), None);
}

#[test]
fn texts_of_series_that_went_are_gone() {
    let series: Vec<_> = (0..5000)
        .map(|i| labels(&[("job", "x"), ("id", &format!("a-value-of-its-own-{i}"))]))
        .collect();
    let index = index(&series);
    let (new, _) = index.retain(|slot| slot < 50);
    new.validate().unwrap();
    assert_eq!((new.len(), new.symbols_len()), (50, 53));
    assert!(new.heap_bytes() * 20 < index.heap_bytes());
    assert!(index.retain(|_| false).0.is_empty());
}

#[test]
fn every_flipped_bit_of_a_snapshot_is_noticed() {
    let series: Vec<_> = fleet(30).collect();
    let mut bytes = Vec::new();
    index(&series).write_snapshot(&mut bytes);
    for bit in 0..bytes.len() * 8 {
        let mut bad = bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        MemIndex::read_snapshot(&bad).expect_err("a checksum covers every byte that is read");
    }
    for len in 0..bytes.len() {
        MemIndex::read_snapshot(&bytes[..len]).unwrap_err();
    }
}

/// Leaves whose checksums are right and whose numbers are not: an error, or a whole index.
#[test]
fn wrong_numbers_in_a_snapshot_never_make_a_broken_index() {
    let series: Vec<_> = fleet(30).collect();
    let mut bytes = Vec::new();
    index(&series).write_snapshot(&mut bytes);
    // The roots are the leaves: offset and length of each stand in the footer.
    let footer = bytes.len() - crate::index::INDEX_FOOTER_BYTES;
    for tree in 0..3 {
        let at = footer + tree * 17 + 4;
        let offset = u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
        let len = u32::from_le_bytes(bytes[at + 8..at + 12].try_into().unwrap()) as usize;
        for at in offset..offset + len {
            for value in [0, 1, 2, 3, 0x7f, 0x80, 0xff, bytes[at].wrapping_add(1)] {
                let mut forged = bytes.clone();
                forged[at] = value;
                let crc = crate::bits::crc32c(&forged[offset..offset + len]);
                forged[offset + len..offset + len + 4].copy_from_slice(&crc.to_le_bytes());
                match MemIndex::read_snapshot(&forged) {
                    Ok(index) => index.validate().unwrap(),
                    Err(IndexError::Corrupt { what, .. }) => assert!(!what.is_empty()),
                    Err(other) => panic!("{other}"),
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn snapshots_and_rebuilds_keep_every_label(series in series(), every in 1u32..5) {
        let index = index(&series);
        let mut bytes = Vec::new();
        index.write_snapshot(&mut bytes);
        let mut read = MemIndex::read_snapshot(&bytes).unwrap();
        prop_assert_eq!(read.validate(), Ok(()));
        let all = |index: &MemIndex| -> Vec<_> {
            (0..index.len() as u32).map(|slot| index.labels(slot).unwrap()).collect()
        };
        prop_assert_eq!(all(&read), series.clone());
        let (kept, moves) = index.retain(|slot| slot % every == 0);
        prop_assert_eq!(kept.validate(), Ok(()));
        let expected: Vec<_> = series.iter().step_by(every as usize).cloned().collect();
        prop_assert_eq!(all(&kept), expected);
        prop_assert_eq!(moves.len(), series.len());
        // What was read goes on like any index.
        for labels in &series {
            read.add(read.len() as u32, labels);
        }
        prop_assert_eq!(read.validate(), Ok(()));
        prop_assert_eq!(all(&read), [series.clone(), series].concat());
    }
}
