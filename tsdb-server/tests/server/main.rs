//! The built server from outside: real senders and readers, kills, wrong input, its whole API.
#![forbid(unsafe_code)]
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests own their processes, files and deadlines, and fail by panics"
)]

mod api;
mod backups;
mod commands;
mod config;
mod exemplars;
mod export_import;
mod full_disk;
mod ha_pairs;
mod interop;
mod kill;
mod lifecycle;
mod m3;
mod opening;
mod support;
mod tenancy;
mod write_v2;
mod wrong_input;
