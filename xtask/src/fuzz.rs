//! `cargo xtask fuzz TARGET [--seconds N]`: libFuzzer over one target of `fuzz/`. What it finds goes
//! to `fuzz/target/found/TARGET`: only chosen inputs join the corpus.

use std::process::Command;

use anyhow::{Context as _, bail};

use crate::repository;

const SECONDS: &str = "60";

/// Runs `cargo fuzz` from the kept corpus and regressions.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let (target, seconds) = match arguments {
        [target] => (target.as_str(), SECONDS),
        [target, option, seconds] if option == "--seconds" => (target.as_str(), seconds.as_str()),
        _ => bail!("fuzz takes TARGET [--seconds N]; fuzz/src/targets.rs lists the targets"),
    };
    let root = repository::root()?;
    let found = root.join("fuzz/target/found").join(target);
    std::fs::create_dir_all(&found).with_context(|| format!("creating {}", found.display()))?;
    // The driver writes to the first folder and only reads the others.
    let mut folders = vec![found];
    for kind in ["corpus", "regressions"] {
        let folder = root.join("fuzz").join(kind).join(target);
        if folder.is_dir() {
            folders.push(folder);
        }
    }
    let status = Command::new("cargo")
        .args(["fuzz", "run", "--features", "libfuzzer", "target"])
        .args(&folders)
        .arg("--")
        .args([
            &format!("-max_total_time={seconds}"),
            "-max_len=4096",
            "-timeout=10",
        ])
        .env("TSDB_FUZZ_TARGET", target)
        // The driver's instrumentation is not stable yet; the code it drives is.
        .env("RUSTC_BOOTSTRAP", "1")
        .current_dir(&root)
        .status()
        .context("starting cargo fuzz: `cargo install cargo-fuzz` installs it")?;
    if !status.success() {
        bail!("{target} failed; keep the input in fuzz/regressions/{target}/ under a telling name");
    }
    Ok(())
}
