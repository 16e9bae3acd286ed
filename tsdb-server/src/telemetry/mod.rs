//! What the server counts about itself, and the page that shows it.

mod access;
mod counters;
mod exposition;
mod page;

pub(crate) use access::{HandshakeFailure, Refused};
pub(crate) use counters::{Telemetry, WriteSource};
pub(crate) use page::render;
