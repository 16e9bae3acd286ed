//! Which data a request is about, and within which bounds: one answer for all routes.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::request::Parts;
use http::{Extensions, Uri};
use tsdb_remote::Sender;

use super::app::App;
use super::envelope::ApiError;
use super::m3_headers::{HeaderError, M3Headers, NamespaceKind};
use super::reads::Reads;
use crate::access::{Identity, Peer};
use crate::config::Role;
use crate::data::{ClusterData, NamespaceData};
use crate::store::{Opened, StoreError};
use crate::tenancy::{RateLimit, TenantError};
use crate::units::duration_text;

/// Said of all calls for data to a server that is a storage node alone. Who comes to the wrong place
/// keeps what it would have sent, so it is told to come back.
const NOT_AT_A_NODE: &str = "this server is a storage node, which answers coordinators alone: send this to a coordinator of its cluster";
/// Where paths of tenants begin.
const TENANT_PATH: &str = "/tenant/";

/// Which data a request is about. A request that says nothing is about the plain namespace.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    /// Name of the namespace; `None` for the one that plain requests use.
    namespace: Option<Arc<str>>,
    /// How fast its sender may write.
    rate: Option<Arc<RateLimit>>,
    /// What it may read of that.
    reads: Reads,
    /// The cluster that the server is of.
    cluster: Option<ClusterData>,
    /// Who is one sender with it.
    sender: Option<Sender>,
    /// The tenant that it is of.
    tenant: Option<Arc<str>>,
}

/// The tenant that the path of a request named.
#[derive(Clone, Debug)]
struct PathTenant(String);

impl Scope {
    /// The scope that [`settle`] decided for a request.
    pub(super) fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_default()
    }

    fn decide(app: &App, parts: &Parts) -> Result<Self, ApiError> {
        if app.role == Some(Role::Node) {
            return Err(ApiError::unavailable(NOT_AT_A_NODE));
        }
        let path = parts.extensions.get::<PathTenant>();
        let tenant = app
            .tenants
            .of(path.map(|path| path.0.as_str()), &parts.headers)?;
        if let Some(identity) = parts.extensions.get::<Identity>() {
            let name = tenant.map(|tenant| &*tenant.name);
            identity.may_act_for(name).map_err(ApiError::forbidden)?;
        }
        let M3Headers { namespace, reads } = M3Headers::read(&parts.headers)?;
        let name = tenant.map(|tenant| Arc::clone(&tenant.name));
        let (namespace, rate) = match (tenant, namespace) {
            (None, None) => (None, None),
            (None, Some(kind)) => (Some(namespace_of(app, kind)?), None),
            (Some(_), Some(NamespaceKind::Aggregated { .. })) => {
                let text = "a tenant has one namespace: leave M3-Metrics-Type and M3-Storage-Policy out, or the tenant";
                return Err(ApiError::bad_data(text));
            }
            (Some(tenant), _) => (Some(Arc::clone(&tenant.namespace)), tenant.rate.clone()),
        };
        Ok(Self {
            namespace,
            rate,
            reads,
            cluster: app.cluster.clone(),
            sender: sender(parts, name.as_deref()),
            tenant: name,
        })
    }

    /// Who is one sender with the request.
    pub(super) fn sender(&self) -> Option<&Sender> {
        self.sender.as_ref()
    }

    /// The tenant that the request is of.
    pub(super) fn tenant(&self) -> Option<&Arc<str>> {
        self.tenant.as_ref()
    }

    /// What the request may read.
    pub(super) fn reads(&self) -> &Reads {
        &self.reads
    }

    /// The namespace that is meant, wherever its series are.
    ///
    /// # Errors
    /// When there is none of that name.
    pub(super) fn data(&self, opened: &Opened) -> Result<NamespaceData, StoreError> {
        let own = match &self.namespace {
            None => opened.namespace.clone(),
            Some(name) => opened.find(name)?,
        };
        let level = self.reads.level;
        Ok(NamespaceData::of(self.cluster.as_ref(), own, level))
    }

    /// Charges a write to its sender.
    ///
    /// # Errors
    /// When it sends faster than it may.
    pub(super) fn charge(&self, samples: usize) -> Result<(), StoreError> {
        match &self.rate {
            None => Ok(()),
            Some(rate) => Ok(rate.take(samples as u64)?),
        }
    }
}

