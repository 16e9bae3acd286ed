//! Waits until a change of the placement is finished.

use std::time::Duration;

use tsdb_core::{Clock as _, SystemClock};

use super::api::Api;
use crate::cluster::ClusterReport;
use crate::commands::CommandError;
use crate::commands::progress::Progress;
use crate::units::duration_text;

/// How often the cluster is asked.
const PAUSE: Duration = Duration::from_millis(500);

/// What a change leads to.
#[derive(Debug, Default)]
pub(super) struct Goal {
    /// The placement is of this version, or newer.
    pub(super) version: u64,
    /// These nodes are there.
    pub(super) present: Vec<String>,
    /// These are not.
    pub(super) gone: Vec<String>,
}

impl Goal {
    /// Waits until it is reached, and every shard is at its place.
    pub(super) fn wait(&self, api: &Api, timeout: Duration) -> Result<(), CommandError> {
        let left = |report: &ClusterReport| {
            let is_left = !self.is_reached(report);
            is_left.then(|| moving(report))
        };
        self.check(&until(api, timeout, left)?)
    }

    /// Whether nothing is under way any more.
    fn is_reached(&self, report: &ClusterReport) -> bool {
        let mut states = report.shards.iter().flat_map(|shard| &shard.members);
        report.placement_version >= self.version
            && report.totals.shards_in_change == 0
            && states.all(|member| member.state == "AVAILABLE")
    }

    /// Whether what came out of it is what was asked for.
    fn check(&self, report: &ClusterReport) -> Result<(), CommandError> {
        let is_there = |id: &String| report.nodes.iter().any(|node| node.id == *id);
        let undone = |id: &String, what| CommandError::Undone {
            node: id.clone(),
            what,
        };
        if let Some(id) = self.gone.iter().find(|id| is_there(id)) {
            return Err(undone(id, "it is still part of the placement"));
        }
        match self.present.iter().find(|id| !is_there(id)) {
            Some(id) => Err(undone(id, "it is no part of the placement")),
            None => Ok(()),
        }
    }
}

/// Asks how the cluster is until nothing is left to wait for. A server that cannot answer for a while
/// is asked again.
pub(super) fn until(
    api: &Api,
    timeout: Duration,
    left: impl Fn(&ClusterReport) -> Option<String>,
) -> Result<ClusterReport, CommandError> {
    let (clock, mut progress) = (SystemClock::new(), Progress::new());
    let began = clock.monotonic_ms();
    let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
    loop {
        let told = api.report().map(|report| (left(&report), report));
        let left = match told {
            Ok((None, report)) => {
                progress.clear();
                return Ok(report);
            }
            Ok((Some(left), _)) => left,
            Err(error) if is_passing(&error) => error.to_string(),
            Err(error) => {
                progress.clear();
                return Err(error);
            }
        };
        progress.update(|| left.clone());
        if clock.monotonic_ms().saturating_sub(began) >= timeout_ms {
            progress.clear();
            let after = duration_text(timeout);
            return Err(CommandError::Unfinished { after, left });
        }
        api.pause(PAUSE);
    }
}

/// Whether the same question may be answered soon.
fn is_passing(error: &CommandError) -> bool {
    match error {
        CommandError::Unreachable { .. } => true,
        CommandError::Refused { status, .. } => *status >= 500,
        _ => false,
    }
}

/// How far it is, in a line.
fn moving(report: &ClusterReport) -> String {
    let of_nodes = report.nodes.iter().flat_map(|node| &node.moves);
    let samples: u64 = of_nodes.map(|one| one.copied_samples).sum();
    let of_shards = report.shards.iter();
    let is_moving = of_shards.filter(|shard| {
        let mut states = shard.members.iter();
        shard.in_change || states.any(|member| member.state != "AVAILABLE")
    });
    let away = report.nodes.iter().filter(|node| !node.reachable);
    let away: Vec<&str> = away.map(|node| node.id.as_str()).collect();
    let mut text = format!(
        "{} of {} shards are not at their places yet",
        is_moving.count(),
        report.shards.len()
    );
    if samples > 0 {
        text += &format!(", {samples} samples of those being copied are there");
    }
    if !away.is_empty() {
        text += &format!(", not reached: {}", away.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{MemberReport, NodeReport, ShardReport};

    fn report(version: u64, state: &str) -> ClusterReport {
        let node = |id: &str| NodeReport {
            id: id.to_owned(),
            reachable: id != "n2",
            ..NodeReport::default()
        };
        let member = MemberReport {
            state: state.to_owned(),
            ..MemberReport::default()
        };
        ClusterReport {
            placement_version: version,
            nodes: vec![node("n1"), node("n2")],
            shards: vec![ShardReport {
                members: vec![member],
                ..ShardReport::default()
            }],
            ..ClusterReport::default()
        }
    }

    #[test]
    fn a_goal_is_reached_by_a_new_enough_placement_with_all_shards_at_their_places() {
        let goal = Goal {
            version: 7,
            present: vec!["n1".to_owned()],
            gone: vec!["n3".to_owned()],
        };
        assert!(!goal.is_reached(&report(6, "AVAILABLE")));
        assert!(!goal.is_reached(&report(7, "LEAVING")));
        assert!(goal.is_reached(&report(8, "AVAILABLE")));
        assert!(goal.check(&report(8, "AVAILABLE")).is_ok());
        let undone = Goal {
            gone: vec!["n2".to_owned()],
            ..Goal::default()
        };
        let error = undone
            .check(&report(8, "AVAILABLE"))
            .expect_err("still there");
        assert!(error.to_string().contains("n2"), "{error}");
        let text = moving(&report(8, "INITIALIZING"));
        assert_eq!(
            text,
            "1 of 1 shards are not at their places yet, not reached: n2"
        );
    }
}
