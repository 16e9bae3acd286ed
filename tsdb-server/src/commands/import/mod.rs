//! `tsdb-server import`: what other programs have written, stored.

mod block_import;
mod command;
mod destination;
mod group;
mod listing;
mod meter;
mod prometheus;
mod remote_write;
mod state;
mod summary;
mod tally;

pub use command::Import;
