//! The names and values that series have.

use super::MemIndex;
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
        let value = |pair: u32| {
            self.pairs
                .get(pair)
                .map(|pair| self.symbols.text(pair.value))
        };
        let values = match within {
            None => name.pairs.iter().filter_map(|&pair| value(pair)).collect(),
            Some(set) if set.len() < name.pairs.len().max(name.slots.len() / SPARSE) as u64 => self
                .pairs_within(set, number)
                .into_iter()
                .filter_map(value)
                .collect(),
            Some(set) => {
                let lists = name
                    .pairs
                    .iter()
                    .filter_map(|&pair| Some((pair, self.pairs.slots(pair)?)));
                let present = lists.filter(|(_, list)| list.meets(set));
                present.filter_map(|(pair, _)| value(pair)).collect()
            }
        };
        first_sorted(values, limit)
    }

    /// The pairs of a name that the slots of `set` carry.
    fn pairs_within(&self, set: &Postings, name: u32) -> HashSet<u32> {
        let carried = set.iter().filter_map(|slot| {
            let mut pairs = self.pair_numbers(slot)?;
            pairs.find(|&pair| self.pairs.get(pair).is_some_and(|pair| pair.name == name))
        });
        carried.collect()
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
