//! How it stands with etcd, for those who look after it.

use std::time::Duration;

/// Whether etcd answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EtcdReach {
    /// Nothing was asked yet.
    Unknown,
    /// It answers.
    Reachable,
    /// It does not.
    Unreachable,
}

/// How it stands with etcd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtcdStatus {
    /// Whether it answers.
    pub reach: EtcdReach,
    /// For how long this is so.
    pub lasted: Duration,
    /// The endpoint that answered last.
    pub endpoint: Option<String>,
    /// What went wrong last, be it long ago.
    pub last_error: Option<String>,
    /// Revision of the store up to which changes were told; `None` while they are not followed from
    /// where they were left: all will be told to have changed.
    pub watch_revision: Option<i64>,
}
