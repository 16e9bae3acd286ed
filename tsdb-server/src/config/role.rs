//! What a server is in its cluster.

use std::fmt;

use clap::ValueEnum;

use super::flags::{Config, Decided};

/// What a server is in its cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// It has shards, and answers other servers alone.
    Node,
    /// It answers for the cluster, and has nothing itself.
    Coordinator,
    /// It has shards, and answers for the cluster.
    Both,
}

impl Role {
    /// Whether it has shards.
    #[must_use]
    pub fn is_node(self) -> bool {
        self != Self::Coordinator
    }

    /// Whether it answers for the cluster.
    #[must_use]
    pub fn is_coordinator(self) -> bool {
        self != Self::Node
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Node => "storage node",
            Self::Coordinator => "coordinator",
            Self::Both => "storage node and coordinator",
        })
    }
}

impl Config {
    /// What the server is in its cluster; `None` where it is on its own.
    #[must_use]
    pub fn role_in_cluster(&self) -> Option<Role> {
        if self.etcd.is_empty() {
            return None;
        }
        let by_name = match self.node_id {
            Some(_) => Role::Both,
            None => Role::Coordinator,
        };
        Some(self.role.unwrap_or(by_name))
    }

    /// Whether the server keeps samples itself, on its own or for a cluster.
    #[must_use]
    pub fn keeps_data(&self) -> bool {
        self.role_in_cluster().is_none_or(Role::is_node)
    }

    /// Whether somebody said what a flag is.
    pub(crate) fn is_said(&self, flag: &str) -> bool {
        let setting = self.settings.iter().find(|setting| setting.flag == flag);
        setting.is_some_and(|setting| setting.decided != Decided::Default)
    }
}
