//! Golden files: bytes that a released version wrote. They are listed with their checksums and
//! never change.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context as _, bail};
use sha2::{Digest as _, Sha256};

use crate::repository::{self, Repository};
use crate::tidy::Finding;

/// `SHA256  PATH`, one file a line, as `sha256sum` writes and checks it.
const LIST: &str = "golden.sha256";
/// A file below a folder of this name is golden.
const FOLDER: &str = "/testdata/";

/// `cargo xtask golden`: lists the files that are not listed yet.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    if let Some(argument) = arguments.first() {
        bail!("golden takes no arguments, got `{argument}`");
    }
    let root = repository::root()?;
    let repository = Repository::read(&root)?;
    let mut listed = read_list(&repository).0;
    let mut added = 0;
    for (path, sum) in golden_files(&repository) {
        match listed.get(&path) {
            Some(known) if *known == sum => {}
            Some(_) => bail!("{path} differs from its listed checksum: golden files never change"),
            None => {
                listed.insert(path, sum);
                added += 1;
            }
        }
    }
    let mut text = String::new();
    for (path, sum) in &listed {
        writeln!(text, "{sum}  {path}")?;
    }
    std::fs::write(root.join(LIST), text).with_context(|| format!("writing {LIST}"))?;
    println!(
        "golden: {added} files added to the {} of {LIST}",
        listed.len()
    );
    Ok(())
}

/// Each golden file is listed and unchanged, each listed file is there.
pub(crate) fn check(repository: &Repository) -> Vec<Finding> {
    let (mut listed, mut findings) = read_list(repository);
    for (path, sum) in golden_files(repository) {
        match listed.remove(&path) {
            None => findings.push(Finding::new(
                &path,
                0,
                "is not listed: run `cargo xtask golden`",
            )),
            Some(known) if known != sum => {
                findings.push(Finding::new(
                    &path,
                    0,
                    "a golden file never changes: restore it",
                ));
            }
            Some(_) => {}
        }
    }
    for path in listed.into_keys() {
        findings.push(Finding::new(
            &path,
            0,
            "a golden file never goes: restore it",
        ));
    }
    findings
}

fn golden_files(repository: &Repository) -> impl Iterator<Item = (String, String)> {
    repository
        .files()
        .filter(|(path, _)| path.contains(FOLDER))
        .map(|(path, bytes)| {
            let sum = Sha256::digest(bytes)
                .iter()
                .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
            (path.to_owned(), sum)
        })
}

fn read_list(repository: &Repository) -> (BTreeMap<String, String>, Vec<Finding>) {
    let mut listed = BTreeMap::new();
    let mut findings = Vec::new();
    for (number, line) in repository
        .text(LIST)
        .unwrap_or_default()
        .lines()
        .enumerate()
    {
        match line.split_once("  ") {
            Some((sum, path)) => {
                listed.insert(path.to_owned(), sum.to_owned());
            }
            None => findings.push(Finding::new(LIST, number + 1, "is not `SHA256  PATH`")),
        }
    }
    (listed, findings)
}
