use std::collections::BTreeMap;

use proptest::prelude::*;

use super::labels;
use crate::bits::put_uvarint;
use crate::model::{Label, Labels, LabelsBuilder, LabelsError};

#[test]
fn labels_come_back_sorted() {
    let set = labels(&[("b", "2"), ("a", "1"), ("empty", ""), ("__name__", "up")]);
    let pairs: Vec<_> = set
        .iter()
        .map(|Label { name, value }| (name, value))
        .collect();
    assert_eq!(pairs, [("__name__", "up"), ("a", "1"), ("b", "2")]);
    assert_eq!(set.len(), 3);
    assert_eq!(set.get("a"), Some("1"));
    assert_eq!(set.get("empty"), None);
    assert_eq!(set.get("zz"), None);
    assert_eq!(set.get(""), None);
    assert_eq!(set.metric_name(), Some("up"));
    assert!(Labels::default().is_empty());
    assert_eq!(Labels::from_bytes(set.as_bytes().into()).unwrap(), set);
}

#[test]
fn bad_sets_are_refused() {
    let error = |pairs: &[(&[u8], &[u8])]| {
        let mut builder = LabelsBuilder::new();
        pairs
            .iter()
            .for_each(|(name, value)| builder.push_bytes(name, value));
        builder.finish().unwrap_err()
    };
    let twice = LabelsError::DuplicateName {
        name: "a".to_owned(),
    };
    assert_eq!(error(&[(b"a", b"1"), (b"b", b"1"), (b"a", b"1")]), twice);
    assert_eq!(error(&[(b"", b"1")]), LabelsError::EmptyName);
    let name = LabelsError::InvalidUtf8 {
        what: "label name",
        position: 1,
    };
    assert_eq!(error(&[(b"a\xff", b"1")]), name);
    let value = LabelsError::InvalidUtf8 {
        what: "label value",
        position: 0,
    };
    assert_eq!(error(&[(b"a", b"\xe2\x82")]), value);
    // Together they would be UTF-8; apart they are not.
    assert!(matches!(
        error(&[(b"a\xc3", b"\xa9")]),
        LabelsError::InvalidUtf8 { .. }
    ));
}

#[test]
fn an_error_leaves_the_builder_usable() {
    let mut builder = LabelsBuilder::new();
    builder.push("", "x");
    assert_eq!(builder.finish(), Err(LabelsError::EmptyName));
    builder.clear();
    builder.push("a", "x");
    assert_eq!(builder.finish().unwrap(), labels(&[("a", "x")]));
    builder.push("0", "y");
    assert_eq!(builder.finish().unwrap(), labels(&[("0", "y"), ("a", "x")]));
}

#[test]
fn labels_print_as_prometheus_prints_them() {
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[], "{}"),
        (&[("__name__", "up")], "up"),
        (&[("__name__", "a:b")], "a:b"),
        (
            &[("__name__", "up"), ("b", "2"), ("A", "1")],
            "up{A=\"1\", b=\"2\"}",
        ),
        (&[("job", "x")], "{job=\"x\"}"),
        (&[("a.b", "c")], "{\"a.b\"=\"c\"}"),
        (&[("__name__", "my.metric")], "{\"my.metric\"}"),
        (
            &[("__name__", "my.metric"), ("a", "1")],
            "{\"my.metric\", a=\"1\"}",
        ),
        (&[("a:b", "c"), ("0", "d")], "{\"0\"=\"d\", \"a:b\"=\"c\"}"),
        (
            &[("a", "q\"b\\n\n\t\r\x07\x08\x0c\x0b\0\x7f")],
            "{a=\"q\\\"b\\\\n\\n\\t\\r\\a\\b\\f\\v\\x00\\x7f\"}",
        ),
        // A letter, a mark and a symbol print; spaces other than ' ', controls and gaps do not.
        (
            &[("a", "\u{e9}e\u{301}\u{20ac}\u{1f600}")],
            "{a=\"\u{e9}e\u{301}\u{20ac}\u{1f600}\"}",
        ),
        (
            &[("a", " \u{a0}\u{85}\u{200b}\u{fffe}\u{e0001}")],
            "{a=\" \\u00a0\\u0085\\u200b\\ufffe\\U000e0001\"}",
        ),
    ];
    for (pairs, expected) in cases {
        assert_eq!(labels(pairs).to_string(), *expected);
    }
}

#[test]
fn order_is_by_pairs_and_not_by_bytes() {
    let sorted = [
        labels(&[]),
        labels(&[("a", "aaa")]),
        labels(&[("a", "aaa"), ("b", "1")]),
        labels(&[("a", "b")]),
        labels(&[("aa", "a")]),
        labels(&[("b", "a")]),
    ];
    for (i, a) in sorted.iter().enumerate() {
        for (j, b) in sorted.iter().enumerate() {
            assert_eq!(a.cmp(b), i.cmp(&j), "{a} {b}");
        }
    }
}

