//! The command `cluster`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser as _;
use tsdb_bench_compare::{ClusterOptions, cluster, program};

fn main() -> ExitCode {
    program("cluster", || cluster(&ClusterOptions::parse()))
}
