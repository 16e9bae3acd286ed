mod cardinality;
mod rebuild;
mod values;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use proptest::prelude::*;

use super::MemIndex;
use crate::model::{Labels, MatchOp, Matcher, ShardSet, Texts, shard_of};
use crate::postings::Postings;

fn index(series: &[Labels]) -> MemIndex {
    let mut index = MemIndex::new();
    for (slot, labels) in (0..).zip(series) {
        index.add(slot, labels);
    }
    index
}

pub(super) fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied()).unwrap()
}

pub(super) fn naive(series: &[Labels], matchers: &[Matcher]) -> Vec<u32> {
    let selected = |labels: &Labels| {
        matchers.iter().all(|m| match m.shard_set() {
            Some(set) => set.contains(shard_of(labels, set.of())),
            None => m.matches(labels.get(m.name()).unwrap_or_default()),
        })
    };
    (0..)
        .zip(series)
        .filter(|(_, labels)| selected(labels))
        .map(|(slot, _)| slot)
        .collect()
}

pub(super) fn slots(set: &Postings) -> Vec<u32> {
    set.iter().collect()
}

#[test]
fn an_empty_index_has_nothing() {
    let index = MemIndex::new();
    assert!(index.is_empty() && index.matches(&[]).is_empty());
    assert!(
        index
            .matches(&[Matcher::equal("a", ""), Matcher::not_equal("b", "x")])
            .is_empty()
    );
    assert_eq!(index.label_names(None, 10), (Texts::new(), false));
    assert_eq!(index.label_values("a", None, 10), (Texts::new(), false));
    assert_eq!(index.labels(0), None);
    assert_eq!(index.symbol_of("a"), None);
    assert_eq!(index.symbol_text(0), "");
    assert_eq!(index.pairs_of(0).count(), 0);
    assert_eq!(index.compare(0, 1), Ordering::Equal);
    index.validate().unwrap();
}

#[test]
fn symbols_and_pairs_are_interned_once() {
    let series = [
        labels(&[("a", "a"), ("b", "x")]),
        labels(&[("a", "x"), ("b", "a")]),
        labels(&[]),
        labels(&[("b", "x")]),
    ];
    let index = index(&series);
    index.validate().unwrap();
    assert_eq!(index.symbols_len(), 3);
    let symbol = |text| index.symbol_of(text).unwrap();
    let (a, b, x) = (symbol("a"), symbol("b"), symbol("x"));
    let pairs: Vec<Vec<_>> = (0..4).map(|slot| index.pairs_of(slot).collect()).collect();
    assert_eq!(
        pairs,
        [
            vec![(a, a), (b, x)],
            vec![(a, x), (b, a)],
            vec![],
            vec![(b, x)]
        ]
    );
    for text in ["a", "b", "x"] {
        assert_eq!(index.symbol_text(symbol(text)), text);
    }
    for (slot, labels) in (0..).zip(&series) {
        assert_eq!(index.labels(slot).as_ref(), Some(labels));
    }
    assert_eq!(index.labels(4), None);
    assert_eq!(index.compare(4, 2), Ordering::Less);
}

#[test]
#[should_panic(expected = "slots are added in order")]
fn a_slot_out_of_order_is_a_bug() {
    MemIndex::new().add(1, &Labels::default());
}

#[test]
fn limits_cut_sorted_lists() {
    let series: Vec<_> = (0..100)
        .map(|i| labels(&[("n", &format!("{:02}", 99 - i)), (&format!("l{i:02}"), "x")]))
        .collect();
    let index = index(&series);
    let (values, truncated) = index.label_values("n", None, 3);
    assert!(truncated && values == ["00", "01", "02"], "{values:?}");
    assert_eq!(index.label_values("n", None, 100).0.len(), 100);
    assert!(!index.label_values("n", None, 100).1);
    assert!(index.label_values("n", None, 99).1);
    assert_eq!(index.label_values("n", None, 0), (Texts::new(), true));
    assert_eq!(
        index.label_names(None, 2),
        (Texts::from_iter(["l00", "l01"]), true)
    );
    let within: Postings = [5, 7].into_iter().collect();
    assert_eq!(
        index.label_values("n", Some(&within), 9),
        (Texts::from_iter(["92", "94"]), false)
    );
    let names = Texts::from_iter(["l05", "l07", "n"]);
    assert_eq!(index.label_names(Some(&within), 9), (names, false));
    assert_eq!(
        index.label_values("n", Some(&Postings::new()), 9),
        (Texts::new(), false)
    );
}

