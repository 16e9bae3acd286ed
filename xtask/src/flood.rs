//! `cargo xtask flood`: ten million new series against a budget of 512 MiB, or as the arguments say.

use std::process::Command;

use anyhow::{Context as _, bail};

use crate::repository;

/// Profile of the server that is flooded: optimised, and built in less time than a release.
const PROFILE: &str = "quick";
/// What the flood is without arguments.
const DEFAULTS: [&str; 4] = ["--series", "10000000", "--budget-mib", "512"];

/// Builds server and flood, and runs it; further arguments are the flood's own.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let root = repository::root()?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .current_dir(&root)
        .args(["build", "--profile", PROFILE])
        .args([
            "--package",
            "tsdb-server",
            "--package",
            "tsdb-bench-compare",
        ])
        .status()
        .context("starting cargo")?;
    if !built.success() {
        bail!("the server or its flood does not build");
    }
    let folder = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root.join(folder).join(PROFILE),
        None => root.join("target").join(PROFILE),
    };
    let mut flood = Command::new(folder.join("flood"));
    flood
        .current_dir(&root)
        .arg("--server")
        .arg(folder.join("tsdb-server"));
    match arguments {
        [] => flood.args(DEFAULTS),
        _ => flood.args(arguments),
    };
    if !flood.status().context("starting the flood")?.success() {
        bail!("the flood found something: its message says what");
    }
    Ok(())
}
