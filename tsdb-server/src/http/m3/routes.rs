//! Routes to handlers, those of M3 up to 0.15 among them.

use axum::routing::{any, delete, get, post};
use axum::{Extension, Router};

use super::{absent, database, namespace, placement};
use crate::http::App;
use crate::placements::Service;

/// All of them.
pub(in crate::http) fn routes() -> Router<App> {
    let mut router = Router::new()
        .route("/api/v1/database/create", post(database::create))
        .route(
            "/api/v1/database/namespace/create",
            post(database::create_namespace),
        )
        .merge(of_namespaces("/api/v1/services/m3db/namespace"))
        .merge(of_namespaces("/api/v1/namespace"))
        .merge(of_placements("/api/v1/placement", Service::Database))
        .route(
            "/api/v1/services/m3db/schema",
            post(absent::schemas).delete(absent::schemas),
        );
    for service in Service::ALL {
        let base = format!("/api/v1/services/{}/placement", service.name());
        router = router.merge(of_placements(&base, service));
    }
    router.merge(of_what_is_absent())
}

fn of_namespaces(base: &str) -> Router<App> {
    let all = get(namespace::list)
        .post(namespace::add)
        .put(namespace::update);
    let one = delete(namespace::remove).post(namespace::named);
    Router::new()
        .route(base, all)
        .route(&format!("{base}/{{id}}"), one)
}

fn of_placements(base: &str, service: Service) -> Router<App> {
    let all = get(placement::get)
        .post(placement::add)
        .delete(placement::remove);
    let one = delete(placement::remove_instance).post(placement::named);
    Router::new()
        .route(base, all)
        .route(&format!("{base}/{{id}}"), one)
        .layer(Extension(service))
}

fn of_what_is_absent() -> Router<App> {
    Router::new()
        .route("/api/v1/topic", any(absent::topics))
        .route("/api/v1/topic/{*rest}", any(absent::topics))
        .route("/api/v1/graphite/{*rest}", any(absent::graphite))
        .route("/api/v1/kvstore", any(absent::key_values))
        .route("/api/v1/query", any(absent::queries))
        .route("/api/v1/query_range", any(absent::queries))
        .route("/prometheus/api/v1/query", any(absent::queries))
        .route("/prometheus/api/v1/query_range", any(absent::queries))
        .route("/m3query/api/v1/query", any(absent::queries))
        .route("/m3query/api/v1/query_range", any(absent::queries))
}
