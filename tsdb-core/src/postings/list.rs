//! The series that carry one label: only ever appended to, small while it is short.

use super::Postings;

/// Longer lists become bitmaps: from here on those are smaller.
const FEW: usize = 64;
/// Values that one container of a bitmap holds as an array, 2 bytes each.
const ARRAY_LIMIT: usize = 4096;
/// Bytes of a container that is no array.
const BITSET_BYTES: usize = 8192;
/// Bytes of a container's entry in its bitmap.
const CONTAINER_BYTES: usize = 40;

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
    Many(Box<Many>),
}

#[derive(Clone, Debug)]
struct Many {
    bitmap: Postings,
    len: u32,
    last: u32,
    /// How many numbers the bitmap's last container holds.
    in_last_container: usize,
    containers: usize,
    /// Bytes that containers hold besides their entries.
    container_bytes: usize,
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
    /// [`PostingList::heap_bytes`] grew.
    ///
    /// # Panics
    /// When it is not, which is a mistake of the caller's.
    #[inline]
    pub fn push(&mut self, number: u32) -> usize {
        if let Shape::Run { first, last } = &mut self.0
            && *last == number.wrapping_sub(1)
            && *first <= *last
        {
            *last = number;
            return 0;
        }
        let before = self.heap_bytes();
        self.push_any(number);
        self.heap_bytes() - before
    }

    /// Appends the numbers from `first` to `last`, which must be above all that are there, and
    /// tells by how many bytes [`PostingList::heap_bytes`] grew.
    ///
    /// # Panics
    /// When they are not.
    pub fn push_run(&mut self, first: u32, last: u32) -> usize {
        if self.is_empty() && first <= last {
            self.0 = Shape::Run { first, last };
            return 0;
        }
        (first..=last).map(|number| self.push(number)).sum()
    }

    fn push_any(&mut self, number: u32) {
        let in_order = self.last().is_none_or(|last| last < number);
        assert!(
            in_order,
            "posting {number} does not rise above the last one"
        );
        match &mut self.0 {
            Shape::Run { first, last } => {
                if *first > *last {
                    *first = number;
                } else if number - *last > 1 {
                    return self.push_to_larger(number);
                }
                *last = number;
            }
            Shape::Few(few) if few.len() < FEW => few.push(number),
            Shape::Few(_) => self.push_to_larger(number),
            Shape::Many(many) => many.push(number),
        }
    }

    /// Appends to a shape that cannot hold `number` any more.
    #[cold]
    fn push_to_larger(&mut self, number: u32) {
        let shape = if self.len() < FEW {
            // Doubling ends at FEW: memory only grows.
            let mut few = Vec::with_capacity(grown(self.len() + 1));
            self.for_each(|number| few.push(number));
            few.push(number);
            Shape::Few(few)
        } else {
            let mut many = Box::new(Many::new());
            self.for_each(|number| many.push(number));
            many.push(number);
            Shape::Many(many)
        };
        self.0 = shape;
    }

    /// How many numbers there are.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Shape::Run { first, last } if first > last => 0,
            Shape::Run { first, last } => (last - first) as usize + 1,
            Shape::Few(few) => few.len(),
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
            Shape::Many(many) => Some(many.last),
        }
    }

    /// Calls `each` with all numbers in order.
    pub fn for_each(&self, each: impl FnMut(u32)) {
        match &self.0 {
            Shape::Run { first, last } => (*first..=*last).for_each(each),
            Shape::Few(few) => few.iter().copied().for_each(each),
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
            Shape::Many(many) => Parts::Many(&many.bitmap),
        }
    }
}

pub(super) enum Parts<'a> {
    Run { first: u32, last: u32 },
    Few(&'a [u32]),
    Many(&'a Postings),
}

impl Many {
    fn new() -> Self {
        Self {
            bitmap: Postings::new(),
            len: 0,
            last: 0,
            in_last_container: 0,
            containers: 0,
            container_bytes: 0,
        }
    }

    /// Appends, and follows what that costs: an array of 16-bit numbers doubles as it grows
    /// and becomes a bit set past its limit.
    fn push(&mut self, number: u32) {
        if self.containers == 0 || number >> 16 != self.last >> 16 {
            self.containers += 1;
            self.in_last_container = 0;
        }
        // Only a number that is not the highest is refused; the list checks that before.
        let pushed = self.bitmap.try_push(number).is_ok();
        debug_assert!(pushed, "posting {number} is in order");
        let before = container_bytes(self.in_last_container);
        self.in_last_container += 1;
        self.container_bytes += container_bytes(self.in_last_container);
        self.container_bytes -= before;
        self.last = number;
        self.len += 1;
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>() + grown(self.containers) * CONTAINER_BYTES + self.container_bytes
    }
}

fn container_bytes(len: usize) -> usize {
    if len > ARRAY_LIMIT {
        BITSET_BYTES
    } else {
        grown(len) * size_of::<u16>()
    }
}

/// The capacity of a vector that was filled one by one.
fn grown(len: usize) -> usize {
    if len == 0 {
        0
    } else {
        len.next_power_of_two().max(4)
    }
}
