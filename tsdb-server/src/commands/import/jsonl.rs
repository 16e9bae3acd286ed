//! `tsdb-server import jsonl`.

use std::process::ExitCode;

use clap::Args;

use super::text::{Text, TextRoute};
use crate::commands::CommandError;
use crate::config::Config;
use crate::import::ImportFormat;

const EXAMPLES: &str = "\
Examples:
  tsdb-server import jsonl export.jsonl --data-dir /var/lib/tsdb
      Into a folder that no server has open; made if it is not there.
  tsdb-server export --match '{job=\"node\"}' --url http://old:7201 | tsdb-server import jsonl - --url http://new:7201
      From one server to another, with all bits.

A line that is wrong is told as FILE:LINE:COLUMN and left out. Importing the same text again is success.
Exit codes: 0 everything was stored, 1 not done, or something was refused, 2 wrong arguments.";

/// Imports lines of samples as JSON.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct JsonLines {
    #[command(flatten)]
    text: Text,
}

impl JsonLines {
    pub(super) fn run(&self, config: &Config) -> Result<ExitCode, CommandError> {
        let route = TextRoute {
            path: "/api/v1/import",
            parameters: Vec::new(),
            content_type: "application/stream+json",
        };
        self.text.run(config, ImportFormat::JsonLines, route)
    }
}
