//! Runs every check over the repository and prints what they found.

use anyhow::bail;

use super::source::Sources;
use super::{codecs, crates, doors, formats, layers, modules, sizes, unsafety, words};
use crate::golden;
use crate::repository::{self, Repository};

/// One broken rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// File, from the root of the repository.
    pub(crate) path: String,
    /// Line counted from 1, or 0 for the file as a whole.
    pub(crate) line: usize,
    /// What is wrong and what to do.
    pub(crate) message: String,
}

impl Finding {
    pub(crate) fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            message: message.into(),
        }
    }
}

/// `cargo xtask tidy`.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    if let Some(argument) = arguments.first() {
        bail!("tidy takes no arguments, got `{argument}`");
    }
    let root = repository::root()?;
    let repository = Repository::read(&root)?;
    let (sources, mut findings) = Sources::parse(&repository);
    findings.extend(check_texts(&repository, &sources));
    findings.extend(crates::check_metadata(
        &repository,
        &crates::metadata(&root)?,
    ));
    findings.extend(crates::check_core_tree(&crates::core_tree(&root)?));

    for finding in &findings {
        println!("{}:{}: {}", finding.path, finding.line, finding.message);
    }
    if !findings.is_empty() {
        bail!("tidy found {} broken rules", findings.len());
    }
    println!("tidy: {} Rust files keep every rule", sources.files.len());
    Ok(())
}

/// The checks that need nothing but the files.
pub(super) fn check_texts(repository: &Repository, sources: &Sources) -> Vec<Finding> {
    let mut findings = layers::check(repository, sources);
    findings.extend(sizes::check(repository, sources));
    findings.extend(doors::check(sources));
    findings.extend(unsafety::check(sources));
    findings.extend(modules::check(repository, sources));
    findings.extend(words::check(repository, sources));
    findings.extend(codecs::check(repository, sources));
    findings.extend(formats::check(repository, sources));
    findings.extend(golden::check(repository));
    findings
}
