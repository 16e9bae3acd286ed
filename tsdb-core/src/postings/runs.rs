//! Neighbours by the thousand, as targets leave them that arrive whole.

/// Runs of neighbours in order, with gaps between them.
#[derive(Clone, Debug)]
pub(super) struct Runs {
    /// First and last number of each.
    pub(super) runs: Vec<(u32, u32)>,
    /// How many numbers there are.
    pub(super) len: u32,
}

/// Runs shorter than this on average take less memory as a bitmap.
const NUMBERS_PER_RUN: usize = 8;

impl Runs {
    /// Runs of the numbers that `each` passes on, unless those are too short.
    pub(super) fn of(numbers: impl Iterator<Item = u32>) -> Option<Self> {
        let mut found = Self {
            runs: Vec::with_capacity(4),
            len: 0,
        };
        for number in numbers {
            found.push(number);
        }
        (!found.are_short()).then_some(found)
    }

    pub(super) fn last(&self) -> u32 {
        self.runs.last().map_or(0, |(_, last)| *last)
    }

    /// Appends a number if it is the one behind the last.
    #[inline]
    pub(super) fn lengthen(&mut self, number: u32) -> bool {
        match self.runs.last_mut() {
            Some((_, last)) if *last == number.wrapping_sub(1) => {
                *last = number;
                self.len += 1;
                true
            }
            _ => false,
        }
    }

    /// Appends a number above all others.
    pub(super) fn push(&mut self, number: u32) {
        if !self.lengthen(number) {
            self.runs.push((number, number));
            self.len += 1;
        }
    }

    /// Whether they should be a bitmap.
    pub(super) fn are_short(&self) -> bool {
        self.runs.len() * NUMBERS_PER_RUN > self.len as usize
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> {
        self.runs.iter().flat_map(|(first, last)| *first..=*last)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.runs.capacity() * size_of::<(u32, u32)>()
    }
}
