//! What the command line and the environment say.

use std::error::Error as _;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue};
use clap::{ArgAction, CommandFactory as _, Parser};
use http::HeaderName;
use tsdb_cluster::topology::{ReadLevel, WriteLevel};

use super::load::Origin;
use super::namespaces::NamespaceSetting;
use super::query_flags::QueryFlags;
use super::role::Role;
use super::tenants::TenantSetting;
use crate::access::Secret;
use crate::units::{duration_of, size_of};

pub(crate) const EXAMPLES: &str = "\
Examples:
  tsdb-server
      Data in ./data, API on 127.0.0.1:7201, metrics of the server on 127.0.0.1:7203.
  tsdb-server --data-dir /var/lib/tsdb --listen 0.0.0.0:7201 --retention 1y
      Reachable from other machines, by everybody: better with the next line.
  tsdb-server --listen 0.0.0.0:7201 --web-config-file /etc/tsdb/web.yml
      With TLS, users and tokens, in the file that Prometheus calls --web.config.file.
  tsdb-server --log debug,hyper=warn
      More of the server's own log.
  tsdb-server verify --help
      Commands read, repair or change a data folder, or ask a running server.
  tsdb-server --etcd 10.0.0.1:2379 --node-id n1 --rpc-listen 10.0.0.2:9000
      A node, and a coordinator, of the cluster that etcd keeps.
  tsdb-server --etcd 10.0.0.1:2379
      A coordinator of that cluster: it keeps nothing, and needs no folder.
  TSDB_DATA_DIR=/srv/tsdb TSDB_MEMORY_BUDGET=4GiB tsdb-server
      The same settings by environment.

prometheus.yml:
  remote_write:
    - url: http://127.0.0.1:7201/api/v1/write
  remote_read:
    - url: http://127.0.0.1:7201/api/v1/read
      read_recent: true";

