//! Which crate may depend on which, and how heavy tsdb-core may become.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::Finding;
use super::ranks;
use crate::repository::Repository;

/// Crates in the normal graph of tsdb-core, itself included.
const CORE_CRATES_MAX: usize = 45;
/// Crates that must never be in that graph.
const CORE_BANNED: &[&str] = &[
    "tokio",
    "serde",
    "serde_json",
    "serde_derive",
    "futures",
    "async-trait",
];
/// Crates that only the named ones of ours may have as a normal dependency.
const RESERVED: &[(&str, &[&str])] = &[
    ("tokio", &["tsdb-server"]),
    ("axum", &["tsdb-server"]),
    ("hyper-util", &["tsdb-server"]),
    ("anyhow", &["xtask"]),
];

/// Runs cargo in the repository and gives back what it wrote.
pub(crate) fn cargo(root: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(arguments)
        .current_dir(root)
        .output()
        .with_context(|| format!("starting cargo {}", arguments.join(" ")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("cargo {} failed: {said}", arguments.join(" "));
    }
    String::from_utf8(output.stdout).context("cargo wrote something that is not UTF-8")
}

/// What `cargo metadata` says about the packages of the workspace.
pub(super) fn metadata(root: &Path) -> anyhow::Result<Value> {
    let text = cargo(root, &["metadata", "--format-version", "1", "--no-deps"])?;
    serde_json::from_str(&text).context("reading the output of cargo metadata")
}

/// One line a crate of tsdb-core's normal graph.
pub(super) fn core_tree(root: &Path) -> anyhow::Result<String> {
    cargo(
        root,
        &[
            "tree",
            "-e",
            "normal",
            "-p",
            "tsdb-core",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ],
    )
}

/// Judges the workspace's packages against the table of crate ranks and the reserved crates.
pub(super) fn check_metadata(repository: &Repository, metadata: &Value) -> Vec<Finding> {
    let ranks = match ranks::table(repository, ranks::CRATES) {
        Ok(ranks) => ranks,
        Err(finding) => return vec![finding],
    };
    let mut findings = Vec::new();
    let packages = metadata
        .get("packages")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    if packages.is_empty() {
        findings.push(Finding::new(
            "Cargo.toml",
            0,
            "cargo metadata names no package",
        ));
    }
    for package in packages {
        let name = package
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let Some(own) = ranks.get(name) else {
            let message = format!("the crate `{name}` has no rank under `{}`", ranks::CRATES);
            findings.push(Finding::new(ranks::PAGE, 0, message));
            continue;
        };
        let dependencies = package
            .get("dependencies")
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        for dependency in dependencies {
            let on = dependency
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let normal = dependency.get("kind").is_none_or(Value::is_null);
            if let Some(message) = judge(name, *own, on, ranks.get(on).copied(), normal) {
                findings.push(Finding::new(&format!("{name}/Cargo.toml"), 0, message));
            }
        }
    }
    findings
}

fn judge(name: &str, own: u32, on: &str, rank: Option<u32>, normal: bool) -> Option<String> {
    if on == name {
        return None; // Its own test features.
    }
    if let Some(rank) = rank.filter(|rank| *rank >= own) {
        return Some(format!(
            "`{name}` (rank {own}) must not depend on `{on}` (rank {rank})"
        ));
    }
    let (_, holders) = RESERVED.iter().find(|(reserved, _)| *reserved == on)?;
    (normal && !holders.contains(&name)).then(|| {
        format!(
            "`{on}` is for {} alone, outside of tests",
            holders.join(", ")
        )
    })
}

/// Judges the output of [`core_tree`].
pub(super) fn check_core_tree(tree: &str) -> Vec<Finding> {
    let manifest = "tsdb-core/Cargo.toml";
    let crates: BTreeSet<&str> = tree
        .lines()
        .map(|line| line.trim_end_matches(" (*)"))
        .filter(|line| !line.is_empty())
        .collect();
    let mut findings = Vec::new();
    if !crates.iter().any(|line| line.starts_with("tsdb-core ")) {
        findings.push(Finding::new(
            manifest,
            0,
            "cargo tree does not name the crate itself",
        ));
    }
    if crates.len() > CORE_CRATES_MAX {
        let message = format!(
            "{} crates in the normal graph, at most {CORE_CRATES_MAX}",
            crates.len()
        );
        findings.push(Finding::new(manifest, 0, message));
    }
    for line in &crates {
        let name = line.split(' ').next().unwrap_or_default();
        if CORE_BANNED.contains(&name) {
            let message = format!("`{name}` must not be in the normal graph of tsdb-core");
            findings.push(Finding::new(manifest, 0, message));
        }
    }
    findings
}
