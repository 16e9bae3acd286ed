//! Changes of the placement.

use std::io::Read as _;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::api::{Api, PlacementAnswer};
use super::common::{Changing, examples};
use super::node_spec::{FORM, NodeSpec};
use super::placement::text;
use super::waiting::Goal;
use crate::commands::CommandError;
use crate::config::Config;
use crate::placements::Instance;

const INIT_EXAMPLES: &str = examples!(
    "  tsdb-server ctl placement init --shards 64 --replicas 3 \\
      --node id=n1,endpoint=10.0.0.1:9001,group=a \\
      --node id=n2,endpoint=10.0.0.2:9001,group=b \\
      --node id=n3,endpoint=10.0.0.3:9001,group=c --wait
      Each node is in an isolation group of its own: no two replicas fail together."
);

const ADD_EXAMPLES: &str = examples!(
    "  tsdb-server ctl placement add --node id=n4,endpoint=10.0.0.4:9001,group=a --dry-run
      What would be: no shard moves between nodes that are there.
  tsdb-server ctl placement add --node id=n4,endpoint=10.0.0.4:9001,group=a --wait"
);

const REMOVE_EXAMPLES: &str = examples!(
    "  tsdb-server ctl drain n1 --wait --timeout 2h
  tsdb-server ctl placement remove n1 --wait
      The same. When it returns, the disk of n1 is needed by nobody.
  tsdb-server ctl drain n1 --dry-run"
);

const REPLACE_EXAMPLES: &str = examples!(
    "  tsdb-server ctl replace n3 id=n5,endpoint=10.0.0.5:9001 --wait
  tsdb-server ctl placement replace n3 id=n5,endpoint=10.0.0.5:9001,group=c,weight=200
      The same; group, weight and zone are those of n3 where they are not said.

A node that lost its disk needs none of this: start it again under its old name."
);

const SET_EXAMPLES: &str = examples!(
    "  tsdb-server ctl placement show --output json > placement.json
  tsdb-server ctl placement set placement.json --dry-run
  tsdb-server ctl placement set placement.json --wait
      Refused if the placement is no longer of the version that the file has."
);

const ABORT_EXAMPLES: &str = examples!(
    "  tsdb-server ctl placement abort --wait
      Shards on the way to a node that never came up stay where they are."
);

/// Makes the placement of a new cluster.
#[derive(Clone, Debug, Args)]
#[command(after_help = INIT_EXAMPLES)]
pub(super) struct Init {
    /// Into how many shards series are divided; stays for ever
    #[arg(long, value_name = "NUMBER", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=16_384))]
    shards: u32,

    /// How many nodes have each shard
    #[arg(long, value_name = "NUMBER", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=16))]
    replicas: u32,

    /// A node; several times for several
    #[arg(long = "node", value_name = FORM, required = true)]
    nodes: Vec<NodeSpec>,

    #[command(flatten)]
    changing: Changing,
}

/// Adds nodes.
#[derive(Clone, Debug, Args)]
#[command(after_help = ADD_EXAMPLES)]
pub(super) struct Add {
    /// A node; several times for several
    #[arg(long = "node", value_name = FORM, required = true)]
    nodes: Vec<NodeSpec>,

    /// Also while shards are on their way
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    changing: Changing,
}

/// Removes nodes.
#[derive(Clone, Debug, Args)]
#[command(after_help = REMOVE_EXAMPLES)]
pub(super) struct Remove {
    /// Names of the nodes
    #[arg(value_name = "NODE", required = true)]
    nodes: Vec<String>,

    #[command(flatten)]
    changing: Changing,
}

/// Replaces a node.
#[derive(Clone, Debug, Args)]
#[command(after_help = REPLACE_EXAMPLES)]
pub(super) struct Replace {
    /// Name of the node that goes
    #[arg(value_name = "OLD")]
    old: String,

    /// A node that comes for it: id=NAME,endpoint=HOST:PORT[,group=GROUP][,weight=100]
    #[arg(value_name = "NEW", required = true)]
    new: Vec<NodeSpec>,

    /// Also while shards are on their way
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    changing: Changing,
}

/// Has the shards go where a file says.
#[derive(Clone, Debug, Args)]
#[command(after_help = SET_EXAMPLES)]
pub(super) struct Set {
    /// The placement with its version, as `ctl placement show --output json` has it; - is stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,

    #[command(flatten)]
    changing: Changing,
}

/// Undoes what is not finished.
#[derive(Clone, Debug, Args)]
#[command(after_help = ABORT_EXAMPLES)]
pub(super) struct Abort {
    #[command(flatten)]
    changing: Changing,
}

