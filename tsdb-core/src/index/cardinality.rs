//! What makes an index large: the metrics, labels and pairs with the most series.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::MemIndex;
use crate::model::METRIC_NAME;

/// A text with how often it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// A metric, a label name or a label value.
    pub text: String,
    /// How many series or values; see where it stands.
    pub count: u64,
}

/// A label with how many series carry it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountedPair {
    /// The label's name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// How many series.
    pub series: u64,
}

/// How many series there are and what they are made of. Lists begin with the highest count;
/// equal counts are in order of text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cardinality {
    /// Number of series.
    pub series: u64,
    /// Number of distinct label names.
    pub label_names: u64,
    /// Number of distinct pairs of name and value.
    pub label_pairs: u64,
    /// The metrics with the most series.
    pub metrics: Vec<Counted>,
    /// The label names with the most distinct values.
    pub values_of_names: Vec<Counted>,
    /// The pairs with the most series.
    pub pairs: Vec<CountedPair>,
    /// The values with the most series of the label that was asked for.
    pub series_of_values: Vec<Counted>,
}

/// The highest counts met so far, at most `limit` of them.
pub(super) struct Top<K: Ord> {
    limit: usize,
    heap: BinaryHeap<Reverse<(u64, Reverse<K>)>>,
}

impl<K: Ord> Top<K> {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            heap: BinaryHeap::new(),
        }
    }

    /// Whether something counted so often would take a place; equal counts might.
    pub(super) fn may_take(&self, count: u64) -> bool {
        match self.heap.peek() {
            Some(Reverse((least, _))) if self.heap.len() >= self.limit => count >= *least,
            _ => self.limit > 0,
        }
    }

    pub(super) fn put(&mut self, count: u64, key: K) {
        if !self.may_take(count) {
            return;
        }
        self.heap.push(Reverse((count, Reverse(key))));
        if self.heap.len() > self.limit {
            self.heap.pop();
        }
    }

    /// What is left, highest count first.
    pub(super) fn into_sorted<T>(self, made: impl Fn(u64, K) -> T) -> Vec<T> {
        let sorted = self.heap.into_sorted_vec().into_iter();
        sorted
            .map(|Reverse((count, Reverse(key)))| made(count, key))
            .collect()
    }
}

pub(super) fn counted(count: u64, text: impl Into<String>) -> Counted {
    Counted {
        text: text.into(),
        count,
    }
}

pub(super) fn counted_pair<T: Into<String>>(series: u64, (name, value): (T, T)) -> CountedPair {
    CountedPair {
        name: name.into(),
        value: value.into(),
        series,
    }
}

impl MemIndex {
    /// What makes the index large: `top` entries in each list, and for `label`, if given, its
    /// values. Looks at each distinct pair once; takes memory for the entries only.
    #[must_use]
    pub fn cardinality(&self, top: usize, label: Option<&str>) -> Cardinality {
        let (mut metrics, mut of_label) = (Top::new(top), Top::new(top));
        let (mut names, mut pairs) = (Top::new(top), Top::new(top));
        for name in self.pairs.names() {
            let text = self.symbols.text(name.symbol);
            names.put(name.pairs.len() as u64, text);
            let (is_metric, is_label) = (text == METRIC_NAME, Some(text) == label);
            for &pair in &name.pairs {
                let series = self.pairs.slots(pair).map_or(0, |list| list.len() as u64);
                let may_take = pairs.may_take(series)
                    || is_metric && metrics.may_take(series)
                    || is_label && of_label.may_take(series);
                if !may_take {
                    continue;
                }
                let value = self.value_of_pair(pair);
                pairs.put(series, (text, value));
                if is_metric {
                    metrics.put(series, value);
                }
                if is_label {
                    of_label.put(series, value);
                }
            }
        }
        Cardinality {
            series: self.len() as u64,
            label_names: self.pairs.names().len() as u64,
            label_pairs: self.pairs.len() as u64,
            metrics: metrics.into_sorted(counted),
            values_of_names: names.into_sorted(counted),
            pairs: pairs.into_sorted(counted_pair),
            series_of_values: of_label.into_sorted(counted),
        }
    }
}
