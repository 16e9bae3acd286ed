//! Why a topology cannot be what was asked for.

use crate::{Epoch, Incarnation, NodeId, ShardId};

/// Why a topology cannot be what was asked for. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TopologyError {
    /// Nothing was asked for.
    #[error("no instance is named: name at least one in {field}")]
    NoInstances {
        /// Where.
        field: &'static str,
    },
    /// An instance that is not there.
    #[error("instance {0} not found in placement")]
    UnknownNode(NodeId),
    /// A new instance that is there.
    #[error("instance {0} is in the placement already: give the new one another id, or remove it")]
    KnownNode(NodeId),
    /// An instance that is named twice.
    #[error("instance {0} is named twice: name it once")]
    NamedTwice(NodeId),
    /// An instance of no weight.
    #[error("instance {0} has weight 0: give it at least 1")]
    NoWeight(NodeId),
    /// A shard that is not there.
    #[error("shard {shard} is not there: there are {shards}, from 0 on")]
    UnknownShard {
        /// Which one.
        shard: ShardId,
        /// How many there are.
        shards: usize,
    },
    /// A number out of its range.
    #[error("{field} is {value}: it must be from 1 to {max}")]
    OutOfRange {
        /// Which one.
        field: &'static str,
        /// What it is.
        value: u64,
        /// What it may be.
        max: u64,
    },
    /// Replicas of a shard need as many isolation groups.
    #[error(
        "{groups} isolation groups would be left for {replicas} replicas: \
         instances of at least {replicas} groups are needed, each of them alive on its own"
    )]
    TooFewGroups {
        /// How many there would be.
        groups: usize,
        /// How many replicas a shard has.
        replicas: u8,
    },
    /// Shards would have two replicas in one group, or nowhere to go.
    #[error(
        "the isolation groups and changes under way leave no place for {} of instance {node}: \
         add instances of other groups, abort the changes, or use force where two may share one",
        ShardList(.shards)
    )]
    NoPlace {
        /// Whose.
        node: NodeId,
        /// Which ones.
        shards: Vec<ShardId>,
    },
    /// Shards that are in change.
    #[error(
        "{} in change: wait until they are not, or abort them",
        ShardList::are(.shards)
    )]
    Locked {
        /// Which ones.
        shards: Vec<ShardId>,
    },
    /// An assignment that does not say the replicas of a shard as it must.
    #[error("shard {shard}: {what}")]
    BadTarget {
        /// Which one.
        shard: ShardId,
        /// What is wrong.
        what: String,
    },
    /// A shard that no sequence of steps leads to.
    #[error("shard {shard} is not as a shard can be: {what}")]
    BrokenShard {
        /// Which one.
        shard: ShardId,
        /// What is wrong.
        what: String,
    },
    /// The node has another data folder.
    #[error(
        "instance {node} has the data folder {present}, not {other}: \
         it is said to have lost its data before it takes part again"
    )]
    OtherIncarnation {
        /// Which node.
        node: NodeId,
        /// The folder that it is known with.
        present: Incarnation,
        /// The one that is named.
        other: Incarnation,
    },
    /// A node that never came up cannot have copied.
    #[error("instance {0} never came up: it has no shards")]
    NotBound(NodeId),
    /// Who copied is not, or no more, to have the shard.
    #[error("shard {shard} is not handed over to {node}: read the placement again")]
    NotHandedOver {
        /// Which shard.
        shard: ShardId,
        /// To whom.
        node: NodeId,
    },
    /// Seals of an epoch that is not the present one.
    #[error("shard {shard} is in epoch {present}, not in {sealed}: seal that")]
    OtherEpoch {
        /// Which shard.
        shard: ShardId,
        /// The one it is in.
        present: Epoch,
        /// The one that was sealed.
        sealed: Epoch,
    },
    /// Nothing is to be opened.
    #[error("shard {0} is not about to change")]
    NothingToOpen(ShardId),
    /// A newcomer has not come up.
    #[error("shard {shard} waits for instance {node} to come up: start it, or remove it")]
    Awaited {
        /// Which shard.
        shard: ShardId,
        /// Whom it waits for.
        node: NodeId,
    },
    /// Too few of the old members sealed.
    #[error("shard {shard}: {sealed} replicas sealed epoch {epoch}, {needed} must")]
    TooFewSeals {
        /// Which shard.
        shard: ShardId,
        /// Which epoch.
        epoch: Epoch,
        /// How many did.
        sealed: usize,
        /// How many must.
        needed: usize,
    },
    /// What was read is not a topology.
    #[error("the topology names {what} {index}, there are {count}")]
    BadIndex {
        /// What is named.
        what: &'static str,
        /// Which one.
        index: u32,
        /// How many there are.
        count: usize,
    },
}

/// The first few shards of many.
struct ShardList<'a>(&'a [ShardId]);

const SHARDS_SHOWN: usize = 8;

impl ShardList<'_> {
    fn are(shards: &[ShardId]) -> String {
        let verb = match shards.len() {
            1 => "is",
            _ => "are",
        };
        format!("{} {verb}", ShardList(shards))
    }
}

impl std::fmt::Display for ShardList<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0.len() {
            1 => "shard",
            _ => "shards",
        })?;
        for (number, shard) in self.0.iter().take(SHARDS_SHOWN).enumerate() {
            let comma = if number == 0 { "" } else { "," };
            write!(f, "{comma} {shard}")?;
        }
        match self.0.len().saturating_sub(SHARDS_SHOWN) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
