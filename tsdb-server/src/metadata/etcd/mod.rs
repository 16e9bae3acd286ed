//! Metadata in etcd.

mod announcement;
mod client;
mod compare;
mod connection;
mod endpoint;
mod error;
mod keys;
mod options;
mod reachability;
mod rpc;
mod session;
mod status;
mod store;
mod tls;
mod watch;

#[cfg(test)]
mod tests;

pub use error::EtcdError;
pub use options::{EtcdCredentials, EtcdOptions, EtcdTls};
pub use status::{EtcdReach, EtcdStatus};
pub use store::EtcdMetadata;
