//! What the command line, the environment and a file say.

mod cluster;
mod document;
mod environment;
mod expand;
mod findings;
mod flags;
mod hosts;
mod keys;
mod load;
mod namespaces;
mod query_flags;
mod role;
mod rows;
mod settle;
mod tenants;

pub(crate) use document::{Node, Placed, parse_secretive};
pub use findings::{ConfigError, Finding, Place};
pub(crate) use flags::EXAMPLES;
pub use flags::{Config, Decided, MaxFuture, Retention, Setting};
pub(crate) use keys::camel_case;
pub(crate) use load::nearest;
pub use load::{Loaded, Origin, Value, load};
pub use namespaces::NamespaceSetting;
pub use query_flags::{Feature, QueryFlags};
pub use role::Role;
pub use settle::{SettleError, Settled, settle};
pub use tenants::TenantSetting;

#[cfg(test)]
mod tests;
