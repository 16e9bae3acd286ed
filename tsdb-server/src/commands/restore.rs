//! `tsdb-server restore`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use tsdb_core::Vfs;

use super::CommandError;
use super::backup::backups_in;
use super::progress::Progress;
use super::target::Folder;
use crate::config::Config;

const EXAMPLES: &str = "\
Examples:
  tsdb-server restore --from /backup/tsdb --data-dir /var/lib/tsdb
      The newest backup, into an empty folder.
  tsdb-server restore --from /backup/tsdb --backup 20260101T000000.000Z --data-dir /var/lib/tsdb

Every checksum is compared. A restore that was cut short goes on when it is repeated.
Exit codes: 0 done, 1 not done, 2 wrong arguments.";

/// Makes a data folder of a backup.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Restore {
    /// The folder of backups
    #[arg(long, value_name = "DIR")]
    from: PathBuf,

    /// Name of the backup; left out: the newest one
    #[arg(long, value_name = "NAME")]
    backup: Option<String>,
}

impl Restore {
    pub(super) fn run(&self, config: &Config) -> Result<ExitCode, CommandError> {
        let folder = Folder::at(&config.data_dir);
        let to: Arc<dyn Vfs> = Arc::new(folder.vfs());
        let progress = Progress::new();
        let backups = backups_in(&self.from);
        let restored = backups.restore(self.backup.as_deref(), &to, &mut |at| progress.bytes(&at));
        let report = restored.map_err(folder.failed())?;
        writeln!(
            std::io::stdout(),
            "{}: {} files, {} bytes restored to {}",
            report.name,
            report.files,
            report.bytes,
            folder.path().display()
        )?;
        Ok(ExitCode::SUCCESS)
    }
}
