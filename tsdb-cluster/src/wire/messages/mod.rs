//! The messages of the protocol: plain values here, protobuf on the wire
//! (`proto/tsdb/node/v1/node.proto`).

mod beside;
#[cfg(test)]
mod compatible;
mod deletes;
mod digest;
mod marks;
mod message;
mod rejected;
mod repair;
mod seal;
mod select;
mod selection;
mod status;
#[cfg(test)]
mod tests;
mod verdict;
mod write;

pub use deletes::{DeleteReply, DeletesBehindReply, DeletesBehindRequest};
pub use marks::MarkReply;
pub use message::NodeMessage;
pub use rejected::{RejectedReason, RejectedSample};
pub use repair::{RepairReply, RepairRequest};
pub use seal::{SealReply, SealRequest};
pub use select::{SelectLast, SelectOrder, SelectReply};
pub use status::{StatusReply, StatusRequest, TopologyReply, TopologyRequest};
pub use verdict::{Refusal, ShardVerdict, Verdict};
pub use write::{WriteOpened, WriteOpening, WriteReply, WriteRequest};