/// Who is one sender with a request: its tenant, else its user, else its address.
fn sender(parts: &Parts, tenant: Option<&str>) -> Option<Sender> {
    let user = parts.extensions.get::<Identity>();
    let address = parts.extensions.get::<Peer>();
    let name = match (tenant, user, address) {
        (Some(tenant), _, _) => format!("tenant {tenant}"),
        (None, Some(user), _) => format!("user {}", user.name),
        (None, None, Some(peer)) => peer.address.ip().to_string(),
        (None, None, None) => return None,
    };
    Some(Sender(name.into()))
}

/// The namespace that M3's headers mean.
fn namespace_of(app: &App, kind: NamespaceKind) -> Result<Arc<str>, ApiError> {
    match kind {
        NamespaceKind::Unaggregated => Ok(app.registry.unaggregated()),
        NamespaceKind::Aggregated {
            resolution,
            retention,
        } => {
            let found = app.registry.by_storage_policy(resolution, retention);
            found.ok_or_else(|| {
                let policy = format!(
                    "{}:{}",
                    duration_text(resolution),
                    duration_text(retention)
                );
                ApiError::bad_data(format!(
                    "header M3-Storage-Policy: no aggregated namespace has {policy}: /api/v1/services/m3db/namespace lists them"
                ))
            })
        }
    }
}

impl FromRequestParts<App> for Scope {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        Self::decide(app, parts)
    }
}

/// Decides the scope of a request before a service that knows no routes gets it.
pub(super) async fn settle(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    let scope = Scope::decide(&app, &parts)?;
    if let Some(sender) = scope.sender.clone() {
        parts.extensions.insert(sender);
    }
    parts.extensions.insert(scope);
    Ok(next.run(Request::from_parts(parts, body)).await)
}

/// Takes the tenant out of the path: `/tenant/NAME/api/v1/write` is `/api/v1/write` of NAME.
pub(crate) fn take_tenant_from_path<B>(mut request: http::Request<B>) -> http::Request<B> {
    if let Some((name, uri)) = split_path(request.uri()) {
        *request.uri_mut() = uri;
        request.extensions_mut().insert(PathTenant(name));
    }
    request
}

fn split_path(uri: &Uri) -> Option<(String, Uri)> {
    let rest = uri.path().strip_prefix(TENANT_PATH)?;
    let (name, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = if path.is_empty() { "/" } else { path };
    let mut parts = uri.clone().into_parts();
    let text = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    parts.path_and_query = Some(text.parse().ok()?);
    Some((name.to_owned(), Uri::from_parts(parts).ok()?))
}

impl From<HeaderError> for ApiError {
    fn from(error: HeaderError) -> Self {
        Self::bad_data(error.to_string())
    }
}

impl From<TenantError> for ApiError {
    fn from(error: TenantError) -> Self {
        Self::bad_data(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_its_tenant() {
        let split = |uri: &str| {
            let uri: Uri = uri.parse().expect("a URI");
            split_path(&uri).map(|(name, uri)| (name, uri.to_string()))
        };
        let is = |name: &str, uri: &str| Some((name.to_owned(), uri.to_owned()));
        assert_eq!(split("/tenant/a/api/v1/write"), is("a", "/api/v1/write"));
        assert_eq!(
            split("/tenant/a/x?y=/tenant/b/"),
            is("a", "/x?y=/tenant/b/")
        );
        assert_eq!(split("/tenant/a"), is("a", "/"));
        assert_eq!(split("/tenant//x"), is("", "/x"));
        assert_eq!(
            split("http://h:1/tenant/a/tenant/b/x"),
            is("a", "http://h:1/tenant/b/x")
        );
        assert_eq!(split("/api/v1/write"), None);
        assert_eq!(split("/tenants"), None);
    }
}
