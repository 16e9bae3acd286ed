//! Numbers for sets of labels that some of the labels of series make.

use tsdb_core::Labels;
use tsdb_core::model::HashMap;

use crate::syntax::{Grouping, Matching};

/// Gives a number to each combination of the labels that count, from 0 on.
#[derive(Debug)]
pub(super) struct LabelKeys<'m> {
    names: Vec<&'m str>,
    /// Whether `names` are those that count; otherwise all others do.
    only: bool,
    numbers: HashMap<Box<[u8]>, usize>,
    scratch: Vec<u8>,
    of_groups: Vec<Option<usize>>,
    of_groups_len: usize,
}

impl<'m> LabelKeys<'m> {
    pub(super) fn of_grouping(grouping: &'m Grouping) -> Self {
        Self::new(&grouping.labels, !grouping.without)
    }

    pub(super) fn of_matching(matching: &'m Matching) -> Self {
        Self::new(&matching.labels, matching.on)
    }

    fn new(labels: &'m [String], only: bool) -> Self {
        let mut names: Vec<&str> = labels.iter().map(String::as_str).collect();
        if !only {
            names.push("__name__");
        }
        names.sort_unstable();
        names.dedup();
        Self {
            names,
            only,
            numbers: HashMap::default(),
            scratch: Vec::new(),
            of_groups: Vec::new(),
            of_groups_len: 0,
        }
    }

    /// The number of a group that the source numbers, in the order they come in.
    pub(super) fn number_of_group(&mut self, group: u32) -> usize {
        let place = group as usize;
        if place >= self.of_groups.len() {
            self.of_groups.resize(place + 1, None);
        }
        let count = self.of_groups_len;
        let Some(number) = self.of_groups.get_mut(place) else {
            return count;
        };
        if number.is_none() {
            self.of_groups_len += 1;
        }
        *number.get_or_insert(count)
    }

    /// The number of a series' combination.
    pub(super) fn number(&mut self, labels: &Labels) -> usize {
        self.scratch.clear();
        for label in labels {
            if self.names.binary_search(&label.name).is_ok() == self.only {
                // Names and values are UTF-8, in which this byte never is.
                self.scratch.extend_from_slice(label.name.as_bytes());
                self.scratch.push(0xff);
                self.scratch.extend_from_slice(label.value.as_bytes());
                self.scratch.push(0xff);
            }
        }
        if let Some(number) = self.numbers.get(self.scratch.as_slice()) {
            return *number;
        }
        let number = self.numbers.len();
        self.numbers.insert(self.scratch.as_slice().into(), number);
        number
    }
}
