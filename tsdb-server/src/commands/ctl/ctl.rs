//! The commands there are.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::namespace::NamespaceCommand;
use super::placement::PlacementCommand;
use super::placement_change::{Remove, Replace};
use super::repair::Repair;
use super::status::Status;
use crate::commands::CommandError;
use crate::config::Config;

const EXAMPLES: &str = "\
Examples:
  tsdb-server ctl status --url http://10.0.0.1:7201
      Nodes, shards, and what is still to be done.
  tsdb-server ctl placement add --node id=n4,endpoint=10.0.0.4:9001,group=a --wait
  tsdb-server ctl drain n1 --wait --timeout 2h
      When it returns, the disk of n1 is needed by nobody.
  tsdb-server ctl replace n3 id=n5,endpoint=10.0.0.5:9001 --dry-run

Any server of the cluster may be asked; without --url the one on this machine is.
Exit codes: 0 done, 1 refused or failed, stderr says why, 2 wrong arguments.";

/// Operates a cluster.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Ctl {
    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Debug, Subcommand)]
enum Action {
    /// Show nodes, shards, and what is still to be done
    Status(Status),
    /// Show and change which node has which shards
    Placement(PlacementCommand),
    /// Show, make and delete namespaces
    Namespace(NamespaceCommand),
    /// Have nodes hand over all of their shards, and leave
    Drain(Remove),
    /// Have nodes compare all they have with the other replicas, and fetch what they lack
    Repair(Repair),
    /// Have a node hand over all of its shards to others that come for it, and leave
    Replace(Replace),
}

impl Ctl {
    pub(in crate::commands) fn run(&self, config: &Config) -> Result<ExitCode, CommandError> {
        match &self.action {
            Action::Status(status) => status.run(config),
            Action::Placement(placement) => placement.run(config),
            Action::Namespace(namespace) => namespace.run(config),
            Action::Drain(remove) => remove.run(config),
            Action::Repair(repair) => repair.run(config),
            Action::Replace(replace) => replace.run(config),
        }?;
        Ok(ExitCode::SUCCESS)
    }
}
