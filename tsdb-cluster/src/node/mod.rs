//! A storage node: it takes writes of the epoch it is in, seals epochs, answers reads.

mod comparison;
mod copying;
mod deletes;
mod digests;
mod divergence;
mod epochs;
mod marks;
mod membership;
mod reading;
mod records;
mod repair;
mod rounds;
mod storage_node;
#[cfg(test)]
mod tests;
mod throttle;

pub use deletes::{
    Applying, DeleteRecord, DeleteRecordError, Deletes, Mask, MatcherRecord, Writing,
};
pub use divergence::Divergence;
pub use epochs::{Admission, Epochs, Refusal, Removing, ShardState};
pub use marks::{Marks, TooManyMarks};
pub use membership::{Membership, MembershipError, Move, Pace};
pub use repair::{Repair, RepairOptions};
pub use rounds::Rounds;
pub use storage_node::Node;
