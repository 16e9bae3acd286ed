//! `tsdb-server verify`.

use std::io::Write;
use std::process::ExitCode;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use tsdb_core::{Db, SalvageReport, Vfs};

use super::CommandError;
use super::error::DAMAGED;
use super::progress::Progress;
use super::salvage_text;
use super::target::Folder;
use crate::config::Config;

const EXAMPLES: &str = "\
Examples:
  tsdb-server verify --data-dir /var/lib/tsdb
      Of a folder that no server has open; a snapshot is one, too.
  tsdb-server verify --salvage --to /var/lib/tsdb-salvaged --data-dir /var/lib/tsdb
      Writes what can still be read to a folder of its own; the damaged one is not changed.
  tsdb-server verify --salvage --in-place --data-dir /var/lib/tsdb
      In its place; all that was there is kept in lost-N in the folder.

Exit codes: 0 everything is whole, 1 it could not be read, 2 wrong arguments, 3 something is damaged: it is listed, and\nwith --salvage what can be read of it was written.";

/// Reads a folder and tells what is damaged; with --salvage, makes one of it that opens.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Verify {
    /// Write what can still be read, and say exactly what is given up; say where with --to or
    /// --in-place
    #[arg(long, requires = "place")]
    salvage: bool,

    /// An empty folder for what can still be read
    #[arg(long, value_name = "DIR", requires = "salvage", group = "place")]
    to: Option<PathBuf>,

    /// Put it in the place of the damaged folder; what was there is moved to lost-N in it
    #[arg(long, requires = "salvage", group = "place")]
    in_place: bool,

    /// What is damaged and what is given up for it as one JSON object
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(super) fn run(&self, config: &Config) -> Result<ExitCode, CommandError> {
        let folder = Folder::whole_or_damaged(&config.data_dir)?;
        if self.salvage {
            return self.salvage(&folder);
        }
        if self.json {
            return self.examine(&folder);
        }
        let failed = folder.failed();
        let progress = Progress::new();
        progress.say("opening");
        let mut out = std::io::stdout();
        let db = match Db::open_read_only(folder.path()) {
            Ok(db) => db,
            Err(error) if Folder::is_damaged(&error) => {
                writeln!(out, "it does not open: {error}")?;
                return self.examine(&folder);
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

    /// Tells all that is damaged of a folder, whether it opens or not.
    fn examine(&self, folder: &Folder) -> Result<ExitCode, CommandError> {
        let progress = Progress::new();
        let vfs: Arc<dyn Vfs> = Arc::new(folder.vfs());
        let read =
            &mut |path: &std::path::Path| progress.say(&format!("reading {}", path.display()));
        let report = Db::examine(&vfs, read).map_err(folder.failed())?;
        self.tell(&report, None)
    }

    fn salvage(&self, folder: &Folder) -> Result<ExitCode, CommandError> {
        let progress = Progress::new();
        let vfs: Arc<dyn Vfs> = Arc::new(folder.vfs());
        let at = &mut |path: &std::path::Path| progress.say(&path.display().to_string());
        let (report, place) = match &self.to {
            Some(place) => {
                let target: Arc<dyn Vfs> = Arc::new(Folder::at(place).vfs());
                (Db::salvage(&vfs, &target, at), place.as_path())
            }
            None => (Db::salvage_in_place(&vfs, at), folder.path()),
        };
        self.tell(&report.map_err(folder.failed())?, Some(place))
    }

    fn tell(
        &self,
        report: &SalvageReport,
        written: Option<&std::path::Path>,
    ) -> Result<ExitCode, CommandError> {
        let mut out = std::io::stdout().lock();
        if self.json {
            salvage_text::write_json(&mut out, report)?;
        } else {
            salvage_text::write_table(&mut out, report)?;
            match written {
                Some(_) if report.is_healthy() => {
                    writeln!(out, "nothing is damaged: nothing was written")?;
                }
                Some(place) => writeln!(out, "salvaged: {}", place.display())?,
                None => {}
            }
        }
        Ok(if report.is_healthy() {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(DAMAGED)
        })
    }
}
