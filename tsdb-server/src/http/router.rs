//! Routes to handlers.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use tokio::time::Instant;
use tower::Layer;
use tower::util::MapRequest;
use tsdb_remote::{RemoteReadLayer, RemoteWriteLayer};

use super::app::App;
use super::body_watch::watch_body;
use super::remote_read::StoreReader;
use super::remote_write::StoreWriter;
use super::{
    admin, exemplars, export, health, home, import, labels, m3, metadata, node, scope, series,
};
use crate::ha::HaPairs;
use crate::machine::process_usage;
use crate::telemetry::{Senders, render};

/// The routes of the API's address.
pub(crate) fn api(app: &App) -> Router {
    let writer = StoreWriter {
        store: app.store.clone(),
        telemetry: Arc::clone(&app.telemetry),
        pairs: app.pairs.clone(),
    };
    let write = RemoteWriteLayer::new(app.limits.clone())
        .share(app.inflight.clone())
        .layer(writer);
    let reader = StoreReader {
        store: app.store.clone(),
    };
    let read = RemoteReadLayer::new(app.limits.clone())
        .share(app.inflight.clone())
        .layer(reader);
    let scoped = from_fn_with_state(app.clone(), scope::settle);
    let remote = Router::new()
        .route_service("/api/v1/write", write.clone())
        .route_service("/api/v1/prom/remote/write", write)
        .route_service("/api/v1/read", read.clone())
        .route_service("/api/v1/prom/remote/read", read)
        .route_layer(scoped);
    let query_exemplars = get(exemplars::query_exemplars).post(exemplars::query_exemplars);
    let routes = Router::new()
        .merge(remote)
        .route("/api/v1/series", get(series::series).post(series::series))
        .route("/api/v1/labels", get(labels::names).post(labels::names))
        .route("/api/v1/label/{name}/values", get(labels::values))
        .route("/api/v1/metadata", get(metadata::metadata))
        .route("/api/v1/query_exemplars", query_exemplars)
        .route("/api/v1/export", get(export::export).post(export::export))
        .route("/api/v1/import", post(import::import))
        .route("/api/v1/status/walreplay", get(health::wal_replay))
        .merge(admin_routes())
        .merge(m3::routes())
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .route("/-/healthy", get(health::healthy))
        .route("/-/ready", get(health::plain_ready))
        .route("/", get(home::home))
        .fallback(home::nothing)
        .layer(from_fn_with_state(app.clone(), observe))
        .with_state(app.clone());
    // Before routing, which goes by the path.
    let routes = MapRequest::new(routes, scope::take_tenant_from_path::<Body>);
    Router::new().fallback_service(routes)
}

/// The routes that change or guard the data, those of Prometheus by POST and PUT as there.
fn admin_routes() -> Router<App> {
    let compact = || post(admin::compact).put(admin::compact);
    let confirm = post(admin::confirm_clock).put(admin::confirm_clock);
    let delete = post(admin::delete_series).put(admin::delete_series);
    let snapshot = post(admin::snapshot).put(admin::snapshot);
    Router::new()
        .route("/api/v1/admin/tsdb/delete_series", delete)
        .route("/api/v1/admin/tsdb/snapshot", snapshot)
        .route("/api/v1/admin/tsdb/clean_tombstones", compact())
        .route("/api/v1/admin/compact", compact())
        .route("/api/v1/admin/confirm-clock", confirm)
}

/// The routes of the metrics' address.
pub(crate) fn metrics(app: &App) -> Router {
    Router::new()
        .route("/metrics", get(page))
        .route("/-/healthy", get(health::healthy))
        .route(
            "/",
            get(async || "The metrics of tsdb-server are at /metrics.\n"),
        )
        .with_state(app.clone())
}

/// The routes of a storage node's address, as M3's nodes have them.
pub(crate) fn of_node(app: &App) -> Router {
    Router::new()
        .route("/health", get(node::health))
        .route("/bootstrapped", get(node::bootstrapped))
        .route(
            "/bootstrappedinplacementornoplacement",
            get(node::bootstrapped),
        )
        .fallback(home::nothing)
        .with_state(app.clone())
}

/// The routes of the address at which M3's nodes answer for their cluster.
pub(crate) fn of_cluster(app: &App) -> Router {
    Router::new()
        .route("/health", get(node::health))
        .fallback(home::nothing)
        .with_state(app.clone())
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

async fn page(State(app): State<App>) -> Response {
    let render = move || {
        let inflight = (app.inflight.used(), app.inflight.limit());
        let pairs = app.pairs.as_ref().map(HaPairs::figures);
        let senders = Senders {
            tenants: app.tenants.refused(),
            pairs: pairs.unwrap_or_default(),
        };
        render(
            &app.telemetry,
            &app.store.figures(),
            inflight,
            &senders,
            process_usage(),
        )
    };
    // Figures take locks of the database, so they are not for the threads of the network.
    match tokio::task::spawn_blocking(render).await {
        Ok(page) => {
            let headers = [(
                CONTENT_TYPE,
                HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
            )];
            (headers, page).into_response()
        }
        Err(error) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("the metrics cannot be read: {error}\n"),
        )
            .into_response(),
    }
}
