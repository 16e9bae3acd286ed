//! `tsdb-server import prometheus`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::commands::CommandError;
use crate::config::Config;

/// Imports the blocks of a Prometheus.
#[derive(Clone, Debug, Args)]
pub(super) struct Prometheus {
    /// A data folder of Prometheus, a snapshot of one, or a block
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl Prometheus {
    pub(super) fn run(&self, _: &Config) -> Result<ExitCode, CommandError> {
        Err(CommandError::Argument {
            argument: "DIR",
            value: self.folder.display().to_string(),
            why: "blocks cannot be imported yet".to_owned(),
        })
    }
}