#[test]
fn text_longer_than_a_segment_is_kept() {
    let long = "v".repeat(1 << 20);
    let many: Vec<_> = (0..20_000)
        .map(|i| (format!("n{i:05}"), format!("{i}")))
        .collect();
    let series = [
        labels(&[("a", "1")]),
        labels(&[("a", &long)]),
        Labels::from_pairs(many).unwrap(),
        labels(&[("a", "2")]),
    ];
    let index = index(&series);
    index.validate().unwrap();
    for (slot, labels) in (0..).zip(&series) {
        assert_eq!(index.labels(slot).as_ref(), Some(labels));
    }
    assert_eq!(
        slots(&index.matches(&[Matcher::equal("a", long.as_str())])),
        [1]
    );
}

/// A fleet of `count` series as scrapes deliver them: targets whole, ten labels each.
pub(super) fn fleet(count: usize) -> impl Iterator<Item = Labels> {
    (0..count).map(|i| {
        let (target, kind) = (i / 1000, i % 1000);
        Labels::from_pairs([
            (
                "__name__",
                format!("http_request_duration_seconds_bucket_{}", kind / 84),
            ),
            ("cluster", "prod-eu-west-1a".to_owned()),
            ("container", format!("app-{}", target % 40)),
            ("endpoint", "http-metrics".to_owned()),
            (
                "instance",
                format!("10.0.{}.{}:9100", target / 256, target % 256),
            ),
            ("job", format!("service-{}", target % 40)),
            ("le", format!("{}", kind % 84)),
            ("namespace", format!("team-{}-production", target % 25)),
            (
                "pod",
                format!(
                    "app-{}-{:08x}",
                    target % 40,
                    target.wrapping_mul(0x9e37_79b9)
                ),
            ),
            ("service", format!("service-{}", target % 40)),
        ])
        .unwrap()
    })
}

#[test]
fn several_containers_of_slots_match_like_the_naive_filter() {
    let series: Vec<_> = fleet(70_000).collect();
    let index = index(&series);
    let regex = |name: &str, pattern: &str| Matcher::regex(name, pattern).unwrap();
    let not_regex = |name: &str, pattern: &str| Matcher::not_regex(name, pattern).unwrap();
    let cases = [
        vec![Matcher::equal("job", "service-7")],
        vec![
            Matcher::equal("job", "service-7"),
            Matcher::equal("le", "5"),
        ],
        vec![Matcher::not_equal("job", "service-7"), regex("le", "1.")],
        vec![regex("job", "service-(1|2|3)"), not_regex("le", "[0-9]")],
        vec![regex("instance", ".*:9100")],
        vec![regex("instance", ".*\\.7:9.*"), Matcher::equal("le", "83")],
        vec![not_regex("pod", "app-1.*"), Matcher::not_equal("le", "")],
        vec![Matcher::equal("pod", "")],
        vec![not_regex("le", ".+")],
        vec![not_regex("le", ".*")],
        vec![regex("le", "|1"), regex("nothing", ".*")],
        vec![regex("nothing", ".+")],
    ];
    for matchers in cases {
        let found = slots(&index.matches(&matchers));
        assert!(
            found == naive(&series, &matchers),
            "{matchers:?} found {}",
            found.len()
        );
    }
    index.validate().unwrap();
}

#[test]
fn a_fleet_takes_little_memory() {
    let count = 100_000;
    let mut index = MemIndex::new();
    for (slot, labels) in (0..).zip(fleet(count)) {
        index.add(slot, &labels);
    }
    let each = index.heap_bytes() / count;
    assert!((20..=150).contains(&each), "{each} bytes a series");
}

pub(super) const NAMES: [&str; 5] = ["a", "b", "c", "\u{e9}", "__name__"];

pub(super) fn series() -> impl Strategy<Value = Vec<Labels>> {
    let pairs = prop::collection::btree_map(prop::sample::select(&NAMES[..]), "[xyz]{0,2}", 0..5);
    prop::collection::vec(
        pairs.prop_map(|pairs| Labels::from_pairs(pairs).unwrap()),
        0..150,
    )
}

