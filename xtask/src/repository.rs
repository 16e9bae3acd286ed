//! The repository's files as one map in memory, so that a check can be tried on a made-up one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Folders that hold nothing written by hand.
const SKIPPED_FOLDERS: &[&str] = &["target", ".git", "corpus", "artifacts", "node_modules"];

/// Every file of the repository by its path from the root, with `/` between folders.
#[derive(Debug, Default)]
pub(crate) struct Repository {
    files: BTreeMap<String, Vec<u8>>,
}

impl Repository {
    /// Reads the folder that holds the workspace's `Cargo.toml`.
    pub(crate) fn read(root: &Path) -> anyhow::Result<Self> {
        let mut repository = Self::default();
        repository.read_folder(root, "")?;
        Ok(repository)
    }

    fn read_folder(&mut self, folder: &Path, prefix: &str) -> anyhow::Result<()> {
        let entries =
            std::fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type()?;
            let path = format!("{prefix}{name}");
            if kind.is_dir() {
                // The server's default data folder lies beside the sources and is not part of them.
                if !SKIPPED_FOLDERS.contains(&name.as_str()) && path != "data" {
                    self.read_folder(&entry.path(), &format!("{path}/"))?;
                }
            } else if kind.is_file() {
                let bytes = std::fs::read(entry.path())
                    .with_context(|| format!("reading {}", entry.path().display()))?;
                self.files.insert(path, bytes);
            }
        }
        Ok(())
    }

    /// Adds or replaces a file.
    #[cfg(test)]
    pub(crate) fn with(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.to_owned(), text.as_bytes().to_vec());
        self
    }

    /// All files in the order of their paths.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files
            .iter()
            .map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
    }

    /// The text of one file, if it is there and UTF-8.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files
            .get(path)
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    /// Whether the file is there.
    pub(crate) fn contains(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// All texts whose path ends so.
    pub(crate) fn texts<'a>(&'a self, suffix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.files
            .iter()
            .filter(move |(path, _)| path.ends_with(suffix))
            .filter_map(|(path, bytes)| Some((path.as_str(), std::str::from_utf8(bytes).ok()?)))
    }
}

/// The workspace's folder: the parent of this tool's own.
pub(crate) fn root() -> anyhow::Result<PathBuf> {
    let own = std::env::var_os("CARGO_MANIFEST_DIR").context("run me as `cargo xtask`")?;
    let parent = Path::new(&own)
        .parent()
        .context("xtask lies at the top of a workspace")?;
    Ok(parent.to_path_buf())
}
