//! The generator and the paged bytes.

use super::*;

#[test]
fn the_generator_is_splitmix64() {
    let mut random = SplitMix64::new(1_234_567);
    assert_eq!(random.next_u64(), 6_457_827_717_110_365_317);
    assert_eq!(random.next_u64(), 3_203_168_211_198_807_973);
    assert_eq!(random.next_u64(), 9_817_491_932_198_370_423);
}

#[test]
fn the_generator_stays_in_bounds_and_reaches_them() {
    let mut random = SplitMix64::new(1);
    let seen: BTreeSet<i64> = (0..200).map(|_| random.between(-2, 2)).collect();
    assert_eq!(seen, (-2..=2).collect());
    let seen: BTreeSet<u64> = (0..200).map(|_| random.below(3)).collect();
    assert_eq!(seen, (0..3).collect());
    assert_eq!(
        (random.below(0), random.index(0), random.between(5, 5)),
        (0, 0, 5)
    );
    assert_eq!(random.pick::<u8>(&[]), None);
    let heads = (0..1000).filter(|_| random.coin()).count();
    assert!((400..600).contains(&heads), "{heads}");
    let hits = (0..1000).filter(|_| random.chance(1, 10)).count();
    assert!((50..200).contains(&hits), "{hits}");
    let mut items: Vec<u32> = (0..20).collect();
    random.shuffle(&mut items);
    assert_ne!(items, (0..20).collect::<Vec<_>>());
    items.sort_unstable();
    assert_eq!(items, (0..20).collect::<Vec<_>>());
    let _full_range = random.between(i64::MIN, i64::MAX);
}

#[test]
fn pages_behave_as_plain_bytes_and_copies_stay_as_they_were() {
    let mut random = SplitMix64::new(7);
    let mut pages = Pages::default();
    let mut plain: Vec<u8> = Vec::new();
    let mut copies = Vec::new();
    for _ in 0..2_000 {
        let offset = random.index(5 * PAGE_BYTES);
        if random.chance(1, 4) {
            plain.resize(offset, 0);
            pages.set_len(offset as u64);
        } else {
            let mut bytes = vec![0; random.index(2 * PAGE_BYTES)];
            random.fill(&mut bytes);
            if !bytes.is_empty() {
                plain.resize(plain.len().max(offset + bytes.len()), 0);
                plain[offset..offset + bytes.len()].copy_from_slice(&bytes);
                pages.write(&bytes, offset as u64);
            }
        }
        assert!(pages.to_vec() == plain);
        let mut part = vec![1; 100];
        let count = pages.read(&mut part, offset as u64);
        let rest = plain.get(offset..).unwrap_or_default();
        assert_eq!(&part[..count], &rest[..rest.len().min(100)]);
        if random.chance(1, 50) {
            copies.push((pages.clone(), plain.clone()));
        }
    }
    assert!(copies.iter().all(|(pages, plain)| pages.to_vec() == *plain));
}
