//! Histograms added to and taken from each other.

use tsdb_core::ResetHint;

use crate::kahan::KahanSum;

use super::bounds::upper_bound;
use super::float_histogram::{FloatHistogram, Side};
use super::layout::{Slot, compacted, reduced};

/// What had to be made the same before two histograms could be put together; the evaluator has
/// something to say about each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// One histogram says that counting began anew, the other that it did not.
    pub reset_conflict: bool,
    /// Lists of custom bounds differed: only the bounds of both were kept.
    pub custom_bounds: bool,
}

/// One histogram has exponential buckets and the other custom ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot apply this operation on histograms with a mix of exponential and custom bucket schemas"
)]
pub struct MixedSchemas;

/// What a term does to a sum.
#[derive(Clone, Copy, Debug)]
enum Step {
    Add,
    Subtract,
}

impl Step {
    fn apply(self, sum: &mut f64, compensation: Option<&mut f64>, term: f64) {
        let term = match self {
            Self::Add => term,
            Self::Subtract => -term,
        };
        match compensation {
            None => *sum += term,
            Some(compensation) => {
                let mut kahan = KahanSum {
                    sum: *sum,
                    compensation: *compensation,
                };
                kahan.add(term);
                (*sum, *compensation) = (kahan.sum, kahan.compensation);
            }
        }
    }
}

impl FloatHistogram {
    /// Adds the other histogram. Resolution and zero bucket become those that both can have.
    ///
    /// # Errors
    /// When one has custom buckets and the other has not; nothing is changed then.
    pub fn add(&mut self, other: &Self) -> Result<Reconciled, MixedSchemas> {
        self.combine(other, None, Step::Add)
    }

    /// Takes the other histogram away; buckets may become negative. The reset hint is that of
    /// [`FloatHistogram::add`]: the operator `-` makes a gauge of the result.
    ///
    /// # Errors
    /// When one has custom buckets and the other has not; nothing is changed then.
    pub fn sub(&mut self, other: &Self) -> Result<Reconciled, MixedSchemas> {
        self.combine(other, None, Step::Subtract)
    }

    /// Adds the other histogram and keeps what rounding takes in `compensation`, which begins as
    /// [`FloatHistogram::no_compensation`] and is never touched in between but by
    /// [`FloatHistogram::mul`] and [`FloatHistogram::div`] with what `self` is multiplied by.
    ///
    /// # Errors
    /// When one has custom buckets and the other has not; nothing is changed then.
    pub fn kahan_add(
        &mut self,
        other: &Self,
        compensation: &mut Self,
    ) -> Result<Reconciled, MixedSchemas> {
        self.combine(other, Some(compensation), Step::Add)
    }

    /// What rounding took from a histogram that nothing was added to: nothing.
    #[must_use]
    pub fn no_compensation(&self) -> Self {
        let mut none = self.clone();
        none.reset_hint = ResetHint::Unknown;
        (none.zero_count, none.count, none.sum) = (0.0, 0.0, 0.0);
        none.positive_buckets.fill(0.0);
        none.negative_buckets.fill(0.0);
        none
    }

    /// Adds what rounding took, at the end of a sum.
    pub fn add_compensation(&mut self, compensation: &Self) {
        self.zero_count += compensation.zero_count;
        self.count += compensation.count;
        self.sum += compensation.sum;
        let sides = [
            (&mut self.positive_buckets, &compensation.positive_buckets),
            (&mut self.negative_buckets, &compensation.negative_buckets),
        ];
        for (counts, taken) in sides {
            counts
                .iter_mut()
                .zip(taken)
                .for_each(|(count, taken)| *count += taken);
        }
    }

    fn combine(
        &mut self,
        other: &Self,
        mut compensation: Option<&mut Self>,
        step: Step,
    ) -> Result<Reconciled, MixedSchemas> {
        if self.is_custom() != other.is_custom() {
            return Err(MixedSchemas);
        }
        let reset_conflict = self.join_reset_hint(other.reset_hint);
        let mut custom_bounds = false;
        if !self.is_custom() {
            let zero_count = self.widen_zero_buckets(other, compensation.as_deref_mut());
            let taken = compensation
                .as_deref_mut()
                .map(|taken| &mut taken.zero_count);
            step.apply(&mut self.zero_count, taken, zero_count);
        }
        let taken = compensation.as_deref_mut().map(|taken| &mut taken.count);
        step.apply(&mut self.count, taken, other.count);
        let taken = compensation.as_deref_mut().map(|taken| &mut taken.sum);
        step.apply(&mut self.sum, taken, other.sum);

        if self.is_custom() && self.custom_values != other.custom_values {
            custom_bounds = true;
            self.combine_common_bounds(other, compensation, step);
        } else if !self.combine_same_layout(other, compensation.as_deref_mut(), step) {
            self.combine_by_index(other, compensation, step);
        }
        Ok(Reconciled {
            reset_conflict,
            custom_bounds,
        })
    }

