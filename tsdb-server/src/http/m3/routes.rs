//! M3's calls for namespaces and placements, those up to 0.15 among them, and those that have no
//! engine here.

use axum::Extension;
use axum::routing::on;
use http::Method;

use super::super::routes::{Access, Handler, Route, server_route};
use super::{absent, database, namespace, placement};
use crate::placements::Service;

use Access::{Admin, Inspect};

const GET: &[Method] = &[Method::GET];
const POST: &[Method] = &[Method::POST];
const PUT: &[Method] = &[Method::PUT];
const DELETE: &[Method] = &[Method::DELETE];
const ANY: &[Method] = &[Method::GET, Method::POST, Method::PUT, Method::DELETE];

const LIST: Handler = |_, methods| on(methods, namespace::list);
const ADD: Handler = |_, methods| on(methods, namespace::add);
const UPDATE: Handler = |_, methods| on(methods, namespace::update);
const REMOVE: Handler = |_, methods| on(methods, namespace::remove);
const NAMED: Handler = |_, methods| on(methods, namespace::named);

/// The handlers of placements, each for one service.
macro_rules! of_placement {
    ($handler:ident, $service:ident) => {
        |_, methods| on(methods, placement::$handler).layer(Extension(Service::$service))
    };
}

/// The routes of one place of placements.
macro_rules! placements {
    ($base:literal, $service:ident) => {
        [
            server_route(
                GET,
                $base,
                Inspect,
                ("the placement", &["version"]),
                of_placement!(get, $service),
            ),
            server_route(
                POST,
                $base,
                Admin,
                ("adds instances", &[]),
                of_placement!(add, $service),
            ),
            server_route(
                DELETE,
                $base,
                Admin,
                ("deletes the placement", &[]),
                of_placement!(remove, $service),
            ),
            server_route(
                DELETE,
                concat!($base, "/{id}"),
                Admin,
                ("removes an instance", &["force"]),
                of_placement!(remove_instance, $service),
            ),
            server_route(
                POST,
                concat!($base, "/{id}"),
                Admin,
                ("init, remove, replace, set", &[]),
                of_placement!(named, $service),
            ),
        ]
    };
}

/// Namespaces, and what has no engine.
#[rustfmt::skip]
static NAMESPACES: &[Route] = &[
    server_route(POST, "/api/v1/database/create", Admin, ("a namespace and a placement", &[]), |_, methods| on(methods, database::create)),
    server_route(POST, "/api/v1/database/namespace/create", Admin, ("a namespace", &[]), |_, methods| on(methods, database::create_namespace)),
    server_route(GET, "/api/v1/services/m3db/namespace", Inspect, ("the namespaces", &["debug"]), LIST),
    server_route(POST, "/api/v1/services/m3db/namespace", Admin, ("adds a namespace", &[]), ADD),
    server_route(PUT, "/api/v1/services/m3db/namespace", Admin, ("changes a namespace, at once", &[]), UPDATE),
    server_route(DELETE, "/api/v1/services/m3db/namespace/{id}", Admin, ("removes a namespace", &[]), REMOVE),
    server_route(POST, "/api/v1/services/m3db/namespace/{id}", Admin, ("ready, schema", &[]), NAMED),
    server_route(GET, "/api/v1/namespace", Inspect, ("the namespaces, as M3 up to 0.15 calls them", &["debug"]), LIST),
    server_route(POST, "/api/v1/namespace", Admin, ("adds a namespace", &[]), ADD),
    server_route(PUT, "/api/v1/namespace", Admin, ("changes a namespace, at once", &[]), UPDATE),
    server_route(DELETE, "/api/v1/namespace/{id}", Admin, ("removes a namespace", &[]), REMOVE),
    server_route(POST, "/api/v1/namespace/{id}", Admin, ("init, ready", &[]), NAMED),
    server_route(&[Method::POST, Method::DELETE], "/api/v1/services/m3db/schema", Admin, ("501: there are no schemas", &[]), |_, methods| on(methods, absent::schemas)),
    server_route(ANY, "/api/v1/topic", Inspect, ("501: there are no topics", &[]), |_, methods| on(methods, absent::topics)),
    server_route(ANY, "/api/v1/topic/{*rest}", Inspect, ("501: there are no topics", &[]), |_, methods| on(methods, absent::topics)),
    server_route(ANY, "/api/v1/graphite/{*rest}", Inspect, ("501: there is no Graphite engine", &[]), |_, methods| on(methods, absent::graphite)),
    server_route(ANY, "/api/v1/kvstore", Inspect, ("501: there are no keys to set", &[]), |_, methods| on(methods, absent::key_values)),
];

#[rustfmt::skip]
static PLACEMENTS: [[Route; 5]; 4] = [
    placements!("/api/v1/services/m3db/placement", Database),
    placements!("/api/v1/services/m3coordinator/placement", Coordinator),
    placements!("/api/v1/services/m3aggregator/placement", Aggregator),
    placements!("/api/v1/placement", Database),
];

/// All of them.
pub(in crate::http) fn routes() -> impl Iterator<Item = &'static Route> {
    NAMESPACES.iter().chain(PLACEMENTS.iter().flatten())
}
