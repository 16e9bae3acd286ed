//! The command `compare`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser as _;
use tsdb_bench_compare::{Options, compare, program};

fn main() -> ExitCode {
    program("compare", || {
        compare(&Options::parse()).map(|()| String::new())
    })
}