    /// Whether the hints contradict each other.
    fn join_reset_hint(&mut self, other: ResetHint) -> bool {
        use ResetHint::{Gauge, NoReset, Reset, Unknown};
        let (joined, conflict) = match (self.reset_hint, other) {
            (mine, other) if mine == other => (mine, false),
            (Gauge, _) | (_, Gauge) => (Gauge, false),
            (Reset, NoReset) | (NoReset, Reset) => (Unknown, true),
            _ => (Unknown, false),
        };
        self.reset_hint = joined;
        conflict
    }

    /// Widens the zero bucket until no bucket of either histogram lies partly in it, and tells the
    /// count that the zero bucket of the other one has then.
    fn widen_zero_buckets(&mut self, other: &Self, mut compensation: Option<&mut Self>) -> f64 {
        let (mut count, mut threshold) = (other.zero_count, other.zero_threshold);
        loop {
            if self.zero_threshold > threshold {
                (count, threshold) = other.zero_count_within(self.zero_threshold);
            }
            if threshold > self.zero_threshold {
                self.widen_zero_bucket(threshold, compensation.as_deref_mut());
            }
            // A threshold of NaN is no wider than any.
            let wider = self.zero_threshold > threshold;
            if !wider {
                return count;
            }
        }
    }

    fn widen_zero_bucket(&mut self, threshold: f64, mut compensation: Option<&mut Self>) {
        (self.zero_count, self.zero_threshold) = self.zero_count_within(threshold);
        for side in Side::BOTH {
            let mut slots = self.slots(side, compensation.as_deref());
            let outside = slots.partition_point(|slot| {
                let below = slot.index.saturating_sub(1);
                upper_bound(below, self.schema, &self.custom_values) < self.zero_threshold
            });
            let inside: f64 = slots.drain(..outside).map(|slot| slot.compensation).sum();
            if let Some(compensation) = compensation.as_deref_mut() {
                compensation.zero_count += inside;
            }
            let slots = compacted(slots, 0);
            self.put_slots(side, compensation.as_deref_mut(), &slots);
        }
        if let Some(compensation) = compensation {
            compensation.zero_threshold = self.zero_threshold;
        }
    }

    /// What the zero bucket would hold at a threshold at least this wide; wider when a bucket that
    /// is not empty lies across the threshold.
    pub(super) fn zero_count_within(&self, threshold: f64) -> (f64, f64) {
        let wider = threshold > self.zero_threshold;
        if !wider {
            return (self.zero_count, self.zero_threshold);
        }
        let mut threshold = threshold;
        loop {
            let mut count = self.zero_count;
            self.count_within(Side::Positive, &mut threshold, &mut count);
            let before = threshold;
            self.count_within(Side::Negative, &mut threshold, &mut count);
            let widened = threshold > before;
            if !widened {
                return (count, threshold);
            }
        }
    }

    fn count_within(&self, side: Side, threshold: &mut f64, count: &mut f64) {
        for (index, bucket) in self.indexed(side) {
            let bound = |index| upper_bound(index, self.schema, &self.custom_values);
            if bound(index.saturating_sub(1)) >= *threshold {
                break;
            }
            *count += bucket;
            let upper = bound(index);
            if upper > *threshold {
                if bucket != 0.0 {
                    *threshold = upper;
                }
                break;
            }
        }
    }

    /// The buckets that a zero bucket of this threshold does not hold; of custom buckets all.
    pub(super) fn outside_zero(
        &self,
        side: Side,
        threshold: f64,
    ) -> impl Iterator<Item = (i32, f64)> {
        self.indexed(side).skip_while(move |(index, _)| {
            !self.is_custom() && upper_bound(*index, self.schema, &[]) <= threshold
        })
    }

    /// Bucket by bucket, when both have the same buckets. Tells whether they have.
    fn combine_same_layout(
        &mut self,
        other: &Self,
        mut compensation: Option<&mut Self>,
        step: Step,
    ) -> bool {
        let outside_zero = |side| {
            let outside = other.outside_zero(side, self.zero_threshold).next();
            outside == other.indexed(side).next()
        };
        let same = self.schema == other.schema
            && Side::BOTH.into_iter().all(|side| {
                let (mine, theirs) = (self.side(side), other.side(side));
                mine.0 == theirs.0
                    && mine.1.len() == theirs.1.len()
                    && outside_zero(side)
                    && compensation
                        .as_deref()
                        .is_none_or(|taken| taken.side(side).1.len() == mine.1.len())
            });
        if !same {
            return false;
        }
        let add = |counts: &mut [f64], taken: Option<&mut Vec<f64>>, terms: &[f64]| match taken {
            None => counts
                .iter_mut()
                .zip(terms)
                .for_each(|(count, term)| step.apply(count, None, *term)),
            Some(taken) => counts
                .iter_mut()
                .zip(taken)
                .zip(terms)
                .for_each(|((count, taken), term)| step.apply(count, Some(taken), *term)),
        };
        let taken = compensation
            .as_deref_mut()
            .map(|taken| &mut taken.positive_buckets);
        add(&mut self.positive_buckets, taken, &other.positive_buckets);
        let taken = compensation.map(|taken| &mut taken.negative_buckets);
        add(&mut self.negative_buckets, taken, &other.negative_buckets);
        true
    }

