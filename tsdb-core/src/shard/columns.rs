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
    let disjoint = columns.is_sorted_by(|a, b| a.timestamps.last() < b.timestamps.first());
    let mut columns = columns.into_iter();
    let mut merged = columns.next().unwrap_or_default();
    for column in columns {
        if disjoint || merged.timestamps.last() < column.timestamps.first() {
            merged.timestamps.extend(column.timestamps);
            merged.values.extend(column.values);
        } else {
            merged = merge_two(&merged, &column);
        }
    }
    merged
}

fn merge_two(a: &MergedSamples, b: &MergedSamples) -> MergedSamples {
    let rows = |column: &MergedSamples| -> Vec<(i64, f64)> {
        let times = column.timestamps.iter().copied();
        times.zip(column.values.iter().copied()).collect()
    };
    let (a, b) = (rows(a), rows(b));
    let mut merged = MergedSamples::default();
    merged.timestamps.reserve(a.len() + b.len());
    merged.values.reserve(a.len() + b.len());
    let (mut a, mut b) = (a.into_iter().peekable(), b.into_iter().peekable());
    loop {
        let (t, value) = match (a.peek(), b.peek()) {
            (Some(&(t, one)), Some(&(other, two))) if t == other => {
                b.next();
                (t, winner(one, two))
            }
            (Some(&one), Some(&other)) if one.0 < other.0 => one,
            (_, Some(&other)) => {
                b.next();
                merged.timestamps.push(other.0);
                merged.values.push(other.1);
                continue;
            }
            (Some(&one), None) => one,
            (None, None) => return merged,
        };
        a.next();
        merged.timestamps.push(t);
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
