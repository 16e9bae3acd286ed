//! Frames of exemplars put into the ring: one after the other, since their order counts.

use super::logs::Targets;
use super::replay::{slot_of_series, target_of};
use crate::model::{Exemplar, Labels};
use crate::wal::ExemplarFrame;

/// Applies what no file holds of a frame.
pub(super) fn apply_exemplars(targets: &Targets<'_>, payload: &[u8]) -> Result<(), String> {
    let frame = ExemplarFrame::decode(payload).map_err(|error| error.to_string())?;
    let (namespace, seen) = (frame.head.namespace, frame.head.delete_seen);
    let Some((_, target, buffers)) = target_of(targets, namespace, seen)? else {
        return Ok(());
    };
    let mut ring = target.exemplars.lock();
    let (first, next) = (frame.first_arrival, ring.next_arrival());
    // Numbers are missing where a salvage has given frames or the file up.
    ring.skip_to(first);
    let mut rows = frame.rows();
    for arrival in first.. {
        let Some(row) = rows.next_row().map_err(|error| error.to_string())? else {
            break;
        };
        if arrival < next {
            // In the file, or displaced before it was written. Its series may be gone.
            continue;
        }
        let labels = Labels::from_bytes(row.labels.into());
        let labels =
            labels.map_err(|error| format!("an exemplar of series {}: {error}", row.series.0))?;
        let slot = slot_of_series(target, row.series)?;
        let series = target.index.labels(slot).unwrap_or_default();
        let exemplar = Exemplar {
            labels,
            value: f64::from_bits(row.bits),
            timestamp: row.timestamp,
        };
        ring.append(&series, buffers.generation(), exemplar);
    }
    Ok(())
}
