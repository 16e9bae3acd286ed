//! JSON as Go's jsonpb reads and prints messages: what M3's admin calls take and answer.

mod doubles;
mod enums;
mod integers;
mod read;
#[cfg(test)]
mod tests;

pub use read::{JsonError, parse};

pub(crate) use doubles::optional_double;
pub(crate) use enums::enumeration;
pub(crate) use integers::{int64, nanos, number};
pub(crate) use read::from_value;
