//! An embeddable time-series database engine for Prometheus metrics.
#![deny(unsafe_code)]

pub mod bits;
pub mod chunk;
pub mod clock;
pub mod db;
pub mod index;
pub mod manifest;
pub mod model;
pub mod postings;
pub mod run;
pub mod series;
pub mod shard;
pub mod vfs;
pub mod wal;