#[test]
fn only_canonical_bytes_are_taken() {
    let refused: &[&[u8]] = &[
        b"\x01",
        b"\x01a",
        b"\x01a\x01",
        b"\x01a\x00",
        b"\x00\x01b",
        b"\x81\x00a\x01b",
        b"\x01a\x81\x00b",
        b"\x01a\x01b\x01a\x01b",
        b"\x01b\x01b\x01a\x01b",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01a",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02a",
        b"\x01\xff\x01b",
        b"\x01a\x01\xff",
    ];
    for bytes in refused {
        assert!(Labels::from_bytes((*bytes).into()).is_err(), "{bytes:?}");
    }
    assert_eq!(
        Labels::from_bytes(b"\x01a\x01b".as_slice().into()).unwrap(),
        labels(&[("a", "b")])
    );
}

#[test]
fn every_flipped_bit_is_refused_or_another_set() {
    let long = "v".repeat(300);
    let sets = [
        labels(&[
            ("__name__", "up"),
            ("instance", "localhost:9090"),
            ("job", "prometheus"),
        ]),
        labels(&[("a", &long), ("\u{e9}\u{20ac}", "\u{1f600}")]),
    ];
    for set in sets {
        for bit in 0..set.as_bytes().len() * 8 {
            let mut bytes = set.as_bytes().to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let Ok(other) = Labels::from_bytes(bytes.clone().into()) else {
                continue;
            };
            assert_ne!(other, set);
            // What is taken is canonical: made anew from its pairs, it has the same bytes.
            let pairs = other.iter().map(|label| (label.name, label.value));
            assert_eq!(Labels::from_pairs(pairs).unwrap().as_bytes(), bytes);
        }
        for len in 0..set.as_bytes().len() {
            if let Ok(prefix) = Labels::from_bytes(set.as_bytes()[..len].into()) {
                assert!(prefix.len() < set.len());
            }
        }
    }
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => "[a-d]{0,3}".prop_map(String::into_bytes),
        2 => "\\PC{0,4}".prop_map(String::into_bytes),
        1 => "[a-d]{120,300}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ]
}

proptest! {
    #[test]
    fn a_builder_does_what_a_sorted_map_does(
        sets in prop::collection::vec(prop::collection::vec((text(), text()), 0..8), 1..4)
    ) {
        let mut builder = LabelsBuilder::new();
        for pairs in sets {
            builder.clear();
            let mut map = BTreeMap::new();
            let mut valid = true;
            for (name, value) in &pairs {
                builder.push_bytes(name, value);
                if !value.is_empty() {
                    valid &= !name.is_empty()
                        && std::str::from_utf8(name).is_ok()
                        && std::str::from_utf8(value).is_ok()
                        && map.insert(name.clone(), value.clone()).is_none();
                }
            }
            let result = builder.finish();
            prop_assert_eq!(result.is_ok(), valid, "{:?}", result);
            let Ok(set) = result else { continue };
            let mut bytes = Vec::new();
            for field in map.iter().flat_map(|(name, value)| [name, value]) {
                put_uvarint(&mut bytes, field.len() as u64);
                bytes.extend_from_slice(field);
            }
            prop_assert_eq!(set.as_bytes(), bytes.as_slice());
            prop_assert_eq!(builder.canonical().unwrap(), bytes.as_slice());
            let pairs: BTreeMap<_, _> =
                set.iter().map(|l| (l.name.as_bytes().to_vec(), l.value.as_bytes().to_vec())).collect();
            prop_assert_eq!(&pairs, &map);
            for (name, value) in &map {
                let found = set.get(std::str::from_utf8(name).unwrap());
                prop_assert_eq!(found.map(str::as_bytes), Some(value.as_slice()));
            }
            prop_assert_eq!(Labels::from_bytes(bytes.into()).unwrap(), set);
        }
    }

    #[test]
    fn order_is_that_of_the_lists_of_pairs(
        a in prop::collection::btree_map("[ab]{1,2}", "[ab]{1,2}", 0..4),
        b in prop::collection::btree_map("[ab]{1,2}", "[ab]{1,2}", 0..4),
    ) {
        let (left, right) = (Labels::from_pairs(&a).unwrap(), Labels::from_pairs(&b).unwrap());
        prop_assert_eq!(left.cmp(&right), a.iter().cmp(b.iter()));
    }

    #[test]
    fn any_bytes_are_refused_or_canonical(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(set) = Labels::from_bytes(bytes.clone().into()) {
            let pairs = set.iter().map(|label| (label.name, label.value));
            let again = Labels::from_pairs(pairs).unwrap();
            prop_assert_eq!(again.as_bytes(), bytes.as_slice());
        }
    }
}
