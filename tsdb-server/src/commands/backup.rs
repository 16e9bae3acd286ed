//! `tsdb-server backup`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use tsdb_core::vfs::OsVfs;
use tsdb_core::{Backups, Clock, FolderStore, SystemClock, Vfs};

use super::CommandError;
use super::error::DAMAGED;
use super::progress::Progress;
use super::remote::{Remote, Server};
use super::target::Folder;
use crate::config::Config;
use crate::timestamp::format_rfc3339;

const EXAMPLES: &str = "\
Examples:
  tsdb-server backup --data-dir /var/lib/tsdb --to /backup/tsdb --keep 7
      Of a folder that no server has open; the seven newest backups stay.
  tsdb-server backup --url http://127.0.0.1:7201 --data-dir /var/lib/tsdb --to /backup/tsdb
      Of a running server on this machine that was started with --enable-admin-api.
  tsdb-server backup --list --to /backup/tsdb
  tsdb-server backup --check --to /backup/tsdb
      Reads all that is kept, and compares every checksum.

Files that the backup folder has already are not copied again; a backup that was cut short goes on.
Exit codes: 0 done, 1 not done, 2 wrong arguments, 3 --check found damage.";

/// Copies a data folder to a folder of backups.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Backup {
    /// The folder of backups; made if it is not there
    #[arg(long, value_name = "DIR")]
    to: PathBuf,

    /// Name of the backup; left out: the time
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Remove all but the newest backups, so many staying
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,

    /// List the backups that are there, and make none
    #[arg(long, conflicts_with_all = ["check", "keep", "url", "name"])]
    list: bool,

    /// Compare the checksums of all that is kept, or of --name alone, and make no backup
    #[arg(long, conflicts_with_all = ["keep", "url"])]
    check: bool,

    /// A running server, whose data folder is --data-dir.
    #[command(flatten)]
    remote: Remote,
}

impl Backup {
    pub(super) fn run(&self, config: &Config) -> Result<ExitCode, CommandError> {
        let store = Folder::at(&self.to);
        let backups = backups_in(&self.to);
        if self.list {
            return list(&backups, &store);
        }
        if self.check {
            return self.check(&backups, &store);
        }
        let folder = Folder::existing(&config.data_dir)?;
        match self.remote.server()? {
            None => self.take(&backups, &folder)?,
            Some(server) => {
                let snapshot = Snapshot::make(&server, &folder)?;
                let taken = self.take(&backups, &snapshot.folder);
                // What was made for this goes, whether it was of use or not.
                let removed = snapshot.remove();
                taken?;
                removed?;
            }
        }
        if let Some(keep) = self.keep {
            let keep = usize::try_from(keep).unwrap_or(usize::MAX);
            let removed = backups.retain(keep).map_err(store.failed())?;
            for name in &removed.removed {
                writeln!(std::io::stdout(), "{name}: removed")?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn take(&self, backups: &Backups, folder: &Folder) -> Result<(), CommandError> {
        let now_ms = SystemClock::new().now_ms();
        let name = self.name.clone().unwrap_or_else(|| backup_name(now_ms));
        let progress = Progress::new();
        let done = backups.take(&folder.vfs(), (&name, now_ms), &mut |at| {
            progress.bytes(&at)
        });
        let report = done.map_err(folder.failed())?;
        writeln!(
            std::io::stdout(),
            "{}: {} files, {} bytes; copied: {} files, {} bytes",
            report.name,
            report.files,
            report.bytes,
            report.copied_files,
            report.copied_bytes
        )?;
        Ok(())
    }

    fn check(&self, backups: &Backups, store: &Folder) -> Result<ExitCode, CommandError> {
        let progress = Progress::new();
        let checked = backups.check(self.name.as_deref(), &mut |at| progress.bytes(&at));
        let report = checked.map_err(store.failed())?;
        let mut out = std::io::stdout().lock();
        for problem in &report.problems {
            writeln!(out, "{}: {}", problem.path.display(), problem.what)?;
        }
        writeln!(
            out,
            "{} backups, {} files, {} bytes; damaged files: {}",
            report.backups,
            report.files,
            report.bytes,
            report.problems.len()
        )?;
        Ok(match report.problems.is_empty() {
            true => ExitCode::SUCCESS,
            false => ExitCode::from(DAMAGED),
        })
    }
}

/// The backups that a folder keeps.
pub(super) fn backups_in(path: &Path) -> Backups {
    Backups::new(Arc::new(FolderStore::new(Arc::new(OsVfs::new(path)))))
}

fn list(backups: &Backups, store: &Folder) -> Result<ExitCode, CommandError> {
    let mut out = std::io::stdout().lock();
    for backup in backups.list().map_err(store.failed())? {
        writeln!(
            out,
            "{}: {}, {} files, {} bytes",
            backup.name,
            format_rfc3339(backup.created_ms),
            backup.files,
            backup.bytes
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The time, to the millisecond.
fn backup_name(now_ms: i64) -> String {
    let kept = |char: &char| !matches!(char, '-' | ':');
    format_rfc3339(now_ms).chars().filter(kept).collect()
}

/// A snapshot that a running server made for a backup.
struct Snapshot {
    data: Folder,
    name: String,
    folder: Folder,
}

impl Snapshot {
    /// Has a server make one, which must be found below its data folder.
    fn make(server: &Server, data: &Folder) -> Result<Self, CommandError> {
        Progress::new().say("making a snapshot");
        let answer = server.post("/api/v1/admin/tsdb/snapshot", "")?;
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap_or_default();
        let unusable = |why: String| CommandError::Unreachable {
            url: server.url().to_owned(),
            why,
        };
        let name = answer.pointer("/data/name").and_then(|name| name.as_str());
        let name = name.ok_or_else(|| unusable("its answer names no snapshot".to_owned()))?;
        let path = data.path().join("snapshots").join(name);
        if data.vfs().list(&Path::new("snapshots").join(name)).is_err() {
            return Err(unusable(format!(
                "it made the snapshot {name}, but {} is not there: run this on the machine of the \
                 server, and name its data folder with --data-dir; the snapshot stays",
                path.display()
            )));
        }
        Ok(Self {
            data: data.clone(),
            name: name.to_owned(),
            folder: Folder::at(&path),
        })
    }

    fn remove(self) -> Result<(), CommandError> {
        let vfs = self.data.vfs();
        tsdb_core::Db::remove_snapshot(&vfs, &self.name).map_err(self.data.failed())
    }
}

#[cfg(test)]
mod tests {
    use super::backup_name;

    #[test]
    fn names_are_times() {
        assert!(backup_name(1_700_000_000_123).starts_with("20231114T221320"));
    }
}
