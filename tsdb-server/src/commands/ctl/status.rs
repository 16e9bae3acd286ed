//! `ctl status`.

use std::fmt::Write as _;

use clap::Args;

use super::common::{Asking, examples};
use super::table::{Align, Table};
use crate::cluster::{ClusterReport, MemberReport, NodeReport, QueueReport, ShardReport};
use crate::commands::CommandError;
use crate::config::Config;

const EXAMPLES: &str = examples!(
    "  tsdb-server ctl status --url http://10.0.0.1:7201
      The nodes, and the shards that something is wrong or under way with.
  tsdb-server ctl status --shards
      All shards, as the server on this machine sees them.
  tsdb-server ctl status --output json | jq .totals"
);

/// Shards that are listed where not all are asked for.
const LISTED: usize = 20;

/// Shows how a cluster is.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Status {
    /// List all shards, not only those that something is wrong or under way with
    #[arg(long)]
    shards: bool,

    #[command(flatten)]
    asking: Asking,
}

impl Status {
    pub(super) fn run(&self, config: &Config) -> Result<(), CommandError> {
        let report = self.asking.api(config)?.report()?;
        self.asking
            .write(&report, |report| text(report, self.shards))
    }
}

/// The cluster, in lines of at most 80 characters as long as names are short.
fn text(report: &ClusterReport, all_shards: bool) -> String {
    let totals = &report.totals;
    let lines = [
        format!(
            "placement: version {}, {} replicas of each shard",
            report.placement_version, report.replicas
        ),
        format!(
            "nodes: {} of {} reached",
            totals.nodes_reachable, totals.nodes
        ),
        format!(
            "shards: {}; {} in change, {} miss a node, {} have no majority",
            totals.shards,
            totals.shards_in_change,
            totals.shards_with_missing,
            totals.shards_without_majority
        ),
        format!(
            "to do: {} windows differ, {} windows to hand on, {} shards are copied",
            totals.divergence, totals.hints, totals.moves
        ),
    ];
    let mut text = lines.join("\n") + "\n\n" + &nodes(&report.nodes).text();
    for node in &report.nodes {
        if let Some(why) = &node.error {
            text += &format!("{}: {why}\n", node.id);
        }
        for (other, windows) in node.divergence.iter().filter(|(_, windows)| **windows > 0) {
            text += &format!("{} differs from {other} in {windows} windows\n", node.id);
        }
        for (other, windows) in node.hints.iter().filter(|(_, windows)| **windows > 0) {
            text += &format!("{} hands {windows} windows on to {other}\n", node.id);
        }
        for one in &node.moves {
            let (shard, series, samples) = (one.shard, one.copied_series, one.copied_samples);
            let id = &node.id;
            text +=
                &format!("{id} copies shard {shard}: {series} series, {samples} samples so far\n");
        }
    }
    text + &listed(&report.shards, all_shards)
}

fn nodes(nodes: &[NodeReport]) -> Table<8> {
    let mut table = Table::new([
        ("NODE", Align::Left),
        ("GROUP", Align::Left),
        ("ENDPOINT", Align::Left),
        ("STATE", Align::Left),
        ("SHARDS", Align::Right),
        ("COMING", Align::Right),
        ("GOING", Align::Right),
        ("QUEUE", Align::Right),
    ]);
    for node in nodes {
        let queue = node.write_queue.map_or_else(String::new, filled);
        table.row([
            node.id.clone(),
            node.isolation_group.clone(),
            node.endpoint.clone(),
            state(node).to_owned(),
            node.shards.available.to_string(),
            node.shards.initializing.to_string(),
            node.shards.leaving.to_string(),
            queue,
        ]);
    }
    table
}

fn state(node: &NodeReport) -> &'static str {
    let is_closed = |circuit: &str| circuit == "closed";
    let circuits = node.circuits.as_ref();
    let is_asked = circuits.is_none_or(|ways| is_closed(&ways.writes) && is_closed(&ways.calls));
    match (node.reachable, node.leaving) {
        (false, _) if node.incarnation.is_none() => "awaited",
        (false, _) => "away",
        (true, true) => "leaving",
        (true, false) if !is_asked => "shaky",
        (true, false) => "up",
    }
}

/// How full a queue is, in percent.
fn filled(queue: QueueReport) -> String {
    let part = |now: u64, max: u64| now.saturating_mul(100) / max.max(1);
    let percent = part(queue.bytes, queue.bytes_max).max(part(queue.requests, queue.requests_max));
    format!("{percent}%")
}

