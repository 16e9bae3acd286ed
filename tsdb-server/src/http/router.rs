//! Tables of routes to routers.

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use tokio::time::Instant;

use super::app::App;
use super::body_watch::watch_body;
use super::cors::cors;
use super::gzip::pack;
use super::routes::{CLUSTER, DEBUG, METRICS, NODE, Route, api_routes};
use super::{home, node};

/// The routes of a table.
fn of_table(table: impl IntoIterator<Item = &'static Route>, app: &App) -> Router<App> {
    table.into_iter().fold(Router::new(), |router, route| {
        router.route(route.path, route.handler(app))
    })
}

/// The routes of the API's address.
pub(crate) fn api(app: &App) -> Router {
    of_table(api_routes(), app)
        .fallback(home::nothing)
        .layer(from_fn(pack))
        .layer(from_fn_with_state(app.clone(), cors))
        .layer(from_fn_with_state(app.clone(), observe))
        .with_state(app.clone())
}

/// The routes of the metrics' address.
pub(crate) fn metrics(app: &App) -> Router {
    of_table(METRICS, app).with_state(app.clone())
}

/// The routes of a storage node's address, as M3's nodes have them.
pub(crate) fn of_node(app: &App) -> Router {
    of_table(NODE.iter().chain(CLUSTER), app)
        .fallback(node::unsupported)
        .with_state(app.clone())
}

/// The routes of the address at which M3's nodes answer for their cluster.
pub(crate) fn of_cluster(app: &App) -> Router {
    of_table(CLUSTER, app)
        .fallback(node::unsupported)
        .with_state(app.clone())
}

/// The routes of the address for looking into the server.
pub(crate) fn debug(app: &App) -> Router {
    of_table(DEBUG, app).with_state(app.clone())
}

/// Counts every request by its route and status.
async fn observe(
    State(app): State<App>,
    route: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let response = next.run(watch_body(request)).await;
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    app.telemetry
        .request(route, response.status().as_u16(), started.elapsed());
    response
}