/// Long-term storage of Prometheus metrics in one process: remote write in, remote read out.
#[derive(Clone, Debug, Parser)]
#[command(name = "tsdb-server", version, about, after_help = EXAMPLES)]
pub struct Config {
    /// File of settings: M3's of a node or a coordinator, or our own; flags and variables go before it
    #[arg(
        short = 'f',
        long,
        env = "TSDB_CONFIG",
        value_name = "FILE",
        global = true
    )]
    pub config: Option<PathBuf>,

    /// Folder of the data, made if it is not there
    #[arg(
        long,
        env = "TSDB_DATA_DIR",
        value_name = "FOLDER",
        default_value = "./data",
        global = true
    )]
    pub data_dir: PathBuf,

    /// Address of the API: remote write, remote read, series, labels, export, import
    #[arg(
        long,
        env = "TSDB_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:7201"
    )]
    pub listen: SocketAddr,

    /// Address of the server's own /metrics
    #[arg(
        long,
        env = "TSDB_METRICS_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:7203"
    )]
    pub metrics_listen: SocketAddr,

    /// Address at which M3's nodes answer over HTTP and JSON; left out: not served
    #[arg(long, env = "TSDB_NODE_LISTEN", value_name = "ADDRESS")]
    pub node_listen: Option<SocketAddr>,

    /// Address at which M3's nodes answer for their cluster; left out: not served
    #[arg(long, env = "TSDB_CLUSTER_LISTEN", value_name = "ADDRESS")]
    pub cluster_listen: Option<SocketAddr>,

    /// Address of M3's nodes for the curious, which has /metrics as well; left out: not served
    #[arg(long, env = "TSDB_DEBUG_LISTEN", value_name = "ADDRESS")]
    pub debug_listen: Option<SocketAddr>,

    /// Host of all addresses that nothing sets, those of M3's nodes included; left out: 127.0.0.1, and none of theirs
    #[arg(long, env = "TSDB_DEFAULT_HOST", value_name = "IP")]
    pub default_host: Option<IpAddr>,

    /// Log level, or levels by module (error, warn, info, debug, trace)
    #[arg(long, env = "TSDB_LOG", value_name = "FILTER", default_value = "info")]
    pub log: String,

    /// How long samples are kept, as 30d or 1y, or "forever"; left out: as it was, at first forever
    #[arg(long, env = "TSDB_RETENTION", value_name = "DURATION", value_parser = retention_of)]
    pub retention: Option<Retention>,

    /// How far ahead of the clock a sample may lie, as 1h, or "off"
    #[arg(long, env = "TSDB_MAX_FUTURE", value_name = "DURATION", default_value = "1h", value_parser = max_future_of)]
    pub max_future: MaxFuture,

    /// Memory for series, buffers, index and queries, as 4GiB; left out: half of the machine's or the cgroup's
    #[arg(long, env = "TSDB_MEMORY_BUDGET", value_name = "SIZE", value_parser = size_of)]
    pub memory_budget: Option<u64>,

    /// Size at which the log is cut and its samples are flushed; it bounds what a restart replays
    #[arg(long, env = "TSDB_LOG_CAP", value_name = "SIZE", value_parser = size_of)]
    pub log_cap: Option<u64>,

    /// Most series kept in memory at a time; further ones are refused
    #[arg(long, env = "TSDB_MAX_SERIES", value_name = "COUNT")]
    pub max_series: Option<u64>,

    /// Bytes of removed files that queries still running may hold on the disk; past it they are refused
    #[arg(long, env = "TSDB_PINNED_MAX", value_name = "SIZE", default_value = "4GiB", value_parser = size_of)]
    pub pinned_max: u64,

    /// For how long a query may read what was compacted or flushed since it began; past it it is refused
    #[arg(long, env = "TSDB_READER_MAX_AGE", value_name = "DURATION", default_value = "1h", value_parser = duration_of)]
    pub reader_max_age: Duration,

    /// Exemplars kept, the newest by arrival; 0 keeps none and counts them as dropped
    #[arg(
        long,
        env = "TSDB_EXEMPLARS_MAX",
        value_name = "COUNT",
        default_value = "100000"
    )]
    pub exemplars_max: usize,

    /// Percent of the disk that may be used; writes are turned away above it, 100 turns that off
    #[arg(long, env = "TSDB_DISK_HIGH_WATER", value_name = "PERCENT", default_value = "90", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub disk_high_water: u8,

    /// Most queries answered at a time; further ones wait
    #[arg(long, alias = "query.max-concurrency", env = "TSDB_MAX_CONCURRENT_QUERIES", value_name = "COUNT", default_value = "20", value_parser = clap::value_parser!(u16).range(1..))]
    pub max_concurrent_queries: u16,

    /// Take deletes, snapshots and compaction over HTTP, below /api/v1/admin
    #[arg(long, alias = "web.enable-admin-api", env = "TSDB_ENABLE_ADMIN_API")]
    pub enable_admin_api: bool,

    /// About expressions.
    #[command(flatten)]
    pub queries: QueryFlags,

    /// Header by which a request names its tenant, one of tsdb.tenants in the file of settings; paths below /tenant/NAME do it as well
    #[arg(
        long,
        env = "TSDB_TENANT_HEADER",
        value_name = "HEADER",
        default_value = "X-Scope-OrgID"
    )]
    pub tenant_header: HeaderName,

    /// Refuse requests that name no tenant, instead of using the namespace without one
    #[arg(long, env = "TSDB_TENANT_REQUIRED")]
    pub tenant_required: bool,

    /// Label that tells the replicas of a pair of Prometheus servers apart, as __replica__: one copy is stored, without the label; left out: off
    #[arg(long, env = "TSDB_HA_REPLICA_LABEL", value_name = "LABEL")]
    pub ha_replica_label: Option<String>,

    /// Label that the replicas of a pair have in common
    #[arg(
        long,
        env = "TSDB_HA_CLUSTER_LABEL",
        value_name = "LABEL",
        default_value = "cluster"
    )]
    pub ha_cluster_label: String,

    /// After how long without samples of the chosen replica another takes over, at most 25s
    #[arg(long, env = "TSDB_HA_FAILOVER", value_name = "DURATION", default_value = "15s", value_parser = failover_of)]
    pub ha_failover: Duration,

    /// File of TLS, users and tokens in the format of Prometheus' web configuration; read anew when it changes
    #[arg(long, env = "TSDB_WEB_CONFIG_FILE", value_name = "FILE", global = true)]
    pub web_config_file: Option<PathBuf>,

    /// Addresses of etcd's members, with commas between, as 10.0.0.1:2379: the server is of the cluster that is kept there
    #[arg(
        long,
        env = "TSDB_ETCD",
        value_name = "HOST:PORT",
        value_delimiter = ','
    )]
    pub etcd: Vec<String>,

    /// File of the CAs that etcd's certificates are of; left out: those of this machine, where an address begins with https://
    #[arg(long, env = "TSDB_ETCD_CA_FILE", value_name = "FILE")]
    pub etcd_ca_file: Option<PathBuf>,

    /// File of the certificate that is shown to etcd
    #[arg(long, env = "TSDB_ETCD_CERT_FILE", value_name = "FILE")]
    pub etcd_cert_file: Option<PathBuf>,

    /// File of the key of that certificate
    #[arg(long, env = "TSDB_ETCD_KEY_FILE", value_name = "FILE")]
    pub etcd_key_file: Option<PathBuf>,

    /// User of etcd; its password is in a file, or in the variable TSDB_ETCD_PASSWORD
    #[arg(long, env = "TSDB_ETCD_USER", value_name = "NAME")]
    pub etcd_user: Option<String>,

    /// File of the password of that user
    #[arg(long, env = "TSDB_ETCD_PASSWORD_FILE", value_name = "FILE")]
    pub etcd_password_file: Option<PathBuf>,

    /// What the server is in the cluster: node, coordinator or both; left out: what the sections of the file say, else both with --node-id, and a coordinator without
    #[arg(long, env = "TSDB_ROLE", value_name = "ROLE")]
    pub role: Option<Role>,

    /// Name of this node in the cluster: the id of its instance in the placement
    #[arg(long, env = "TSDB_NODE_ID", value_name = "NAME")]
    pub node_id: Option<String>,

    /// Address at which other servers of the cluster reach this node, as its endpoint in the placement says
    #[arg(
        long,
        env = "TSDB_RPC_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:9000"
    )]
    pub rpc_listen: SocketAddr,

    /// File of the certificate that this server shows to other servers of the cluster, as node and as client
    #[arg(long, env = "TSDB_RPC_TLS_CERT_FILE", value_name = "FILE")]
    pub rpc_tls_cert_file: Option<PathBuf>,

    /// File of the key of that certificate
    #[arg(long, env = "TSDB_RPC_TLS_KEY_FILE", value_name = "FILE")]
    pub rpc_tls_key_file: Option<PathBuf>,

    /// File of the CAs that certificates of servers of the cluster are of; nobody else comes in
    #[arg(long, env = "TSDB_RPC_TLS_CA_FILE", value_name = "FILE")]
    pub rpc_tls_ca_file: Option<PathBuf>,

    /// Environment of the cluster, as M3's header Cluster-Environment-Name has it
    #[arg(
        long,
        env = "TSDB_CLUSTER_ENVIRONMENT",
        value_name = "NAME",
        default_value = "default_env"
    )]
    pub cluster_environment: String,

    /// How many replicas must have a write before it is acknowledged: one, majority or all
    #[arg(
        long,
        env = "TSDB_WRITE_CONSISTENCY_LEVEL",
        value_name = "LEVEL",
        default_value = "majority"
    )]
    pub write_consistency_level: WriteLevel,

    /// How many replicas a read asks: one, unstrict_majority, majority or all
    #[arg(
        long,
        env = "TSDB_READ_CONSISTENCY_LEVEL",
        value_name = "LEVEL",
        default_value = "unstrict_majority"
    )]
    pub read_consistency_level: ReadLevel,

    /// Namespaces that the file asks for.
    #[arg(skip)]
    pub namespaces: Vec<NamespaceSetting>,

    /// Tenants that the file names.
    #[arg(skip)]
    pub tenants: Vec<TenantSetting>,

    /// The password of the user of etcd, if the environment or the file has it.
    #[arg(skip)]
    pub(crate) etcd_password: Option<Secret>,

    /// What of the file has no effect, each as it is to be shown.
    #[arg(skip)]
    pub warnings: Vec<String>,

    /// Every setting with who decided it.
    #[arg(skip)]
    pub settings: Vec<Setting>,
}

