//! Samples of what the processor does, taken by a timer that runs while the process does.

use pprof::{Frames, ProfilerGuard, ProfilerGuardBuilder};
use std::time::UNIX_EPOCH;

use super::message::{ProfileBuilder, StackFunction};

/// Samples taken a second, a number that fits no other rhythm.
const FREQUENCY: i32 = 99;
const NANOS: i64 = 1_000_000_000;

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CpuProfileError {
    /// Only one can be taken at a time.
    #[error("a CPU profile is being taken already: try again when it is done")]
    Running,
    /// It did not work.
    #[error("the CPU profile failed: {0}")]
    Failed(String),
}

impl From<pprof::Error> for CpuProfileError {
    fn from(error: pprof::Error) -> Self {
        match error {
            pprof::Error::Running => Self::Running,
            other => Self::Failed(other.to_string()),
        }
    }
}

/// A profile that is being taken; it ends when this is dropped.
pub(crate) struct CpuProfile {
    guard: ProfilerGuard<'static>,
}

impl CpuProfile {
    /// Begins one. Reads the program's tables, so not for async tasks.
    ///
    /// # Errors
    /// When one is being taken already, or the machine gives no timer.
    pub(crate) fn start() -> Result<Self, CpuProfileError> {
        let builder = ProfilerGuardBuilder::default().frequency(FREQUENCY);
        Ok(Self {
            guard: builder.build()?,
        })
    }

    /// Ends it: a file for `go tool pprof`. Looks up names of functions, so not for async tasks.
    ///
    /// # Errors
    /// When the samples cannot be read.
    pub(crate) fn finish(self) -> Result<Vec<u8>, CpuProfileError> {
        let report = self.guard.report().build()?;
        let nanos =
            |duration: std::time::Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        let timing = &report.timing;
        let began = timing.start_time.duration_since(UNIX_EPOCH);
        let mut builder = ProfileBuilder::new(
            began.map_or(0, nanos),
            nanos(timing.duration),
            NANOS / i64::from(FREQUENCY),
        );
        for (frames, count) in &report.data {
            let count = i64::try_from(*count).unwrap_or(i64::MAX);
            builder.add(stack(frames), &frames.thread_name_or_id(), count);
        }
        let finished = builder.finish();
        finished.map_err(|error| CpuProfileError::Failed(error.to_string()))
    }
}

/// The functions of a stack, innermost first, those that were inlined included.
fn stack(frames: &Frames) -> impl Iterator<Item = StackFunction> + '_ {
    frames.frames.iter().flatten().map(|symbol| StackFunction {
        name: symbol.name(),
        system_name: symbol.sys_name().into_owned(),
        file: symbol.filename().into_owned(),
        line: symbol.lineno(),
    })
}
