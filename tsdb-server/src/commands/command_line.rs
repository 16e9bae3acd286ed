//! The command line, of the server and of the commands.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use super::{Backup, CommandError, Compact, Delete, Restore, Verify};
use crate::config::{Config, EXAMPLES};

/// The command line.
#[derive(Clone, Debug, Parser)]
#[command(name = "tsdb-server", version, about = "Long-term storage of Prometheus metrics in one process: remote write in, remote read out", after_help = EXAMPLES)]
pub struct CommandLine {
    /// What to do; left out: serve.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to serve.
    #[command(flatten)]
    pub config: Config,
}

/// What to do instead of serving.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Read every file of a data folder and say what is damaged; salvage it
    Verify(Verify),
    /// Delete samples by selector and time
    Delete(Delete),
    /// Compact all there is, which takes deleted samples off the disk
    Compact(Compact),
    /// Copy a data folder to a folder of backups, what is there already left out
    Backup(Backup),
    /// Make a data folder of a backup
    Restore(Restore),
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    /// When it cannot be done.
    pub fn run(&self, config: &Config) -> Result<ExitCode, CommandError> {
        match self {
            Self::Verify(verify) => verify.run(config),
            Self::Delete(delete) => delete.run(config),
            Self::Compact(compact) => compact.run(config),
            Self::Backup(backup) => backup.run(config),
            Self::Restore(restore) => restore.run(config),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::CommandLine;

    #[test]
    fn the_command_line_is_consistent_and_documented() {
        CommandLine::command().debug_assert();
        let documentation = include_str!("../../../docs/server.md");
        for command in CommandLine::command().get_subcommands() {
            let row = format!("| `{}", command.get_name());
            assert!(
                documentation.contains(&row),
                "{row} is not in docs/server.md"
            );
            let help = command.get_after_help().map(ToString::to_string);
            let help = help.unwrap_or_default();
            assert!(
                help.contains("Examples:") && help.contains("Exit codes:"),
                "{help}"
            );
        }
    }
}
