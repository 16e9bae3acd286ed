//! What an export wrote, and what it had to leave out.

use tsdb_formats::openmetrics::Unwritable;

/// What an export wrote so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ExportCounts {
    /// Series, whole ones.
    pub(crate) series: u64,
    /// Their samples.
    pub(crate) samples: u64,
    /// Samples that the format has no text for.
    pub(crate) unwritable: Unwritable,
}

impl ExportCounts {
    /// A series was written to its end.
    pub(super) fn add(&mut self, samples: usize, unwritable: Unwritable) {
        self.series += 1;
        self.samples += (samples as u64).saturating_sub(left_out(unwritable));
        self.unwritable.add(unwritable);
    }

    /// Samples that were left out.
    pub(crate) fn left_out(&self) -> u64 {
        left_out(self.unwritable)
    }

    /// Samples that were left out, and how many of the others changed, for people; `None` when nothing of
    /// this kind happened.
    pub(crate) fn loss(&self) -> Option<String> {
        let Unwritable {
            stale_markers,
            histograms,
            nan_payloads,
        } = self.unwritable;
        let loss = format!(
            "OpenMetrics has no text for {stale_markers} stale markers and {histograms} native histograms, which are left out, nor for the bits of {nan_payloads} NaNs, which are written as NaN"
        );
        (self.unwritable != Unwritable::default()).then_some(loss)
    }
}

fn left_out(unwritable: Unwritable) -> u64 {
    unwritable.stale_markers + unwritable.histograms
}
