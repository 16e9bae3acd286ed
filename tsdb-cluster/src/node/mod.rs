//! A storage node: it takes writes of the epoch it is in, seals epochs, answers reads.

mod deletes;
mod epochs;
mod reading;
mod records;
mod storage_node;
#[cfg(test)]
mod tests;

pub use deletes::{
    Applying, DeleteRecord, DeleteRecordError, Deletes, Mask, MatcherRecord, Writing,
};
pub use epochs::{Admission, Epochs, Refusal, ShardState};
pub use storage_node::Node;
