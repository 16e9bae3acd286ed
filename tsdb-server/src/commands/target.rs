//! What a command works on: a data folder that no server has open, or a running server.

use std::path::{Path, PathBuf};

use clap::Args;
use tsdb_core::vfs::{OpenMode, OsVfs};
use tsdb_core::{Db, ErrorKind, Vfs};

use super::CommandError;
use super::offline::offline_options;
use super::progress::Progress;
use super::remote::Remote;
use crate::config::Config;

/// A running server, or the folder that `--data-dir` names.
#[derive(Clone, Debug, Args)]
pub(super) struct Target {
    #[command(flatten)]
    remote: Remote,
}

/// A data folder that a command works on, and how its errors are told.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    path: PathBuf,
}

impl Target {
    /// Has the running server do it where one is named, or does it here with the folder's
    /// database, which is closed behind.
    pub(super) fn run(
        &self,
        config: &Config,
        what: &str,
        (route, form): (&str, &str),
        here: impl FnOnce(&Db, &Folder) -> Result<(), CommandError>,
    ) -> Result<(), CommandError> {
        let progress = Progress::new();
        if let Some(server) = self.remote.server()? {
            progress.say(what);
            return server.post(route, form).map(|_| ());
        }
        let folder = Folder::existing(&config.data_dir)?;
        progress.say("opening");
        let db = Db::open(&folder.path, offline_options()).map_err(folder.failed())?;
        progress.say(what);
        here(&db, &folder)?;
        progress.say("closing");
        db.close().map_err(folder.failed())
    }
}

impl Folder {
    /// Refuses a folder that is no database's: opening it for writing would make one of it.
    pub(super) fn existing(path: &Path) -> Result<Self, CommandError> {
        let folder = Self::at(path);
        match folder.vfs().open(Path::new("FORMAT"), OpenMode::Read) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(CommandError::NoDatabase {
                    folder: folder.path,
                })
            }
            // Whatever else is wrong with it, opening the database says.
            _ => Ok(folder),
        }
    }

    /// As [`Folder::existing`], also where the file FORMAT is missing from a database.
    pub(super) fn whole_or_damaged(path: &Path) -> Result<Self, CommandError> {
        let folder = Self::at(path);
        let names = folder.vfs().list(Path::new("")).unwrap_or_default();
        let has = |wanted: &str| names.iter().any(|name| name == wanted);
        if has("CATALOG") || has("wal") {
            return Ok(folder);
        }
        Self::existing(path)
    }

    /// Whether a folder does not open for what is in it, or missing from it.
    pub(super) fn is_damaged(error: &tsdb_core::Error) -> bool {
        error.kind() == ErrorKind::Corrupt || is_missing(error)
    }

    /// The folder at `path`, whatever is in it.
    pub(super) fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn vfs(&self) -> OsVfs {
        OsVfs::new(&self.path)
    }

    /// Tells an error as one of this folder.
    pub(super) fn failed(&self) -> impl Fn(tsdb_core::Error) -> CommandError + use<> {
        let folder = self.path.clone();
        move |source| CommandError::Database {
            folder: folder.clone(),
            source,
        }
    }
}

/// Whether a file that is listed is not there.
fn is_missing(error: &tsdb_core::Error) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        let io = error.downcast_ref::<std::io::Error>();
        let shared = error.downcast_ref::<std::sync::Arc<std::io::Error>>();
        let io = io.or_else(|| shared.map(|shared| &**shared));
        if io.is_some_and(|io| io.kind() == std::io::ErrorKind::NotFound) {
            return true;
        }
        next = error.source();
    }
    false
}
