use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{PostingList, Postings, union};

fn list(numbers: &BTreeSet<u32>) -> PostingList {
    let mut list = PostingList::new();
    let grown: isize = numbers.iter().map(|&number| list.push(number)).sum();
    assert_eq!(grown, list.heap_bytes() as isize);
    list
}

fn numbers(set: &Postings) -> BTreeSet<u32> {
    set.iter().collect()
}

#[test]
fn an_empty_list_is_empty() {
    let list = PostingList::default();
    assert!(list.is_empty() && list.last().is_none() && list.to_postings().is_empty());
    let mut set: Postings = (0..10).collect();
    assert!(!list.meets(&set));
    list.remove_from(&mut set);
    assert_eq!(set.len(), 10);
    list.keep_in(&mut set);
    assert!(set.is_empty());
    assert!(union([]).is_empty());
}

#[test]
fn the_ends_of_the_range_are_held() {
    let mut list = PostingList::new();
    list.push(u32::MAX - 1);
    list.push(u32::MAX);
    assert_eq!(list.heap_bytes(), 0);
    let mut set: Postings = [0, 5, u32::MAX].into_iter().collect();
    list.keep_in(&mut set);
    assert_eq!(numbers(&set), BTreeSet::from([u32::MAX]));
    list.remove_from(&mut set);
    assert!(set.is_empty());
}

#[test]
#[should_panic(expected = "does not rise")]
fn numbers_out_of_order_are_a_bug() {
    let mut list = PostingList::new();
    list.push(3);
    list.push(3);
}

/// Runs of neighbours with gaps: every shape, and several containers.
fn sets() -> impl Strategy<Value = BTreeSet<u32>> {
    let steps = prop::collection::vec((0u32..4, 1u32..100), 0..8);
    let large = prop::collection::vec((0u32..70_000, 1u32..6_000), 0..4);
    prop_oneof![steps, large].prop_map(|steps| {
        let (mut set, mut next) = (BTreeSet::new(), 0);
        for (gap, run) in steps {
            next += gap;
            set.extend(next..next + run);
            next += run + 1;
        }
        set
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn lists_do_what_sorted_sets_do(a in sets(), b in sets(), c in sets(), every in 1u32..5) {
        let a: BTreeSet<_> = a.into_iter().filter(|n| every < 4 || n % every != 0).collect();
        let (list_a, list_b, list_c) = (list(&a), list(&b), list(&c));
        prop_assert_eq!(list_a.len(), a.len());
        prop_assert_eq!(list_a.last(), a.last().copied());
        prop_assert_eq!(&numbers(&list_a.to_postings()), &a);
        let mut listed = Vec::new();
        list_a.for_each(|number| listed.push(number));
        prop_assert!(listed.iter().eq(&a));
        let mut by_runs = PostingList::new();
        let mut rest = listed.as_slice();
        while let [first, ..] = rest {
            let run = rest.iter().zip(*first..).take_while(|(a, b)| **a == *b).count();
            by_runs.push_run(*first, *first + run as u32 - 1);
            rest = &rest[run..];
        }
        prop_assert_eq!(by_runs.to_postings(), list_a.to_postings());
        prop_assert_eq!(by_runs.len(), list_a.len());

        let set = list_b.to_postings();
        let mut kept = set.clone();
        list_a.keep_in(&mut kept);
        prop_assert_eq!(numbers(&kept), &b & &a);
        let mut left = set.clone();
        list_a.remove_from(&mut left);
        prop_assert_eq!(numbers(&left), &b - &a);
        prop_assert_eq!(list_a.meets(&set), !a.is_disjoint(&b));
        prop_assert_eq!(numbers(&union([&list_a, &list_b, &list_c])), &(&a | &b) | &c);
    }
}
