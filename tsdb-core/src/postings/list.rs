//! The series that carry one label: only ever appended to, small while it is short.

use super::Postings;
use super::many::{Many, grown};
use super::runs::Runs;

/// Longer lists become bitmaps: from here on those are smaller.
const FEW: usize = 64;
/// Rising numbers of series. A run of neighbours, as targets leave behind that arrive whole,
/// takes no memory of its own.
#[derive(Clone, Debug)]
pub struct PostingList(Shape);

#[derive(Clone, Debug)]
enum Shape {
    /// All from the first to the last; empty when the first is above the last.
    Run {
        first: u32,
        last: u32,
    },
    /// At most [`FEW`].
    Few(Vec<u32>),
    /// More, most of them beside each other.
    Runs(Box<Runs>),
    Many(Box<Many>),
}

impl Default for PostingList {
    fn default() -> Self {
        Self::new()
    }
}

impl PostingList {
    /// An empty list.
    #[must_use]
    pub const fn new() -> Self {
        Self(Shape::Run { first: 1, last: 0 })
    }

    /// Appends `number`, which must be above all that are there, and tells by how many bytes
    /// [`PostingList::heap_bytes`] grew; where runs become a bitmap it may also have shrunk.
    ///
    /// # Panics
    /// When it is not, which is a mistake of the caller's.
    #[inline]
    pub fn push(&mut self, number: u32) -> isize {
        if let Shape::Runs(runs) = &mut self.0
            && runs.lengthen(number)
        {
            return 0;
        }
        match &mut self.0 {
            Shape::Run { first, last } if *last == number.wrapping_sub(1) && *first <= *last => {
                *last = number;
                0
            }
            Shape::Many(many) if many.last < number => many.push(number) as isize,
            _ => self.push_any(number),
        }
    }

    /// Appends the numbers from `first` to `last`, which must be above all that are there, and
    /// tells by how many bytes [`PostingList::heap_bytes`] grew.
    ///
    /// # Panics
    /// When they are not.
    pub fn push_run(&mut self, first: u32, last: u32) -> isize {
        if self.is_empty() && first <= last {
            self.0 = Shape::Run { first, last };
            return 0;
        }
        let mut grew = 0;
        for number in first..=last {
            grew += self.push(number);
            if let Shape::Runs(runs) = &mut self.0
                && let Some((_, end)) = runs.runs.last_mut()
            {
                // The rest only makes the last run longer.
                runs.len += last - number;
                *end = last;
                break;
            }
        }
        grew
    }

    fn push_any(&mut self, number: u32) -> isize {
        let in_order = self.last().is_none_or(|last| last < number);
        assert!(
            in_order,
            "posting {number} does not rise above the last one"
        );
        let before = self.heap_bytes();
        match &mut self.0 {
            Shape::Run { first, last } if *first > *last => {
                (*first, *last) = (number, number);
            }
            Shape::Run { last, .. } if *last == number.wrapping_sub(1) => *last = number,
            Shape::Few(few) if few.len() < FEW => few.push(number),
            Shape::Runs(runs) => {
                runs.push(number);
                if runs.are_short() {
                    self.0 = many_of(runs.numbers());
                }
            }
            Shape::Many(many) => {
                many.push(number);
            }
            Shape::Run { .. } | Shape::Few(_) => self.push_to_larger(number),
        }
        self.heap_bytes() as isize - before as isize
    }

    /// Appends to a shape that cannot hold `number` any more.
    #[cold]
    fn push_to_larger(&mut self, number: u32) {
        let mut numbers = Vec::with_capacity(grown(self.len() + 1).min(FEW));
        if self.len() < FEW {
            self.for_each(|number| numbers.push(number));
            numbers.push(number);
            self.0 = Shape::Few(numbers);
            return;
        }
        let runs = match &self.0 {
            Shape::Run { first, last } => Some(Runs {
                runs: vec![(*first, *last), (number, number)],
                len: last - first + 2,
            }),
            Shape::Few(few) => Runs::of(few.iter().copied().chain([number])),
            Shape::Runs(_) | Shape::Many(_) => None,
        };
        self.0 = match runs {
            Some(runs) => Shape::Runs(Box::new(runs)),
            None => {
                self.for_each(|number| numbers.push(number));
                many_of(numbers.into_iter().chain([number]))
            }
        };
    }

