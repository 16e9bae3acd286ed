//! Frames of native histograms put into buffers. They are few, and in whatever order they come
//! the same histograms stay, so that each is applied by the thread that decodes it.

use super::logs::Targets;
use super::replay::{slot_of_series, target_of};
use crate::model::Histogram;
use crate::wal::HistogramFrame;

/// Applies a frame; how many histograms it holds, none if it was flushed.
pub(super) fn apply_histograms(targets: &Targets<'_>, payload: &[u8]) -> Result<u64, String> {
    let frame = HistogramFrame::decode(payload).map_err(|error| error.to_string())?;
    let (namespace, seen) = (frame.head.namespace, frame.head.delete_seen);
    let Some((_, target, buffers)) = target_of(targets, namespace, seen)? else {
        return Ok(0);
    };
    let mut decoded = Vec::new();
    let mut rows = frame.rows();
    while let Some(row) = rows.next_row().map_err(|error| error.to_string())? {
        let slot = slot_of_series(target, row.series)?;
        // Only canonical bytes may be appended.
        Histogram::from_bytes(row.bytes)
            .map_err(|error| format!("a histogram of series {}: {error}", row.series.0))?;
        decoded.push((slot, row));
    }
    let mut stripes = buffers.lock(decoded.iter().map(|(slot, _)| *slot));
    for (slot, row) in &decoded {
        stripes.append_histogram(*slot, row.timestamp, row.bytes);
    }
    Ok(decoded.len() as u64)
}
