//! `tsdb-server import`: what other programs have written, stored.

mod block_import;
mod command;
mod csv;
mod destination;
mod group;
mod head_import;
mod jsonl;
mod listing;
mod meter;
mod openmetrics;
mod prometheus;
mod remote_write;
mod selection;
mod state;
mod summary;
mod tally;
mod text;
mod text_outcome;
mod upload;

pub use command::Import;
