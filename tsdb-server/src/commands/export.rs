//! `tsdb-server export`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tsdb_core::Db;

use super::CommandError;
use super::download::download;
use super::export_output::ExportOutput;
use super::named_namespace::namespace_of;
use super::remote::Remote;
use super::selection::{matcher_sets, time_range};
use super::target::Folder;
use crate::config::Config;
use crate::data::NamespaceData;
use crate::export::{ExportFormat, SeriesExport};
use crate::store::StoreError;

const EXAMPLES: &str = "\
Examples:
  tsdb-server export --match '{job=\"node\"}' --out node.jsonl --data-dir /var/lib/tsdb
      Of a folder that no server has open: all samples with all their bits, one JSON line a series.
  tsdb-server export --match up --start 2026-01-01T00:00:00Z --end 1767312000 --format openmetrics --url http://127.0.0.1:7201
      Of a running server, as text that promtool tsdb create-blocks-from openmetrics takes.
  tsdb-server export --match '{__name__=~\".+\"}' --url http://old:7201 | tsdb-server import jsonl - --url http://new:7201
      From one server to another.

Without --out it is written to the standard output. A file gets its name when it is complete.
OpenMetrics has no text for stale markers and native histograms: they are left out, and counted.
Exit codes: 0 done, 1 not done, 2 wrong arguments.";

/// Bytes made at a time.
const PIECE_BYTES: usize = 256 << 10;

/// Writes samples as text.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Export {
    /// Series to export, as in PromQL; several times for several selectors
    #[arg(long = "match", value_name = "SELECTOR", required = true)]
    selectors: Vec<String>,

    /// First moment, in seconds since the epoch or RFC 3339; left out: from the beginning
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    start: Option<String>,

    /// Last moment, included; left out: to the end
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    end: Option<String>,

    /// json (lines with all bits) or openmetrics
    #[arg(long, value_name = "FORMAT", default_value = "json", value_parser = str::parse::<ExportFormat>)]
    format: ExportFormat,

    /// The file to write, an older one is replaced; left out: the standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    #[command(flatten)]
    remote: Remote,

    /// Namespace of the data folder; left out: the one that exists from the first start
    #[arg(long, value_name = "NAME", conflicts_with = "url")]
    namespace: Option<String>,
}

impl Export {
    pub(super) fn run(&self, config: &Config) -> Result<ExitCode, CommandError> {
        let sets = matcher_sets(&self.selectors)?;
        let range = time_range(self.start.as_ref(), self.end.as_ref())?;
        if let Some(server) = self.remote.server()? {
            let mut output = ExportOutput::open(self.out.as_deref())?;
            download(&server, self.form(), &mut output)?;
            output.finish("")?;
            return Ok(ExitCode::SUCCESS);
        }
        let folder = Folder::existing(&config.data_dir)?;
        let db = Db::open_read_only(folder.path()).map_err(folder.failed())?;
        let namespace = namespace_of(&db, self.namespace.as_deref())?;
        let mut output = ExportOutput::open(self.out.as_deref())?;
        let failed = |error: StoreError| match error {
            StoreError::Database(error) => folder.failed()(error),
            other => CommandError::Output(std::io::Error::other(other)),
        };
        let data = NamespaceData::Own(namespace);
        let export = SeriesExport::open(data, self.format, Some(range), sets);
        let mut export = export.map_err(failed)?;
        let mut piece = Vec::with_capacity(PIECE_BYTES + 1024);
        loop {
            piece.clear();
            export.fill(&mut piece, PIECE_BYTES).map_err(failed)?;
            if piece.is_empty() {
                break;
            }
            output.write(&piece)?;
        }
        let counts = export.counts();
        let told = format!("{} series, {} samples; ", counts.series, counts.samples);
        output.finish(&told)?;
        if let Some(loss) = counts.loss() {
            ExportOutput::warn(&loss)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn form(&self) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        for selector in &self.selectors {
            form.append_pair("match[]", selector);
        }
        for (name, text) in [("start", &self.start), ("end", &self.end)] {
            if let Some(text) = text {
                form.append_pair(name, text);
            }
        }
        form.append_pair("format", self.format.name());
        form.finish()
    }
}
