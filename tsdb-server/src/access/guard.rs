//! What stands before every route: who is it, and may they?

use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use subtle::ConstantTimeEq as _;

use super::credentials::{Credentials, Malformed};
use super::door::Access;
use super::identity::{AccessScope, Identity, Scopes};
use super::load::digest_of;
use super::peer::Peer;
use super::policy::Policy;
use super::routes::{Needed, needed};
use super::secret::Secret;
use super::verifier::{Asked, Busy};
use crate::http::{is_preflight, watch_body};
use crate::telemetry::Refused;

/// Why a request goes no further.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Refusal {
    Malformed(Malformed),
    /// Nothing was said, or what was said is wrong.
    Unknown {
        said: bool,
    },
    /// The connection has no certificate, or one that may nothing.
    Certificate(&'static str),
    Forbidden {
        name: Arc<str>,
        scope: AccessScope,
    },
    /// It is about the whole server, and who asks is bound to tenants.
    Bound {
        name: Arc<str>,
    },
    Busy,
}

/// Puts the guard before a listener's routes.
pub(crate) fn guarded(router: Router, access: &Access) -> Router {
    router.layer(from_fn_with_state(access.clone(), guard))
}

async fn guard(State(access): State<Access>, mut request: Request, next: Next) -> Response {
    let policy = access.policy();
    let mut response = match admit(&access, &policy, &mut request).await {
        Ok(()) => next.run(request).await,
        Err(refusal) => {
            access.telemetry().access.refused(refusal.kind());
            tracing::debug!(kind = refusal.kind().name(), "a request is refused");
            // The rest of its body is read, so that the client sees the answer.
            drop(watch_body(request));
            refusal.answer(&policy)
        }
    };
    for (name, value) in &policy.headers {
        response.headers_mut().insert(name.clone(), value.clone());
    }
    response
}

/// Lets a request in: with its sender's identity, where authentication is on.
async fn admit(access: &Access, policy: &Policy, request: &mut Request) -> Result<(), Refusal> {
    if !policy.authenticates() || is_preflight(request) {
        return Ok(());
    }
    let matched = request.extensions().get::<MatchedPath>();
    let route = matched.map_or(request.uri().path(), MatchedPath::as_str);
    let Needed { scope, of_server } = needed(request.method(), route, policy.protect_probes);
    let Some(scope) = scope else {
        return Ok(());
    };
    let peer = request.extensions().get::<Peer>().cloned();
    let identity = match policy.has_credentials() {
        true => {
            let credentials = Credentials::read(request.headers()).map_err(Refusal::Malformed)?;
            let credentials = credentials.ok_or(Refusal::Unknown { said: false })?;
            let found = known(access, policy, peer.as_ref(), &credentials).await?;
            found.ok_or(Refusal::Unknown { said: true })?
        }
        false => by_certificate(policy, peer.as_ref())?,
    };
    if !identity.scopes.has(scope) {
        return Err(Refusal::Forbidden {
            name: identity.name,
            scope,
        });
    }
    if of_server && identity.tenants.is_some() {
        return Err(Refusal::Bound {
            name: identity.name,
        });
    }
    // Nothing behind needs it, and what is not there is not logged.
    request.headers_mut().remove(AUTHORIZATION);
    request.extensions_mut().insert(identity);
    Ok(())
}

/// The identity of these credentials, if they are right.
async fn known(
    access: &Access,
    policy: &Policy,
    peer: Option<&Peer>,
    credentials: &Credentials,
) -> Result<Option<Identity>, Refusal> {
    match credentials {
        Credentials::Bearer(token) => Ok(of_token(policy, token)),
        Credentials::Basic { user, password } => {
            let found = policy.users.get(user);
            let asked = Asked {
                from: peer.map(|peer| peer.address.ip()),
                user,
                password,
                hash: found.map(|found| &found.hash),
                costs: &policy.costs,
            };
            let is_right = access.verifier().is_right(asked).await;
            let is_right = is_right.map_err(|Busy| Refusal::Busy)?;
            Ok(found
                .filter(|_| is_right)
                .map(|found| found.identity.clone()))
        }
    }
}

