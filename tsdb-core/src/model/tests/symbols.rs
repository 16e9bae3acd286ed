use proptest::prelude::*;

use super::*;

fn key() -> FingerprintKey {
    FingerprintKey::new([7; 16])
}

fn hashes(key: &FingerprintKey, symbols: &[Vec<u8>]) -> Vec<SymbolHash> {
    symbols.iter().map(|text| key.symbol(text)).collect()
}

/// The fingerprint of a list of texts, through a table in which each stands once.
fn fingerprint(key: &FingerprintKey, list: &[Vec<u8>]) -> Fingerprint {
    let mut table: Vec<Vec<u8>> = vec![Vec::new()];
    let refs: Vec<u32> = list
        .iter()
        .map(|text| {
            let known = table.iter().position(|known| known == text);
            known.unwrap_or_else(|| {
                table.push(text.clone());
                table.len() - 1
            }) as u32
        })
        .collect();
    one(key, &refs, &hashes(key, &table))
}

fn one(key: &FingerprintKey, refs: &[u32], hashes: &[SymbolHash]) -> Fingerprint {
    key.symbol_lists(hashes).fingerprint(refs)
}

#[test]
fn texts_of_every_length_and_with_every_flipped_bit_have_hashes_of_their_own() {
    let key = key();
    let mut halves = HashSet::new();
    let mut add = |text: &[u8]| {
        let found = one(&key, &[0, 0], &[key.symbol(text)]);
        assert!(halves.insert(found.lookup()), "{text:?}");
        assert!(halves.insert(found.verify()), "{text:?}");
    };
    for len in 0..200usize {
        let mut text: Vec<u8> = (0..len).map(|at| at as u8 ^ 0x5a).collect();
        add(&text);
        for bit in 0..len * 8 {
            text[bit / 8] ^= 1 << (bit % 8);
            add(&text);
            text[bit / 8] ^= 1 << (bit % 8);
        }
        if len > 0 {
            // Zeros at the end are no padding.
            add(&vec![0; len]);
        }
    }
}

#[test]
fn lists_of_every_length_and_order_have_fingerprints_of_their_own() {
    let key = key();
    let mut halves = HashSet::new();
    let mut add = |list: &[Vec<u8>]| {
        let found = fingerprint(&key, list);
        assert!(halves.insert(found.lookup()), "{list:?}");
        assert!(halves.insert(found.verify()), "{list:?}");
    };
    let text = |number: usize| format!("symbol-{number}").into_bytes();
    for len in 0..150 {
        let mut list: Vec<_> = (0..len).map(text).collect();
        add(&list);
        for at in 1..len {
            list.swap(at - 1, at);
            add(&list);
            list.swap(at - 1, at);
        }
        if let Some(last) = list.last_mut() {
            last.push(b'x');
            add(&list);
        }
        add(&vec![b"same".to_vec(); len + 1]);
        add(&vec![Vec::new(); len + 1]);
    }
}

#[test]
fn an_index_without_text_has_no_series() {
    let key = key();
    let table = hashes(&key, &[Vec::new(), b"a".to_vec(), b"b".to_vec()]);
    let known: HashSet<Fingerprint> = (0..9u32)
        .map(|pair| one(&key, &[pair / 3, pair % 3], &table))
        .collect();
    assert_eq!(known.len(), 9);
    for refs in [
        &[1, 3][..],
        &[3, 1],
        &[u32::MAX, u32::MAX],
        &[1],
        &[1, 2, 1],
    ] {
        assert!(!known.contains(&one(&key, refs, &table)), "{refs:?}");
    }
}

#[test]
fn every_bit_of_the_key_counts() {
    let list = [b"__name__".to_vec(), b"up".to_vec()];
    let long = vec![vec![b'x'; 300]; 200];
    let mut seen = HashSet::new();
    let mut key = [9; 16];
    for bit in 0..128 {
        key[bit / 8] ^= 1 << (bit % 8);
        for list in [&list[..], &long] {
            let found = fingerprint(&FingerprintKey::new(key), list);
            assert!(seen.insert(found.lookup()) && seen.insert(found.verify()));
        }
        key[bit / 8] ^= 1 << (bit % 8);
    }
}

/// Halves that are no function of each other: of many series that share all but one symbol, each
/// bit of the fingerprint is set in about half.
#[test]
fn bits_are_even_and_independent() {
    let key = key();
    let list = |number: u32| [b"__name__".to_vec(), format!("m{number}").into_bytes()];
    let found: Vec<u128> = (0..4096).map(|n| fingerprint(&key, &list(n)).0).collect();
    let bit = |bits: u128, at: u32| (bits >> at) & 1;
    let share =
        |picked: &dyn Fn(u128) -> u128| found.iter().map(|bits| picked(*bits)).sum::<u128>();
    // Five standard deviations of 4096 throws.
    let even = |count: u128| (2048 - 160..=2048 + 160).contains(&count);
    for at in 0..128 {
        assert!(even(share(&|bits| bit(bits, at))), "bit {at}");
        let next = (at + 61) % 128;
        assert!(
            even(share(&|bits| bit(bits, at) ^ bit(bits, next))),
            "bit {at}"
        );
    }
}

proptest! {
    /// What the list before was does not matter.
    #[test]
    fn lists_in_a_row_are_hashed_as_if_each_were_alone(
        lists in prop::collection::vec(prop::collection::vec(0u32..5, 0..8), 0..40),
        long in prop::collection::vec(0u32..5, 120..140),
    ) {
        let key = key();
        let table: Vec<_> = (0..4u8).map(|text| vec![text]).collect();
        let table = hashes(&key, &table);
        let lists = [lists.clone(), vec![long], lists].concat();
        let mut row = key.symbol_lists(&table);
        for list in &lists {
            prop_assert_eq!(row.fingerprint(list), one(&key, list, &table), "{:?}", list);
        }
    }

    /// Only the texts and their order count, not where they stand in a table.
    #[test]
    fn the_table_does_not_matter(
        texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..20),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..200),
        noise in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..4), 0..5),
    ) {
        let key = key();
        let list: Vec<Vec<u8>> = picks.iter().map(|pick| pick.get(&texts).clone()).collect();
        let alone = fingerprint(&key, &list);
        let mut table = noise;
        let before = table.len();
        table.extend(texts.iter().cloned());
        let refs: Vec<u32> = picks
            .iter()
            .map(|pick| (before + pick.index(texts.len())) as u32)
            .collect();
        prop_assert_eq!(alone, one(&key, &refs, &hashes(&key, &table)));
        let mut other = list;
        if let Some(last) = other.last_mut() {
            last.push(0);
            prop_assert_ne!(alone, fingerprint(&key, &other));
        }
    }
}
