//! What all of these commands are told, and how they answer.

use std::io::Write as _;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::api::Api;
use crate::commands::CommandError;
use crate::commands::remote::Remote;
use crate::config::Config;
use crate::units::duration_of;

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// Whom to ask, and how to answer.
#[derive(Clone, Debug, Args)]
pub(super) struct Asking {
    #[command(flatten)]
    remote: Remote,

    /// How to write the answer
    #[arg(long, value_enum, value_name = "FORM", default_value = "table")]
    pub(super) output: Output,
}

/// Whether to change anything, and whether to wait for it.
#[derive(Clone, Debug, Args)]
pub(super) struct Changing {
    #[command(flatten)]
    pub(super) asking: Asking,

    /// Change nothing, show what would be
    #[arg(long, conflicts_with = "wait")]
    pub(super) dry_run: bool,

    #[command(flatten)]
    pub(super) waiting: Waiting,
}

/// Whether to wait for what was asked for.
#[derive(Clone, Debug, Args)]
pub(super) struct Waiting {
    /// Wait until it is done
    #[arg(long)]
    pub(super) wait: bool,

    /// How long to wait at most; what is not finished by then goes on by itself
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration_of, requires = "wait")]
    pub(super) timeout: Duration,
}

impl Asking {
    /// The server that is asked.
    pub(super) fn api(&self, config: &Config) -> Result<Api, CommandError> {
        let server = self.remote.server_or_own(config)?;
        Api::new(server, &config.cluster_environment)
    }

    /// Writes an answer.
    pub(super) fn write<T: Serialize>(
        &self,
        answer: &T,
        table: impl FnOnce(&T) -> String,
    ) -> Result<(), CommandError> {
        let text = match self.output {
            Output::Table => table(answer),
            Output::Json => {
                let text = serde_json::to_string_pretty(answer);
                text.map_err(std::io::Error::other)? + "\n"
            }
        };
        Ok(std::io::stdout().write_all(text.as_bytes())?)
    }
}

/// What a command that only talks to a server ends with.
macro_rules! examples {
    ($text:literal) => {
        concat!(
            "Examples:\n",
            $text,
            "\n\nExit codes: 0 done, 1 refused or failed, stderr says why, 2 wrong arguments."
        )
    };
}
pub(super) use examples;
