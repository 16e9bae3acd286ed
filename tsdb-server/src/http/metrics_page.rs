//! `/metrics`.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use tsdb_remote::InflightBytes;

use super::app::App;
use crate::cluster::Overview;
use crate::ha::HaPairs;
use crate::machine::process_usage;
use crate::telemetry::{Inflight, Senders, render};

/// `/` of an address that has no API.
pub(super) async fn home() -> &'static str {
    "The metrics of tsdb-server are at /metrics.\n"
}

/// `/metrics`.
pub(super) async fn page(State(app): State<App>) -> Response {
    let render = move || {
        let beyond_share = [&app.inflight, &app.forwarded].map(InflightBytes::refused_beyond_share);
        let inflight = Inflight {
            bytes: app.inflight.used(),
            limit_bytes: app.inflight.limit(),
            beyond_share: beyond_share.iter().sum(),
        };
        let pairs = app.pairs.as_ref().map(HaPairs::figures);
        let senders = Senders {
            tenants: app.tenants.refused(),
            pairs: pairs.unwrap_or_default(),
        };
        let of_cluster = app.overview.as_ref().map(Overview::figures);
        render(
            &app.telemetry,
            &app.store.figures(),
            inflight,
            &senders,
            of_cluster.as_ref(),
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
