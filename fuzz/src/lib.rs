//! One fuzz target for each decoder of bytes from disk or wire.
//!
//! A target is a function of any bytes that panics when something is wrong. Plain tests replay
//! the kept corpus, the regressions and seeded mutations of both; `cargo xtask fuzz` lets
//! libFuzzer search longer.
#![forbid(unsafe_code)]

mod access;
mod chunk;
mod cluster;
mod config;
mod exemplars;
mod files;
mod formats;
mod harness;
mod histogram;
mod http;
mod index;
mod input;
mod labels;
mod m3;
mod matcher;
mod mutate;
mod node_json;
mod page;
mod prometheus;
mod promql;
mod promql_eval;
mod promql_table;
mod promql_text;
mod remote;
mod sealed;
mod snapshot;
mod targets;
mod wire;

pub use files::payloads;
pub use harness::{Failure, Harness};
pub use input::Input;
pub use page::page_seeds;
pub use targets::{TARGETS, Target, find};
