//! `cargo xtask fuzz TARGET [--seconds N]`: libFuzzer over one target of `fuzz/`, or over `all`. What it finds goes
//! to `fuzz/target/found/TARGET`: only chosen inputs join the corpus.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::repository;

const SECONDS: &str = "60";

/// Stands for every target but the canary.
const ALL: &str = "all";

/// Runs `cargo fuzz` from the kept corpus and regressions, of one target or of one after another.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let (target, seconds) = match arguments {
        [target] => (target.as_str(), SECONDS),
        [target, option, seconds] if option == "--seconds" => (target.as_str(), seconds.as_str()),
        _ => {
            bail!("fuzz takes TARGET or `all` [--seconds N]; fuzz/src/targets.rs lists the targets")
        }
    };
    let root = repository::root()?;
    if target != ALL {
        return search(&root, target, seconds);
    }
    let path = root.join("fuzz/src/targets.rs");
    let table = std::fs::read_to_string(&path);
    let table = table.with_context(|| format!("reading {}", path.display()))?;
    let mut failed = Vec::new();
    for target in targets(&table) {
        println!("fuzz: {target} for {seconds} s");
        if let Err(error) = search(&root, target, seconds) {
            println!("fuzz: {error:#}");
            failed.push(target);
        }
    }
    if !failed.is_empty() {
        bail!("these targets failed: {}", failed.join(", "));
    }
    Ok(())
}

/// The names in the table of targets.
fn targets(table: &str) -> impl Iterator<Item = &str> {
    let calls = ["target(\"", "file(\"", "text(\""];
    let names = table.lines().filter_map(move |line| {
        let rest = calls
            .iter()
            .find_map(|call| Some(line.split_once(call)?.1))?;
        Some(rest.split_once('"')?.0)
    });
    names.filter(|name| *name != "canary")
}

fn search(root: &Path, target: &str, seconds: &str) -> anyhow::Result<()> {
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
        .current_dir(root)
        .status()
        .context("starting cargo fuzz: `cargo install cargo-fuzz` installs it")?;
    if !status.success() {
        bail!("{target} failed; keep the input in fuzz/regressions/{target}/ under a telling name");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_table_of_targets_is_understood() {
        let table = include_str!("../../fuzz/src/targets.rs");
        let names: Vec<&str> = super::targets(table).collect();
        assert!(!names.contains(&"canary"));
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus");
        let folders = std::fs::read_dir(corpus).expect("the corpus");
        for folder in folders.map(|folder| folder.expect("a folder").file_name()) {
            let name = folder.to_str().expect("a name in ASCII");
            assert!(names.contains(&name), "{name} among {names:?}");
        }
        for name in ["chunk_decode", "open_folder", "line_protocol"] {
            assert!(names.contains(&name), "{name} among {names:?}");
        }
    }
}
