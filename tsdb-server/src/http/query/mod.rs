//! Expressions over HTTP: `/api/v1/query`, `/api/v1/query_range`, and what runs.

mod error;
mod evaluate;
mod go_number;
mod parameters;
mod reply;
mod result_writer;
mod routes;
mod stats;
mod status;

pub(super) use go_number::{write_go_float, write_timestamp};
pub(super) use routes::{instant, range};
pub(super) use status::{cancel, queries};
