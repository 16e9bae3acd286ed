//! What the server counts about itself, and the page that shows it.

mod access;
mod cluster;
mod counters;
mod exposition;
mod families;
mod page;

pub(crate) use access::{HandshakeFailure, Refused};
pub(crate) use counters::{Telemetry, WriteSource};
pub use families::{Family, FamilyKind, Unit, families, family};
pub(crate) use page::{Inflight, Senders, render};