    /// How many numbers there are.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Shape::Run { first, last } if first > last => 0,
            Shape::Run { first, last } => (last - first) as usize + 1,
            Shape::Few(few) => few.len(),
            Shape::Runs(runs) => runs.len as usize,
            Shape::Many(many) => many.len as usize,
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The highest number.
    #[inline]
    #[must_use]
    pub fn last(&self) -> Option<u32> {
        match &self.0 {
            Shape::Run { first, last } => (first <= last).then_some(*last),
            Shape::Few(few) => few.last().copied(),
            Shape::Runs(runs) => Some(runs.last()),
            Shape::Many(many) => Some(many.last),
        }
    }

    /// Calls `each` with all numbers in order.
    pub fn for_each(&self, each: impl FnMut(u32)) {
        match &self.0 {
            Shape::Run { first, last } => (*first..=*last).for_each(each),
            Shape::Few(few) => few.iter().copied().for_each(each),
            Shape::Runs(runs) => runs.numbers().for_each(each),
            Shape::Many(many) => many.bitmap.iter().for_each(each),
        }
    }

    /// The numbers as a set.
    #[must_use]
    pub fn to_postings(&self) -> Postings {
        match &self.0 {
            Shape::Run { first, last } => {
                let mut set = Postings::new();
                set.insert_range(*first..=*last);
                set
            }
            Shape::Few(few) => few.iter().copied().collect(),
            Shape::Runs(runs) => {
                let mut set = Postings::new();
                for (first, last) in &runs.runs {
                    set.insert_range(*first..=*last);
                }
                set
            }
            Shape::Many(many) => many.bitmap.clone(),
        }
    }

    /// Takes out of `set` what is not in the list.
    pub fn keep_in(&self, set: &mut Postings) {
        match &self.0 {
            Shape::Run { first, last } if first > last => set.clear(),
            Shape::Run { first, last } => {
                set.remove_range(..*first);
                set.remove_range((std::ops::Bound::Excluded(*last), std::ops::Bound::Unbounded));
            }
            Shape::Few(few) => {
                *set = few
                    .iter()
                    .copied()
                    .filter(|number| set.contains(*number))
                    .collect();
            }
            Shape::Runs(_) => *set &= self.to_postings(),
            Shape::Many(many) => *set &= &many.bitmap,
        }
    }

    /// Takes out of `set` what is in the list.
    pub fn remove_from(&self, set: &mut Postings) {
        match &self.0 {
            Shape::Run { first, last } => {
                set.remove_range(*first..=*last);
            }
            Shape::Few(few) => few.iter().for_each(|number| {
                set.remove(*number);
            }),
            Shape::Runs(runs) => {
                for (first, last) in &runs.runs {
                    set.remove_range(*first..=*last);
                }
            }
            Shape::Many(many) => *set -= &many.bitmap,
        }
    }

    /// Whether `set` and the list have a number in common.
    #[must_use]
    pub fn meets(&self, set: &Postings) -> bool {
        match &self.0 {
            Shape::Run { first, last } if first > last => false,
            Shape::Run { first, last } => set.range(*first..=*last).next().is_some(),
            Shape::Few(few) => few.iter().any(|number| set.contains(*number)),
            Shape::Runs(runs) => {
                let mut runs = runs.runs.iter();
                runs.any(|(first, last)| set.range(*first..=*last).next().is_some())
            }
            Shape::Many(many) => !many.bitmap.is_disjoint(set),
        }
    }

    /// Bytes it holds besides itself.
    #[inline]
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Shape::Run { .. } => 0,
            Shape::Few(few) => few.capacity() * size_of::<u32>(),
            Shape::Runs(runs) => runs.heap_bytes(),
            Shape::Many(many) => many.heap_bytes(),
        }
    }

    /// The numbers in the form that unions of many lists are made from.
    pub(super) fn parts(&self) -> Parts<'_> {
        match &self.0 {
            Shape::Run { first, last } => Parts::Run {
                first: *first,
                last: *last,
            },
            Shape::Few(few) => Parts::Few(few),
            Shape::Runs(runs) => Parts::Runs(&runs.runs),
            Shape::Many(many) => Parts::Many(&many.bitmap),
        }
    }
}

pub(super) enum Parts<'a> {
    Run { first: u32, last: u32 },
    Few(&'a [u32]),
    Runs(&'a [(u32, u32)]),
    Many(&'a Postings),
}

fn many_of(numbers: impl Iterator<Item = u32>) -> Shape {
    let mut many = Box::new(Many::new());
    numbers.for_each(|number| {
        many.push(number);
    });
    Shape::Many(many)
}
