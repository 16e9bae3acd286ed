//! The command line, of the server and of the commands.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use super::{
    Backup, CommandError, Compact, ConfigCommand, Ctl, Delete, Export, Generate, Health, Import,
    Query, Restore, Verify,
};
use crate::access::Secret;
use crate::config::{Config, EXAMPLES, SettleError, settle};

/// The variable that has the password of the user of etcd: no flag does, as all can see those.
const ETCD_PASSWORD: &str = "TSDB_ETCD_PASSWORD";

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
    /// Store what other programs have written: data of a Prometheus, OpenMetrics, CSV, JSON lines
    Import(Import),
    /// Write samples as JSON lines or OpenMetrics
    Export(Export),
    /// Evaluate a PromQL expression over a folder or a running server
    Query(Query),
    /// Operate a cluster: its placement, namespaces and nodes
    Ctl(Ctl),
    /// Check a file of settings, and show what holds and who decided it
    Config(ConfigCommand),
    /// Ask a running server whether it is ready
    Health(Health),
    /// Make manual pages, completions, a dashboard and alert rules
    Generate(Generate),
}

impl CommandLine {
    /// Reads this process's arguments, its environment, and the file that they name.
    ///
    /// # Errors
    /// When any of them is wrong, or help was asked for.
    pub fn read() -> Result<Self, SettleError> {
        let environment = std::env::vars_os();
        let environment = environment.filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        let environment: Vec<_> = environment.collect();
        let settled = settle::<Self>(std::env::args_os().collect(), &environment)?;
        let mut line = settled.line;
        line.config.settings = settled.settings;
        line.config.namespaces = settled.loaded.namespaces;
        line.config.tenants = settled.loaded.tenants;
        line.config.warnings = settled.warnings;
        let of_etcd = environment.iter();
        let mut of_etcd = of_etcd.filter(|(name, text)| name == ETCD_PASSWORD && !text.is_empty());
        let by_variable = of_etcd.next().map(|(_, text)| Secret::new(text.as_bytes()));
        line.config.etcd_password = by_variable.or(settled.loaded.etcd_password);
        Ok(line)
    }
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
            Self::Import(import) => import.run(config),
            Self::Export(export) => export.run(config),
            Self::Query(query) => query.run(config),
            Self::Ctl(ctl) => ctl.run(config),
            Self::Config(command) => command.run(config),
            Self::Health(health) => health.run(config),
            Self::Generate(generate) => generate.run(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory};

    use super::CommandLine;

    #[test]
    fn the_command_line_is_consistent_and_documented() {
        CommandLine::command().debug_assert();
        let mut commands = Vec::new();
        for command in CommandLine::command().get_subcommands() {
            leaves("", command, &mut commands);
        }
        let documentation = include_str!("../../../docs/server.md");
        for (path, command) in commands {
            let row = format!("| `{path}");
            assert!(
                documentation.contains(&row),
                "{row} is not in docs/server.md"
            );
            let help = command.get_after_help().map(ToString::to_string);
            let help = help.unwrap_or_default();
            let example = format!("tsdb-server {path}");
            for part in ["Examples:", "Exit codes:", &example] {
                assert!(help.contains(part), "{path} does not say {part}: {help}");
            }
        }
    }

    /// Each command that does something, with the words that call it.
    fn leaves(above: &str, command: &Command, all: &mut Vec<(String, Command)>) {
        let path = format!("{above}{}", command.get_name());
        if !command.has_subcommands() {
            all.push((path, command.clone()));
            return;
        }
        let help = command.get_after_help().map(ToString::to_string);
        assert!(
            help.is_some_and(|help| help.contains("Examples:")),
            "{path}"
        );
        for below in command.get_subcommands() {
            leaves(&format!("{path} "), below, all);
        }
    }
}
