//! `cargo xtask simulate [--operations N] [--seed S]`: one long run of the seeded simulation. It ends
//! at the first broken promise and names the seed, which replays it.

use std::process::Command;

use anyhow::{Context as _, bail};

use crate::repository;

/// Operations of a whole run.
const OPERATIONS: &str = "1000000";
const SEED: &str = "1";

/// Runs `tsdb-core/tests/storage/simulation/long.rs` with optimisation.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let (mut operations, mut seed) = (OPERATIONS, SEED);
    let mut rest = arguments.iter();
    while let Some(option) = rest.next() {
        let value = rest.next().filter(|value| value.parse::<u64>().is_ok());
        let value = value.with_context(|| format!("{option} takes a number"))?;
        match option.as_str() {
            "--operations" => operations = value,
            "--seed" => seed = value,
            _ => bail!("simulate takes --operations N and --seed S, not `{option}`"),
        }
    }
    println!("simulating {operations} operations from seed {seed} on");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(repository::root()?)
        .args(["test", "--profile", "quick", "--package", "tsdb-core"])
        .args(["--test", "storage", "--", "--nocapture", "--exact"])
        .arg("simulation::long::a_long_run_breaks_no_promise")
        .env("TSDB_SIMULATE_OPERATIONS", operations)
        .env("TSDB_SIMULATE_SEED", seed)
        .status()
        .context("starting cargo")?;
    if !status.success() {
        bail!("the simulation failed: its message names the seed that replays it");
    }
    Ok(())
}
