//! The licences of the libraries that are linked into the binary, as their terms ask for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::tidy::cargo;

/// Beginnings of the names of files with terms, in capitals.
const NAMES: &[&str] = &["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"];

/// A library with what its package says of its terms.
#[derive(Debug)]
pub(super) struct Library {
    /// Name and version.
    pub(super) name: String,
    /// An SPDX expression.
    pub(super) terms: String,
    /// The files that state them.
    pub(super) texts: Vec<String>,
}

/// All licences as one text.
pub(super) fn licences(root: &Path) -> anyhow::Result<String> {
    let arguments = [
        "tree",
        "--locked",
        "--package",
        "tsdb-server",
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ];
    let linked = names(&cargo(root, &arguments)?);
    let metadata = cargo(root, &["metadata", "--format-version", "1", "--locked"])?;
    let metadata: Value = serde_json::from_str(&metadata).context("reading cargo metadata")?;
    let packages = metadata.get("packages").and_then(Value::as_array);
    let mut libraries = Vec::new();
    for package in packages.into_iter().flatten() {
        let text = |key: &str| package.get(key).and_then(Value::as_str).unwrap_or_default();
        let name = format!("{} {}", text("name"), text("version"));
        if linked.contains(&name) && package.get("source").is_some_and(Value::is_string) {
            let folder = Path::new(text("manifest_path")).parent();
            libraries.push(Library {
                name,
                terms: text("license").to_owned(),
                texts: texts(folder.context("a manifest lies in a folder")?)?,
            });
        }
    }
    if libraries.is_empty() {
        bail!("cargo names no library of tsdb-server from outside");
    }
    Ok(render(&libraries))
}

/// Names and versions in the output of `cargo tree`: `serde v1.0.0 (proc-macro)`.
pub(super) fn names(tree: &str) -> BTreeSet<String> {
    let lines = tree.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
        Some(format!("{name} {version}"))
    });
    lines.collect()
}

/// The files of a package that state its terms, in the order of their names.
fn texts(folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut found = BTreeMap::new();
    let listing = || format!("listing {}", folder.display());
    for entry in std::fs::read_dir(folder).with_context(listing)? {
        let entry = entry.with_context(listing)?;
        let name = entry.file_name().to_string_lossy().to_uppercase();
        let is_file = entry.file_type().with_context(listing)?.is_file();
        if is_file && NAMES.iter().any(|beginning| name.starts_with(beginning)) {
            let text = std::fs::read(entry.path()).with_context(listing)?;
            found.insert(name, String::from_utf8_lossy(&text).replace("\r\n", "\n"));
        }
    }
    Ok(found.into_values().collect())
}

/// A table of the libraries, then each text once with those that carry it.
pub(super) fn render(libraries: &[Library]) -> String {
    let mut table = BTreeMap::new();
    let mut carriers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for library in libraries {
        let without = match library.texts.is_empty() {
            true => "; its package carries no text",
            false => "",
        };
        table.insert(&library.name, format!("{}{without}", library.terms));
        for text in &library.texts {
            carriers.entry(text.trim()).or_default().push(&library.name);
        }
    }
    let mut all = "Libraries that are linked into tsdb-server, and their licences.\n\n".to_owned();
    for (name, terms) in table {
        all.push_str(&format!("{name}: {terms}\n"));
    }
    let mut texts: Vec<(Vec<&str>, &str)> = carriers
        .into_iter()
        .map(|(text, mut names)| {
            names.sort_unstable();
            names.dedup();
            (names, text)
        })
        .collect();
    texts.sort();
    for (names, text) in texts {
        let line = "-".repeat(80);
        let written = write!(all, "\n{line}\n{}\n{line}\n\n{text}\n", names.join(", "));
        debug_assert!(written.is_ok(), "writing to a String failed");
    }
    all
}
