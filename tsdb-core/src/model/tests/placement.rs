//! Which placement shard series belong to, and sets of shards.

use std::num::NonZeroU32;

use proptest::prelude::*;

use crate::bits::Murmur3;
use crate::model::quote::write_quoted;
use crate::model::{
    Labels, MatchOp, Matcher, MatcherText, SHARDS_MAX, ShardSet, ShardSetError, placement_hash,
    shard_of,
};

fn of(shards: u32) -> NonZeroU32 {
    NonZeroU32::new(shards).unwrap()
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied()).unwrap()
}

/// The tag id as a text, made as its definition says.
fn tag_id(labels: &Labels) -> String {
    let quoted = |text: &str| {
        let mut out = String::new();
        write_quoted(&mut out, text).unwrap();
        out
    };
    let label = |name: &str, value: &str| {
        let name = quoted(name);
        format!("{}={}", &name[1..name.len() - 1], quoted(value))
    };
    let all: Vec<_> = labels
        .iter()
        .map(|one| label(one.name, one.value))
        .collect();
    format!("{{{}}}", all.join(","))
}

fn hash_of(text: &str) -> u32 {
    let mut hash = Murmur3::new(0);
    hash.append(text.as_bytes());
    hash.finish()
}

#[test]
fn tag_ids_hash_as_the_reference_does() {
    let (long, longer) = ("x".repeat(34), "y".repeat(92));
    let longest = "z".repeat(300);
    let quote = format!("{longest}\"");
    let cases: [(&[(&str, &str)], u32); 8] = [
        (&[], 2_315_792_072),
        (&[("host", "a"), ("__name__", "foo")], 3_613_102_463),
        (&[("__name__", "up"), ("host", "a\"b\\c\n")], 1_330_870_588),
        (&[("na\"me", "v")], 2_514_352_236),
        (&[("zone", "\0\x7f\u{a0}\u{200b}\u{e0001}")], 1_129_065_491),
        (&[("zone", "gr\u{fc}n \u{1f980}")], 3_714_553_343),
        // Lengths that are a quote and a backslash, and one of two bytes.
        (
            &[("a", &long), ("b", &longer), ("c", &longest)],
            1_040_527_109,
        ),
        (
            &[("a", &long), ("b", &longer), ("c", &quote)],
            3_657_289_398,
        ),
    ];
    for (pairs, expected) in cases {
        let labels = labels(pairs);
        assert_eq!(placement_hash(labels.as_bytes()), expected, "{labels}");
        assert_eq!(shard_of(&labels, of(64)), expected % 64);
        assert_eq!(shard_of(&labels, of(u32::MAX)), expected % u32::MAX);
        assert_eq!(shard_of(&labels, of(1)), 0);
    }
}

/// Were another version of Unicode to print more characters, series would move between shards.
#[test]
fn which_characters_are_escaped_never_changes() {
    let mut all = Murmur3::new(0);
    for char in '\0'..=char::MAX {
        let mut quoted = String::new();
        write_quoted(&mut quoted, char.encode_utf8(&mut [0; 4])).unwrap();
        all.append(quoted.as_bytes());
    }
    assert_eq!(
        all.finish(),
        521_941_214,
        "freeze the table of printable characters"
    );
}

#[test]
fn sets_print_and_are_read() {
    let set = |shards: u32, of_all| ShardSet::new(of(of_all), (0..shards).step_by(2)).unwrap();
    let cases = [
        (
            ShardSet::new(of(64), [17, 3, 2, 1, 0, 3]).unwrap(),
            "0-3,17 of 64",
        ),
        (ShardSet::new(of(64), []).unwrap(), "none of 64"),
        (ShardSet::all(of(64)).unwrap(), "0-63 of 64"),
        (ShardSet::all(of(1)).unwrap(), "0 of 1"),
        (ShardSet::new(of(65), [64]).unwrap(), "64 of 65"),
        (set(8, 9), "0,2,4,6 of 9"),
    ];
    for (set, text) in cases {
        assert_eq!(set.to_string(), text);
        assert_eq!(text.parse(), Ok(set.clone()));
        let shards: Vec<u32> = set.iter().collect();
        assert_eq!(
            ShardSet::new(set.of(), shards.iter().copied()),
            Ok(set.clone())
        );
        assert_eq!(set.len() as usize, shards.len());
        assert_eq!(
            (set.is_empty(), set.is_all()),
            (
                text.starts_with("none"),
                text == "0-63 of 64" || text == "0 of 1"
            )
        );
        assert!(!set.contains(set.of().get()) && !set.contains(u32::MAX));
    }
}

