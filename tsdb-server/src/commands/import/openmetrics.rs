//! `tsdb-server import openmetrics`.

use std::process::ExitCode;

use clap::Args;
use tsdb_formats::openmetrics::Dialect;

use super::text::{Text, TextRoute};
use crate::commands::CommandError;
use crate::config::Config;
use crate::import::ImportFormat;

const EXAMPLES: &str = "\
Examples:
  tsdb-server import openmetrics metrics.om --data-dir /var/lib/tsdb
      Into a folder that no server has open; made if it is not there.
  tsdb-server import openmetrics metrics.om.gz --url http://127.0.0.1:7201
      Into a running server, which goes on with its work; samples may lie weeks back.
  curl -s http://127.0.0.1:9100/metrics | tsdb-server import openmetrics --prometheus-text - --url http://127.0.0.1:7201
      A page of metrics, as of now.

A line that is wrong is told as FILE:LINE:COLUMN and left out. Importing the same text again is success.
Exit codes: 0 everything was stored, 1 not done, or something was refused, 2 wrong arguments.";

/// Imports OpenMetrics 1.0, or Prometheus' text exposition 0.0.4.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct OpenMetrics {
    #[command(flatten)]
    text: Text,

    /// It is Prometheus' older text: times are milliseconds, and no # EOF is wanted
    #[arg(long)]
    prometheus_text: bool,
}

impl OpenMetrics {
    pub(super) fn run(&self, config: &Config) -> Result<ExitCode, CommandError> {
        let (dialect, content_type) = match self.prometheus_text {
            false => (Dialect::OpenMetrics, "application/openmetrics-text"),
            true => (Dialect::PrometheusText, "text/plain; version=0.0.4"),
        };
        let route = TextRoute {
            path: "/api/v1/import/prometheus",
            parameters: Vec::new(),
            content_type,
        };
        self.text
            .run(config, ImportFormat::OpenMetrics(dialect), route)
    }
}