impl Init {
    pub(super) fn run(&self, config: &Config) -> Result<(), CommandError> {
        let body = json!({
            "numShards": self.shards,
            "replicationFactor": self.replicas,
            "instances": instances(&self.nodes)?,
        });
        let api = self.changing.asking.api(config)?;
        change(&api, &self.changing, ("/init", &body), coming(&self.nodes))
    }
}

impl Add {
    pub(super) fn run(&self, config: &Config) -> Result<(), CommandError> {
        let body = json!({"instances": instances(&self.nodes)?, "force": self.force});
        let api = self.changing.asking.api(config)?;
        change(&api, &self.changing, ("", &body), coming(&self.nodes))
    }
}

impl Remove {
    pub(super) fn run(&self, config: &Config) -> Result<(), CommandError> {
        let body = json!({"instanceIds": self.nodes});
        let api = self.changing.asking.api(config)?;
        let goal = Goal {
            gone: self.nodes.clone(),
            ..Goal::default()
        };
        change(&api, &self.changing, ("/remove", &body), goal)
    }
}

impl Replace {
    pub(super) fn run(&self, config: &Config) -> Result<(), CommandError> {
        let api = self.changing.asking.api(config)?;
        let present = api.placement()?.placement.instances;
        let Some(old) = present.get(&self.old) else {
            let names: Vec<&str> = present.keys().map(String::as_str).collect();
            return Err(CommandError::Argument {
                argument: "OLD",
                value: self.old.clone(),
                why: format!(
                    "the placement has no such node; it has {}",
                    names.join(", ")
                ),
            });
        };
        let like: Vec<_> = self.new.iter().map(|new| new.clone().like(old)).collect();
        let body = json!({
            "leavingInstanceIDs": [self.old],
            "candidates": instances(&like)?,
            "force": self.force,
        });
        let goal = Goal {
            gone: vec![self.old.clone()],
            ..coming(&self.new)
        };
        change(&api, &self.changing, ("/replace", &body), goal)
    }
}

impl Set {
    pub(super) fn run(&self, config: &Config) -> Result<(), CommandError> {
        let wrong = |why: String| CommandError::Argument {
            argument: "FILE",
            value: self.file.display().to_string(),
            why,
        };
        let text = self.read().map_err(|error| wrong(error.to_string()))?;
        let wanted: PlacementAnswer = serde_json::from_str(&text).map_err(|error| {
            wrong(format!(
                "it is not what `ctl placement show --output json` writes: {error}"
            ))
        })?;
        let body = json!({
            "placement": wanted.placement,
            "version": wanted.version,
            "confirm": !self.changing.dry_run,
        });
        let api = self.changing.asking.api(config)?;
        change(&api, &self.changing, ("/set", &body), Goal::default())
    }

    fn read(&self) -> std::io::Result<String> {
        if self.file.as_os_str() == "-" {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text)?;
            return Ok(text);
        }
        std::fs::read_to_string(&self.file)
    }
}

impl Abort {
    pub(super) fn run(&self, config: &Config) -> Result<(), CommandError> {
        let api = self.changing.asking.api(config)?;
        change(
            &api,
            &self.changing,
            ("/abort", &json!({})),
            Goal::default(),
        )
    }
}

/// Makes a change, waits for it where that is asked for, and shows the placement then.
fn change(
    api: &Api,
    changing: &Changing,
    (what, body): (&str, &impl Serialize),
    goal: Goal,
) -> Result<(), CommandError> {
    let mut changed = api.change(what, body, changing.dry_run)?;
    if changing.waiting.wait {
        let version = changed.version;
        Goal { version, ..goal }.wait(api, changing.waiting.timeout)?;
        changed = api.placement()?;
    }
    changing.asking.write(&changed, |changed| {
        match (changing.dry_run, changing.waiting.wait) {
            (true, _) => format!("nothing is changed; this would be\n{}", text(changed)),
            (false, true) => text(changed),
            (false, false) => format!(
                "{}\nfollow it with: tsdb-server ctl status\n",
                text(changed)
            ),
        }
    })
}

fn instances(nodes: &[NodeSpec]) -> Result<Vec<Instance>, CommandError> {
    let instance = |node: &NodeSpec| {
        let instance = node.instance();
        instance.map_err(|why| CommandError::Argument {
            argument: "--node",
            value: node.id().to_owned(),
            why,
        })
    };
    nodes.iter().map(instance).collect()
}

fn coming(nodes: &[NodeSpec]) -> Goal {
    Goal {
        present: nodes.iter().map(|node| node.id().to_owned()).collect(),
        ..Goal::default()
    }
}