/// All tokens are compared, each in full, so that time tells nothing of them.
fn of_token(policy: &Policy, token: &Secret) -> Option<Identity> {
    let digest = digest_of(token.reveal());
    let mut found = None;
    for token in &policy.tokens {
        if bool::from(token.digest.reveal().ct_eq(digest.reveal())) {
            found = Some(&token.identity);
        }
    }
    found.cloned()
}

/// The identity of a connection's certificate, which was verified.
fn by_certificate(policy: &Policy, peer: Option<&Peer>) -> Result<Identity, Refusal> {
    let names = peer.and_then(|peer| peer.certificate_names.as_deref());
    let Some(names) = names else {
        let why = "this connection was made without a client certificate, which is needed by now: connect anew with one";
        return Err(Refusal::Certificate(why));
    };
    let Some(certificates) = &policy.certificates else {
        let name = names.first().map_or("certificate", String::as_str);
        return Ok(Identity {
            name: Arc::from(name),
            scopes: Scopes::all(),
            tenants: None,
        });
    };
    let found = names.iter().find_map(|name| certificates.get(name));
    let why = "the client certificate has no name that access.certificates lists";
    found.cloned().ok_or(Refusal::Certificate(why))
}

impl Refusal {
    fn kind(&self) -> Refused {
        match self {
            Self::Malformed(_) => Refused::Malformed,
            Self::Unknown { said: false } => Refused::Missing,
            Self::Unknown { said: true } => Refused::Wrong,
            Self::Certificate(_) | Self::Forbidden { .. } | Self::Bound { .. } => {
                Refused::Forbidden
            }
            Self::Busy => Refused::Busy,
        }
    }

