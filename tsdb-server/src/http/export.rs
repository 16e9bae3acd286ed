//! `/api/v1/export`: samples as JSON lines, one series a line, streamed.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use tsdb_core::model::{Matcher, TimeRange};
use tsdb_core::{Namespace, Series, SeriesSet};

use super::app::App;
use super::envelope::ApiError;
use super::form::Form;
use super::matching::required_matcher_sets;
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

/// Series of several sets, merged by their labels; the sets are sorted.
struct Export {
    sets: Vec<(SeriesSet, Option<Series>)>,
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
        let mut opened = Vec::new();
        if let Some(range) = range {
            for set in sets {
                let mut series = namespace.select(range, set).map_err(StoreError::database)?;
                let first = series.next().transpose().map_err(StoreError::database)?;
                opened.push((series, first));
            }
        }
        Ok(Self {
            sets: opened,
            current: None,
            telemetry,
        })
    }

    /// The next series in order; one that meets several sets comes once.
    fn next_series(&mut self) -> Result<Option<Series>, StoreError> {
        let heads = self
            .sets
            .iter()
            .enumerate()
            .filter_map(|(index, (_, head))| Some((index, head.as_ref()?)));
        let Some((first, _)) = heads.min_by(|a, b| a.1.labels().cmp(b.1.labels())) else {
            return Ok(None);
        };
        let mut taken: Option<Series> = None;
        for (index, (set, head)) in self.sets.iter_mut().enumerate() {
            let same = match (&taken, &head) {
                (Some(taken), Some(head)) => taken.labels() == head.labels(),
                _ => index == first,
            };
            if same {
                let series =
                    std::mem::replace(head, set.next().transpose().map_err(StoreError::database)?);
                taken = taken.or(series);
            }
        }
        Ok(taken)
    }

    /// The next bytes of the answer, and what makes those behind them.
    fn next_piece(mut self) -> Result<Option<(Bytes, Self)>, StoreError> {
        let mut out = Vec::with_capacity(PIECE_BYTES + 1024);
        while out.len() < PIECE_BYTES {
            let (series, mut writer) = match self.current.take() {
                Some(current) => current,
                None => match self.next_series()? {
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
