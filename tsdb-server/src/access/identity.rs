//! Who asks, and what they may.

use std::fmt;
use std::sync::Arc;

/// What a route needs, and an identity may have. None includes another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AccessScope {
    /// Read samples, names and metrics.
    Read,
    /// Store samples.
    Write,
    /// Delete, snapshot, compact, and change namespaces.
    Admin,
}

impl AccessScope {
    pub(crate) const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Admin];

    /// Its name in a file and in answers.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    fn bit(self) -> u8 {
        match self {
            Self::Read => 1,
            Self::Write => 2,
            Self::Admin => 4,
        }
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Scopes(u8);

impl Scopes {
    /// Every scope.
    pub(crate) fn all() -> Self {
        AccessScope::ALL.into_iter().collect()
    }

    pub(crate) fn has(self, scope: AccessScope) -> bool {
        self.0 & scope.bit() != 0
    }
}

impl FromIterator<AccessScope> for Scopes {
    fn from_iter<I: IntoIterator<Item = AccessScope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |all, scope| all | scope.bit()))
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scopes = AccessScope::ALL.into_iter();
        f.debug_set()
            .entries(scopes.filter(|scope| self.has(*scope)))
            .finish()
    }
}

/// Who sent a request, as far as authentication is on. It stands in the request's extensions;
/// where authentication is off, and at open probes, nothing does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Name of the user, the token or the certificate.
    pub(crate) name: Arc<str>,
    /// What they may.
    pub(crate) scopes: Scopes,
    /// Tenants that they are bound to; `None` for any.
    pub(crate) tenants: Option<Vec<Arc<str>>>,
}
