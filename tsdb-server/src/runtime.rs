//! The one place that starts threads.

use std::io;
use std::thread::JoinHandle;

/// Starts a thread called `name`.
///
/// # Errors
/// When the machine has no thread to give.
#[expect(
    clippy::disallowed_methods,
    reason = "here the server owns its threads"
)]
pub(crate) fn spawn(
    name: impl Into<String>,
    run: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.into()).spawn(run)
}

/// How many threads can run at a time; 1 when the machine does not say.
#[must_use]
pub(crate) fn parallelism() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
