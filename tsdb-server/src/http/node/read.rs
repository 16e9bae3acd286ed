//! `/fetch` and `/query`: samples of the series with an id, or of those that meet a query.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use tsdb_core::Db;
use tsdb_core::model::{Labels, Matcher, TimeRange};

use super::super::app::App;
use super::super::matching::union;
use super::super::reads::Limited;
use super::super::series::MAX_RESULTS;
use super::super::streamed::streamed;
use super::error::NodeError;
use super::matching::{labels_of_id, tagged_sets, untagged};
use super::request::NodeBody;
use super::series_writer::{PIECE_BYTES, PointsWriter, full, piece, write_head};
use crate::data::{Marks, NamespaceData};
use crate::export::SeriesUnion;
use crate::node_json::{QueryRequest, TimeUnit, parse_fetch, parse_query};
use crate::store::{SeriesIds, StoreError};

/// Makes pieces of an answer.
trait Pieces: Sized + Send + 'static {
    /// The next bytes and what makes those behind them; `None` at the end.
    fn next_piece(self) -> Result<Option<(Bytes, Self)>, StoreError>;
}

/// Answers with what `open` begins. What fails before the first piece is told by the status.
async fn answer<P: Pieces>(
    app: App,
    open: impl FnOnce(&App) -> Result<(P, Marks), StoreError> + Send + 'static,
) -> Result<Response, NodeError> {
    let admission = app.store.queries().admit(None).await?;
    let opener = app.clone();
    let first = move || -> Result<_, StoreError> {
        let (pieces, marks) = open(&opener)?;
        let first = pieces.next_piece()?;
        Ok((first, marks.tell()))
    };
    let (first, told) = app.store.queries().run(&admission, first).await??;
    let headers = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    let Some((piece, pieces)) = first else {
        return Ok(Limited::NOT.tell(headers.into_response(), &told));
    };
    let state = (app, admission, pieces);
    let body = streamed(piece, state, |(app, admission, pieces)| async move {
        let queries = app.store.queries();
        let next = queries.run(&admission, move || pieces.next_piece());
        let next = next.await??;
        Ok(next.map(|(piece, pieces)| (piece, (app, admission, pieces))))
    });
    Ok(Limited::NOT.tell((headers, body).into_response(), &told))
}

/// `/fetch`: the samples of the series with an id, whether it was written with tags or without.
pub(in crate::http) async fn fetch(
    State(app): State<App>,
    body: NodeBody,
) -> Result<Response, NodeError> {
    let request = parse_fetch(&body.bytes, body.unknown)?;
    let open = move |app: &App| {
        let opened = app.store.current()?;
        let namespace = app.data(&opened, &request.namespace)?;
        let candidates = candidates(&opened.db, &request.namespace, &request.id)?;
        let points = points_of(&namespace, request.range, &candidates, request.result_unit)?;
        Ok((FetchAnswer::Begin(points), namespace.marks()))
    };
    answer(app, open).await
}

/// The labels of the series that an id may mean.
fn candidates(db: &Db, namespace: &str, id: &str) -> Result<Vec<Labels>, StoreError> {
    let given = SeriesIds::series(db, namespace, id)?;
    let mut all: Vec<Labels> = given
        .iter()
        .filter_map(|series| labels_of_id(series))
        .chain(labels_of_id(id))
        .collect();
    if !id.is_empty() {
        all.push(untagged(id)?);
    }
    Ok(all)
}

/// The samples of the one series among `candidates` that has any.
fn points_of(
    namespace: &NamespaceData,
    range: Option<TimeRange>,
    candidates: &[Labels],
    unit: TimeUnit,
) -> Result<Option<PointsWriter>, StoreError> {
    let mut found = None;
    for labels in candidates {
        let matchers = labels
            .iter()
            .map(|label| Matcher::equal(label.name, label.value));
        let mut sets = SeriesUnion::open(namespace, range, &[matchers.collect()])?;
        while let Some(series) = sets.next()? {
            if series.labels() != labels {
                continue;
            }
            if found.is_some() {
                let text = "the id was given to several sets of tags, which are series of their own here: /query tells them apart";
                return Err(StoreError::Refused(text.to_owned()));
            }
            found = Some(PointsWriter::new(series, unit));
            break;
        }
    }
    Ok(found)
}

/// `{"datapoints":[..]}` on its way out.
enum FetchAnswer {
    Begin(Option<PointsWriter>),
    Points(PointsWriter),
    Done,
}

impl Pieces for FetchAnswer {
    fn next_piece(self) -> Result<Option<(Bytes, Self)>, StoreError> {
        let mut out = piece();
        let points = match self {
            Self::Begin(points) => {
                out.extend_from_slice(b"{\"datapoints\":");
                points
            }
            Self::Points(points) => Some(points),
            Self::Done => return Ok(None),
        };
        let next = match points {
            Some(mut points) => match points.write(&mut out) {
                true => Self::Done,
                false => Self::Points(points),
            },
            None => {
                out.extend_from_slice(b"[]");
                Self::Done
            }
        };
        if matches!(next, Self::Done) {
            out.extend_from_slice(b"}\n");
        }
        Ok(full(out).map(|piece| (piece, next)))
    }
}

