//! The command `tsdb-server`.
#![forbid(unsafe_code)]

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use tsdb_server::commands::CommandLine;

fn main() -> ExitCode {
    let CommandLine { command, config } = CommandLine::parse();
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
        .and_then(|()| tsdb_server::run(&config).map_err(|error| error.to_string()));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &str) -> ExitCode {
    // Nothing is left to do for an error about telling an error.
    let _unread = writeln!(std::io::stderr(), "tsdb-server: {error}");
    ExitCode::FAILURE
}
