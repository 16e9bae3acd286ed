//! What holds at a moment: TLS, identities, headers.

use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use rustls::ServerConfig;
use tsdb_core::model::HashMap;

use super::identity::Identity;
use super::password::PasswordHash;
use super::secret::Secret;

/// A user with a password.
#[derive(Debug)]
pub(super) struct User {
    pub(super) hash: PasswordHash,
    pub(super) identity: Identity,
}

/// A bearer token, as the SHA-256 of it.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) digest: Secret,
    pub(super) identity: Identity,
}

/// A certificate that is used, and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CertificateEnd {
    /// `server` or `client_ca`.
    pub(crate) use_name: &'static str,
    /// Seconds since the epoch; the earliest where there are several.
    pub(crate) not_after_seconds: u64,
}

/// What holds. The default is no TLS and no authentication.
#[derive(Debug, Default)]
pub(crate) struct Policy {
    pub(super) tls: Option<Arc<ServerConfig>>,
    /// Whether every connection has a certificate that was verified.
    pub(super) requires_certificate: bool,
    /// Whether HTTP/2 is not spoken.
    pub(super) http1_only: bool,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) users: HashMap<String, User>,
    /// Costs of the users' hashes, in order.
    pub(super) costs: Vec<u32>,
    pub(super) tokens: Vec<Token>,
    /// Identities by names of certificates; `None` when each that is verified may everything.
    pub(super) certificates: Option<HashMap<String, Identity>>,
    pub(super) protect_probes: bool,
    pub(crate) ends: Vec<CertificateEnd>,
    /// What works and is probably not meant.
    pub(super) warnings: Vec<String>,
}

impl Policy {
    /// Whether connections are encrypted.
    pub(crate) fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether HTTP/2 is spoken.
    pub(crate) fn speaks_http2(&self) -> bool {
        !self.http1_only
    }

    /// Whether a password or a token is needed.
    pub(crate) fn has_credentials(&self) -> bool {
        !(self.users.is_empty() && self.tokens.is_empty())
    }

    /// Whether nobody does anything without saying who they are.
    pub(crate) fn authenticates(&self) -> bool {
        self.has_credentials() || self.requires_certificate
    }
}
