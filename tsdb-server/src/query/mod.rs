//! Expressions over the server's data: where their series come from, how they are evaluated, and
//! which of them run, were slow, or cost most.

mod options;
mod progress;
mod register;
mod source;
mod spent;

pub(crate) use options::QueryOptions;
pub(crate) use register::{Asked, Ended, Register, Shown, Ticket};
pub(crate) use source::{Bounds, RangeLimit, Source};
pub(crate) use spent::Top;
