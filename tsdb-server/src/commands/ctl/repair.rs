//! `ctl repair`.

use std::collections::BTreeMap;

use clap::Args;

use super::common::{Asking, Waiting, examples};
use super::table::{Align, Table};
use super::waiting::until;
use crate::cluster::{ClusterReport, RepairReport};
use crate::commands::CommandError;
use crate::config::Config;

const EXAMPLES: &str = examples!(
    "  tsdb-server ctl repair --wait
      All nodes compare all they have with the other replicas, and fetch what they lack.
  tsdb-server ctl repair n2
      Only n2 does. Nodes do it by themselves all the time; this is without the pause."
);

/// Has nodes compare all their shards with the other replicas now.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Repair {
    /// Names of the nodes; left out: all of them
    #[arg(value_name = "NODE")]
    nodes: Vec<String>,

    #[command(flatten)]
    waiting: Waiting,

    #[command(flatten)]
    asking: Asking,
}

impl Repair {
    pub(super) fn run(&self, config: &Config) -> Result<(), CommandError> {
        let api = self.asking.api(config)?;
        let mut asked = RepairReport::default();
        match self.nodes.as_slice() {
            [] => asked = api.repair(None)?,
            nodes => {
                for node in nodes {
                    let one = api.repair(Some(node))?;
                    asked.rounds.extend(one.rounds);
                    asked.errors.extend(one.errors);
                }
            }
        }
        if self.waiting.wait {
            let left = |report: &ClusterReport| left(report, &asked.rounds);
            until(&api, self.waiting.timeout, left)?;
        }
        self.asking.write(&asked, text)?;
        match asked.errors.into_iter().next() {
            None => Ok(()),
            Some((node, why)) => Err(CommandError::Unasked { node, why }),
        }
    }
}

/// What nodes have not compared yet.
fn left(report: &ClusterReport, rounds: &BTreeMap<String, u64>) -> Option<String> {
    let is_behind = |(id, round): &(&String, &u64)| {
        let node = report.nodes.iter().find(|node| node.id == **id);
        node.is_some_and(|node| node.rounds < **round)
    };
    let behind: Vec<&str> = rounds
        .iter()
        .filter(is_behind)
        .map(|(id, _)| id.as_str())
        .collect();
    (!behind.is_empty()).then(|| format!("{} compare their shards", behind.join(", ")))
}

fn text(asked: &RepairReport) -> String {
    let mut table = Table::new([("NODE", Align::Left), ("COMPARISON", Align::Right)]);
    for (node, round) in &asked.rounds {
        table.row([node.clone(), round.to_string()]);
    }
    table.text()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::NodeReport;

    #[test]
    fn a_comparison_is_waited_for_until_each_node_has_ended_its_own() {
        let node = |id: &str, rounds| NodeReport {
            id: id.to_owned(),
            rounds,
            ..NodeReport::default()
        };
        let report = ClusterReport {
            nodes: vec![node("n1", 4), node("n2", 2), node("n3", 0)],
            ..ClusterReport::default()
        };
        let left = |rounds: &[(&str, u64)]| {
            let rounds = rounds.iter().map(|(id, round)| ((*id).to_owned(), *round));
            left(&report, &rounds.collect())
        };
        assert_eq!(left(&[("n1", 4), ("n2", 2)]), None);
        let text = left(&[("n1", 5), ("n2", 3)]);
        assert_eq!(text.as_deref(), Some("n1, n2 compare their shards"));
        assert_eq!(left(&[("gone", 9)]), None, "nobody waits for it");
    }
}
