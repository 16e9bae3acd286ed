//! What M3's nodes answer over HTTP and JSON, for themselves and for their cluster.

mod aggregate;
mod error;
mod health;
mod matching;
mod read;
mod request;
mod series_writer;
mod truncate;
mod unsupported;
mod write;

pub(super) use aggregate::aggregate;
pub(super) use error::wrong_method;
pub(super) use health::{bootstrapped, health};
pub(super) use read::{fetch, query};
pub(super) use request::read_body;
pub(super) use truncate::truncate;
pub(super) use unsupported::unsupported;
pub(super) use write::{write, write_tagged};
