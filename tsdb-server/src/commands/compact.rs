//! `tsdb-server compact`.

use std::process::ExitCode;

use clap::Args;
use tsdb_core::Db;

use super::offline::offline_options;
use super::progress::Progress;
use super::verify::expect_database;
use super::{CommandError, remote};
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
    /// A running server, instead of --data-dir
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

impl Compact {
    pub(super) fn run(&self, config: &Config) -> Result<ExitCode, CommandError> {
        let progress = Progress::new();
        if let Some(url) = &self.url {
            progress.say("compacting");
            remote::post(url, "/api/v1/admin/compact", "")?;
            return Ok(ExitCode::SUCCESS);
        }
        expect_database(config)?;
        let failed = |source| CommandError::Database {
            folder: config.data_dir.clone(),
            source,
        };
        progress.say("opening");
        let db = Db::open(&config.data_dir, offline_options()).map_err(failed)?;
        progress.say("compacting");
        db.compact().map_err(failed)?;
        db.close().map_err(failed)?;
        Ok(ExitCode::SUCCESS)
    }
}
