//! What is packed, whatever the package: files by path, with the rights that they get.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use flate2::{Compression, GzBuilder};

use super::binary::{Binary, ask};

/// Rights of a program and of any other file.
const PROGRAM: u32 = 0o755;
const PLAIN: u32 = 0o644;

/// A file of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PackedFile {
    /// Where it goes, from the root of the package.
    pub(super) path: String,
    pub(super) mode: u32,
    pub(super) bytes: Vec<u8>,
}

impl PackedFile {
    pub(super) fn plain(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            path: path.into(),
            mode: PLAIN,
            bytes: bytes.into(),
        }
    }

    pub(super) fn program(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            mode: PROGRAM,
            ..Self::plain(path, bytes)
        }
    }
}

/// What the binary makes of itself.
#[derive(Debug)]
pub(super) struct Generated {
    /// Pages of the manual by the names of their files.
    pub(super) pages: Vec<(String, Vec<u8>)>,
    /// Completions of bash, zsh and fish.
    pub(super) bash: String,
    pub(super) zsh: String,
    pub(super) fish: String,
    pub(super) dashboard: String,
    /// Alerts that point to the runbook beside them, and to the one that is installed.
    pub(super) alerts: String,
    pub(super) installed_alerts: String,
}

/// All that packages are made of.
#[derive(Debug)]
pub(super) struct Payload {
    /// Folder of the repository.
    pub(super) root: PathBuf,
    pub(super) binary: Binary,
    pub(super) generated: Generated,
    /// Licences of the libraries in the binary.
    pub(super) licences: String,
    /// Time of every file, in seconds since the epoch.
    pub(super) epoch: u64,
}

impl Payload {
    /// A file of the repository.
    pub(super) fn source(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        let full = self.root.join(path);
        std::fs::read(&full).with_context(|| format!("reading {}", full.display()))
    }
}

/// Where the Debian package has the runbook.
pub(super) const INSTALLED_RUNBOOK: &str = "/usr/share/doc/tsdb-server/runbook.md";

/// Has the binary make what goes with it; pages of the manual are written to `folder` first.
pub(super) fn generate(binary: &Path, folder: &Path) -> anyhow::Result<Generated> {
    let say = |arguments: &[&str]| ask(binary, &[&["generate"], arguments].concat());
    let to = folder.to_str().context("the path is not UTF-8")?;
    say(&["man", "--to", to])?;
    let mut pages = Vec::new();
    for entry in std::fs::read_dir(folder).context("listing the pages of the manual")? {
        let entry = entry?;
        let bytes = std::fs::read(entry.path()).context("reading a page of the manual")?;
        pages.push((entry.file_name().to_string_lossy().into_owned(), bytes));
    }
    pages.sort();
    Ok(Generated {
        pages,
        bash: say(&["completions", "bash"])?,
        zsh: say(&["completions", "zsh"])?,
        fish: say(&["completions", "fish"])?,
        dashboard: say(&["dashboard"])?,
        alerts: say(&["alerts"])?,
        installed_alerts: say(&["alerts", "--runbook", INSTALLED_RUNBOOK])?,
    })
}

/// Compresses without a name or a time.
pub(super) fn gzip(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}
