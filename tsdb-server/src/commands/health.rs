//! `tsdb-server health`: for probes where there is no curl.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;

use super::CommandError;
use super::remote::Remote;
use crate::config::Config;

const EXAMPLES: &str = "\
Examples:
  tsdb-server health
      Asks the server that these settings would start: --listen before it, --config and variables count.
  tsdb-server health --url http://127.0.0.1:7201 --alive
      Only whether the process answers, not whether it is ready.

Exit codes: 0 it is ready, or alive with --alive; 1 it is not, stderr says why; 2 wrong arguments.";

/// Asks a running server whether its reads and writes are right.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Health {
    /// Left out: that of --listen, on this machine
    #[command(flatten)]
    remote: Remote,

    /// Ask only whether it lives, which it does also while its database is being opened
    #[arg(long)]
    alive: bool,
}

impl Health {
    pub(super) fn run(&self, config: &Config) -> Result<ExitCode, CommandError> {
        // A storage node may answer probes at another address alone.
        let (address, when_ready) = match (config.api_listen(), config.node_listen) {
            (None, Some(node)) if !self.remote.is_named() => (node, "/bootstrapped"),
            (api, _) => (api.unwrap_or(config.listen), "/ready"),
        };
        let server = self.remote.server_or_at(config, address)?;
        let (route, said) = match self.alive {
            true => ("/health", "alive"),
            false => (when_ready, "ready"),
        };
        server.get(route)?;
        writeln!(std::io::stdout(), "{}: {said}", server.url())?;
        Ok(ExitCode::SUCCESS)
    }
}
