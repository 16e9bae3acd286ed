//! The project's rules and chores as code: `cargo xtask <command>`.

use std::env;

use anyhow::{Result, bail};

mod protos;

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["protos"] => protos::run(false),
        ["protos", "--check"] => protos::run(true),
        other => bail!("unknown command {other:?}; known: protos [--check]"),
    }
}
