//! Brings the chunks of one series from several places together: sorted, one sample a timestamp.

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
