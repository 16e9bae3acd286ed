//! Where the metadata of a server is kept.

mod embedded;
mod etcd;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use embedded::EmbeddedMetadata;
pub use etcd::{
    EtcdCredentials, EtcdError, EtcdMetadata, EtcdOptions, EtcdReach, EtcdStatus, EtcdTls,
};
