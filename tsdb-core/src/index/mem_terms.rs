//! How the plan sees the index in memory.

use std::convert::Infallible;

use super::MemIndex;
use super::pairs::Name;
use super::plan::{Terms, rows_matching};
use crate::model::{HashMap, Matcher, ShardSet};
use crate::postings::{PostingList, Postings, union};

impl MemIndex {
    /// The slots that all `matchers` select; all slots when there are none. A label that a
    /// series does not have counts as having the value "".
    #[must_use]
    pub fn matches(&self, matchers: &[Matcher]) -> Postings {
        match rows_matching(&MemTerms(self), matchers) {
            Ok(rows) => rows,
            Err(never) => match never {},
        }
    }

    #[inline]
    pub(super) fn value_of_pair(&self, pair: u32) -> &str {
        let pair = self.pairs.get(pair);
        pair.map_or("", |pair| self.symbols.text(pair.value))
    }
}

struct MemTerms<'a>(&'a MemIndex);

impl<'a> Terms for MemTerms<'a> {
    type Name = (u32, &'a Name);
    type List = &'a PostingList;
    type Error = Infallible;

    const VALUES_PER_ROW: u64 = 1;

    fn rows(&self) -> u32 {
        self.0.len() as u32
    }

    fn find_name(&self, name: &str) -> Result<Option<Self::Name>, Infallible> {
        let number = self.0.pairs.find_name(&self.0.symbols, name.as_bytes());
        Ok(number.and_then(|number| Some((number, self.0.pairs.name(number)?))))
    }

    fn values_len(&self, name: &Self::Name) -> usize {
        name.1.pairs.len()
    }

    fn list_of_name(&self, name: &Self::Name) -> Self::List {
        &name.1.slots
    }

    fn find_list(&self, name: &Self::Name, value: &str) -> Result<Option<Self::List>, Infallible> {
        let pairs = &self.0.pairs;
        let pair = pairs.find(&self.0.symbols, name.0, value.as_bytes());
        Ok(pair.and_then(|pair| pairs.slots(pair)))
    }

    fn scan(
        &self,
        name: &Self::Name,
        prefix: &str,
        mut selected: impl FnMut(&str) -> bool,
    ) -> Result<Vec<Self::List>, Infallible> {
        let mut lists = Vec::new();
        self.0.for_each_value(name.1, prefix, |pair, value| {
            if selected(value) {
                lists.extend(self.0.pairs.slots(pair));
            }
        });
        Ok(lists)
    }

    fn list_len(&self, list: &Self::List) -> u64 {
        list.len() as u64
    }

    fn union(&self, lists: &[Self::List]) -> Result<Postings, Infallible> {
        Ok(match lists {
            [list] => list.to_postings(),
            lists => union(lists.iter().copied()),
        })
    }

    fn keep_in(&self, set: &mut Postings, list: &Self::List) -> Result<(), Infallible> {
        list.keep_in(set);
        Ok(())
    }

    fn remove_from(&self, set: &mut Postings, list: &Self::List) -> Result<(), Infallible> {
        list.remove_from(set);
        Ok(())
    }

    /// Looks at the labels of the few slots that are left, instead of at all values of a name.
    fn filter(
        &self,
        set: &mut Postings,
        name: &Self::Name,
        mut selected: impl FnMut(Option<&str>) -> bool,
    ) -> Result<(), Infallible> {
        let absent = selected(None);
        let mut verdicts: HashMap<u32, bool> = HashMap::new();
        let kept = set
            .iter()
            .filter(|&slot| match self.0.pair_of_name(slot, name.0) {
                Some(pair) => *verdicts
                    .entry(pair)
                    .or_insert_with(|| selected(Some(self.0.value_of_pair(pair)))),
                None => absent,
            });
        *set = kept.collect();
        Ok(())
    }

    fn keep_shards(&self, set: &mut Postings, shards: &ShardSet) -> Result<(), Infallible> {
        self.0.keep_in_shards(set, shards);
        Ok(())
    }
}
