//! `tsdb-server import`: what other programs have written, stored.

mod command;
mod prometheus;

pub use command::Import;
