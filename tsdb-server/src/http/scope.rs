//! Which data a request is about: whoever routes requests decides it once, every route obeys it.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::Extensions;
use http::request::Parts;
use tsdb_core::Namespace;

use crate::store::{Opened, StoreError};

/// Which data a request is about. A request that says nothing is about the plain namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    /// Name of the namespace; `None` for the one that plain requests use.
    pub(super) namespace: Option<Arc<str>>,
}

impl Scope {
    /// The scope that was decided for a request.
    pub(super) fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_default()
    }

    /// The namespace that is meant.
    ///
    /// # Errors
    /// When there is none of that name.
    pub(super) fn namespace(&self, opened: &Opened) -> Result<Namespace, StoreError> {
        match &self.namespace {
            None => Ok(opened.namespace.clone()),
            Some(name) => opened.find(name),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Scope {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}
