//! What queries of one text cost together.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Most texts of which the cost is kept; the cheapest are forgotten first.
const TEXTS_MAX: usize = 1000;

#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    count: u64,
    took: Duration,
    samples: u64,
}

/// What queries of one text cost together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Top {
    /// Their text.
    pub(crate) text: Arc<str>,
    /// How many ended.
    pub(crate) count: u64,
    /// For how long they ran together.
    pub(crate) took: Duration,
    /// Samples that they read.
    pub(crate) samples: u64,
}

/// The cost of queries, by text.
#[derive(Debug, Default)]
pub(super) struct Spent {
    of: BTreeMap<Arc<str>, Cost>,
}

impl Spent {
    /// A query ended.
    pub(super) fn add(&mut self, text: &Arc<str>, took: Duration, samples: u64) {
        if self.of.len() >= TEXTS_MAX && !self.of.contains_key(text) {
            let cheapest = self.of.iter().min_by_key(|(_, cost)| cost.took);
            let cheapest = cheapest.map(|(text, _)| Arc::clone(text));
            cheapest.map(|text| self.of.remove(&text));
        }
        let cost = self.of.entry(Arc::clone(text)).or_default();
        cost.count += 1;
        cost.took = cost.took.saturating_add(took);
        cost.samples = cost.samples.saturating_add(samples);
    }

    /// The texts that cost most time, the dearest first.
    pub(super) fn top(&self, most: usize) -> Vec<Top> {
        let mut all: Vec<_> = self.of.iter().collect();
        all.sort_by_key(|(_, cost)| std::cmp::Reverse(cost.took));
        let top = all.into_iter().take(most).map(|(text, cost)| Top {
            text: Arc::clone(text),
            count: cost.count,
            took: cost.took,
            samples: cost.samples,
        });
        top.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dearest_are_kept_and_told_first() {
        let mut spent = Spent::default();
        let took = Duration::from_millis;
        for number in 0..(TEXTS_MAX as u64 + 10) {
            spent.add(&format!("q{number}").into(), took(number), 1);
        }
        spent.add(&"q1000".into(), took(1_000_000), 5);
        assert_eq!(spent.of.len(), TEXTS_MAX);
        let top = spent.top(2);
        let texts: Vec<&str> = top.iter().map(|top| &*top.text).collect();
        assert_eq!(texts, ["q1000", "q1009"]);
        assert_eq!((top[0].count, top[0].samples), (2, 6));
    }
}
