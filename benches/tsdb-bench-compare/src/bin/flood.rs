//! The command `flood`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser as _;
use tsdb_bench_compare::{FloodOptions, flood, program};

fn main() -> ExitCode {
    program("flood", || flood(&FloodOptions::parse()))
}
