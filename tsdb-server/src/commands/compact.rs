//! `tsdb-server compact`.

use std::process::ExitCode;

use clap::Args;

use super::CommandError;
use super::target::Target;
use crate::config::Config;

const EXAMPLES: &str = "\
Examples:
  tsdb-server compact --data-dir /var/lib/tsdb
      Of a folder that no server has open.
  tsdb-server compact --url http://127.0.0.1:7201
      Of a running server that was started with --enable-admin-api.

Exit codes: 0 done, 1 not done, 2 wrong arguments.";

/// Compacts a folder, or has a server do it.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Compact {
    #[command(flatten)]
    target: Target,
}

impl Compact {
    pub(super) fn run(&self, config: &Config) -> Result<ExitCode, CommandError> {
        let route = ("/api/v1/admin/compact", "");
        self.target.run(config, "compacting", route, |db, folder| {
            db.compact().map_err(folder.failed())
        })?;
        Ok(ExitCode::SUCCESS)
    }
}
