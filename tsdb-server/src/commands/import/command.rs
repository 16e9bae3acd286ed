//! Which format is imported.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::csv::Csv;
use super::jsonl::JsonLines;
use super::openmetrics::OpenMetrics;
use super::prometheus::Prometheus;
use crate::commands::CommandError;
use crate::config::Config;

const EXAMPLES: &str = "\
Examples:
  tsdb-server import prometheus /var/lib/prometheus --dry-run
      Lists the blocks of a Prometheus, reads all of them, and stores nothing.
  tsdb-server import prometheus /var/lib/prometheus/snapshots/20260101T000000Z-0123456789abcdef --url http://127.0.0.1:7201
      Into a running server.
  tsdb-server import openmetrics metrics.om.gz --url http://127.0.0.1:7201
      Text, packed with gzip or not.

`tsdb-server import FORMAT --help` has more of each format.
Exit codes: 0 everything was stored, 1 not done, or something was refused, 2 wrong arguments, 3 something is damaged: the rest was stored.";

/// Stores what other programs have written.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Import {
    #[command(subcommand)]
    format: Format,
}

#[derive(Clone, Debug, Subcommand)]
enum Format {
    /// What a Prometheus holds: its data folder, a snapshot, or a single block
    Prometheus(Prometheus),
    /// OpenMetrics, or Prometheus' older text
    #[command(name = "openmetrics")]
    OpenMetrics(OpenMetrics),
    /// Comma-separated values
    Csv(Csv),
    /// The JSON lines that our own export writes
    #[command(name = "jsonl")]
    JsonLines(JsonLines),
}

impl Import {
    pub(in crate::commands) fn run(&self, config: &Config) -> Result<ExitCode, CommandError> {
        match &self.format {
            Format::Prometheus(prometheus) => prometheus.run(config),
            Format::OpenMetrics(text) => text.run(config),
            Format::Csv(text) => text.run(config),
            Format::JsonLines(text) => text.run(config),
        }
    }
}
