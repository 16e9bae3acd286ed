#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod batch;
pub mod coordinator;
mod identity;
pub mod message;
pub mod metadata;
pub mod node;
mod rules;
pub mod runtime;
mod series_table;
pub mod storage;
pub mod topology;
pub mod transport;
pub mod wire;

pub use batch::{Batch, BatchSeries, SeriesEntry, shard_of_metric};
pub use identity::{Epoch, Incarnation, NodeId, ShardId};
pub use rules::{Rule, Rules};
pub use series_table::SeriesTable;
