use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn sorted() -> impl Strategy<Value = BTreeSet<String>> {
    prop::collection::btree_set("[a-c\u{e9}]{0,3}", 0..12)
}

proptest! {
    #[test]
    fn texts_are_what_was_pushed(all in prop::collection::vec(".{0,4}", 0..9), len in 0..10usize) {
        let mut texts: Texts = all.iter().collect();
        prop_assert_eq!(texts.to_vec(), &all[..]);
        prop_assert!((0..12).all(|at| texts.get(at) == all.get(at).map(String::as_str)));
        texts.truncate(len);
        texts.push("end");
        let kept = all.iter().take(len).map(String::as_str).chain(["end"]);
        prop_assert!(texts.iter().eq(kept) && texts.len() == all.len().min(len) + 1);
    }

    #[test]
    fn a_union_holds_each_once_in_order(a in sorted(), b in sorted(), limit in 0..14usize) {
        let (union, more) = Texts::from_iter(&a).union(&Texts::from_iter(&b), limit);
        let all: BTreeSet<_> = a.union(&b).map(String::as_str).collect();
        prop_assert!(union.iter().eq(all.iter().copied().take(limit)), "{:?}", union);
        prop_assert_eq!(more, all.len() > limit);
    }
}
