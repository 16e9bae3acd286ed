//! Which scope a route needs.

use http::Method;

use super::identity::AccessScope;
use crate::http::{Access, find_route};

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Needed {
    /// The scope; none for probes, as who looks whether the process lives has no password.
    pub(super) scope: Option<AccessScope>,
    /// Whether it is about the whole server: not for who is bound to tenants.
    pub(super) of_server: bool,
}

/// What a request needs, by its method and the route that it matched, or its path when it matched
/// none: then it is answered 404, but not to everybody, and a route that was forgotten in the
/// tables is not open to readers.
pub(super) fn needed(method: &Method, route: &str, protect_probes: bool) -> Needed {
    let Some(found) = find_route(method, route) else {
        let reads = matches!(*method, Method::GET | Method::HEAD);
        let scope = match reads {
            true => AccessScope::Read,
            false => AccessScope::Admin,
        };
        return Needed {
            scope: Some(scope),
            of_server: !reads,
        };
    };
    let is_open = found.access == Access::Probe;
    let scope = match found.access {
        Access::Probe if !protect_probes => None,
        Access::Probe | Access::Read | Access::Inspect => Some(AccessScope::Read),
        Access::Write => Some(AccessScope::Write),
        Access::Admin => Some(AccessScope::Admin),
    };
    Needed {
        scope,
        of_server: found.of_server && !is_open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use AccessScope::{Admin, Read, Write};

    #[test]
    fn reading_by_post_and_writing_are_told_apart() {
        let cases = [
            (Method::GET, "/api/v1/series", Some(Read), false),
            (Method::POST, "/api/v1/series", Some(Read), false),
            (
                Method::GET,
                "/api/v1/label/{name}/values",
                Some(Read),
                false,
            ),
            (Method::POST, "/api/v1/write", Some(Write), false),
            (Method::POST, "/api/v1/import/csv", Some(Write), false),
            (
                Method::POST,
                "/api/v1/admin/tsdb/delete_series",
                Some(Admin),
                false,
            ),
            (
                Method::PUT,
                "/api/v1/admin/tsdb/snapshot",
                Some(Admin),
                true,
            ),
            (Method::POST, "/api/v1/namespace", Some(Admin), true),
            (Method::GET, "/api/v1/namespace", Some(Read), true),
            (
                Method::DELETE,
                "/api/v1/services/m3db/placement/{id}",
                Some(Admin),
                true,
            ),
            (Method::POST, "/query", Some(Read), true),
            (Method::POST, "/writetagged", Some(Write), true),
            (Method::GET, "/metrics", Some(Read), true),
            (Method::GET, "/debug/pprof/heap", Some(Admin), true),
            (Method::DELETE, "/api/v1/series", Some(Admin), true),
            (Method::POST, "/unheard/of", Some(Admin), true),
            (Method::GET, "/unheard/of", Some(Read), false),
            (Method::GET, "/health", None, false),
            (Method::HEAD, "/-/ready", None, false),
            (Method::POST, "/health", Some(Admin), true),
            (Method::GET, "/health/", Some(Read), false),
        ];
        for (method, route, scope, of_server) in cases {
            let expected = Needed { scope, of_server };
            assert_eq!(needed(&method, route, false), expected, "{method} {route}");
        }
        let protected = needed(&Method::GET, "/health", true);
        assert_eq!(protected.scope, Some(Read));
    }
}
