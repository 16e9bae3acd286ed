//! Which entries of a scan one of its parts reads.

use std::ops::Range;

/// Places in rising order: of every so manieth stripe of a range.
#[derive(Clone, Debug)]
pub(super) struct Stripes {
    /// The next place.
    next: usize,
    /// Where the present stripe begins.
    begin: usize,
    /// How long a stripe is.
    len: usize,
    /// How far it is from one stripe to the next one.
    distance: usize,
    end: usize,
}

impl Stripes {
    /// All of a range.
    pub(super) fn whole(range: Range<usize>) -> Self {
        let len = range.len().max(1);
        Self {
            next: range.start,
            begin: range.start,
            len,
            distance: len,
            end: range.end,
        }
    }

    /// Deals a range out in `parts`, a stripe of `len` to each in turn; those that get nothing are
    /// left out, but one.
    pub(super) fn deal(range: &Range<usize>, parts: usize, len: usize) -> Vec<Self> {
        let (parts, len) = (parts.max(1), len.max(1));
        let parts = parts.min(range.len().div_ceil(len).max(1));
        let distance = len.saturating_mul(parts);
        let part = |part: usize| {
            let begin = range.start.saturating_add(len.saturating_mul(part));
            Self {
                next: begin,
                begin,
                len,
                distance,
                end: range.end,
            }
        };
        (0..parts).map(part).collect()
    }

    /// Takes up to `most` places that follow each other; none when nothing is left.
    pub(super) fn take(&mut self, most: usize) -> Range<usize> {
        let stripe_end = self.begin.saturating_add(self.len).min(self.end);
        let taken = self.next
            ..stripe_end
                .min(self.next.saturating_add(most))
                .max(self.next);
        self.next = taken.end;
        if self.next >= stripe_end {
            self.begin = self.begin.saturating_add(self.distance).min(self.end);
            self.next = self.begin;
        }
        taken
    }

    /// How many places are left.
    pub(super) fn len(&self) -> usize {
        let span = self.end.saturating_sub(self.begin);
        let (full, rest) = (span / self.distance, span % self.distance);
        (full * self.len + rest.min(self.len)).saturating_sub(self.next - self.begin)
    }

    /// Nothing is left.
    pub(super) fn clear(&mut self) {
        (self.begin, self.next) = (self.end, self.end);
    }
}

#[cfg(test)]
mod tests {
    use super::Stripes;

    /// All places that are taken, and whether what was said to be left was right.
    fn taken(mut stripes: Stripes, most: usize) -> (Vec<usize>, bool) {
        let (mut all, mut was_right) = (Vec::new(), true);
        loop {
            let left = stripes.len();
            let places = stripes.take(most);
            was_right &= left == stripes.len() + places.len();
            if places.is_empty() {
                return (all, was_right && left == 0);
            }
            all.extend(places);
        }
    }

    #[test]
    fn every_place_is_dealt_once_and_in_order() {
        for (len, parts, stripe, most) in
            (0..20).flat_map(|len| (1..5).map(move |n| (len, n, 1 + len % 6, 1 + n % 3)))
        {
            let range = 7..7 + len;
            let dealt = Stripes::deal(&range, parts, stripe);
            assert!(!dealt.is_empty() && dealt.len() <= parts);
            let mut all = Vec::new();
            for part in dealt {
                let (places, was_right) = taken(part, most);
                assert!(
                    places.is_sorted() && was_right,
                    "{len} {parts} {stripe} {most}"
                );
                all.extend(places);
            }
            all.sort_unstable();
            assert_eq!(
                all,
                range.clone().collect::<Vec<_>>(),
                "{len} {parts} {stripe}"
            );
            assert_eq!(
                taken(Stripes::whole(range.clone()), most),
                (range.collect(), true)
            );
        }
    }

    #[test]
    fn stripes_are_dealt_in_turn() {
        let dealt = Stripes::deal(&(0..10), 2, 3);
        let dealt: Vec<_> = dealt.into_iter().map(|part| taken(part, 2).0).collect();
        assert_eq!(dealt, [vec![0, 1, 2, 6, 7, 8], vec![3, 4, 5, 9]]);
    }
}
