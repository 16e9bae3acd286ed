//! The names and values that series have.

use super::MemIndex;
use super::pairs::{CHUNK, Name};
use super::value_order::{SortedPairs, sort_by_value, sort_texts};
use crate::model::{HashSet, Texts};
use crate::postings::Postings;

/// Fewer slots than one in so many of those that have the label are looked at one by one: a set
/// that thin is made of arrays, and comparing it with the lists of all values takes longer.
const SPARSE: usize = 16;
/// Up to one value in so many is merged from the sorted chunks; all together are sorted sooner.
const MERGED: usize = 8;

impl MemIndex {
    /// The first `limit` label names of the slots in `within`, or of all, sorted; and whether
    /// there are more.
    #[must_use]
    pub fn label_names(&self, within: Option<&Postings>, limit: usize) -> (Texts, bool) {
        let names = self.pairs.names().iter();
        let present = names.filter(|name| within.is_none_or(|set| name.slots.meets(set)));
        first_sorted(
            present.map(|name| self.symbols.text(name.symbol)).collect(),
            limit,
        )
    }

    /// The first `limit` values of the label `name` in the slots in `within`, or in all, sorted;
    /// and whether there are more.
    #[must_use]
    pub fn label_values(
        &self,
        name: &str,
        within: Option<&Postings>,
        limit: usize,
    ) -> (Texts, bool) {
        let number = self.pairs.find_name(&self.symbols, name.as_bytes());
        let Some((number, name)) = number.and_then(|n| Some((n, self.pairs.name(n)?))) else {
            return (Texts::new(), false);
        };
        let is_thin =
            |set: &Postings| set.len() < name.pairs.len().max(name.slots.len() / SPARSE) as u64;
        if let Some(set) = within
            && is_thin(set)
        {
            let pairs = self.pairs_within(set, number).into_iter();
            return first_sorted(pairs.map(|pair| self.value_of_pair(pair)).collect(), limit);
        }
        let is_present = |pair: u32| {
            within.is_none_or(|set| self.pairs.slots(pair).is_some_and(|list| list.meets(set)))
        };
        if limit < name.pairs.len() / MERGED {
            let mut present = self
                .sorted_pairs(name)
                .filter(|(pair, _)| is_present(*pair));
            let found = present.by_ref().take(limit).map(|(_, value)| value);
            let found = found.collect();
            return (found, present.next().is_some());
        }
        let present = name.pairs.iter().filter(|pair| is_present(**pair));
        first_sorted(
            present.map(|&pair| self.value_of_pair(pair)).collect(),
            limit,
        )
    }

    /// The pairs of a name that the slots of `set` carry.
    fn pairs_within(&self, set: &Postings, name: u32) -> HashSet<u32> {
        set.iter()
            .filter_map(|slot| self.pair_of_name(slot, name))
            .collect()
    }

    /// The pair of a slot that has this name.
    pub(super) fn pair_of_name(&self, slot: u32, name: u32) -> Option<u32> {
        let mut pairs = self.pair_numbers(slot)?;
        pairs.find(|&pair| self.pairs.get(pair).is_some_and(|pair| pair.name == name))
    }

    /// The pairs of a name with their values, in order.
    fn sorted_pairs<'a>(&'a self, name: &'a Name) -> impl Iterator<Item = (u32, &'a str)> {
        let mut rest = name.pairs.chunks_exact(CHUNK).remainder().to_vec();
        self.sort_pairs(&mut rest);
        SortedPairs::new(&name.pairs, rest, |pair| self.value_of_pair(pair))
    }

    /// Calls `each` with the pairs of a name whose value begins with `prefix`.
    pub(super) fn for_each_value<'a>(
        &'a self,
        name: &Name,
        prefix: &str,
        mut each: impl FnMut(u32, &'a str),
    ) {
        let chunks = name.pairs.chunks_exact(CHUNK);
        let rest = chunks.remainder();
        for chunk in chunks {
            let first = match prefix {
                "" => 0,
                prefix => chunk.partition_point(|pair| self.value_of_pair(*pair) < prefix),
            };
            for &pair in chunk.get(first..).unwrap_or_default() {
                let value = self.value_of_pair(pair);
                if !begins_with(value, prefix) {
                    break;
                }
                each(pair, value);
            }
        }
        for &pair in rest {
            let value = self.value_of_pair(pair);
            if begins_with(value, prefix) {
                each(pair, value);
            }
        }
    }

    /// Sorts pairs of one name by their values.
    pub(super) fn sort_pairs(&self, pairs: &mut [u32]) {
        sort_by_value(&self.symbols, self.pairs.all(), pairs);
    }
}

/// An empty prefix is not compared: its address may be none, and comparing no bytes there is
/// slow on some processors.
#[inline]
pub(super) fn begins_with(value: &str, prefix: &str) -> bool {
    prefix.is_empty() || value.starts_with(prefix)
}

/// Sorts only what is returned.
fn first_sorted(mut texts: Vec<&str>, limit: usize) -> (Texts, bool) {
    let truncated = texts.len() > limit;
    if truncated {
        texts.select_nth_unstable(limit);
        texts.truncate(limit);
    }
    (sort_texts(&texts), truncated)
}
