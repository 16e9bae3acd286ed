//! Columns of samples from several places, made one by the one winner rule.

use crate::model::{TimeRange, winner};
use crate::series::MergedSamples;

/// Makes one of columns in any order, each sorted with one sample a timestamp.
pub(super) fn merge_columns(mut columns: Vec<MergedSamples>) -> MergedSamples {
    let histograms: Vec<_> = match columns.as_slice() {
        [_] => return columns.pop().unwrap_or_default(),
        _ => columns
            .iter_mut()
            .flat_map(|column| std::mem::take(&mut column.histograms))
            .collect(),
    };
    let mut merged = merge_floats(columns);
    merged.histograms = histograms;
    merged.settle();
    merged
}

fn merge_floats(mut columns: Vec<MergedSamples>) -> MergedSamples {
    columns.retain(|column| !column.timestamps.is_empty());
    if columns.len() < 2 {
        return columns.pop().unwrap_or_default();
    }
    columns.sort_by_key(|column| column.timestamps.first().copied());
    // By twos, so that many that overlap take no time in the square of their number.
    while columns.len() > 1 {
        let mut next = Vec::with_capacity(columns.len().div_ceil(2));
        let mut rest = columns.into_iter().peekable();
        while let Some(mut one) = rest.next() {
            // All that follow in order are appended at once.
            while let Some(after) =
                rest.next_if(|after| one.timestamps.last() < after.timestamps.first())
            {
                one.timestamps.extend(after.timestamps);
                one.values.extend(after.values);
            }
            match rest.next() {
                Some(other) => next.push(merge_two(&one, &other)),
                None => next.push(one),
            }
        }
        columns = next;
    }
    columns.pop().unwrap_or_default()
}

fn merge_two(a: &MergedSamples, b: &MergedSamples) -> MergedSamples {
    let mut merged = MergedSamples::default();
    let most = a.timestamps.len() + b.timestamps.len();
    merged.timestamps.reserve(most);
    merged.values.reserve(most);
    let mut left = a.timestamps.iter().zip(&a.values).peekable();
    let mut right = b.timestamps.iter().zip(&b.values).peekable();
    loop {
        let (time, value) = match (left.peek(), right.peek()) {
            (Some(&(one, &value)), Some(&(other, &second))) if one == other => {
                left.next();
                right.next();
                (*one, winner(value, second))
            }
            (Some(&(one, &value)), other) if other.is_none_or(|(other, _)| one < *other) => {
                left.next();
                (*one, value)
            }
            (_, Some(&(other, &value))) => {
                right.next();
                (*other, value)
            }
            _ => return merged,
        };
        merged.timestamps.push(time);
        merged.values.push(value);
    }
}

/// What of two columns of equal length lies in `range`.
pub(super) fn in_range(timestamps: &[i64], values: &[f64], range: TimeRange) -> MergedSamples {
    let from = timestamps.partition_point(|&t| t < range.min());
    let to = timestamps.partition_point(|&t| t <= range.max());
    MergedSamples {
        timestamps: timestamps.get(from..to).unwrap_or_default().to_vec(),
        values: values.get(from..to).unwrap_or_default().to_vec(),
        histograms: Vec::new(),
    }
}
