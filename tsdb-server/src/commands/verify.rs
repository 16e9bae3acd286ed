//! `tsdb-server verify`.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use tsdb_core::{Db, ErrorKind};

use super::CommandError;
use super::error::DAMAGED;
use super::progress::Progress;
use super::target::Folder;
use crate::config::Config;

const EXAMPLES: &str = "\
Examples:
  tsdb-server verify --data-dir /var/lib/tsdb
      Of a folder that no server has open; a snapshot is one, too.

Exit codes: 0 everything is whole, 1 it could not be read, 2 wrong arguments, 3 something is damaged.";

/// Reads a folder and tells what is damaged.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Verify {}

impl Verify {
    #[expect(clippy::unused_self, reason = "commands are run alike")]
    pub(super) fn run(&self, config: &Config) -> Result<ExitCode, CommandError> {
        let folder = Folder::existing(&config.data_dir)?;
        let failed = folder.failed();
        let progress = Progress::new();
        progress.say("opening");
        let mut out = std::io::stdout();
        let db = match Db::open_read_only(folder.path()) {
            Ok(db) => db,
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                writeln!(out, "{error}")?;
                writeln!(
                    out,
                    "damaged: it does not open, and what lies behind was not read"
                )?;
                return Ok(ExitCode::from(DAMAGED));
            }
            Err(error) => return Err(failed(error)),
        };
        progress.say("reading every file");
        let report = db.verify().map_err(failed)?;
        for tail in &db.recovery().torn {
            let (path, offset) = (tail.path.display(), tail.offset);
            let (bytes, what) = (tail.bytes, &tail.what);
            writeln!(
                out,
                "{path}: {bytes} bytes behind byte {offset} were never acked: {what}"
            )?;
        }
        // A torn end is what a crash leaves, and no damage: nothing in it was acked.
        let torn = &db.recovery().torn;
        let mut damaged = report.problems.iter();
        let damaged: Vec<_> = damaged
            .by_ref()
            .filter(|problem| torn.iter().all(|tail| tail.path != problem.path))
            .collect();
        for problem in &damaged {
            writeln!(out, "{}: {}", problem.path.display(), problem.what)?;
        }
        writeln!(
            out,
            "{} files, {} series, samples: {} in logs, {} in runs, {} in blocks; damaged files: {}",
            report.files,
            report.series,
            report.log_samples,
            report.run_samples,
            report.block_samples,
            damaged.len()
        )?;
        Ok(if damaged.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(DAMAGED)
        })
    }
}
