//! Pages that name the routes.

use std::collections::BTreeSet;
use std::fmt::Write;

use axum::Json;
use http::{Method, StatusCode, Uri};
use serde::Serialize;

use super::routes::{Route, api_routes};

/// `/`: every route and what it does.
pub(super) async fn home() -> String {
    let mut page = String::from("tsdb-server: long-term storage of Prometheus metrics\n\n");
    for route in api_routes() {
        let Route {
            methods,
            path,
            purpose,
            parameters,
            ..
        } = route;
        let methods: Vec<&str> = methods.iter().map(Method::as_str).collect();
        let methods = match methods.len() {
            4.. => "any".to_owned(),
            _ => methods.join(" "),
        };
        // Writing to a string cannot fail.
        let _written = write!(page, "{methods:11} {path:48} {purpose}");
        if !parameters.is_empty() {
            let _written = write!(page, ": {}", parameters.join(", "));
        }
        page.push('\n');
    }
    page.push_str(
        "\nTimes are seconds since the epoch or RFC 3339. Metrics of the server are on their own address.\n\
         Routes below /api/v1/admin need --enable-admin-api.\n",
    );
    page
}

#[derive(Serialize)]
pub(super) struct Routes {
    routes: BTreeSet<&'static str>,
}

/// `/routes`: the paths, as M3 lists them.
pub(super) async fn routes() -> Json<Routes> {
    Json(Routes {
        routes: api_routes().map(|route| route.path).collect(),
    })
}

pub(super) async fn nothing(uri: Uri) -> (StatusCode, String) {
    (
        StatusCode::NOT_FOUND,
        format!("nothing is at {}: see / for the routes\n", uri.path()),
    )
}
