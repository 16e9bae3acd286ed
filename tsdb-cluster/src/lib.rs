#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod identity;
pub mod metadata;
pub mod wire;

pub use identity::{Epoch, Incarnation, NodeId, ShardId};
