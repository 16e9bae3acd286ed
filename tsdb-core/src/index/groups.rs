//! Groups of series with the same values of some labels, told by the numbers of pairs: text is made
//! once a group, not once a series.

use super::MemIndex;
use crate::model::{HashMap, Labels};

/// By which labels series are grouped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grouping {
    names: Vec<String>,
    without: bool,
}

impl Grouping {
    /// By the values of these labels: with none all series make one group.
    #[must_use]
    pub fn by<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        let names = names.into_iter().map(Into::into).collect();
        let without = false;
        Self { names, without }
    }

    /// By the values of all labels but these. The metric's name is a label as others are.
    #[must_use]
    pub fn without<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        let without = true;
        Self {
            without,
            ..Self::by(names)
        }
    }

    /// Whether all series make one group.
    #[must_use]
    pub fn is_of_all(&self) -> bool {
        self.names.is_empty() && !self.without
    }

    /// The labels of the group that a series of these labels is in.
    #[must_use]
    pub fn labels_of(&self, labels: &Labels) -> Labels {
        let counting = labels.iter().filter(|label| self.wants(label.name));
        // A part of a valid set is one.
        Labels::from_pairs(counting.map(|label| (label.name, label.value))).unwrap_or_default()
    }

    fn wants(&self, name: &str) -> bool {
        self.names.iter().any(|one| one == name) != self.without
    }
}

/// Numbers the groups of series from 0 as they are met.
#[derive(Debug)]
pub struct Grouper<'g> {
    grouping: &'g Grouping,
    /// Of each name in the index, whether it counts; of names added later, see `limit`.
    wanted: Vec<bool>,
    /// Pairs from this number on came later: no series that is grouped has them in memory.
    limit: u32,
    /// Pairs that memory does not know.
    others: HashMap<(Box<str>, Box<str>), u32>,
    numbers: HashMap<Box<[u32]>, u32>,
    groups: Vec<Labels>,
    /// The pairs of the series that was looked at last, and its group.
    last: (Vec<u32>, u32),
    pairs: Vec<u32>,
}

impl<'g> Grouper<'g> {
    /// No group yet, for series that are in the index now.
    #[must_use]
    pub fn new(index: &MemIndex, grouping: &'g Grouping) -> Self {
        let names = index.pairs.names().iter();
        Self {
            wanted: names
                .map(|name| grouping.wants(index.symbol_text(name.symbol)))
                .collect(),
            limit: u32::try_from(index.pairs.len()).unwrap_or(u32::MAX),
            grouping,
            others: HashMap::new(),
            numbers: HashMap::new(),
            groups: Vec::new(),
            last: (Vec::new(), u32::MAX),
            pairs: Vec::new(),
        }
    }

    /// The group of a series in memory.
    pub fn of_slot(&mut self, index: &MemIndex, slot: u32) -> u32 {
        let mut pairs = std::mem::take(&mut self.pairs);
        pairs.clear();
        for pair in index.pair_numbers(slot).into_iter().flatten() {
            let name = index.pairs.get(pair).map_or(u32::MAX, |pair| pair.name);
            if self.wanted.get(name as usize) == Some(&true) {
                pairs.push(pair);
            }
        }
        self.pairs = pairs;
        self.number(|pairs| {
            Labels::from_raw_pairs(pairs.iter().map(|&pair| index.pair_bytes(pair)))
        })
    }

    /// The group of a series that memory may not know.
    pub fn of_labels(&mut self, index: &MemIndex, labels: &Labels) -> u32 {
        let counts = |name: &str| self.grouping.wants(name);
        let wanted = || labels.iter().filter(|label| counts(label.name));
        let mut pairs = std::mem::take(&mut self.pairs);
        pairs.clear();
        for label in wanted() {
            let name = index.pairs.find_name(&index.symbols, label.name.as_bytes());
            let value = label.value.as_bytes();
            let known = name.and_then(|name| index.pairs.find(&index.symbols, name, value));
            pairs.push(match known.filter(|pair| *pair < self.limit) {
                Some(pair) => pair,
                None => {
                    let next = u32::MAX - u32::try_from(self.others.len()).unwrap_or(u32::MAX);
                    let text = (label.name.into(), label.value.into());
                    *self.others.entry(text).or_insert(next)
                }
            });
        }
        self.pairs = pairs;
        self.number(|_| {
            let pairs = wanted().map(|label| (label.name.as_bytes(), label.value.as_bytes()));
            Labels::from_raw_pairs(pairs)
        })
    }

    /// The labels of all groups, by number.
    #[must_use]
    pub fn into_groups(self) -> Vec<Labels> {
        self.groups
    }

    /// The number of the group with the present pairs, made if there is none.
    fn number(&mut self, labels: impl FnOnce(&[u32]) -> Labels) -> u32 {
        if self.last.1 != u32::MAX && self.last.0 == self.pairs {
            return self.last.1;
        }
        let number = match self.numbers.get(self.pairs.as_slice()) {
            Some(number) => *number,
            None => {
                let number = u32::try_from(self.groups.len()).unwrap_or(u32::MAX);
                self.groups.push(labels(&self.pairs));
                self.numbers.insert(self.pairs.as_slice().into(), number);
                number
            }
        };
        self.last.0.clone_from(&self.pairs);
        self.last.1 = number;
        number
    }
}
