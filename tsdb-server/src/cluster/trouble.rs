//! What a node cannot do, told once.

use tsdb_cluster::NodeId;
use tsdb_cluster::node::MembershipError;

use crate::told::told;

/// Tells of a trouble that lasts: the first failure may be of the moment, the second is not.
#[derive(Debug)]
pub(super) struct Trouble {
    node: NodeId,
    last: Option<String>,
    is_told: bool,
}

impl Trouble {
    pub(super) fn of(node: NodeId) -> Self {
        Self {
            node,
            last: None,
            is_told: false,
        }
    }

    /// Takes what came of a try.
    pub(super) fn hear(&mut self, tried: Result<(), MembershipError>) {
        let Err(error) = tried else {
            if self.is_told {
                tracing::info!(node = %self.node, "the node does what the placement asks again");
            }
            (self.last, self.is_told) = (None, false);
            return;
        };
        let text = told(&error);
        if self.last.as_ref() != Some(&text) {
            (self.last, self.is_told) = (Some(text), false);
        } else if !self.is_told {
            self.is_told = true;
            tracing::warn!(node = %self.node, error = text, "the node cannot do what the placement asks, and tries again");
        }
    }
}
