//! The command `cluster`.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command says what it found"
)]

use std::process::ExitCode;

use clap::Parser as _;
use tsdb_bench_compare::{ClusterOptions, become_server, cluster, is_server_start};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    let outcome = match is_server_start(&arguments) {
        Some(command) => become_server(command).map(|()| String::new()),
        None => cluster(&ClusterOptions::parse()),
    };
    match outcome {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("cluster: {error}");
            ExitCode::FAILURE
        }
    }
}
