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

impl Identity {
    /// Whether a request of this identity may be about a tenant, or about none.
    ///
    /// # Errors
    /// Text that names the tenants that it may be about.
    pub(crate) fn may_act_for(&self, tenant: Option<&str>) -> Result<(), String> {
        let Some(bound) = &self.tenants else {
            return Ok(());
        };
        let name = &self.name;
        let bound_to = || bound.join(", ");
        match tenant {
            Some(tenant) if bound.iter().any(|allowed| **allowed == *tenant) => Ok(()),
            Some(tenant) => Err(format!(
                "{name} is bound to {}, and the request is about {tenant}",
                bound_to()
            )),
            None => Err(format!(
                "{name} is bound to {}, and the request names no tenant",
                bound_to()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_include_no_other() {
        let write: Scopes = [AccessScope::Write].into_iter().collect();
        assert!(write.has(AccessScope::Write));
        assert!(!write.has(AccessScope::Read) && !write.has(AccessScope::Admin));
        assert!(
            AccessScope::ALL
                .into_iter()
                .all(|scope| Scopes::all().has(scope))
        );
        assert!(
            !AccessScope::ALL
                .into_iter()
                .any(|scope| Scopes::default().has(scope))
        );
    }

    #[test]
    fn who_is_bound_acts_for_nobody_else() {
        let identity = |tenants: Option<&[&str]>| Identity {
            name: Arc::from("eu"),
            scopes: Scopes::all(),
            tenants: tenants.map(|names| names.iter().map(|&name| Arc::from(name)).collect()),
        };
        let free = identity(None);
        assert_eq!(free.may_act_for(None), Ok(()));
        assert_eq!(free.may_act_for(Some("us")), Ok(()));
        let bound = identity(Some(&["de", "fr"]));
        assert_eq!(bound.may_act_for(Some("fr")), Ok(()));
        for (tenant, expected) in [
            (
                Some("us"),
                "eu is bound to de, fr, and the request is about us",
            ),
            (
                None,
                "eu is bound to de, fr, and the request names no tenant",
            ),
        ] {
            assert_eq!(bound.may_act_for(tenant), Err(expected.to_owned()));
        }
    }
}
