//! The rules that safety rests on. A test may do without one, to see that it would be missed.

/// A rule without which acknowledged samples are lost, or deleted ones come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A new epoch is opened only when enough members have sealed the one before.
    Seal,
    /// A node takes writes of the epoch it is in only, and tells readers of another one.
    Epoch,
    /// A node that comes back with another data folder counts as another one.
    Incarnation,
    /// A write is acknowledged when as many replicas have it as its level asks for.
    Quorum,
    /// A node answers a write when it is durable.
    Sync,
    /// A node goes on to a newer epoch when the writes of the one before have come to their end.
    Leave,
    /// A write is behind all deletes that its writer had seen, and before all others.
    Deletes,
}

/// The rules that hold: all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    #[cfg(feature = "testkit")]
    missing: Option<Rule>,
}

impl Rules {
    /// All but one.
    #[cfg(feature = "testkit")]
    #[must_use]
    pub fn without(rule: Rule) -> Self {
        let missing = Some(rule);
        Self { missing }
    }

    /// Whether a rule holds.
    #[cfg(feature = "testkit")]
    pub(crate) fn hold(self, rule: Rule) -> bool {
        self.missing != Some(rule)
    }

    /// Whether a rule holds.
    #[cfg(not(feature = "testkit"))]
    #[expect(clippy::unused_self, reason = "all hold, unless a test says otherwise")]
    pub(crate) fn hold(self, _: Rule) -> bool {
        true
    }
}
