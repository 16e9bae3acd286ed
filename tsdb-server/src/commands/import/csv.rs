//! `tsdb-server import csv`.

use std::process::ExitCode;

use clap::Args;
use tsdb_formats::csv::Format;

use super::text::{Text, TextRoute};
use crate::commands::CommandError;
use crate::config::Config;
use crate::import::ImportFormat;

const EXAMPLES: &str = "\
Examples:
  tsdb-server import csv weather.csv --header --format 1:time:rfc3339,2:label:host,3:metric:temperature --data-dir /var/lib/tsdb
      Each row of two columns beside the time becomes a sample of temperature{host=\"...\"}.
  tsdb-server import csv - --format 1:metric:queue_length --url http://127.0.0.1:7201 < values.csv
      Values alone, as of now.

A column is NUMBER:time:FORMAT (unix_s, unix_ms, unix_us, unix_ns or rfc3339), NUMBER:label:NAME or NUMBER:metric:NAME;
columns without a name are passed over, empty values as well.
A line that is wrong is told as FILE:LINE:COLUMN and left out. Importing the same text again is success.
Exit codes: 0 everything was stored, 1 not done, or something was refused, 2 wrong arguments.";

/// Imports comma-separated values.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Csv {
    #[command(flatten)]
    text: Text,

    /// What the columns are
    #[arg(long, value_name = "COLUMNS", value_parser = columns)]
    format: (String, Format),

    /// The first line names the columns, and is passed over
    #[arg(long)]
    header: bool,
}

/// The format as it is written, and what it means.
fn columns(text: &str) -> Result<(String, Format), String> {
    let format = text.parse::<Format>().map_err(|error| error.to_string())?;
    Ok((text.to_owned(), format))
}

impl Csv {
    pub(super) fn run(&self, config: &Config) -> Result<ExitCode, CommandError> {
        let (written, format) = &self.format;
        let route = TextRoute {
            path: "/api/v1/import/csv",
            parameters: vec![
                ("format", written.clone()),
                ("header", self.header.to_string()),
            ],
            content_type: "text/csv",
        };
        let format = ImportFormat::Csv(format.clone(), self.header);
        self.text.run(config, format, route)
    }
}
