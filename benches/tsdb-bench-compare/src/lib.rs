//! The same loads into our server and its peers, one after the other, over HTTP; one table.
//!
//! See `docs/performance.md` for what is measured and how; the binary is `compare`.
#![forbid(unsafe_code)]

mod accounting;
mod cluster;
mod command;
mod deliveries;
mod disk;
mod error;
mod figures;
mod flood;
mod http;
mod interrupt;
mod load;
mod options;
mod process;
mod program;
mod progress;
mod queries;
mod read_back;
mod run;
mod sender;
mod server;
mod table;
mod wait;

#[cfg(test)]
mod tests;

pub use cluster::{ClusterOptions, cluster};
pub use command::compare;
pub use error::Error;
pub use flood::{FloodOptions, flood};
pub use options::{LoadName, Options, ServerName};
pub use program::program;
