//! The head: the newest hours, which are in the log of a Prometheus alone.

use tsdb_core::model::HashSet;
use tsdb_formats::prometheus_block::BlockError;
use tsdb_formats::prometheus_head::{Head, HeadSeries};

use super::destination::{Destination, Load, Settled};
use super::selection::Selection;
use crate::commands::CommandError;

/// Reads the head to its end, and sends it where it belongs. What cannot be read ends it; what was
/// read before is stored.
pub(super) fn import_head(
    head: &mut Head,
    selection: &Selection,
    destination: &mut dyn Destination,
    settled: &mut Settled<'_>,
) -> Result<Result<(), BlockError>, CommandError> {
    let mut load = Load::default();
    let (mut batch, mut seen) = (Vec::new(), HashSet::new());
    let mut told = (0, 0);
    let ended = loop {
        let read = head.next_batch(&mut batch);
        for error in head.take_damage() {
            load.tally.damage(error.to_string());
        }
        let (deleted, unknown) = (head.deleted(), head.unknown());
        load.tally.deleted += deleted - told.0;
        if unknown > told.1 {
            let lost = unknown - told.1;
            load.tally.damage(format!(
                "wal: {lost} samples of series that it does not know"
            ));
        }
        told = (deleted, unknown);
        match read {
            Err(error) => break Err(error),
            Ok(()) if batch.is_empty() => break Ok(()),
            Ok(()) => {}
        }
        for series in batch.drain(..) {
            take(series, selection, &mut seen, &mut load);
            if load.group.bytes() >= destination.group_bytes() {
                destination.send(std::mem::take(&mut load), settled)?;
            }
        }
    };
    if load.group.is_empty() {
        destination.flush(settled)?;
        settled(load)?;
    } else {
        destination.send(load, settled)?;
        destination.flush(settled)?;
    }
    Ok(ended)
}

/// Adds samples of a series, if they are wanted.
fn take(mut series: HeadSeries, selection: &Selection, seen: &mut HashSet<u64>, load: &mut Load) {
    if !selection.has(&series.labels) {
        return;
    }
    selection.cut(&mut series.samples);
    if series.samples.is_empty() {
        return;
    }
    match selection.labelled(series.labels) {
        Ok(labels) => {
            let tally = &mut load.tally;
            tally.series += u64::from(seen.insert(series.reference));
            tally.floats += series.samples.samples.len() as u64;
            tally.histograms += series.samples.histograms.len() as u64;
            load.group.push(&labels, &mut series.samples);
        }
        Err(error) => load.tally.damage(format!("wal: {error}")),
    }
}
