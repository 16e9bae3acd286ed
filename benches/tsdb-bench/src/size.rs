//! How large a benchmark is: tiny when it only has to run, so that it cannot rot.

use tsdb_core::model::LabelsError;

use crate::{Capture, CaptureError, Fleet};

/// Series of a full benchmark: some ten copies of the capture.
const SERIES: usize = 20_000;
/// Series when the benchmark only has to run.
const TINY_SERIES: usize = 300;

/// Why a load could not be made.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The capture is broken.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The capture holds labels that no series may have.
    #[error(transparent)]
    Labels(#[from] LabelsError),
}

/// Whether the benchmark was started with `--test`, to run each part once.
#[must_use]
pub fn is_tiny() -> bool {
    std::env::args().any(|argument| argument == "--test")
}

/// The fleet that the benchmarks share; the same one every time.
///
/// # Errors
/// When the committed capture is broken.
pub fn bench_fleet() -> Result<Fleet, LoadError> {
    let series = if is_tiny() { TINY_SERIES } else { SERIES };
    Ok(Fleet::new(Capture::load()?, series, 1)?)
}
