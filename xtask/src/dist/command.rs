//! `cargo xtask dist [--profile P] [--target-dir DIR] [--out DIR] [--binary FILE]`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use sha2::{Digest as _, Sha256};

use super::binary::{self, Binary};
use super::{archive, debian, payload, third_party};
use crate::repository;

/// What is to be packed, and where to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) profile: String,
    pub(super) target_dir: PathBuf,
    pub(super) out: PathBuf,
    /// A binary that is there already; none: it is built.
    pub(super) binary: Option<PathBuf>,
}

pub(super) fn options(root: &Path, arguments: &[String]) -> anyhow::Result<Options> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    let mut options = Options {
        profile: "release".to_owned(),
        out: target.join("dist"),
        target_dir: target,
        binary: None,
    };
    let mut arguments = arguments.iter();
    while let Some(name) = arguments.next() {
        let value = arguments
            .next()
            .with_context(|| format!("`{name}` needs a value"))?;
        match name.as_str() {
            "--profile" => options.profile.clone_from(value),
            "--target-dir" => options.target_dir = PathBuf::from(value),
            "--out" => options.out = PathBuf::from(value),
            "--binary" => options.binary = Some(PathBuf::from(value)),
            _ => {
                bail!("unknown option `{name}`: --profile, --target-dir, --out and --binary exist")
            }
        }
    }
    Ok(options)
}

/// `cargo xtask dist`.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let root = repository::root()?;
    let options = options(&root, arguments)?;
    let epoch = epoch(&root)?;
    let path = match &options.binary {
        Some(path) => path.clone(),
        None => binary::build(&root, &options)?,
    };
    let binary = Binary::read(&path)?;
    std::fs::create_dir_all(&options.out)
        .with_context(|| format!("creating {}", options.out.display()))?;
    let staging = options.out.join("staging");
    remove_folder(&staging)?;
    let made = payload::Payload {
        licences: third_party::licences(&root)?,
        generated: payload::generate(&path, &staging.join("generated"))?,
        root,
        binary,
        epoch,
    };
    let files = [
        archive::write(&made, &options.out)?,
        debian::write(&made, &staging.join("debian"), &options.out)?,
    ];
    remove_folder(&staging)?;
    let mut sums = String::new();
    for name in &files {
        let path = options.out.join(name);
        let bytes = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        writeln!(sums, "{:x}  {name}", Sha256::digest(&bytes))?;
        println!("{} ({} bytes)", path.display(), bytes.len());
    }
    let path = options.out.join("SHA256SUMS");
    std::fs::write(&path, sums).with_context(|| format!("writing {}", path.display()))
}

/// Removes a folder with all that is in it, if it is there.
fn remove_folder(folder: &Path) -> anyhow::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// The time that all packed files carry, in seconds since the epoch: `SOURCE_DATE_EPOCH`, or that
/// of the commit.
fn epoch(root: &Path) -> anyhow::Result<u64> {
    let said = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(said) => said,
        Err(_) => {
            let arguments = ["log", "-1", "--format=%ct"];
            let git = Command::new("git")
                .args(arguments)
                .current_dir(root)
                .output();
            let git = git.context("starting git: without it, set SOURCE_DATE_EPOCH")?;
            if !git.status.success() {
                bail!("git knows no commit here: set SOURCE_DATE_EPOCH");
            }
            String::from_utf8_lossy(&git.stdout).into_owned()
        }
    };
    let said = said.trim();
    said.parse()
        .with_context(|| format!("SOURCE_DATE_EPOCH {said:?} is no number of seconds"))
}
