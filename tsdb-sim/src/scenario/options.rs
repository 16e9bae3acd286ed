//! What a scenario consists of.

use std::time::Duration;

use tsdb_cluster::Rules;

use crate::cluster::Repairs;

/// What may break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A node hears nothing, is not heard, or both.
    Cut,
    /// Messages are lost and late.
    Loss,
    /// A node crashes, or comes back.
    Crash,
    /// All nodes lose their power at once.
    Power,
    /// A node loses its disk, if all others have theirs.
    Disk,
    /// A node that has left the placement loses its disk.
    Removed,
    /// A node gets no time, or goes on.
    Pause,
    /// The disk of a node is slow.
    Slow,
    /// A wall clock jumps.
    Clock,
    /// The metadata is away for all, or back.
    Metadata,
    /// The metadata is away for a coordinator or a node, or back: it goes on with an old placement.
    Stale,
    /// A node is added, removed or replaced, or that is undone.
    Change,
    /// A node is replaced at the worst moment: one replica misses writes, another is slow and deaf.
    Handover,
    /// A coordinator ends, and another takes its place.
    Coordinator,
    /// A node that copies shards crashes in the middle of it, and comes back at once.
    Copying,
}

impl Fault {
    /// Whatever may.
    pub const ALL: &[Self] = &[
        Self::Cut,
        Self::Loss,
        Self::Crash,
        Self::Power,
        Self::Disk,
        Self::Removed,
        Self::Pause,
        Self::Slow,
        Self::Clock,
        Self::Metadata,
        Self::Stale,
        Self::Change,
        Self::Handover,
        Self::Coordinator,
        Self::Copying,
    ];
}

/// What a scenario consists of.
#[derive(Clone, Copy, Debug)]
pub struct ScenarioOptions {
    /// Nodes at the beginning, in four isolation groups.
    pub nodes: usize,
    /// Shards.
    pub shards: u32,
    /// How long things break.
    pub trouble: Duration,
    /// The longest time between two things that break.
    pub pace: Duration,
    /// What may break. What is named twice breaks twice as often.
    pub faults: &'static [Fault],
    /// How many write for themselves.
    pub writers: u64,
    /// The longest time between two deletes; none, if there are to be none.
    pub deletes: Option<Duration>,
    /// The rules that all keep to.
    pub rules: Rules,
    /// How nodes become equal.
    pub repairs: Repairs,
    /// Whether the disks and promises of the nodes are looked at, and are equal in the end; not only
    /// what they answer.
    pub inspect: bool,
}

impl Default for ScenarioOptions {
    fn default() -> Self {
        Self {
            nodes: 4,
            shards: 4,
            trouble: Duration::from_secs(60),
            pace: Duration::from_millis(2500),
            faults: Fault::ALL,
            writers: 2,
            deletes: Some(Duration::from_secs(8)),
            rules: Rules::default(),
            repairs: Repairs::All,
            inspect: true,
        }
    }
}
