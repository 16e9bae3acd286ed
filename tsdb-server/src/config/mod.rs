//! What the command line, the environment and a file say.

mod document;
mod environment;
mod expand;
mod findings;
mod flags;
mod keys;
mod load;
mod namespaces;
mod settle;

pub(crate) use document::{Node, Placed, parse_secretive};
pub use findings::{ConfigError, Finding, Place};
pub(crate) use flags::EXAMPLES;
pub use flags::{Config, Decided, MaxFuture, Retention, Setting};
pub(crate) use load::nearest;
pub use load::{Loaded, Origin, Value, load};
pub use namespaces::NamespaceSetting;
pub use settle::{SettleError, Settled, settle};

#[cfg(test)]
mod tests;
