//! The calls there are.

/// A call of the node protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// A stream of writes; each counts as one.
    Write,
    /// A read.
    Read,
    /// Ends epochs of shards.
    Seal,
    /// Applies deletes.
    Delete,
    /// Tells the deletes that were applied.
    DeletesBehind,
    /// Digests of what the node holds.
    Digest,
    /// Tells what other replicas miss.
    Mark,
    /// Compares all shards with the other replicas.
    Repair,
    /// How the node is.
    Status,
}

impl Call {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Write,
        Self::Read,
        Self::Seal,
        Self::Delete,
        Self::DeletesBehind,
        Self::Digest,
        Self::Mark,
        Self::Repair,
        Self::Status,
    ];

    /// Its name, short, for metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Read => "read",
            Self::Seal => "seal",
            Self::Delete => "delete",
            Self::DeletesBehind => "deletes_behind",
            Self::Digest => "digest",
            Self::Mark => "mark",
            Self::Repair => "repair",
            Self::Status => "status",
        }
    }

    /// Where it is asked for.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Write => "/tsdb.node.v1/write",
            Self::Read => "/tsdb.node.v1/read",
            Self::Seal => "/tsdb.node.v1/seal",
            Self::Delete => "/tsdb.node.v1/delete",
            Self::DeletesBehind => "/tsdb.node.v1/deletes-behind",
            Self::Digest => "/tsdb.node.v1/digest",
            Self::Mark => "/tsdb.node.v1/mark",
            Self::Repair => "/tsdb.node.v1/repair",
            Self::Status => "/tsdb.node.v1/status",
        }
    }

    /// The call that is asked for at a path.
    pub(super) fn at(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|call| call.path() == path)
    }
}
