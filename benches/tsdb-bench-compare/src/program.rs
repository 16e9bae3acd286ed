//! What all programs of this crate begin and end with.

use std::process::ExitCode;

use crate::error::Error;
use crate::process::{become_server, is_server_start};

/// Runs a program that answers a report, which may be empty; or becomes the server that a run of it
/// asked for.
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command says what it found, and why it fails"
)]
pub fn program(name: &str, run: impl FnOnce() -> Result<String, Error>) -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    let outcome = match is_server_start(&arguments) {
        Some(command) => become_server(command).map(|()| String::new()),
        None => run(),
    };
    match outcome {
        Ok(report) if report.is_empty() => ExitCode::SUCCESS,
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}
