//! What there is to judge, and what comes of it.

use crate::access::Secret;
use crate::config::findings::{Finding, Place};
use crate::config::load::Value;
use crate::config::rows::place_of;

/// What is known beside the file.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::config) struct Beside<'a> {
    /// Whether a flag names etcd.
    pub(in crate::config) etcd: bool,
    /// Whether a flag names the node.
    pub(in crate::config) node_id: bool,
    /// All variables of the environment.
    pub(in crate::config) environment: &'a [(String, String)],
}

/// Where the sections for the roles stand.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::config) struct Sections {
    pub(in crate::config) node: Option<Place>,
    pub(in crate::config) coordinator: Option<Place>,
}

/// What the file says of the cluster.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct Said {
    /// Whether the server is of one.
    pub(in crate::config) is_in_cluster: bool,
    /// For flags, by their identifiers: each at most once.
    pub(in crate::config) flags: Vec<(&'static str, Value)>,
    /// The password for etcd.
    pub(in crate::config) password: Option<Secret>,
    /// What the paths of values begin with that are of other clusters.
    pub(in crate::config) others: Vec<String>,
    pub(in crate::config) warnings: Vec<Finding>,
    pub(in crate::config) wrong: Vec<Finding>,
}

impl Said {
    pub(super) fn warn(&mut self, value: &Value, what: String) {
        let place = place_of(value);
        self.warnings.push(Finding { place, what });
    }

    pub(super) fn refuse(&mut self, value: &Value, what: String) {
        let place = place_of(value);
        self.wrong.push(Finding { place, what });
    }

    /// What is said of a flag so far.
    pub(super) fn flag(&self, id: &str) -> Option<&Value> {
        let found = self.flags.iter().find(|(flag, _)| *flag == id);
        found.map(|(_, value)| value)
    }
}
