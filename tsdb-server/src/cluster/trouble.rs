//! What a node cannot do, told once.

use std::error::Error;

use tsdb_cluster::NodeId;

use crate::told::told;

/// Tells of a trouble that lasts: the first failure may be of the moment, the second is not.
#[derive(Debug)]
pub(super) struct Trouble {
    node: NodeId,
    /// What the node tries to do.
    what: &'static str,
    last: Option<String>,
    is_told: bool,
}

impl Trouble {
    pub(super) fn of(node: NodeId, what: &'static str) -> Self {
        Self {
            node,
            what,
            last: None,
            is_told: false,
        }
    }

    /// Takes what came of a try.
    pub(super) fn hear<E: Error + 'static>(&mut self, tried: Result<(), E>) {
        let Self { node, what, .. } = self;
        let Err(error) = tried else {
            if self.is_told {
                tracing::info!(%node, "the node can {what} again");
            }
            (self.last, self.is_told) = (None, false);
            return;
        };
        let text = told(&error);
        if self.last.as_ref() != Some(&text) {
            (self.last, self.is_told) = (Some(text), false);
        } else if !self.is_told {
            self.is_told = true;
            tracing::warn!(%node, error = text, "the node cannot {what}, and tries again");
        }
    }
}
