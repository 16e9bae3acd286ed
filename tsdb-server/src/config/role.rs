//! What a server is in its cluster.

use std::fmt;
use std::net::SocketAddr;

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
    /// As `--role` has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Coordinator => "coordinator",
            Self::Both => "both",
        }
    }

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

    /// The address of the API. A storage node that has one for M3's JSON of nodes, where probes are
    /// answered, has it only where somebody says so: another server of the machine may be the coordinator.
    #[must_use]
    pub fn api_listen(&self) -> Option<SocketAddr> {
        let has_another = self.is_node_alone() && self.node_listen.is_some();
        Some(self.listen).filter(|_| !has_another || self.is_said("listen"))
    }

    /// The address of the metrics, which are at that for the curious as well.
    #[must_use]
    pub fn own_metrics_listen(&self) -> Option<SocketAddr> {
        let has_another = self.is_node_alone() && self.debug_listen.is_some();
        Some(self.metrics_listen).filter(|_| !has_another || self.is_said("metrics-listen"))
    }

    fn is_node_alone(&self) -> bool {
        self.role_in_cluster() == Some(Role::Node)
    }

    /// Whether somebody said this flag itself.
    pub(crate) fn is_asked_for(&self, flag: &str) -> bool {
        let by = self.decided(flag);
        by.is_some_and(|by| !matches!(by, Decided::Default | Decided::DefaultHost))
    }

    /// Whether somebody said what a flag is.
    pub(crate) fn is_said(&self, flag: &str) -> bool {
        let by = self.decided(flag);
        by.is_some_and(|by| *by != Decided::Default)
    }

    fn decided(&self, flag: &str) -> Option<&Decided> {
        let mut settings = self.settings.iter();
        let setting = settings.find(|setting| setting.flag == flag);
        setting.map(|setting| &setting.decided)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::config::Setting;

    fn config_of(more: &[&str]) -> Config {
        Config::try_parse_from(["tsdb-server"].iter().chain(more)).expect("flags")
    }

    #[test]
    fn the_role_is_said_or_follows_from_the_name() {
        let cases: [(&[&str], Option<Role>, bool); 5] = [
            (&[], None, true),
            (&["--etcd", "a:1"], Some(Role::Coordinator), false),
            (&["--etcd", "a:1", "--node-id", "n"], Some(Role::Both), true),
            (
                &["--etcd", "a:1", "--node-id", "n", "--role", "node"],
                Some(Role::Node),
                true,
            ),
            (
                &["--etcd", "a:1", "--node-id", "n", "--role", "coordinator"],
                Some(Role::Coordinator),
                false,
            ),
        ];
        for (flags, role, keeps_data) in cases {
            let config = config_of(flags);
            let found = (config.role_in_cluster(), config.keeps_data());
            if let Some(role) = role {
                let said = config_of(&["--etcd", "a:1", "--role", role.name()]);
                assert_eq!(said.role, Some(role));
            }
            assert_eq!(found, (role, keeps_data), "{flags:?}");
        }
        let unknown = ["tsdb-server", "--etcd", "a:1", "--role", "king"];
        Config::try_parse_from(unknown).expect_err("no such role");
    }

    #[test]
    fn a_storage_node_has_an_address_for_probes_and_metrics_whatever_is_said() {
        let node = ["--etcd", "a:1", "--node-id", "n", "--role", "node"];
        let bare = config_of(&node);
        assert_eq!(bare.api_listen(), Some(bare.listen));
        assert_eq!(bare.own_metrics_listen(), Some(bare.metrics_listen));
        let more = [
            "--node-listen",
            "127.0.0.1:1",
            "--debug-listen",
            "127.0.0.1:2",
        ];
        let all = [&node[..], &more].concat();
        let mut probed = config_of(&all);
        assert_eq!(
            (probed.api_listen(), probed.own_metrics_listen()),
            (None, None)
        );
        probed.settings = ["listen", "metrics-listen"]
            .map(|flag| Setting {
                flag: flag.to_owned(),
                text: None,
                decided: Decided::Flag,
            })
            .to_vec();
        assert_eq!(probed.api_listen(), Some(probed.listen));
        assert_eq!(probed.own_metrics_listen(), Some(probed.metrics_listen));
        // A server that answers clients has both.
        let coordinator = config_of(&[&["--etcd", "a:1"], &more[..]].concat());
        assert_eq!(coordinator.api_listen(), Some(coordinator.listen));
    }
}
