//! `cargo xtask crash`: the crash suite over every sync of its workloads, not a sample of them.

use std::process::Command;

use anyhow::{Context as _, bail};

use crate::repository;

/// Runs the suite of `tsdb-core/tests/storage/crash.rs` with optimisation, told to take all.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    if let Some(argument) = arguments.first() {
        bail!("crash takes no arguments, got `{argument}`");
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(repository::root()?)
        .args(["test", "--profile", "quick", "--package", "tsdb-core"])
        .args(["--test", "storage", "--", "--nocapture", "crash::"])
        .env("TSDB_CRASH_EVERY_SYNC", "1")
        .status()
        .context("starting cargo")?;
    if !status.success() {
        bail!("the crash suite failed: its message names seed and sync");
    }
    Ok(())
}
