//! What the command line says.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use tsdb_remote::write::WriteProtocol;

const EXAMPLES: &str = "\
Examples:
  compare --load steady --markdown
      320,000 series, 60 scrapes, into all three servers.
  compare --load all --only ours,ours-2.0,victoria-metrics,prometheus --json figures.json
      Every load in its usual size; the raw figures go to a file.
  compare --only ours --load steady --window-ends-at 50
      Memory while a window ends, at any hour.
  compare --load queries --markdown
      What queries of dashboards cost each server.
  compare --only ours --load steady --pause
      Our server alone; waits before and after the load, so that a profiler can be attached.";

/// The same loads into our server, VictoriaMetrics and Prometheus, one after the other; one table.
#[derive(Debug, Clone, Parser)]
#[command(name = "compare", after_help = EXAMPLES)]
pub struct Options {
    /// What is sent; several may be named
    #[arg(long, value_enum, default_value = "steady", value_delimiter = ',')]
    pub load: Vec<LoadName>,

    /// Into which servers
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "ours,victoria-metrics,prometheus"
    )]
    pub only: Vec<ServerName>,

    /// Active series, instead of the load's own number
    #[arg(long, value_name = "COUNT")]
    pub series: Option<usize>,

    /// Scrapes of each series, instead of the load's own number
    #[arg(long, value_name = "COUNT")]
    pub scrapes: Option<usize>,

    /// Milliseconds between two scrapes, instead of the load's own
    #[arg(long, value_name = "MS")]
    pub interval_ms: Option<i64>,

    /// Place the samples in the past so that a window of two hours ends when so many percent of the
    /// scrapes were sent; without it the last scrape is of now, and whether a window ends depends
    /// on the hour
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub window_ends_at: Option<u8>,

    /// Most samples of a request; Prometheus sends 2,000 by default
    #[arg(long, value_name = "COUNT", default_value_t = 2_000)]
    pub per_request: usize,

    /// Connections that send at a time
    #[arg(long, value_name = "COUNT", default_value_t = 2)]
    pub connections: usize,

    /// Seed of everything that is random
    #[arg(long, default_value_t = 1)]
    pub seed: u64,

    /// Of the load churn: percent of the targets replaced at a time
    #[arg(long, value_name = "PERCENT", default_value_t = 10)]
    pub churn_percent: usize,

    /// Of the load churn: scrapes between two replacements
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    pub churn_every: usize,

    /// Of the load late: percent of the samples that come late
    #[arg(long, value_name = "PERCENT", default_value_t = 50)]
    pub late_percent: usize,

    /// Of the load late: hours that the latest comes late
    #[arg(long, value_name = "HOURS", default_value_t = 6)]
    pub late_hours: u32,

    /// Of the load queries: how often each is asked
    #[arg(long, value_name = "COUNT", default_value_t = 9)]
    pub query_runs: usize,

    /// Only the captured targets as they are, without clones
    #[arg(long)]
    pub capture_only: bool,

    /// A capture of your own, made by `cargo xtask capture`
    #[arg(long, value_name = "FILE")]
    pub capture: Option<PathBuf>,

    /// Our server
    #[arg(
        long,
        value_name = "PROGRAM",
        default_value = "target/release/tsdb-server"
    )]
    pub server: OsString,

    /// A further argument for our server; may be repeated
    #[arg(long, value_name = "ARGUMENT", allow_hyphen_values = true)]
    pub server_argument: Vec<OsString>,

    /// VictoriaMetrics, single node
    #[arg(long, value_name = "PROGRAM", default_value = "victoria-metrics")]
    pub victoria_metrics: OsString,

    /// Prometheus
    #[arg(long, value_name = "PROGRAM", default_value = "prometheus")]
    pub prometheus: OsString,

    /// Folder below which each server gets one of its own, removed at the end
    #[arg(long, value_name = "FOLDER")]
    pub folder: Option<PathBuf>,

    /// Series whose samples are read back and compared bit for bit
    #[arg(long, value_name = "COUNT", default_value_t = 200)]
    pub read_back: usize,

    /// Most memory for requests encoded ahead of sending, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 512)]
    pub encoded_mib: usize,

    /// Print Markdown instead of aligned text
    #[arg(long)]
    pub markdown: bool,

    /// Write the raw figures to a file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Wait for Enter before and after each load, telling the server's process id
    #[arg(long)]
    pub pause: bool,

    /// Fail unless every column of every server is filled and ours lost nothing
    #[arg(long)]
    pub check: bool,
}

/// A load by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LoadName {
    /// Many series, some scrapes: 320,000 x 60
    Steady,
    /// Fewer series, a long history: 50,000 x 680
    Long,
    /// Series are replaced all the time: 100,000 active x 120
    Churn,
    /// Half of the samples come late and shuffled: 50,000 x 680, a minute apart
    Late,
    /// The same as late with nothing late, to compare with it
    InOrder,
    /// All of the above
    All,
    /// What queries cost, not writes: 20,000 series, 1,440 scrapes of a tenth and 240 of the others
    Queries,
}

impl LoadName {
    /// The loads that a list of names stands for.
    pub(crate) fn expand(names: &[Self]) -> Vec<Self> {
        let each = |name: &Self| match name {
            Self::All => vec![
                Self::Steady,
                Self::Long,
                Self::Churn,
                Self::InOrder,
                Self::Late,
            ],
            other => vec![*other],
        };
        names.iter().flat_map(each).collect()
    }

    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Long => "long",
            Self::Churn => "churn",
            Self::Late => "late",
            Self::InOrder => "in-order",
            Self::All => "all",
            Self::Queries => "queries",
        }
    }
}

/// A server by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ServerName {
    /// tsdb-server, remote write 1.0
    Ours,
    /// tsdb-server, remote write 2.0
    #[value(name = "ours-2.0")]
    OursV2,
    /// VictoriaMetrics, single node
    VictoriaMetrics,
    /// Prometheus
    Prometheus,
}

impl ServerName {
    /// Whether it is a tsdb-server.
    pub(crate) fn is_ours(self) -> bool {
        matches!(self, Self::Ours | Self::OursV2)
    }

    /// What it is sent.
    pub(crate) fn protocol(self) -> WriteProtocol {
        match self {
            Self::OursV2 => WriteProtocol::V2,
            Self::Ours | Self::VictoriaMetrics | Self::Prometheus => WriteProtocol::V1,
        }
    }

    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Ours => "tsdb-server",
            Self::OursV2 => "tsdb-server, 2.0",
            Self::VictoriaMetrics => "VictoriaMetrics",
            Self::Prometheus => "Prometheus",
        }
    }
}