#[test]
fn what_is_no_set_is_refused() {
    assert_eq!(ShardSet::all(of(SHARDS_MAX)).unwrap().len(), SHARDS_MAX);
    assert_eq!(
        ShardSet::all(of(SHARDS_MAX + 1)),
        Err(ShardSetError::TooMany {
            shards: SHARDS_MAX + 1
        })
    );
    assert_eq!(
        ShardSet::new(of(8), [8]),
        Err(ShardSetError::NoSuchShard {
            shard: 8,
            of: of(8)
        })
    );
    for text in [
        "",
        "0",
        "0 of",
        " of 8",
        "0 of 0",
        "0 of 65537",
        "8 of 8",
        "0-8 of 8",
        "3-1 of 8",
        "0,0 of 8",
        "0,1 of 8",
        "1,0 of 8",
        "0-0 of 8",
        "00 of 8",
        "+1 of 8",
        "none of +8",
        "none,1 of 8",
        "0, 2 of 8",
        "0-4294967294 of 4294967295",
        "0 of 8 ",
        "-1 of 8",
        "0--1 of 8",
    ] {
        assert!(text.parse::<ShardSet>().is_err(), "{text}");
    }
}

#[test]
fn a_matcher_of_shards_looks_at_all_labels() {
    let one = labels(&[("__name__", "foo"), ("host", "a")]);
    let shard = shard_of(&one, of(8));
    let with = Matcher::shards(ShardSet::new(of(8), [shard]).unwrap());
    let without = Matcher::shards(ShardSet::new(of(8), (0..8).filter(|n| *n != shard)).unwrap());
    let host = Matcher::equal("host", "a");
    assert!(Matcher::all_match(std::slice::from_ref(&with), &one));
    assert!(!Matcher::all_match(std::slice::from_ref(&without), &one));
    assert!(Matcher::all_match(&[host.clone(), with.clone()], &one));
    assert!(!Matcher::all_match(
        &[Matcher::equal("host", "b"), with.clone()],
        &one
    ));
    assert!(!Matcher::all_match(&[host, without], &one));
    assert!(with.matches_empty() && with.matches("a") && !with.op().is_negative());
    assert_eq!((with.name(), with.op()), ("", MatchOp::Shards));
    assert_eq!(with.to_string(), format!("shards({shard} of 8)"));
    assert_eq!(MatcherText::of(&with).compile().unwrap(), with);
    let error = Matcher::new(MatchOp::Shards, "", "x")
        .unwrap_err()
        .to_string();
    assert!(error.contains("`x` is no set of shards"), "{error}");
}

fn any_labels() -> impl Strategy<Value = Labels> {
    let text = prop_oneof![
        4 => "[a-z0-9_:./-]{1,40}",
        1 => "[\"\\\\\n\t\0-\u{20}~\u{7f}\u{e9}\u{200b}]{1,6}",
        1 => "\\PC{1,6}",
        1 => "[a-z]{120,300}",
    ];
    let value = text.clone();
    prop::collection::btree_map(text, value, 0..8)
        .prop_map(|pairs| Labels::from_pairs(pairs).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn streaming_is_hashing_the_text(labels in any_labels()) {
        prop_assert_eq!(placement_hash(labels.as_bytes()), hash_of(&tag_id(&labels)), "{}", labels);
    }

    #[test]
    fn any_set_is_read_back(all in 1u32..300, shards in prop::collection::vec(0u32..300, 0..40)) {
        let set = ShardSet::new(of(all), shards.iter().map(|shard| shard % all)).unwrap();
        prop_assert_eq!(set.to_string().parse(), Ok(set.clone()));
        for shard in 0..all {
            prop_assert_eq!(set.contains(shard), shards.iter().any(|one| one % all == shard));
        }
    }

    #[test]
    fn any_text_is_survived(text in "[0-9,of -]{0,20}|.{0,20}") {
        if let Ok(set) = text.parse::<ShardSet>() {
            prop_assert_eq!(set.to_string(), text);
        }
    }
}
