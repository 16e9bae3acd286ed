//! `cargo xtask fuzz TARGET [--seconds N]`: libFuzzer over one target of `fuzz/`.

use std::process::Command;

use anyhow::{Context as _, bail};

use crate::repository;

const SECONDS: &str = "60";

/// Runs `cargo fuzz`, which keeps what it finds in `fuzz/corpus/TARGET`.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let (target, seconds) = match arguments {
        [target] => (target.as_str(), SECONDS),
        [target, option, seconds] if option == "--seconds" => (target.as_str(), seconds.as_str()),
        _ => bail!("fuzz takes TARGET [--seconds N]; fuzz/src/targets.rs lists the targets"),
    };
    let root = repository::root()?;
    let corpus = root.join("fuzz/corpus").join(target);
    let regressions = root.join("fuzz/regressions").join(target);
    for folder in [&corpus, &regressions] {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("creating {}", folder.display()))?;
    }
    let status = Command::new("cargo")
        .args(["fuzz", "run", "--features", "libfuzzer", "target"])
        .args([&corpus, &regressions])
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
