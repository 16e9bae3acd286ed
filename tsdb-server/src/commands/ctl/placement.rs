//! `ctl placement`.

use clap::{Args, Subcommand};

use super::api::PlacementAnswer;
use super::common::{Asking, examples};
use super::placement_change::{Abort, Add, Init, Remove, Replace, Set};
use super::table::{Align, Table};
use crate::commands::CommandError;
use crate::config::Config;
use crate::placements::{Instance, ShardState};

const EXAMPLES: &str = examples!(
    "  tsdb-server ctl placement show --url http://10.0.0.1:7201
  tsdb-server ctl placement init --shards 64 --replicas 3 \\
      --node id=n1,endpoint=10.0.0.1:9001,group=a \\
      --node id=n2,endpoint=10.0.0.2:9001,group=b \\
      --node id=n3,endpoint=10.0.0.3:9001,group=c --wait
  tsdb-server ctl placement add --node id=n4,endpoint=10.0.0.4:9001,group=a --dry-run"
);

const SHOW_EXAMPLES: &str = examples!(
    "  tsdb-server ctl placement show --url http://10.0.0.1:7201
  tsdb-server ctl placement show --output json > placement.json
      What `ctl placement set` takes."
);

/// Shows and changes the placement.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct PlacementCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Debug, Subcommand)]
enum Action {
    /// Show which node has how many shards
    Show(Show),
    /// Make the placement of a new cluster
    Init(Init),
    /// Add nodes: each gets its share of the shards
    Add(Add),
    /// Have nodes hand over all of their shards, and leave; the same as `ctl drain`
    Remove(Remove),
    /// Have nodes come for one that leaves; the same as `ctl replace`
    Replace(Replace),
    /// Have the shards go where a file says
    Set(Set),
    /// Undo what is not finished of the changes under way
    Abort(Abort),
}

#[derive(Clone, Debug, Args)]
#[command(after_help = SHOW_EXAMPLES)]
struct Show {
    #[command(flatten)]
    asking: Asking,
}

impl PlacementCommand {
    pub(super) fn run(&self, config: &Config) -> Result<(), CommandError> {
        match &self.action {
            Action::Show(show) => {
                let placement = show.asking.api(config)?.placement()?;
                show.asking.write(&placement, text)
            }
            Action::Init(init) => init.run(config),
            Action::Add(add) => add.run(config),
            Action::Remove(remove) => remove.run(config),
            Action::Replace(replace) => replace.run(config),
            Action::Set(set) => set.run(config),
            Action::Abort(abort) => abort.run(config),
        }
    }
}

/// A placement, node by node.
pub(super) fn text(answer: &PlacementAnswer) -> String {
    let placement = &answer.placement;
    let mut table = Table::new([
        ("NODE", Align::Left),
        ("GROUP", Align::Left),
        ("ENDPOINT", Align::Left),
        ("WEIGHT", Align::Right),
        ("SHARDS", Align::Right),
        ("COMING", Align::Right),
        ("GOING", Align::Right),
    ]);
    for node in placement.instances.values() {
        table.row([
            node.id.clone(),
            node.isolation_group.clone(),
            node.endpoint.clone(),
            node.weight.to_string(),
            shards(node, ShardState::Available),
            shards(node, ShardState::Initializing),
            shards(node, ShardState::Leaving),
        ]);
    }
    format!(
        "placement: version {}, {} shards, {} replicas of each\n\n{}",
        answer.version,
        placement.num_shards,
        placement.replica_factor,
        table.text()
    )
}

fn shards(node: &Instance, state: ShardState) -> String {
    let shards = node.shards.iter().filter(|shard| shard.state == state);
    shards.count().to_string()
}
