//! The values of one series at all steps.

use std::ops::Range;
use std::sync::Arc;

use crate::histogram::FloatHistogram;

/// What a series has at one step.
#[derive(Clone, Debug)]
pub(crate) enum Point {
    Float(f64),
    Histogram(Arc<FloatHistogram>),
}

/// A series' values at all steps: at each a float, a native histogram, or nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Column {
    /// Only those of steps in `present` count; the others may be anything.
    pub(crate) values: Vec<f64>,
    /// A bit a step that has a float.
    present: Vec<u64>,
    /// One a step, or none at all where the series has no histograms.
    histograms: Vec<Option<Arc<FloatHistogram>>>,
}

impl Column {
    pub(crate) fn new(steps: usize) -> Self {
        let mut column = Self::default();
        column.reset(steps);
        column
    }

    /// A float at every step.
    pub(crate) fn of_floats(values: Vec<f64>) -> Self {
        let mut column = Self {
            present: Vec::new(),
            values,
            histograms: Vec::new(),
        };
        column.present.resize(column.values.len().div_ceil(64), 0);
        for step in 0..column.values.len() {
            column.mark(step);
        }
        column
    }

    /// Nothing at any of `steps`; memory is kept, and values that do not count.
    pub(crate) fn reset(&mut self, steps: usize) {
        self.values.resize(steps, 0.0);
        self.present.clear();
        self.present.resize(steps.div_ceil(64), 0);
        self.histograms.clear();
    }

    pub(crate) fn steps(&self) -> usize {
        self.values.len()
    }

    /// Says that there is a float at the step.
    #[inline]
    pub(crate) fn mark(&mut self, step: usize) {
        if let Some(word) = self.present.get_mut(step / 64) {
            *word |= 1 << (step % 64);
        }
    }

    /// The same of all `steps`.
    pub(crate) fn mark_all(&mut self, steps: Range<usize>) {
        let mut step = steps.start;
        while step < steps.end {
            let end = steps.end.min((step / 64 + 1) * 64);
            let bits = u64::MAX >> (64 - (end - step));
            if let Some(word) = self.present.get_mut(step / 64) {
                *word |= bits << (step % 64);
            }
            step = end;
        }
    }

    /// Its floats, and `other` as what does not count.
    pub(crate) fn floats_over(&self, other: f64) -> Self {
        let steps = self.values.len();
        let mut values = Vec::with_capacity(steps);
        match self.stretch() {
            Some((from, floats)) => {
                values.resize(from, other);
                values.extend_from_slice(floats);
                values.resize(steps, other);
            }
            None => {
                let all = (0..steps).map(|step| self.float(step));
                values.extend(all.map(|float| float.unwrap_or(other)));
            }
        }
        Self {
            values,
            present: self.present.clone(),
            histograms: Vec::new(),
        }
    }

    fn unmark(&mut self, step: usize) {
        if let Some(word) = self.present.get_mut(step / 64) {
            *word &= !(1 << (step % 64));
        }
    }

    /// Whether there is a float at the step.
    #[inline]
    pub(crate) fn has_float(&self, step: usize) -> bool {
        let word = self.present.get(step / 64).copied().unwrap_or(0);
        word >> (step % 64) & 1 == 1
    }

    #[inline]
    pub(crate) fn float(&self, step: usize) -> Option<f64> {
        match self.has_float(step) {
            true => self.values.get(step).copied(),
            false => None,
        }
    }

    pub(crate) fn histogram(&self, step: usize) -> Option<&Arc<FloatHistogram>> {
        self.histograms.get(step)?.as_ref()
    }

    pub(crate) fn has_histograms(&self) -> bool {
        !self.histograms.is_empty()
    }

    /// Whether there is anything at the step.
    pub(crate) fn has(&self, step: usize) -> bool {
        self.has_float(step) || self.histogram(step).is_some()
    }

    pub(crate) fn point(&self, step: usize) -> Option<Point> {
        match self.float(step) {
            Some(value) => Some(Point::Float(value)),
            None => self.histogram(step).cloned().map(Point::Histogram),
        }
    }

    #[inline]
    pub(crate) fn set_float(&mut self, step: usize, value: f64) {
        if let Some(place) = self.values.get_mut(step) {
            *place = value;
            self.mark(step);
        }
    }

    pub(crate) fn set_histogram(&mut self, step: usize, histogram: Arc<FloatHistogram>) {
        self.unmark(step);
        if self.histograms.is_empty() {
            self.histograms.resize(self.values.len(), None);
        }
        if let Some(place) = self.histograms.get_mut(step) {
            *place = Some(histogram);
        }
    }

    pub(crate) fn set(&mut self, step: usize, point: Point) {
        match point {
            Point::Float(value) => self.set_float(step, value),
            Point::Histogram(histogram) => self.set_histogram(step, histogram),
        }
    }

