//! The command `tsdb-server`.
#![forbid(unsafe_code)]

use std::io::Write;
use std::process::ExitCode;

use tsdb_server::commands::CommandLine;
use tsdb_server::config::SettleError;

#[cfg(feature = "heap-profile")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let CommandLine { command, config } = match CommandLine::read() {
        Ok(line) => line,
        Err(SettleError::Arguments(error)) => error.exit(),
        Err(error @ SettleError::Unreadable { .. }) => return fail(&error.to_string()),
        Err(SettleError::Wrong(text)) => {
            // Nothing is left to do for an error about telling an error.
            let _unread = writeln!(std::io::stderr(), "{text}");
            return ExitCode::from(2);
        }
    };
    if let Some(command) = command {
        return command
            .run(&config)
            .unwrap_or_else(|error| fail(&error.to_string()));
    }
    let allocator = tsdb_server::allocator::prepare();
    let outcome = tsdb_server::logging::start(&config.log)
        .inspect(|()| {
            if let Err(error) = allocator {
                tracing::warn!(%error, "the allocator cannot be told to use huge pages and to give memory back");
            }
        })
        .map_err(|error| (error, 1))
        .and_then(|()| {
            tsdb_server::run(&config).map_err(|error| (error.to_string(), error.exit_code()))
        });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err((error, code)) => {
            fail(&error);
            ExitCode::from(code)
        }
    }
}

fn fail(error: &str) -> ExitCode {
    // Nothing is left to do for an error about telling an error.
    let _unread = writeln!(std::io::stderr(), "tsdb-server: {error}");
    ExitCode::FAILURE
}