    fn combine_by_index(&mut self, other: &Self, mut compensation: Option<&mut Self>, step: Step) {
        let schema = self.schema.min(other.schema);
        let (my_steps, their_steps) = (self.schema.abs_diff(schema), other.schema.abs_diff(schema));
        for side in Side::BOTH {
            let mine = reduced_slots(self.slots(side, compensation.as_deref()), my_steps);
            let theirs = reduced(other.outside_zero(side, self.zero_threshold), their_steps);
            let sum = merged(mine, theirs, compensation.is_some(), step);
            self.put_slots(side, compensation.as_deref_mut(), &sum);
        }
        self.schema = schema;
        if let Some(compensation) = compensation {
            compensation.schema = schema;
        }
    }

    /// With the bounds that both lists have; buckets between them are merged.
    fn combine_common_bounds(&mut self, other: &Self, compensation: Option<&mut Self>, step: Step) {
        let bounds = common_bounds(&self.custom_values, &other.custom_values);
        let mut slots = empty_slots(bounds.len() + 1);
        for slot in self.slots(Side::Positive, compensation.as_deref()) {
            let place = place_in(&bounds, slot.index, &self.custom_values);
            if let Some(into) = slots.get_mut(place) {
                into.count += slot.count;
                into.compensation += slot.compensation;
            }
        }
        for (index, count) in other.indexed(Side::Positive) {
            let place = place_in(&bounds, index, &other.custom_values);
            if let Some(into) = slots.get_mut(place) {
                let taken = compensation.is_some().then_some(&mut into.compensation);
                step.apply(&mut into.count, taken, count);
            }
        }
        let slots = compacted(slots, 0);
        match compensation {
            Some(compensation) => {
                compensation.custom_values.clone_from(&bounds);
                self.put_slots(Side::Positive, Some(compensation), &slots);
            }
            None => self.put_slots(Side::Positive, None, &slots),
        }
        self.custom_values = bounds;
    }
}

fn empty_slots(length: usize) -> Vec<Slot> {
    let indexes = (0..=i32::MAX).take(length);
    indexes
        .map(|index| Slot {
            index,
            count: 0.0,
            compensation: 0.0,
        })
        .collect()
}

/// The bounds that both ascending lists have.
pub(super) fn common_bounds(left: &[f64], right: &[f64]) -> Vec<f64> {
    let mut rest = right.iter().peekable();
    let mut common = Vec::new();
    for bound in left {
        while rest.next_if(|other| *other < bound).is_some() {}
        if rest.next_if(|other| *other == bound).is_some() {
            common.push(*bound);
        }
    }
    common
}

/// The bucket among `bounds` that holds the bucket of an index among `own` bounds, which has them
/// all and more.
pub(super) fn place_in(bounds: &[f64], index: i32, own: &[f64]) -> usize {
    let upper = usize::try_from(index).map_or(own.first(), |index| own.get(index));
    upper.map_or(bounds.len(), |upper| {
        bounds.partition_point(|bound| bound < upper)
    })
}

fn reduced_slots(slots: Vec<Slot>, steps: u32) -> Vec<Slot> {
    if steps == 0 {
        return slots;
    }
    let mut out: Vec<Slot> = Vec::with_capacity(slots.len());
    for slot in slots {
        let index = super::layout::coarser(slot.index, steps);
        match out.last_mut() {
            Some(last) if last.index == index => {
                last.count += slot.count;
                last.compensation += slot.compensation;
            }
            _ => out.push(Slot { index, ..slot }),
        }
    }
    out
}

/// All buckets of both, each list in the order of its indexes.
fn merged(
    mine: Vec<Slot>,
    theirs: impl Iterator<Item = (i32, f64)>,
    compensated: bool,
    step: Step,
) -> Vec<Slot> {
    let mut out = Vec::with_capacity(mine.len());
    let mut mine = mine.into_iter().peekable();
    for (index, term) in theirs {
        while let Some(slot) = mine.next_if(|slot| slot.index < index) {
            out.push(slot);
        }
        let mut slot = mine.next_if(|slot| slot.index == index).unwrap_or(Slot {
            index,
            count: 0.0,
            compensation: 0.0,
        });
        let taken = compensated.then_some(&mut slot.compensation);
        step.apply(&mut slot.count, taken, term);
        out.push(slot);
    }
    out.extend(mine);
    out
}
