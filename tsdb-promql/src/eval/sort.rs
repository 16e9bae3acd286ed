//! The order of an instant query's series.

use std::cmp::Ordering;

use tsdb_core::Labels;

use super::context::{Evaluation, Sink};
use super::steps::Steps;
use crate::annotations::Annotation;
use crate::error::QueryError;
use crate::plan::{SortBy, VectorNode};
use crate::syntax::Span;

impl Evaluation<'_> {
    pub(super) fn sort(
        &self,
        (by, span): (&SortBy, Span),
        node: &VectorNode,
        steps: Steps,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        if self.request.is_range {
            self.annotate(&Annotation::SortInRangeQuery, span);
        }
        let mut held = self.collect(node, steps)?;
        match by {
            SortBy::Value { descending } => {
                for series in &mut held.series {
                    series.column.drop_histograms();
                }
                held.series.retain(|series| !series.column.is_empty());
                held.series.sort_by(|a, b| {
                    let value =
                        |column: &super::column::Column| column.float(0).unwrap_or(f64::NAN);
                    by_value(value(&a.column), value(&b.column), *descending)
                });
            }
            SortBy::Labels { names, descending } => held.series.sort_by(|a, b| {
                let order = by_labels(&a.labels, &b.labels, names);
                if *descending { order.reverse() } else { order }
            }),
        }
        held.series.iter_mut().try_for_each(sink)
    }
}

/// Smaller first, or larger first; NaN last.
pub(super) fn by_value(a: f64, b: f64, descending: bool) -> Ordering {
    a.is_nan().cmp(&b.is_nan()).then_with(|| {
        let order = a.partial_cmp(&b).unwrap_or(Ordering::Equal);
        if descending { order.reverse() } else { order }
    })
}

fn by_labels(a: &Labels, b: &Labels, names: &[String]) -> Ordering {
    let of_name = names.iter().map(|name| {
        let value = |labels: &Labels| labels.get(name).unwrap_or_default().to_owned();
        natural(&value(a), &value(b))
    });
    let differing = of_name.into_iter().find(|order| order.is_ne());
    differing.unwrap_or_else(|| a.cmp(b))
}

/// Numbers in texts by their value: `a2` before `a10`.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (Pieces(a), Pieces(b));
    loop {
        let (one, other) = match (a.next(), b.next()) {
            (Some(one), Some(other)) => (one, other),
            (one, other) => return one.is_some().cmp(&other.is_some()),
        };
        let order = match (one.parse::<i64>(), other.parse::<i64>()) {
            (Ok(one), Ok(other)) => one.cmp(&other),
            _ => one.cmp(other),
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Runs of digits, and what stands between them.
struct Pieces<'t>(&'t str);

impl<'t> Iterator for Pieces<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        let is_digit = self.0.chars().next()?.is_ascii_digit();
        let end = self.0.find(|c: char| c.is_ascii_digit() != is_digit);
        let (piece, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest;
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_texts_are_compared_as_numbers() {
        for (a, b) in [
            ("a2", "a10"),
            ("2", "10"),
            ("a", "a1"),
            ("a1b", "a1c"),
            ("", "a"),
        ] {
            assert_eq!(natural(a, b), Ordering::Less, "{a} {b}");
            assert_eq!(natural(b, a), Ordering::Greater, "{b} {a}");
        }
        assert_eq!(natural("a01", "a1"), Ordering::Equal);
        // Too large for a number: as text.
        assert_eq!(natural("99999999999999999999", "3"), Ordering::Greater);
    }

    #[test]
    fn nan_comes_last_both_ways() {
        let mut values = [2.0, f64::NAN, 1.0];
        values.sort_by(|a, b| by_value(*a, *b, false));
        assert_eq!(
            values.map(|v| v.to_bits()),
            [1.0, 2.0, f64::NAN].map(f64::to_bits)
        );
        values.sort_by(|a, b| by_value(*a, *b, true));
        assert_eq!(
            values.map(|v| v.to_bits()),
            [2.0, 1.0, f64::NAN].map(f64::to_bits)
        );
    }
}
