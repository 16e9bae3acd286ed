//! `tsdb-server delete`.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;

use super::CommandError;
use super::selection::{matcher_sets, time_range};
use super::target::Target;
use crate::config::Config;

const EXAMPLES: &str = "\
Examples:
  tsdb-server delete --match '{job=\"node\",instance=\"old:9100\"}' --data-dir /var/lib/tsdb
      All samples of these series, in a folder that no server has open.
  tsdb-server delete --match up --start 2026-01-01T00:00:00Z --end 1767312000 --url http://127.0.0.1:7201
      A part of the time, of a running server that was started with --enable-admin-api.

What is deleted is hidden at once; `tsdb-server compact` takes it off the disk.
Exit codes: 0 done, 1 not done, 2 wrong arguments.";

/// Deletes in a folder, or has a server do it.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Delete {
    /// Series to delete samples of, as in PromQL; several times for several selectors
    #[arg(long = "match", value_name = "SELECTOR", required = true)]
    selectors: Vec<String>,

    /// First moment, in seconds since the epoch or RFC 3339; left out: from the beginning
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    start: Option<String>,

    /// Last moment, included; left out: to the end
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    end: Option<String>,

    #[command(flatten)]
    target: Target,
}

impl Delete {
    pub(super) fn run(&self, config: &Config) -> Result<ExitCode, CommandError> {
        let range = time_range(self.start.as_ref(), self.end.as_ref())?;
        let sets = matcher_sets(&self.selectors)?;
        let form = self.form();
        let route = ("/api/v1/admin/tsdb/delete_series", form.as_str());
        self.target.run(config, "deleting", route, |db, folder| {
            for (set, selector) in sets.iter().zip(&self.selectors) {
                let report = db.default_namespace().delete(range, set);
                let report = report.map_err(folder.failed())?;
                writeln!(
                    std::io::stdout(),
                    "{selector}: samples of {} series deleted",
                    report.series
                )?;
            }
            Ok(())
        })?;
        Ok(ExitCode::SUCCESS)
    }

    fn form(&self) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        for selector in &self.selectors {
            form.append_pair("match[]", selector);
        }
        for (name, text) in [("start", &self.start), ("end", &self.end)] {
            if let Some(text) = text {
                form.append_pair(name, text);
            }
        }
        form.finish()
    }
}
