//! `/api/v1/export`: samples as JSON lines, one series a line, streamed.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use tsdb_core::model::{Matcher, TimeRange};
use tsdb_core::{Namespace, Series};

use super::app::App;
use super::envelope::ApiError;
use super::form::Form;
use super::matching::required_matcher_sets;
use super::merged_sets::MergedSets;
use super::scope::Scope;
use super::streamed::streamed;
use crate::sample_json::LineWriter;
use crate::store::StoreError;
use crate::telemetry::Telemetry;

/// Bytes of an answer made at a time. Between two pieces no thread waits for the client.
const PIECE_BYTES: usize = 256 << 10;

pub(super) async fn export(
    State(app): State<App>,
    scope: Scope,
    form: Form,
) -> Result<Response, ApiError> {
    let range = form.range()?;
    let sets = required_matcher_sets(&form)?;
    let admission = app.store.queries().admit().await?;
    let store = app.store.clone();
    let telemetry = Arc::clone(&app.telemetry);
    let open = move || -> Result<_, StoreError> {
        let namespace = scope.namespace(&store.current()?)?;
        Export::open(&namespace, range, &sets, telemetry)?.next_piece()
    };
    // The first piece comes before the status, so that what fails at once is told by it.
    let first = app.store.queries().run(&admission, open).await??;
    let headers = [(
        CONTENT_TYPE,
        HeaderValue::from_static("application/stream+json"),
    )];
    let Some((piece, export)) = first else {
        return Ok((headers, Body::empty()).into_response());
    };
    let body = streamed(
        piece,
        (app, admission, export),
        |(app, admission, export)| async move {
            let next = app
                .store
                .queries()
                .run(&admission, move || export.next_piece())
                .await??;
            Ok(next.map(|(piece, export)| (piece, (app, admission, export))))
        },
    );
    Ok((headers, body).into_response())
}

/// An export on its way out.
struct Export {
    sets: MergedSets,
    current: Option<(Series, LineWriter)>,
    telemetry: Arc<Telemetry>,
}

impl Export {
    fn open(
        namespace: &Namespace,
        range: Option<TimeRange>,
        sets: &[Vec<Matcher>],
        telemetry: Arc<Telemetry>,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            sets: MergedSets::open(namespace, range, sets)?,
            current: None,
            telemetry,
        })
    }

    /// The next bytes of the answer, and what makes those behind them.
    fn next_piece(mut self) -> Result<Option<(Bytes, Self)>, StoreError> {
        let mut out = Vec::with_capacity(PIECE_BYTES + 1024);
        while out.len() < PIECE_BYTES {
            let (series, mut writer) = match self.current.take() {
                Some(current) => current,
                None => match self.sets.next_series()? {
                    Some(series) => (series, LineWriter::new()),
                    None => break,
                },
            };
            if writer.write(
                series.labels(),
                (series.timestamps(), series.values()),
                series.histograms(),
                &mut out,
                PIECE_BYTES,
            ) {
                let samples = series.timestamps().len() + series.histograms().len();
                self.telemetry.exported(samples as u64);
            } else {
                self.current = Some((series, writer));
            }
        }
        Ok(if out.is_empty() {
            None
        } else {
            Some((Bytes::from(out), self))
        })
    }
}
