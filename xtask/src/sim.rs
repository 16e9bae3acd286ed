//! `cargo xtask sim [--seeds N] [--from SEED]`: whole clusters, each from a seed, while things break.
//! It names the seeds that break a promise; one seed alone tells its story.

use std::process::Command;

use anyhow::{Context as _, bail};

use crate::repository;

/// Runs `tsdb-sim` with optimisation, which knows the options.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(repository::root()?)
        .args(["run", "--quiet", "--profile", "quick"])
        .args(["--package", "tsdb-sim", "--"])
        .args(arguments)
        .status()
        .context("starting cargo")?;
    if !status.success() {
        bail!("the simulation failed: each seed that it names replays what happened");
    }
    Ok(())
}