/// A setting and who decided it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its flag, without dashes.
    pub flag: String,
    /// What it is; `None` when it is left to the server.
    pub text: Option<String>,
    /// Who says so.
    pub decided: Decided,
}

/// Who decided a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decided {
    /// The command line.
    Flag,
    /// The environment variable of the flag.
    Variable(String),
    /// This key, of the file or of a variable that overrides it.
    Key(String, Origin),
    /// `--default-host`, as nobody said anything of this address.
    DefaultHost,
    /// Nobody.
    Default,
}

/// Why a flag would not take a text; `None` when it takes it.
pub(super) fn flag_error(id: &str, text: &str) -> Option<String> {
    let command = Config::command();
    let argument = command
        .get_arguments()
        .find(|argument| argument.get_id() == id)?;
    if matches!(argument.get_action(), ArgAction::SetTrue) {
        let is_flag = matches!(text, "true" | "false");
        return (!is_flag).then(|| format!("{text:?} is neither true nor false"));
    }
    let flag = format!("--{}", argument.get_long()?);
    let given = format!("{flag}={text}");
    let error = command
        .try_get_matches_from(["tsdb-server", &given])
        .err()?;
    // What the environment says of other flags is judged where it is used.
    let Some(ContextValue::String(of)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    if of.split(' ').next() != Some(&flag) {
        return None;
    }
    let reason = error.source().map(ToString::to_string);
    Some(match reason {
        Some(reason) => format!("{text:?}: {reason}"),
        None => error
            .to_string()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned(),
    })
}

/// How long samples are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// Without end.
    Forever,
    /// For this long.
    For(Duration),
}

