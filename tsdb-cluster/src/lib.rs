#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod batch;
mod identity;
pub mod message;
pub mod metadata;
pub mod node;
pub mod runtime;
pub mod storage;

pub use batch::{Batch, BatchSeries, SeriesEntry};
pub use identity::{Epoch, Incarnation, NodeId, ShardId};
