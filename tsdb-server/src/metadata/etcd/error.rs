//! What goes wrong with etcd.

use std::time::Duration;

use tonic::Code;

/// What went wrong with etcd.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EtcdError {
    /// The options do not do.
    #[error("etcd cannot be used: {what}")]
    Options {
        /// What is wrong.
        what: String,
    },
    /// No endpoint could be connected to.
    #[error("no member of etcd can be used: {why}")]
    Unreachable {
        /// Each endpoint that was tried, and what happened.
        why: String,
    },
    /// The user may not come in.
    #[error("etcd at {endpoint} does not let the user {user:?} in: {why}")]
    Authentication {
        /// The member that was asked.
        endpoint: String,
        /// Who asked.
        user: String,
        /// What it said.
        why: String,
    },
    /// No answer came in time.
    #[error("etcd at {endpoint} did not answer {call} within {within:?}")]
    Deadline {
        /// The member that was asked last.
        endpoint: String,
        /// What was asked.
        call: &'static str,
        /// How long it had.
        within: Duration,
    },
    /// The connection broke.
    #[error("the connection to etcd at {endpoint} was lost: {why}")]
    Lost {
        /// The member that was asked.
        endpoint: String,
        /// What happened.
        why: String,
    },
    /// It answered with an error.
    #[error("etcd at {endpoint} refused {call}: {why} ({code:?})")]
    Refused {
        /// The member that was asked.
        endpoint: String,
        /// What was asked.
        call: &'static str,
        /// What kind of error it is.
        code: Code,
        /// What it said.
        why: String,
    },
    /// The answer is larger than what is read.
    #[error("the answer of etcd at {endpoint} to {call} is too large: {why}")]
    TooLarge {
        /// The member that was asked.
        endpoint: String,
        /// What was asked.
        call: &'static str,
        /// Size and limit.
        why: String,
    },
    /// The answer makes no sense.
    #[error("etcd answered {call} with what makes no sense: {what}")]
    Nonsense {
        /// What was asked.
        call: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A change may have been made, or may not.
    #[error("{error}; whether {key} was changed is not known: read it before trying again")]
    OutcomeUnknown {
        /// The key.
        key: String,
        /// What went wrong.
        error: Box<EtcdError>,
    },
}

impl EtcdError {
    /// Whether etcd does not answer, rather than that it says no to this call.
    pub(super) fn is_away(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::Authentication { .. }
            | Self::Deadline { .. }
            | Self::Lost { .. } => true,
            Self::Refused { code, .. } => *code == Code::Unavailable,
            Self::OutcomeUnknown { error, .. } => error.is_away(),
            Self::Options { .. } | Self::TooLarge { .. } | Self::Nonsense { .. } => false,
        }
    }

    /// Whether the revision that was to be read is gone.
    pub(super) fn is_compacted(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                code: Code::OutOfRange,
                ..
            }
        )
    }

    /// Whether the lease is gone.
    pub(super) fn is_not_found(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                code: Code::NotFound,
                ..
            }
        )
    }

    /// Whether a change that failed so was surely not made.
    pub(super) fn changed_nothing(&self) -> bool {
        match self {
            Self::Options { .. } | Self::Unreachable { .. } | Self::Authentication { .. } => true,
            // Said before a change is handed to the members, or by all of them.
            Self::Refused { code, .. } => matches!(
                code,
                Code::InvalidArgument
                    | Code::NotFound
                    | Code::PermissionDenied
                    | Code::FailedPrecondition
                    | Code::ResourceExhausted
                    | Code::OutOfRange
                    | Code::Unauthenticated
                    | Code::Unimplemented
            ),
            _ => false,
        }
    }
}
