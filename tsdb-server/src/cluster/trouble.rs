//! What a server cannot do, told once.

use std::error::Error;

use tsdb_cluster::NodeId;

use crate::told::told;

/// Tells of a trouble that lasts: the first failure may be of the moment, the second is not.
#[derive(Debug)]
pub(super) struct Trouble {
    /// The own name of a node; a coordinator has none.
    node: Option<NodeId>,
    /// What it tries to do.
    what: &'static str,
    last: Option<String>,
    is_told: bool,
}

impl Trouble {
    pub(super) fn of(node: Option<NodeId>, what: &'static str) -> Self {
        Self {
            node,
            what,
            last: None,
            is_told: false,
        }
    }

    /// Takes what came of a try.
    pub(super) fn hear<E: Error + 'static>(&mut self, tried: Result<(), E>) {
        let what = self.what;
        let node = self.node.as_ref().map(tracing::field::display);
        let Err(error) = tried else {
            if self.is_told {
                tracing::info!(node, "the server can {what} again");
            }
            (self.last, self.is_told) = (None, false);
            return;
        };
        let text = told(&error);
        if self.last.as_ref() != Some(&text) {
            (self.last, self.is_told) = (Some(text), false);
        } else if !self.is_told {
            self.is_told = true;
            tracing::warn!(
                node,
                error = text,
                "the server cannot {what}, and tries again"
            );
        }
    }
}
