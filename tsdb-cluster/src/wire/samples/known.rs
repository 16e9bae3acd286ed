//! What a sender knows of the dictionary on the other side.

use tsdb_core::model::HashMap;

use super::times::Pace;

/// A series that the other side knows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    key: u64,
    /// Bits of the last value that was sent.
    pub(super) bits: u64,
    pub(super) pace: Pace,
}

/// The series that the other side knows, by number and by the caller's key.
#[derive(Debug, Default)]
pub(super) struct KnownSeries {
    known: Vec<Known>,
    numbers: HashMap<u64, u32>,
    label_bytes: usize,
}

impl KnownSeries {
    pub(super) fn clear(&mut self) {
        self.forget_from((0, 0));
    }

    /// How many series, and bytes of their labels.
    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.known.len(), self.label_bytes)
    }

    /// Bytes of memory that it holds, about.
    pub(super) fn heap_bytes(&self) -> usize {
        self.known.capacity() * size_of::<Known>()
            + self.numbers.capacity() * (size_of::<(u64, u32)>() + 1)
    }

    /// The number of a series. `guess` is looked at first: mostly series come in the order in
    /// which they came before.
    #[inline]
    pub(super) fn number(&self, key: u64, guess: u32) -> Option<u32> {
        let guessed = self.known.get(guess as usize);
        if guessed.is_some_and(|known| known.key == key) {
            return Some(guess);
        }
        self.numbers.get(&key).copied()
    }

    /// Gives a series whose labels take `label_bytes` the next number.
    pub(super) fn add(&mut self, key: u64, label_bytes: usize) -> u32 {
        let number = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
        self.known.push(Known {
            key,
            bits: 0,
            pace: Pace::default(),
        });
        self.numbers.insert(key, number);
        self.label_bytes += label_bytes;
        number
    }

    #[inline]
    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut Known> {
        self.known.get_mut(number as usize)
    }

    /// Takes out what was added since the sizes were these.
    pub(super) fn forget_from(&mut self, (series, label_bytes): (usize, usize)) {
        if series == 0 {
            self.numbers.clear();
        }
        for known in self.known.drain(series.min(self.known.len())..) {
            self.numbers.remove(&known.key);
        }
        self.label_bytes = label_bytes;
    }
}
