//! The server: Prometheus writes to it and reads back from it.
//!
//! Threads: the network's (tokio) parse HTTP and never touch the database; store threads decode
//! and append; one committer leads the group commits; query threads select; one maintainer cuts,
//! flushes, merges, expires, and reopens a database that refuses writes.
#![forbid(unsafe_code)]

pub mod access;
pub mod allocator;
pub mod cluster;
pub mod commands;
pub mod config;
mod data;
pub mod database_create;
mod dial;
mod export;
pub mod go_duration;
mod ha;
mod http;
mod import;
pub mod jsonpb;
pub mod logging;
mod machine;
pub mod metadata;
pub mod monitoring;
pub mod namespaces;
pub mod node_json;
mod pause;
pub mod placements;
mod profile;
mod query;
pub mod rpc;
mod runtime;
pub mod sample_json;
mod server;
mod store;
mod supervisor;
pub mod telemetry;
mod tenancy;
pub mod timestamp;
mod told;
pub mod units;

pub use server::{ServerError, run};
