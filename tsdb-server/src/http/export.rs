//! `/api/v1/export`: samples as JSON lines or OpenMetrics, streamed.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};

use super::app::App;
use super::envelope::ApiError;
use super::form::Form;
use super::matching::required_matcher_sets;
use super::reads::Limited;
use super::scope::Scope;
use super::streamed::streamed;
use crate::export::{ExportFormat, SeriesExport};
use crate::store::StoreError;
use crate::telemetry::Telemetry;

/// Bytes of an answer made at a time. Between two pieces no thread waits for the client.
const PIECE_BYTES: usize = 256 << 10;

pub(super) async fn export(
    State(app): State<App>,
    scope: Scope,
    request: Request,
) -> Result<Response, ApiError> {
    let accept = request.headers().get(ACCEPT);
    let accept = accept.and_then(|value| value.to_str().ok()).unwrap_or("");
    let accepted = ExportFormat::of_accept(accept);
    let form = Form::from_request(request, &()).await?;
    let format = match form.one("format") {
        None => accepted,
        Some(name) => name
            .parse()
            .map_err(|error| ApiError::invalid_parameter("format", error))?,
    };
    let range = form.range()?;
    scope.reads().check_unbounded()?;
    scope.reads().check_range(range)?;
    let sets = scope.reads().restrict(required_matcher_sets(&form)?);
    let admission = app.store.queries().admit(scope.sender()).await?;
    let store = app.store.clone();
    let telemetry = Arc::clone(&app.telemetry);
    let open = move || -> Result<_, StoreError> {
        let namespace = scope.data(&store.current()?)?;
        scope.reads().check_series(&namespace, range, &sets)?;
        let marks = namespace.marks();
        let export = SeriesExport::open(namespace, format, range, sets)?;
        let first = next_piece(export, &telemetry)?;
        Ok((first, marks.tell()))
    };
    // The first piece comes before the status, so that what fails at once is told by it.
    let (first, told) = app.store.queries().run(&admission, open).await??;
    let headers = [(
        CONTENT_TYPE,
        HeaderValue::from_static(format.content_type()),
    )];
    let Some((piece, export)) = first else {
        let empty = (headers, Body::empty()).into_response();
        return Ok(Limited::NOT.tell(empty, &told));
    };
    let body = streamed(
        piece,
        (app, admission, export),
        |(app, admission, export)| async move {
            let telemetry = Arc::clone(&app.telemetry);
            let next = app
                .store
                .queries()
                .run(&admission, move || next_piece(export, &telemetry))
                .await??;
            Ok(next.map(|(piece, export)| (piece, (app, admission, export))))
        },
    );
    Ok(Limited::NOT.tell((headers, body).into_response(), &told))
}

/// The next bytes of the answer, and what makes those behind them; `None` at the end.
fn next_piece(
    mut export: SeriesExport,
    telemetry: &Telemetry,
) -> Result<Option<(Bytes, SeriesExport)>, StoreError> {
    let mut out = Vec::with_capacity(PIECE_BYTES + 1024);
    let before = export.counts();
    export.fill(&mut out, PIECE_BYTES)?;
    let after = export.counts();
    telemetry.exported(
        after.series - before.series,
        after.samples - before.samples,
        after.left_out() - before.left_out(),
    );
    if !out.is_empty() {
        return Ok(Some((Bytes::from(out), export)));
    }
    if let Some(loss) = after.loss() {
        tracing::warn!(loss, "an export could not say everything");
    }
    Ok(None)
}
