//! The command `compare`.
#![forbid(unsafe_code)]
#![expect(clippy::print_stderr, reason = "a command says why it fails")]

use std::process::ExitCode;

use clap::Parser as _;
use tsdb_bench_compare::{Options, become_server, compare, is_server_start};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    let outcome = match is_server_start(&arguments) {
        Some(command) => become_server(command),
        None => compare(&Options::parse()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}
