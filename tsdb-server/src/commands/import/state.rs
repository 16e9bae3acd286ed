//! How far an import is: a small file, from which it goes on when it was cut short.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tsdb_core::Vfs;
use tsdb_core::vfs::{OpenMode, OsVfs, create_anew, open_if_there, read_to_end, write_all_at};

use super::tally::Tally;
use crate::commands::CommandError;

/// The only version.
const VERSION: u32 = 1;
/// Longest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// What an import is asked for; what was done for another cannot be left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Settings {
    /// A URL, or the path of a data folder.
    pub(super) target: String,
    pub(super) namespace: Option<String>,
    #[serde(rename = "match")]
    pub(super) selectors: Vec<String>,
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
    #[serde(rename = "addLabels")]
    pub(super) labels: BTreeMap<String, String>,
}

/// How far a block is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct BlockState {
    /// Whether nothing is left to do.
    pub(super) done: bool,
    /// Series that are done.
    pub(super) series: u64,
    /// Chunks of the next one that are done.
    pub(super) chunks: usize,
    pub(super) tally: Tally,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Content {
    version: u32,
    settings: Settings,
    blocks: BTreeMap<String, BlockState>,
}

/// The file, which is replaced as a whole.
#[derive(Debug)]
pub(super) struct StateFile {
    vfs: OsVfs,
    name: PathBuf,
    path: PathBuf,
    content: Content,
}

impl StateFile {
    /// Reads the file at `path`, if it is there.
    pub(super) fn open(path: &Path, settings: Settings) -> Result<Self, CommandError> {
        let wrong = |why: String| CommandError::Argument {
            argument: "--state",
            value: path.display().to_string(),
            why,
        };
        let Some(name) = path.file_name() else {
            return Err(wrong("it names no file".to_owned()));
        };
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let mut state = Self {
            vfs: OsVfs::new(folder),
            name: PathBuf::from(name),
            path: path.to_owned(),
            content: Content {
                version: VERSION,
                settings,
                blocks: BTreeMap::new(),
            },
        };
        if let Some(text) = state.read().map_err(|error| wrong(error.to_string()))? {
            let found: Content = serde_json::from_slice(&text).map_err(|error| {
                wrong(format!(
                    "it is no state of an import: {error}; name another file, or remove it to begin anew"
                ))
            })?;
            if found.version != VERSION || found.settings != state.content.settings {
                let before = serde_json::to_string(&found.settings).unwrap_or_default();
                return Err(wrong(format!(
                    "it is of another import, {before}: name another file, or remove it to begin anew"
                )));
            }
            state.content = found;
        }
        Ok(state)
    }

    fn read(&self) -> std::io::Result<Option<Vec<u8>>> {
        let file = open_if_there(&self.vfs, &self.name, OpenMode::Read)?;
        let Some(file) = file else { return Ok(None) };
        if file.len()? > FILE_BYTES_MAX {
            let why = "the file is too long for a state of an import";
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, why));
        }
        read_to_end(&*file).map(Some)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it knows of samples that were stored.
    pub(super) fn is_begun(&self) -> bool {
        let mut blocks = self.content.blocks.values();
        blocks.any(|block| block.tally.stored > 0)
    }

    /// How far a block is.
    pub(super) fn block(&mut self, ulid: &str) -> &mut BlockState {
        self.content.blocks.entry(ulid.to_owned()).or_default()
    }

    /// Makes what is known durable, in the place of what was.
    pub(super) fn save(&self) -> Result<(), CommandError> {
        let failed = |error: std::io::Error| CommandError::Argument {
            argument: "--state",
            value: self.path.display().to_string(),
            why: format!("it cannot be written: {error}"),
        };
        self.replace().map_err(failed)
    }

    fn replace(&self) -> std::io::Result<()> {
        let text = serde_json::to_vec_pretty(&self.content)?;
        let mut temporary = self.name.clone().into_os_string();
        temporary.push(".new");
        let temporary = Path::new(&temporary);
        let file = create_anew(&self.vfs, temporary)?;
        write_all_at(&*file, &text, 0)?;
        file.sync()?;
        self.vfs.rename(temporary, &self.name)?;
        self.vfs.sync_dir(Path::new(""))
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "a state that is damaged is no data"
)]
mod tests {
    use super::*;

    fn settings(target: &str) -> Settings {
        Settings {
            target: target.to_owned(),
            namespace: None,
            selectors: vec!["up".to_owned()],
            start_ms: i64::MIN,
            end_ms: i64::MAX,
            labels: BTreeMap::new(),
        }
    }

    #[test]
    fn what_was_saved_is_found_again_by_the_same_import_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("import.state");
        let mut state = StateFile::open(&path, settings("a")).expect("a new state");
        state.block("01").series = 7;
        state.save().expect("it is written");
        state.block("01").done = true;
        state.save().expect("it is written again");
        assert_eq!(std::fs::read_dir(folder.path()).expect("files").count(), 1);
        let mut again = StateFile::open(&path, settings("a")).expect("the same");
        assert_eq!(
            (again.block("01").series, again.block("01").done),
            (7, true)
        );
        assert_eq!(*again.block("02"), BlockState::default());
        let other = StateFile::open(&path, settings("b")).expect_err("another import");
        assert!(other.to_string().contains("of another import"), "{other}");
        std::fs::write(&path, "{").expect("damage");
        let damaged = StateFile::open(&path, settings("a")).expect_err("no state");
        assert!(damaged.to_string().contains("no state"), "{damaged}");
    }
}
