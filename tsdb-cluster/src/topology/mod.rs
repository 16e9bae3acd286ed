//! Who has what: nodes, shards, the replicas of each shard, and how they change. Pure values.
//!
//! A shard has RF slots, each settled at one member (a node and its data folder) or handed over
//! from one to another. A slot **holds** a write when its settled member has it, or both of a
//! handover have it; it **answers** and **seals** by its settled member or by `from`. A fresh slot,
//! whose node never came up, does neither. With W = RF / 2 + 1, R = W and s = RF - W + 1:
//!
//! - A write is acknowledged when W slots hold it in one epoch. Members refuse the writes and reads
//!   of epochs that they sealed, or that are below one they have seen.
//! - Slots change by `next`, then s slots seal the epoch, then the next one is opened.
//! - Slot by slot, a step keeps the member that answers; or makes `to` that member after it copied
//!   all that s slots answered, while it was in `slots`.
//!
//! **Claim**: every acknowledged write is in the answering members of W slots of the present epoch.
//! It holds when the write is acknowledged, as a slot that holds a write has it where it answers.
//! It stays true while the answering member does. When `to` takes the place of `from`, the write
//! is either of an epoch before `to` came: W + s > RF, so among s slots that answered the copy is
//! one that has it, hence `to` does. Or it is of a later epoch: if this slot was among the W that
//! hold it, `to` has it since. No other writes exist: after s slots sealed an epoch, fewer than W
//! are left to hold a write of it. The same holds of a late reader: of the R slots that it asks one
//! is sealed, as R + s > RF, and turns it away. So R answers of the present epoch meet one of the
//! W. A member whose folder is lost answers, seals and is copied from no more: with l such slots
//! W - l of the RF - l others have the write, and every sum stays true. But R and s must be found
//! among these, so reads, writes and changes go on while at most RF - W are lost.
//!
//! **Fresh slots** change at once, their epoch too, with no seal: a view in which the slot is fresh
//! and one in which it is not count the same members in all other slots, and the first counts
//! nothing here; so W of the one and R, s or W of the other still meet, in a slot that both count.
//! For the same reason a fresh slot is sealed, and copied from, by itself. No slot becomes fresh.

mod change;
mod document;
mod error;
mod flow;
mod quorum;
mod read_votes;
mod seals;
mod shard;
mod shares;
#[cfg(test)]
mod tests;
#[expect(
    clippy::module_inception,
    reason = "the layer is named after its main file"
)]
mod topology;
mod view;
mod write_votes;

pub use error::TopologyError;
pub use quorum::{ReadLevel, UnknownLevel, WriteLevel, majority, seals_needed};
pub use read_votes::{ReadDecision, ReadVotes};
pub use seals::Seals;
pub use shard::{Member, Shard, Slot};
pub use topology::{Node, REPLICAS_MAX, Topology};
pub use view::{Replica, ShardState};
pub use write_votes::{WriteDecision, WriteVotes};