    pub(crate) fn clear(&mut self, step: usize) {
        self.unmark(step);
        if let Some(place) = self.histograms.get_mut(step) {
            *place = None;
        }
    }

    /// Takes all histograms out.
    pub(crate) fn drop_histograms(&mut self) {
        self.histograms.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.present.iter().all(|word| *word == 0) && self.histograms.iter().all(Option::is_none)
    }

    /// How many floats and histograms there are, histograms counted by their size.
    pub(crate) fn samples(&self) -> u64 {
        let floats: u64 = self.present.iter().map(|w| u64::from(w.count_ones())).sum();
        let histograms = self.histograms.iter().flatten();
        floats + histograms.map(|one| one.samples()).sum::<u64>()
    }

    /// Bytes of memory held.
    pub(crate) fn heap_bytes(&self) -> u64 {
        let histograms = self
            .histograms
            .iter()
            .flatten()
            .map(|one| one.samples() * 16);
        (self.values.capacity() * 8 + self.present.capacity() * 8 + self.histograms.capacity() * 8)
            as u64
            + histograms.sum::<u64>()
    }

    /// The steps from the first float to the last one, and their values, where there is a float at
    /// every step between.
    pub(crate) fn stretch(&self) -> Option<(usize, &[f64])> {
        let used = |word: &u64| *word != 0;
        let first = self.present.iter().position(used)?;
        let last = self.present.iter().rposition(used)?;
        let word = |number: usize| self.present.get(number).copied().unwrap_or_default();
        let from = first * 64 + word(first).trailing_zeros() as usize;
        let to = last * 64 + 64 - word(last).leading_zeros() as usize;
        let count: u32 = self.present.iter().map(|word| word.count_ones()).sum();
        let values = self.values.get(from..to)?;
        (values.len() == count as usize).then_some((from, values))
    }

    /// Steps with a float, rising.
    pub(crate) fn floats(&self) -> impl Iterator<Item = (usize, f64)> + '_ {
        let words = self.present.iter().enumerate();
        words
            .flat_map(move |(number, &word)| Bits(word).map(move |bit| number * 64 + bit))
            .map(|step| (step, self.values.get(step).copied().unwrap_or_default()))
    }

    /// Steps with a histogram, rising.
    pub(crate) fn histograms(&self) -> impl Iterator<Item = (usize, &Arc<FloatHistogram>)> + '_ {
        let all = self.histograms.iter().enumerate();
        all.filter_map(|(step, one)| Some((step, one.as_ref()?)))
    }

    /// Steps with anything, rising.
    pub(crate) fn points(&self) -> impl Iterator<Item = (usize, Point)> + '_ {
        (0..self.steps()).filter_map(|step| Some((step, self.point(step)?)))
    }

    /// Changes all floats.
    pub(crate) fn map_floats(&mut self, change: impl Fn(f64) -> f64) {
        for value in &mut self.values {
            *value = change(*value);
        }
    }

    /// Changes all histograms; those of which nothing is made go.
    pub(crate) fn map_histograms(
        &mut self,
        change: impl Fn(&Arc<FloatHistogram>) -> Option<Arc<FloatHistogram>>,
    ) {
        for place in &mut self.histograms {
            *place = place.as_ref().and_then(&change);
        }
    }

    /// What the first step has, at all of `steps`.
    pub(crate) fn repeat_first(&mut self, steps: usize) {
        let first = self.point(0);
        self.reset(steps);
        if let Some(point) = first {
            for step in 0..steps {
                self.set(step, point.clone());
            }
        }
    }
}

/// The numbers of the bits of a word, rising.
struct Bits(u64);

impl Iterator for Bits {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let bit = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_steps_are_marked_as_each_alone() {
        for (from, to) in [
            (0, 0),
            (0, 1),
            (3, 64),
            (63, 65),
            (64, 128),
            (1, 200),
            (199, 200),
        ] {
            let (mut many, mut each) = (Column::new(200), Column::new(200));
            many.mark_all(from..to);
            (from..to).for_each(|step| each.mark(step));
            assert_eq!(many.present, each.present, "{from}..{to}");
        }
    }

    #[test]
    fn what_does_not_count_is_replaced() {
        let mut column = Column::of_floats(vec![1.0, 2.0, 3.0, 4.0]);
        column.clear(0);
        let over = |column: &Column| column.floats_over(-7.0).values;
        assert_eq!(over(&column), [-7.0, 2.0, 3.0, 4.0]);
        column.clear(2);
        assert_eq!(over(&column), [-7.0, 2.0, -7.0, 4.0]);
        let floats: Vec<_> = column.floats_over(-7.0).floats().collect();
        assert_eq!(floats, [(1, 2.0), (3, 4.0)]);
        assert_eq!(over(&Column::new(2)), [-7.0, -7.0]);
    }
}
