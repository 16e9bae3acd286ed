//! The server's own log: lines on stderr, coloured only for a terminal.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging by `filter` (`info`, `debug,hyper=warn`).
///
/// # Errors
/// Text that says what is wrong with the filter, or that a log was started already.
pub fn start(filter: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        format!("log filter {filter:?} is no list of levels like info or debug,hyper=warn: {error}")
    })?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init()
        .map_err(|error| format!("the log cannot be started: {error}"))
}
