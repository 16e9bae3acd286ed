//! Brings the chunks of one series from several places together: sorted, one sample a timestamp.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{ChunkPart, HistogramForm, MergedSamples};
use crate::bits::DecodeError;
use crate::chunk::Encoding;
use crate::model::{TimeRange, winner};

/// Whether the parts, sorted by their first timestamp, do not overlap.
#[must_use]
fn disjoint(parts: &[ChunkPart]) -> bool {
    parts.is_sorted_by(|a, b| a.max < b.min)
}

/// Decodes and merges parts in any order; only samples inside `range` are kept.
///
/// # Errors
/// When a chunk cannot be decoded.
pub fn merge_parts(
    parts: &mut [ChunkPart],
    range: TimeRange,
) -> Result<MergedSamples, DecodeError> {
    parts.sort_unstable_by_key(|part| (part.min, part.max));
    let mut merged = MergedSamples::default();
    let floats = || parts.iter().filter(|part| part.encoding == Encoding::Xor);
    let total = floats().map(|part| part.count as usize).sum::<usize>();
    // A chunk of n samples takes at least n / 4 bytes, so the claimed count is earned.
    let earned = floats().map(|part| part.bytes.len() * 4).sum::<usize>();
    merged.timestamps.reserve(total.min(earned));
    merged.values.reserve(total.min(earned));
    for part in &*parts {
        merged.push_chunk(part.encoding, &part.bytes)?;
    }
    if !disjoint(parts) {
        sort_and_choose(&mut merged);
        merged.settle();
    }
    merged.trim(range);
    Ok(merged)
}

/// A chunk that came from elsewhere and cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a chunk given as {count} samples from {min} to {max} in encoding {encoding:?}: {what}")]
pub struct GivenChunkError {
    /// First timestamp that it was said to have.
    pub min: i64,
    /// The last one.
    pub max: i64,
    /// How many samples it was said to have.
    pub count: u32,
    /// How it was said to be encoded.
    pub encoding: Encoding,
    /// What is wrong with it.
    pub what: DecodeError,
}

/// The samples of parts that came from elsewhere, of which nothing is known: what they say of
/// themselves is checked, those that are alike are decoded once. Each column is sorted and has one
/// sample a timestamp; there are as many as parts overlap at one time.
///
/// # Errors
/// When a chunk cannot be decoded, is of an encoding that is never kept, or does not hold what it
/// is said to.
pub fn given_columns(mut parts: Vec<ChunkPart>) -> Result<Vec<MergedSamples>, GivenChunkError> {
    parts.sort_unstable_by_key(|part| (part.min, part.max));
    parts.dedup();
    let mut columns: Vec<MergedSamples> = Vec::new();
    // Where each column ends: the one that ends first has room, if any has.
    let mut ends: BinaryHeap<Reverse<(i64, usize)>> = BinaryHeap::new();
    for part in &parts {
        let first = ends.peek().filter(|Reverse((end, _))| *end < part.min);
        let number = first.map_or(columns.len(), |Reverse((_, number))| *number);
        if number == columns.len() {
            columns.push(MergedSamples::default());
        } else {
            ends.pop();
        }
        if let Some(column) = columns.get_mut(number) {
            push_given(column, part).map_err(|what| GivenChunkError {
                min: part.min,
                max: part.max,
                count: part.count,
                encoding: part.encoding,
                what,
            })?;
        }
        ends.push(Reverse((part.max, number)));
    }
    Ok(columns)
}

fn push_given(merged: &mut MergedSamples, part: &ChunkPart) -> Result<(), DecodeError> {
    let (floats, histograms) = (merged.timestamps.len(), merged.histograms.len());
    merged.push_chunk(part.encoding, &part.bytes)?;
    let floats = merged.timestamps.get(floats..).unwrap_or_default();
    let histograms = merged.histograms.get(histograms..).unwrap_or_default();
    let times = floats.iter().copied();
    let mut times = times.chain(histograms.iter().map(|one| one.0));
    let count = floats.len() + histograms.len();
    let first = times.next();
    let ends = first.map(|first| (first, times.last().unwrap_or(first)));
    if ends == Some((part.min, part.max)) && count == part.count as usize {
        return Ok(());
    }
    Err(DecodeError {
        what: "holds other samples than it says",
        offset: 0,
    })
}

fn sort_and_choose(merged: &mut MergedSamples) {
    let times = merged.timestamps.iter().copied();
    let mut rows: Vec<(i64, f64)> = times.zip(merged.values.iter().copied()).collect();
    rows.sort_by_key(|row| row.0);
    merged.timestamps.clear();
    merged.values.clear();
    for (timestamp, value) in rows {
        match (merged.timestamps.last(), merged.values.last_mut()) {
            (Some(last), Some(kept)) if *last == timestamp => *kept = winner(*kept, value),
            _ => {
                merged.timestamps.push(timestamp);
                merged.values.push(value);
            }
        }
    }
}

/// Parts that do not overlap and hold each sample once: the given ones where they already are
/// so, otherwise merged and encoded anew.
///
/// # Errors
/// When a chunk cannot be decoded.
pub fn disjoint_parts(mut parts: Vec<ChunkPart>) -> Result<Vec<ChunkPart>, DecodeError> {
    parts.sort_unstable_by_key(|part| (part.min, part.max));
    if disjoint(&parts) {
        return Ok(parts);
    }
    let merged = merge_parts(&mut parts, TimeRange::ALL)?;
    Ok(merged.encode(HistogramForm::Exact))
}
