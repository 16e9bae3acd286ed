//! The names and values that series have.

use super::MemIndex;
use super::pairs::Name;
use crate::model::HashSet;
use crate::postings::Postings;

/// Fewer slots than one in so many of those that have the label are looked at one by one: a set
/// that thin is made of arrays, and comparing it with the lists of all values takes longer.
const SPARSE: usize = 16;

impl MemIndex {
    /// The first `limit` label names of the slots in `within`, or of all, sorted; and whether
    /// there are more.
    #[must_use]
    pub fn label_names(&self, within: Option<&Postings>, limit: usize) -> (Vec<String>, bool) {
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
    ) -> (Vec<String>, bool) {
        let number = self.pairs.find_name(&self.symbols, name.as_bytes());
        let Some((number, name)) = number.and_then(|n| Some((n, self.pairs.name(n)?))) else {
            return (Vec::new(), false);
        };
        let values = match within {
            None => name
                .pairs
                .iter()
                .map(|&pair| self.value_of_pair(pair))
                .collect(),
            Some(set) if set.len() < name.pairs.len().max(name.slots.len() / SPARSE) as u64 => self
                .pairs_within(set, number)
                .into_iter()
                .map(|pair| self.value_of_pair(pair))
                .collect(),
            Some(set) => {
                let lists = name
                    .pairs
                    .iter()
                    .filter_map(|&pair| Some((pair, self.pairs.slots(pair)?)));
                let present = lists.filter(|(_, list)| list.meets(set));
                present.map(|(pair, _)| self.value_of_pair(pair)).collect()
            }
        };
        first_sorted(values, limit)
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

    /// Calls `each` with the pairs of a name whose value begins with `prefix`.
    pub(super) fn for_each_value<'a>(
        &'a self,
        name: &Name,
        prefix: &str,
        mut each: impl FnMut(u32, &'a str),
    ) {
        for &pair in &name.pairs {
            let value = self.value_of_pair(pair);
            if value.starts_with(prefix) {
                each(pair, value);
            }
        }
    }

    /// Sorts pairs of one name by their values.
    pub(super) fn sort_pairs(&self, pairs: &mut [u32]) {
        pairs.sort_by_cached_key(|&pair| self.value_of_pair(pair));
    }
}

/// Sorts only what is returned.
fn first_sorted(mut texts: Vec<&str>, limit: usize) -> (Vec<String>, bool) {
    let truncated = texts.len() > limit;
    if truncated {
        texts.select_nth_unstable(limit);
        texts.truncate(limit);
    }
    texts.sort_unstable();
    (texts.into_iter().map(str::to_owned).collect(), truncated)
}