impl Retention {
    /// `None` when samples are kept without end.
    #[must_use]
    pub fn limit(self) -> Option<Duration> {
        match self {
            Self::Forever => None,
            Self::For(duration) => Some(duration),
        }
    }
}

/// How far ahead of the clock a sample may lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxFuture {
    /// As far as it likes.
    Off,
    /// This far.
    Within(Duration),
}

impl MaxFuture {
    /// `None` when there is no limit.
    #[must_use]
    pub fn limit(self) -> Option<Duration> {
        match self {
            Self::Off => None,
            Self::Within(duration) => Some(duration),
        }
    }
}

fn retention_of(text: &str) -> Result<Retention, String> {
    if text == "forever" {
        return Ok(Retention::Forever);
    }
    match duration_of(text)? {
        Duration::ZERO => {
            Err("a retention of nothing keeps nothing: write \"forever\" or a duration".to_owned())
        }
        duration => Ok(Retention::For(duration)),
    }
}

/// Longer, and senders would give up a request that waits for the other replica.
const FAILOVER_MAX: Duration = Duration::from_secs(25);

fn failover_of(text: &str) -> Result<Duration, String> {
    let failover = duration_of(text)?;
    if failover.is_zero() || failover > FAILOVER_MAX {
        return Err(format!(
            "it must be between 1ms and {}s: senders give a request up after 30s",
            FAILOVER_MAX.as_secs()
        ));
    }
    Ok(failover)
}

fn max_future_of(text: &str) -> Result<MaxFuture, String> {
    if text == "off" {
        return Ok(MaxFuture::Off);
    }
    duration_of(text).map(MaxFuture::Within)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Config::command().debug_assert();
    }

    #[test]
    fn defaults_reach_no_further_than_this_machine() {
        let config = Config::try_parse_from(["tsdb-server"]).expect("no arguments");
        assert!(config.listen.ip().is_loopback());
        assert!(config.metrics_listen.ip().is_loopback());
        assert_eq!(config.data_dir, PathBuf::from("./data"));
        assert_eq!(config.max_future.limit(), Some(Duration::from_secs(3600)));
        assert_eq!(config.retention, None);
    }

    #[test]
    fn words_for_without_limit() {
        let config = Config::try_parse_from([
            "tsdb-server",
            "--max-future",
            "off",
            "--retention",
            "forever",
        ])
        .expect("words");
        assert_eq!(config.max_future.limit(), None);
        assert_eq!(config.retention.map(Retention::limit), Some(None));
    }

    #[test]
    fn wrong_values_are_named() {
        for arguments in [
            ["--listen", "nowhere"],
            ["--retention", "0s"],
            ["--max-future", "soon"],
            ["--memory-budget", "lots"],
        ] {
            let error = Config::try_parse_from(["tsdb-server"].into_iter().chain(arguments))
                .expect_err("wrong");
            assert!(error.to_string().contains(arguments[0]), "{error}");
        }
    }

    #[test]
    fn the_documentation_names_every_flag() {
        let documentation = include_str!("../../../docs/server.md");
        for argument in Config::command().get_arguments() {
            let (Some(flag), Some(variable)) = (argument.get_long(), argument.get_env()) else {
                continue;
            };
            let row = format!("| `--{flag}` | `{}` |", variable.display());
            assert!(
                documentation.contains(&row),
                "{row} is not in docs/server.md"
            );
        }
    }
}
