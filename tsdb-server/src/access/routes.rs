//! Which scope a route needs.

use http::Method;

use super::identity::AccessScope;

/// What a route needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needed {
    /// Nothing: who looks whether the process lives has no password.
    Nothing,
    /// This scope.
    Scope(AccessScope),
}

use AccessScope::{Admin, Read, Write};

/// Probes, open to everybody unless `access.protect_probes` is on.
const PROBES: [&str; 6] = [
    "/health",
    "/ready",
    "/-/healthy",
    "/-/ready",
    "/bootstrapped",
    "/bootstrappedinplacementornoplacement",
];

/// Methods other than GET and HEAD, by route: a pattern of the router, or what it begins with when
/// it ends in `/*`. The first that fits holds. What is not listed needs `admin`: a route that
/// changes something and was forgotten here is not open to readers.
const CHANGES: [(&str, AccessScope); 26] = [
    ("/api/v1/write", Write),
    ("/api/v1/prom/remote/write", Write),
    ("/api/v1/import", Write),
    ("/api/v1/import/*", Write),
    ("/api/v1/json/write", Write),
    ("/api/v1/influxdb/write", Write),
    ("/api/v1/otlp/*", Write),
    ("/write", Write),
    ("/writetagged", Write),
    ("/api/v1/read", Read),
    ("/api/v1/prom/remote/read", Read),
    ("/api/v1/query", Read),
    ("/api/v1/query_range", Read),
    ("/api/v1/query_exemplars", Read),
    ("/api/v1/series", Read),
    ("/api/v1/labels", Read),
    ("/api/v1/export", Read),
    ("/api/v1/export/*", Read),
    ("/api/v1/search", Read),
    ("/search", Read),
    ("/fetch", Read),
    ("/fetchtagged", Read),
    ("/query", Read),
    ("/aggregate", Read),
    ("/api/v1/admin/*", Admin),
    ("/truncate", Admin),
];

/// What a request needs, by its method and the route that it matched, or its path when it matched
/// none.
pub(super) fn needed(method: &Method, route: &str, protect_probes: bool) -> Needed {
    let changes = !matches!(*method, Method::GET | Method::HEAD);
    if !changes {
        return match PROBES.contains(&route) && !protect_probes {
            true => Needed::Nothing,
            false => Needed::Scope(Read),
        };
    }
    let fits = |pattern: &str| match pattern.strip_suffix('*') {
        Some(above) => route.starts_with(above),
        None => route == pattern,
    };
    let found = CHANGES.iter().find(|(pattern, _)| fits(pattern));
    Needed::Scope(found.map_or(Admin, |(_, scope)| *scope))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_by_post_and_writing_are_told_apart() {
        let needed = |method, route| needed(&method, route, false);
        let cases = [
            (Method::GET, "/api/v1/series", Needed::Scope(Read)),
            (Method::POST, "/api/v1/series", Needed::Scope(Read)),
            (Method::POST, "/api/v1/write", Needed::Scope(Write)),
            (Method::POST, "/api/v1/import/csv", Needed::Scope(Write)),
            (
                Method::PUT,
                "/api/v1/admin/tsdb/snapshot",
                Needed::Scope(Admin),
            ),
            (Method::POST, "/api/v1/namespace", Needed::Scope(Admin)),
            (Method::DELETE, "/api/v1/series", Needed::Scope(Read)),
            (Method::POST, "/unheard/of", Needed::Scope(Admin)),
            (Method::GET, "/unheard/of", Needed::Scope(Read)),
            (Method::GET, "/health", Needed::Nothing),
            (Method::HEAD, "/-/ready", Needed::Nothing),
            (Method::POST, "/health", Needed::Scope(Admin)),
            (Method::GET, "/health/", Needed::Scope(Read)),
        ];
        for (method, route, expected) in cases {
            assert_eq!(needed(method.clone(), route), expected, "{method} {route}");
        }
        let protected = super::needed(&Method::GET, "/health", true);
        assert_eq!(protected, Needed::Scope(Read));
    }

    /// A route that is added to the documentation with a method that changes something has to be
    /// added to the table as well.
    #[test]
    fn the_table_knows_every_documented_route() {
        let documentation = include_str!("../../../docs/server.md");
        let rows = documentation
            .lines()
            .filter(|line| line.starts_with("| `/"));
        let mut seen = 0;
        for row in rows.filter(|row| row.contains("POST") || row.contains("PUT")) {
            let paths = row.split('|').nth(1).unwrap_or_default();
            for path in paths.split('`').filter(|part| part.starts_with('/')) {
                seen += 1;
                let is_known = CHANGES
                    .iter()
                    .any(|(pattern, _)| match pattern.strip_suffix('*') {
                        Some(above) => path.starts_with(above),
                        None => path == *pattern,
                    });
                assert!(is_known, "{path} is not in the table of scopes");
            }
        }
        assert!(seen >= 14, "only {seen} routes were found");
    }
}
