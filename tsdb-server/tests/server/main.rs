//! The built server from outside: real senders and readers, kills, wrong input, its whole API.
#![forbid(unsafe_code)]
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests own their processes, files and deadlines"
)]

mod api;
mod export_import;
mod interop;
mod kill;
mod lifecycle;
mod support;
mod wrong_input;
