//! Expressions over HTTP: `/api/v1/query`, `/api/v1/query_range`, and what runs.

mod error;
mod evaluate;
mod parameters;
mod point;
mod reply;
mod result_writer;
mod routes;
mod stats;
mod status;
mod text;

pub(super) use point::write_timestamp;
pub(crate) use reply::write_answer;
pub(super) use routes::{instant, range};
pub(super) use status::{cancel, queries};
pub(super) use text::{format, tree};
