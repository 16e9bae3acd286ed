//! Brings the chunks of one series from several places together: sorted, one sample a timestamp.

use super::ChunkPart;
use crate::bits::DecodeError;
use crate::chunk::{MAX_CHUNK_SAMPLES, decode_into, encode};
use crate::model::{Sample, TimeRange, winner};

/// Columns of samples, sorted by time, one a timestamp.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MergedSamples {
    /// Milliseconds since the epoch.
    pub timestamps: Vec<i64>,
    /// The values, of the same length.
    pub values: Vec<f64>,
}

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
    let total = parts.iter().map(|part| part.count as usize).sum::<usize>();
    // A chunk of n samples takes at least n / 4 bytes, so the claimed count is earned.
    let earned = parts.iter().map(|part| part.bytes.len() * 4).sum::<usize>();
    merged.timestamps.reserve(total.min(earned));
    merged.values.reserve(total.min(earned));
    for part in &*parts {
        decode_into(&part.bytes, &mut merged.timestamps, &mut merged.values)?;
    }
    if !disjoint(parts) {
        sort_and_choose(&mut merged);
    }
    trim(&mut merged, range);
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

fn trim(merged: &mut MergedSamples, range: TimeRange) {
    let from = merged.timestamps.partition_point(|&t| t < range.min());
    let to = merged.timestamps.partition_point(|&t| t <= range.max());
    merged.timestamps.truncate(to);
    merged.values.truncate(to);
    merged.timestamps.drain(..from.min(to));
    merged.values.drain(..from.min(to));
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
    let times = merged.timestamps.chunks(MAX_CHUNK_SAMPLES);
    let encoded = times
        .zip(merged.values.chunks(MAX_CHUNK_SAMPLES))
        .filter_map(|(times, values)| {
            let (min, max) = (*times.first()?, *times.last()?);
            let samples = times
                .iter()
                .zip(values)
                .map(|(&t, &value)| Sample::new(t, value));
            let bytes = encode(samples).into_boxed_slice();
            let count = u32::try_from(times.len()).unwrap_or(u32::MAX);
            Some(ChunkPart {
                min,
                max,
                count,
                bytes,
            })
        });
    Ok(encoded.collect())
}