/// `/query`: the series that meet a query over tags, and their samples.
pub(in crate::http) async fn query(
    State(app): State<App>,
    body: NodeBody,
) -> Result<Response, NodeError> {
    let request = parse_query(&body.bytes, body.unknown)?;
    let sets = tagged_sets(&request.query)?;
    let open = move |app: &App| QueryAnswer::open(app, &request, &sets);
    answer(app, open).await
}

/// Where the series of an answer come from.
enum Source {
    Samples(SeriesUnion),
    Labels(std::vec::IntoIter<Labels>),
}

/// `{"results":[..],"exhaustive":true}` on its way out.
struct QueryAnswer {
    db: Db,
    namespace: String,
    unit: TimeUnit,
    source: Source,
    /// Series that are still wanted; `None` for all.
    left: Option<usize>,
    series: u64,
    points: Option<PointsWriter>,
    done: bool,
}

impl QueryAnswer {
    fn open(
        app: &App,
        request: &QueryRequest,
        sets: &[Vec<Matcher>],
    ) -> Result<(Self, Marks), StoreError> {
        let opened = app.store.current()?;
        let namespace = app.data(&opened, &request.namespace)?;
        let source = match request.no_data {
            false => Source::Samples(SeriesUnion::open(&namespace, request.range, sets)?),
            true => {
                let labels = labels(&namespace, request.range, sets, request.limit)?;
                Source::Labels(labels.into_iter())
            }
        };
        let answer = Self {
            db: opened.db,
            namespace: request.namespace.clone(),
            unit: request.result_unit,
            source,
            left: request.limit,
            series: 0,
            points: None,
            done: false,
        };
        Ok((answer, namespace.marks()))
    }

    /// Begins the next series; gives `false` when there is none that is wanted.
    fn begin(&mut self, out: &mut Vec<u8>) -> Result<bool, StoreError> {
        if self.left == Some(0) {
            return Ok(false);
        }
        let (labels, series) = match &mut self.source {
            Source::Samples(sets) => match sets.next()? {
                Some(series) => (series.labels().clone(), Some(series)),
                None => return Ok(false),
            },
            Source::Labels(all) => match all.next() {
                Some(labels) => (labels, None),
                None => return Ok(false),
            },
        };
        if self.series > 0 {
            out.push(b',');
        }
        self.series += 1;
        self.left = self.left.map(|left| left - 1);
        write_head(
            out,
            &SeriesIds::id(&self.db, &self.namespace, &labels)?,
            &labels,
        );
        match series {
            Some(series) => self.points = Some(PointsWriter::new(series, self.unit)),
            None => out.extend_from_slice(b"null}"),
        }
        Ok(true)
    }

    /// Whether nothing was left out.
    fn is_exhaustive(&mut self) -> Result<bool, StoreError> {
        if self.left != Some(0) {
            return Ok(true);
        }
        Ok(match &mut self.source {
            Source::Samples(sets) => sets.next()?.is_none(),
            Source::Labels(all) => all.next().is_none(),
        })
    }
}

impl Pieces for QueryAnswer {
    fn next_piece(mut self) -> Result<Option<(Bytes, Self)>, StoreError> {
        let mut out = piece();
        if self.series == 0 && !self.done {
            out.extend_from_slice(b"{\"results\":[");
        }
        while out.len() < PIECE_BYTES && !self.done {
            match self.points.take() {
                Some(mut points) => match points.write(&mut out) {
                    true => out.push(b'}'),
                    false => self.points = Some(points),
                },
                None => {
                    if !self.begin(&mut out)? {
                        let exhaustive = self.is_exhaustive()?;
                        out.extend_from_slice(b"],\"exhaustive\":");
                        out.extend_from_slice(if exhaustive { b"true}\n" } else { b"false}\n" });
                        self.done = true;
                    }
                }
            }
        }
        Ok(full(out).map(|piece| (piece, self)))
    }
}

/// The labels of the series that meet one of `sets`, one more than wanted if there are more.
fn labels(
    namespace: &NamespaceData,
    range: Option<TimeRange>,
    sets: &[Vec<Matcher>],
    limit: Option<usize>,
) -> Result<Vec<Labels>, StoreError> {
    let limit = limit.map_or(MAX_RESULTS, |limit| limit.saturating_add(1));
    let mut lists = Vec::new();
    for (range, set) in range
        .iter()
        .flat_map(|range| sets.iter().map(move |set| (range, set)))
    {
        lists.push(namespace.series(*range, set, limit)?.values);
    }
    Ok(union(lists, Some(limit)).0)
}