pub(super) fn matcher() -> impl Strategy<Value = Matcher> {
    let ops = [
        MatchOp::Equal,
        MatchOp::NotEqual,
        MatchOp::Regex,
        MatchOp::NotRegex,
    ];
    let name = prop_oneof![4 => prop::sample::select(&NAMES[..]), 1 => Just("absent")];
    let value = prop_oneof![
        4 => "[xyz]{0,2}",
        1 => "[xyz]{0,1}\\|[xyz]{0,2}",
        1 => "[xyz]\\.[*+]",
        1 => "\\.[*+][xyz]",
        1 => "\\[xy\\][z+*?]?",
        1 => Just(".*".to_owned()),
        1 => Just(".+".to_owned()),
        1 => "\\(x\\|y\\)[?*+]z?",
    ];
    let of_label = (prop::sample::select(ops.to_vec()), name, value)
        .prop_map(|(op, name, value)| Matcher::new(op, name, value).unwrap());
    let of_shards = (1u32..9, prop::collection::vec(0u32..8, 0..8)).prop_map(|(of, shards)| {
        let shards = shards.iter().map(|shard| shard % of);
        let set = ShardSet::new(NonZeroU32::new(of).unwrap(), shards);
        Matcher::shards(set.unwrap())
    });
    prop_oneof![6 => of_label, 1 => of_shards]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn matching_is_the_naive_filter(
        series in series(),
        queries in prop::collection::vec(prop::collection::vec(matcher(), 0..4), 1..8),
    ) {
        let index = index(&series);
        for matchers in queries {
            let set = index.matches(&matchers);
            prop_assert_eq!(slots(&set), naive(&series, &matchers), "{:?}", matchers);

            let mut names = BTreeSet::new();
            let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            for slot in &set {
                for label in &series[slot as usize] {
                    names.insert(label.name.to_owned());
                    values.entry(label.name.to_owned()).or_default().insert(label.value.to_owned());
                }
            }
            let names: Texts = names.into_iter().collect();
            prop_assert_eq!(index.label_names(Some(&set), usize::MAX), (names, false));
            for name in NAMES {
                let all: Vec<_> = values.remove(name).unwrap_or_default().into_iter().collect();
                let found = index.label_values(name, Some(&set), usize::MAX);
                prop_assert_eq!(found, (all.iter().collect(), false));
                let cut = index.label_values(name, Some(&set), 2);
                prop_assert_eq!(cut, (all.iter().take(2).collect(), all.len() > 2));
            }
        }
    }

    #[test]
    fn placement_hashes_are_kept_through_all_that_changes_the_index(
        series in series(),
        asked_at in 0usize..150,
    ) {
        let shards = ShardSet::new(NonZeroU32::new(3).unwrap(), [1]).unwrap();
        let mut index = MemIndex::new();
        for (slot, labels) in (0..).zip(&series) {
            if slot as usize == asked_at {
                let _ = index.matches(&[Matcher::shards(shards.clone())]);
            }
            index.add(slot, labels);
        }
        let (kept, _) = index.retain(|slot| slot % 3 != 0);
        for index in [&index, &kept] {
            prop_assert_eq!(index.validate(), Ok(()));
            let labels: Vec<Labels> = (0..index.len() as u32).map(|slot| index.labels(slot).unwrap()).collect();
            let found = index.matches(&[Matcher::shards(shards.clone())]);
            prop_assert_eq!(slots(&found), naive(&labels, &[Matcher::shards(shards.clone())]));
            prop_assert_eq!(index.validate(), Ok(()));
        }
    }

    #[test]
    fn slots_give_back_their_labels_and_order(series in series()) {
        let index = index(&series);
        prop_assert_eq!(index.validate(), Ok(()));
        prop_assert_eq!(index.len(), series.len());
        for (a, left) in (0..).zip(&series) {
            let found = index.labels(a);
            prop_assert_eq!(found.as_ref(), Some(left));
            for (b, right) in (0..).zip(&series).step_by(7) {
                prop_assert_eq!(index.compare(a, b), left.cmp(right));
            }
        }
        let mut sorted: Vec<u32> = (0..series.len() as u32).rev().collect();
        // Enough of them to be ranked.
        sorted = sorted.repeat(1 + 256 / sorted.len().max(1));
        index.sort(&mut sorted);
        prop_assert!(sorted.is_sorted_by_key(|&slot| &series[slot as usize]), "{:?}", sorted);
        sorted.sort_unstable();
        sorted.dedup();
        prop_assert!(sorted.into_iter().eq(0..series.len() as u32));
        let all: BTreeSet<_> = series.iter().flatten().map(|label| label.name).collect();
        let (names, truncated) = index.label_names(None, usize::MAX);
        prop_assert!(!truncated && names.iter().eq(all));
    }
}
