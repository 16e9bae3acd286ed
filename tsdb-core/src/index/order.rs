//! Slots in the order of their labels.

use super::MemIndex;
use crate::model::HashMap;

/// So many slots are ranked first. Fewer are sorted sooner than ranked, and the ranks of more
/// would not fit 32 bits.
const RANKED: std::ops::Range<usize> = 256..1 << 24;

/// Slots with their labels as ranks: comparing those compares the labels.
struct Ranked {
    /// The ranks of all slots, one slot after the other.
    ranks: Vec<u32>,
    /// Each slot with where its ranks begin and end.
    slots: Vec<(u32, u32, u32)>,
}

impl MemIndex {
    /// Sorts slots as [`MemIndex::compare`] orders them, each distinct label compared as text
    /// only a few times instead of once for each comparison of slots.
    pub fn sort(&self, slots: &mut [u32]) {
        if !RANKED.contains(&slots.len()) {
            slots.sort_unstable_by(|&a, &b| self.compare(a, b));
            return;
        }
        let Ranked {
            ranks,
            slots: mut ranked,
        } = self.rank(slots);
        let ranks_of = |start: u32, end: u32| ranks.get(start as usize..end as usize);
        ranked.sort_unstable_by(|a, b| ranks_of(a.1, a.2).cmp(&ranks_of(b.1, b.2)));
        for (to, (slot, _, _)) in slots.iter_mut().zip(ranked) {
            *to = slot;
        }
    }

    fn rank(&self, slots: &[u32]) -> Ranked {
        // First each distinct pair gets a number as it is met.
        let mut met: Vec<u32> = Vec::new();
        let mut numbers: HashMap<u32, u32> = HashMap::new();
        let mut ranks: Vec<u32> = Vec::with_capacity(slots.len() * 8);
        let mut ranked = Vec::with_capacity(slots.len());
        for &slot in slots {
            let start = ranks.len() as u32;
            for pair in self.pair_numbers(slot).into_iter().flatten() {
                let number = *numbers.entry(pair).or_insert_with(|| {
                    met.push(pair);
                    met.len() as u32 - 1
                });
                ranks.push(number);
            }
            ranked.push((slot, start, ranks.len() as u32));
        }
        // Then the numbers give way to the places of their pairs in order.
        let mut order: Vec<u32> = (0..met.len() as u32).collect();
        let text = |number: &u32| met.get(*number as usize).map(|&pair| self.pair_bytes(pair));
        order.sort_unstable_by(|a, b| text(a).cmp(&text(b)));
        let mut places = vec![0; met.len()];
        for (place, number) in (0..).zip(order) {
            if let Some(of_number) = places.get_mut(number as usize) {
                *of_number = place;
            }
        }
        for rank in &mut ranks {
            *rank = places.get(*rank as usize).copied().unwrap_or_default();
        }
        Ranked {
            ranks,
            slots: ranked,
        }
    }
}