fn listed(shards: &[ShardReport], all: bool) -> String {
    let is_told = |shard: &&ShardReport| {
        let mut states = shard.members.iter();
        let is_moving = shard.in_change || states.any(|member| member.state != "AVAILABLE");
        all || is_moving || !shard.missing.is_empty()
    };
    let told: Vec<_> = shards.iter().filter(is_told).collect();
    if told.is_empty() {
        return String::new();
    }
    let mut table = Table::new([
        ("SHARD", Align::Right),
        ("EPOCH", Align::Right),
        ("NODES", Align::Left),
        ("MISSING", Align::Left),
    ]);
    let shown = if all { told.len() } else { LISTED };
    for shard in told.iter().take(shown) {
        let member = |member: &MemberReport| match member.state.as_str() {
            "INITIALIZING" => format!("+{}", member.node),
            "LEAVING" => format!("-{}", member.node),
            _ => member.node.clone(),
        };
        let members: Vec<_> = shard.members.iter().map(member).collect();
        let alarm = if shard.without_majority {
            " (no majority)"
        } else {
            ""
        };
        table.row([
            shard.id.to_string(),
            shard.epoch.to_string(),
            members.join(" "),
            shard.missing.join(" ") + alarm,
        ]);
    }
    let mut text = format!("\n{}", table.text());
    if let Some(more) = told.len().checked_sub(shown).filter(|more| *more > 0) {
        let written = writeln!(text, "and {more} more: --shards lists all");
        debug_assert!(written.is_ok(), "writing to a String failed");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{MoveReport, ShardCounts};

    fn cluster(shards: u32) -> ClusterReport {
        let node = |id: &str, reachable: bool| NodeReport {
            id: id.to_owned(),
            isolation_group: "rack-1".to_owned(),
            endpoint: format!("{id}.tsdb.example:9000"),
            reachable,
            incarnation: Some("0".to_owned()),
            shards: ShardCounts {
                available: 1024,
                ..ShardCounts::default()
            },
            write_queue: Some(QueueReport {
                bytes: 1 << 20,
                bytes_max: 16 << 20,
                requests: 3,
                requests_max: 256,
            }),
            ..NodeReport::default()
        };
        let mut away = node("node-b", false);
        away.error = Some("the node cannot be reached: no answer within 2000 ms".to_owned());
        let mut busy = node("node-a", true);
        busy.divergence = [("node-b".to_owned(), 3)].into();
        busy.moves = vec![MoveReport {
            shard: 4,
            copied_series: 5,
            copied_samples: 600,
        }];
        let member = |node: &str, state: &str| MemberReport {
            node: node.to_owned(),
            state: state.to_owned(),
            source: None,
        };
        let shard = |id| ShardReport {
            id,
            epoch: 7,
            in_change: true,
            members: vec![
                member("node-a", "AVAILABLE"),
                member("node-b", "LEAVING"),
                member("node-c", "INITIALIZING"),
            ],
            missing: vec!["node-b".to_owned()],
            without_majority: id == 0,
        };
        ClusterReport {
            nodes: vec![busy, away],
            shards: (0..shards).map(shard).collect(),
            ..ClusterReport::default()
        }
    }

    #[test]
    fn what_is_wrong_is_told_in_lines_that_a_terminal_has_room_for() {
        let text = text(&cluster(30), false);
        for part in [
            "NODE    GROUP   ENDPOINT                  STATE  SHARDS  COMING  GOING  QUEUE\n",
            "node-b  rack-1  node-b.tsdb.example:9000  away     1024       0      0     6%\n",
            "node-b: the node cannot be reached: no answer within 2000 ms\n",
            "node-a differs from node-b in 3 windows\n",
            "node-a copies shard 4: 5 series, 600 samples so far\n",
            "SHARD  EPOCH  NODES                   MISSING\n",
            "    0      7  node-a -node-b +node-c  node-b (no majority)\n",
            "and 10 more: --shards lists all\n",
        ] {
            assert!(text.contains(part), "{part}{text}");
        }
        let longest = text.lines().map(str::len).max();
        assert!(longest <= Some(80), "{longest:?}");
    }

    #[test]
    fn all_shards_are_listed_where_they_are_asked_for_and_none_where_all_is_well() {
        let mut cluster = cluster(30);
        assert!(!text(&cluster, true).contains("more"));
        for shard in &mut cluster.shards {
            shard.in_change = false;
            shard.missing.clear();
            shard.members.truncate(1);
        }
        assert!(!text(&cluster, false).contains("EPOCH"));
        assert!(text(&cluster, true).contains("EPOCH"));
    }
}