    fn answer(&self, policy: &Policy) -> Response {
        let (status, text) = match self {
            Self::Malformed(Malformed::TooLong) => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                Malformed::TooLong.to_string(),
            ),
            Self::Malformed(malformed) => (StatusCode::BAD_REQUEST, malformed.to_string()),
            Self::Unknown { said: false } => (
                StatusCode::UNAUTHORIZED,
                "credentials are needed: a user and password, or a bearer token".to_owned(),
            ),
            Self::Unknown { said: true } => (
                StatusCode::UNAUTHORIZED,
                "wrong user, password or token".to_owned(),
            ),
            Self::Certificate(why) => (StatusCode::FORBIDDEN, (*why).to_owned()),
            Self::Forbidden { name, scope } => {
                let scope = scope.name();
                let text = format!("{name} has no scope {scope}, which this needs");
                (StatusCode::FORBIDDEN, text)
            }
            Self::Bound { name } => {
                let text =
                    format!("{name} is bound to tenants, and this is about the whole server");
                (StatusCode::FORBIDDEN, text)
            }
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "too many passwords wait to be checked: come back, or use a bearer token"
                    .to_owned(),
            ),
        };
        let mut response = (status, format!("{text}\n")).into_response();
        let headers = response.headers_mut();
        match status {
            StatusCode::UNAUTHORIZED => {
                if !policy.users.is_empty() {
                    let basic = "Basic realm=\"tsdb-server\", charset=\"UTF-8\"";
                    headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(basic));
                }
                if !policy.tokens.is_empty() {
                    let bearer = "Bearer realm=\"tsdb-server\"";
                    headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(bearer));
                }
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::routing::any;
    use tower::ServiceExt as _;

    use super::*;
    use crate::access::password::PasswordHash;
    use crate::access::policy::{Token, User};

    fn identity(name: &str, scope: AccessScope, tenants: Option<&[&str]>) -> Identity {
        Identity {
            name: Arc::from(name),
            scopes: [scope].into_iter().collect(),
            tenants: tenants.map(|names| names.iter().map(|&name| Arc::from(name)).collect()),
        }
    }

    /// What a route behind the guard sees: the identity, and whether a password came through.
    async fn seen(request: Request) -> String {
        let identity = request.extensions().get::<Identity>();
        let header = request.headers().contains_key(AUTHORIZATION);
        format!("{identity:?} {header}")
    }

    async fn ask(policy: Policy, route: &str, header: Option<&str>) -> (u16, String) {
        let access = Access::with(policy);
        let router = Router::new()
            .route("/api/v1/labels", any(seen))
            .route("/health", any(seen));
        let mut request = http::Request::get(route);
        if let Some(header) = header {
            request = request.header(AUTHORIZATION, header);
        }
        let request = request.body(Body::empty()).expect("a request");
        let answer = guarded(router, &access).oneshot(request).await;
        let answer = answer.expect("an answer");
        let status = answer.status().as_u16();
        let body = axum::body::to_bytes(answer.into_body(), 1 << 16).await;
        let text = String::from_utf8(body.expect("a body").to_vec());
        (status, text.expect("text"))
    }

    fn with_token() -> Policy {
        let mut policy = Policy::default();
        policy.tokens.push(Token {
            digest: digest_of(b"0123456789abcdef"),
            identity: identity("reader", AccessScope::Read, Some(&["a", "b"])),
        });
        policy
    }

    #[tokio::test]
    async fn routes_are_told_who_asks_where_authentication_is_on() {
        let header = Some("Bearer 0123456789abcdef");
        let (status, text) = ask(with_token(), "/api/v1/labels", header).await;
        let expected = identity("reader", AccessScope::Read, Some(&["a", "b"]));
        assert_eq!(status, 200);
        assert_eq!(text, format!("{:?} false", Some(expected)));
        // A probe is told nothing, and so is every route where authentication is off.
        let (status, text) = ask(with_token(), "/health", None).await;
        assert_eq!((status, text.as_str()), (200, "None false"));
        let (status, text) = ask(Policy::default(), "/api/v1/labels", header).await;
        assert_eq!((status, text.as_str()), (200, "None true"));
    }

    #[tokio::test]
    async fn a_route_that_is_not_there_is_guarded_as_well() {
        let (status, _) = ask(with_token(), "/none", None).await;
        assert_eq!(status, 401);
        let header = Some("Bearer 0123456789abcdef");
        let (status, _) = ask(with_token(), "/none", header).await;
        assert_eq!(status, 404);
    }

    #[tokio::test]
    async fn browsers_ask_for_pages_without_credentials() {
        let access = Access::with(with_token());
        let ask = async |method: &str, path: &str, headers: &[&str]| {
            let router = Router::new()
                .route("/api/v1/labels", any(seen))
                .route("/search", any(seen));
            let mut request = http::Request::builder().method(method).uri(path);
            for header in headers {
                request = request.header(*header, "GET");
            }
            let request = request.body(Body::empty()).expect("a request");
            let answer = guarded(router, &access).oneshot(request).await;
            answer.expect("an answer").status().as_u16()
        };
        let both = ["origin", "access-control-request-method"];
        assert_eq!(ask("OPTIONS", "/api/v1/labels", &both).await, 200);
        for (method, path, headers) in [
            ("GET", "/api/v1/labels", &both[..]),
            ("POST", "/api/v1/labels", &both),
            ("OPTIONS", "/api/v1/labels", &both[..1]),
            ("OPTIONS", "/api/v1/labels", &both[1..]),
            ("OPTIONS", "/search", &both),
        ] {
            assert_eq!(ask(method, path, headers).await, 401, "{method} {path}");
        }
    }

    #[tokio::test]
    async fn a_user_is_known_by_password_and_a_connection_without_a_certificate_by_nothing() {
        let hash = bcrypt::hash("pw", 4).expect("a hash");
        let hash = PasswordHash::read(&hash).expect("a hash");
        let mut policy = Policy::default();
        policy.users.insert(
            "alice".to_owned(),
            User {
                hash,
                identity: identity("alice", AccessScope::Write, None),
            },
        );
        let (status, text) = ask(policy, "/api/v1/labels", Some("Basic YWxpY2U6cHc=")).await;
        assert_eq!(
            (status, text.as_str()),
            (403, "alice has no scope read, which this needs\n")
        );
        let policy = Policy {
            requires_certificate: true,
            ..Policy::default()
        };
        let (status, text) = ask(policy, "/api/v1/labels", None).await;
        assert_eq!(status, 403);
        assert!(text.contains("connect anew"), "{text}");
    }
}
