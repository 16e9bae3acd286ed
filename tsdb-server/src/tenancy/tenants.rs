//! The tenants, found by the name that a request gives.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderMap, HeaderName};

use super::RateLimit;
use crate::config::TenantSetting;

/// What a request of a tenant is about, and how fast it may come.
#[derive(Clone, Debug)]
pub(crate) struct Tenant {
    /// Its name.
    pub(crate) name: Arc<str>,
    /// The namespace with its data.
    pub(crate) namespace: Arc<str>,
    /// How fast it may write.
    pub(crate) rate: Option<Arc<RateLimit>>,
}

/// All tenants.
#[derive(Debug)]
pub(crate) struct Tenants {
    by_name: BTreeMap<Arc<str>, Tenant>,
    header: HeaderName,
    required: bool,
}

/// Why it is not clear which tenant a request is of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TenantError {
    /// Nobody is called so.
    #[error("no tenant is called {name:?}: list it below tsdb.tenants in the file of settings")]
    Unknown {
        /// The name in the request.
        name: String,
    },
    /// Every request must name one.
    #[error(
        "the request names no tenant: send the header {header}, or use the path /tenant/NAME/..."
    )]
    Missing {
        /// The header that would name it.
        header: HeaderName,
    },
    /// The request contradicts itself, or says what is no name.
    #[error("the header {header} {what}")]
    Malformed {
        /// The header.
        header: HeaderName,
        /// What is wrong with it.
        what: String,
    },
}

impl Tenants {
    /// The tenants of the settings.
    pub(crate) fn new(settings: &[TenantSetting], header: HeaderName, required: bool) -> Self {
        let tenant = |setting: &TenantSetting| {
            let name: Arc<str> = setting.name.as_str().into();
            let tenant = Tenant {
                name: Arc::clone(&name),
                namespace: setting.namespace.as_str().into(),
                rate: setting
                    .max_samples_per_second
                    .map(|limit| Arc::new(RateLimit::new(limit))),
            };
            (name, tenant)
        };
        Self {
            by_name: settings.iter().map(tenant).collect(),
            header,
            required,
        }
    }

    /// Each tenant whose rate is limited, and how many of its writes were refused for it.
    pub(crate) fn refused(&self) -> Vec<(Arc<str>, u64)> {
        let all = self.by_name.iter();
        let limited = all.filter_map(|(name, tenant)| {
            let rate = tenant.rate.as_ref()?;
            Some((Arc::clone(name), rate.refused()))
        });
        limited.collect()
    }

    /// The tenant that a request names by its path or its header; `None` when it names none and
    /// need not.
    ///
    /// # Errors
    /// When it names one that is not there, several, or none where it must.
    pub(crate) fn of(
        &self,
        path: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<Option<&Tenant>, TenantError> {
        let malformed = |what: &str| TenantError::Malformed {
            header: self.header.clone(),
            what: what.to_owned(),
        };
        let mut named = headers.get_all(&self.header).iter();
        let header = match (named.next(), named.next()) {
            (None, _) => None,
            (Some(_), Some(_)) => return Err(malformed("occurs more than once")),
            (Some(value), None) => {
                let text = value.to_str().map_err(|_| malformed("is no plain text"))?;
                Some(text.trim())
            }
        };
        let name = match (path, header) {
            (Some(path), Some(header)) if path != header => {
                return Err(malformed("and the path name two tenants"));
            }
            (path, header) => path.or(header),
        };
        match name {
            Some(name) => match self.by_name.get(name) {
                Some(tenant) => Ok(Some(tenant)),
                None => Err(TenantError::Unknown {
                    name: name.to_owned(),
                }),
            },
            None if self.required => Err(TenantError::Missing {
                header: self.header.clone(),
            }),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::config::load;

    #[test]
    fn a_request_is_of_the_tenant_that_it_names() {
        let text = "tsdb:\n  tenants:\n    - {name: a, namespace: of_a}\n    - {name: b}\n";
        let settings = load(text, &[]).expect("tenants").tenants;
        let header = HeaderName::from_static("x-scope-orgid");
        let tenants = Tenants::new(&settings, header.clone(), false);
        let strict = Tenants::new(&settings, header.clone(), true);
        let headers = |values: &[&'static str]| {
            let pairs = values.iter();
            HeaderMap::from_iter(
                pairs.map(|value| (header.clone(), HeaderValue::from_static(value))),
            )
        };
        let of = |tenants: &Tenants, path, values: &[&'static str]| {
            let tenant = tenants.of(path, &headers(values));
            tenant
                .map(|tenant| tenant.map(|tenant| tenant.namespace.to_string()))
                .map_err(|error| error.to_string())
        };
        assert_eq!(of(&tenants, None, &["a"]), Ok(Some("of_a".to_owned())));
        assert_eq!(of(&tenants, Some("b"), &[]), Ok(Some("b".to_owned())));
        assert_eq!(of(&tenants, Some("b"), &["b"]), Ok(Some("b".to_owned())));
        assert_eq!(of(&tenants, None, &[]), Ok(None));
        for (path, values, reason) in [
            (None, &["c"][..], "no tenant is called \"c\""),
            (None, &[""], "no tenant is called \"\""),
            (None, &["a", "a"], "more than once"),
            (Some("a"), &["b"], "and the path name two tenants"),
        ] {
            let error = of(&tenants, path, values).expect_err(reason);
            assert!(error.contains(reason), "{error}");
        }
        let error = of(&strict, None, &[]).expect_err("none is named");
        assert!(
            error.contains("names no tenant: send the header x-scope-orgid"),
            "{error}"
        );
    }
}
