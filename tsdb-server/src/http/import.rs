//! `/api/v1/import`: the lines that an export writes, stored as they come in.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_ENCODING;
use http_body_util::BodyExt;
use serde::Serialize;
use tsdb_core::model::{Rejected, SeriesKey, WriteBatch};

use super::app::App;
use super::envelope::{ApiError, success};
use super::line_batches::{Completed, LineBatches, MAX_LINE_BYTES};
use super::scope::Scope;
use crate::sample_json::{SeriesLine, parse_line};
use crate::store::{Opened, Reply, StoreError};
use crate::telemetry::WriteSource;

/// How many problems are listed before they are only counted.
const MAX_LISTED: usize = 100;

/// What became of the lines so far.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Progress {
    /// Lines read, blank ones not counted.
    lines: u64,
    /// Lines refused as malformed.
    rejected_lines: u64,
    /// Samples stored, those that were there already included.
    stored: u64,
    /// Samples of well-formed lines that were refused.
    rejected: u64,
    /// The first problems.
    errors: Vec<Problem>,
}

#[derive(Debug, Serialize)]
struct Problem {
    /// Number of the line, from 1; left out when it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    /// Byte column in the line, from 1; left out when the line as a whole is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    error: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}")?;
            if let Some(column) = self.column {
                write!(f, ", column {column}")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.error)
    }
}

impl Progress {
    fn list(&mut self, problem: Problem) {
        if self.errors.len() < MAX_LISTED {
            self.errors.push(problem);
        }
    }

    fn merge(&mut self, other: Self) {
        self.lines += other.lines;
        self.rejected_lines += other.rejected_lines;
        self.stored += other.stored;
        self.rejected += other.rejected;
        other
            .errors
            .into_iter()
            .for_each(|problem| self.list(problem));
    }
}

pub(super) async fn import(State(app): State<App>, scope: Scope, request: Request) -> Response {
    let encoding = request
        .headers()
        .get(CONTENT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    if !matches!(encoding, "" | "identity") {
        let text = format!(
            "{encoding} encoding (compression) is not accepted here: send the lines as they are\n"
        );
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, text).into_response();
    }
    let mut progress = Progress::default();
    let read = read(&app, &scope, request.into_body(), &mut progress).await;
    progress.errors.sort_by_key(|problem| problem.line);
    match read {
        Err(error) => error.with_data(Some(&progress)),
        Ok(()) => match progress.errors.first() {
            Some(problem) => ApiError::bad_data(problem.to_string()).with_data(Some(&progress)),
            None => success(&progress, &[]),
        },
    }
}

async fn read(
    app: &App,
    scope: &Scope,
    mut body: Body,
    progress: &mut Progress,
) -> Result<(), ApiError> {
    let mut batches = LineBatches::new();
    let permit = app
        .inflight
        .try_acquire(0)
        .map_err(|fault| unavailable(&fault))?;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            ApiError::bad_data(format!("cannot read the request body: {error}"))
        })?;
        let Ok(piece) = frame.into_data() else {
            continue;
        };
        let needed = (batches.pending() + piece.len()) as u64;
        permit
            .grow(needed.saturating_sub(permit.held()))
            .map_err(|fault| unavailable(&fault))?;
        if let Some(completed) = batches.feed(&piece) {
            store(app, scope, completed, progress).await?;
        }
    }
    match batches.finish() {
        Some(completed) => store(app, scope, completed, progress).await,
        None => Ok(()),
    }
}

fn unavailable(fault: &tsdb_remote::RequestFault) -> ApiError {
    StoreError::Unavailable(fault.to_string()).into()
}

async fn store(
    app: &App,
    scope: &Scope,
    completed: Completed,
    progress: &mut Progress,
) -> Result<(), ApiError> {
    let (first, bytes) = match completed {
        Completed::Lines { first, bytes } => (first, bytes),
        Completed::TooLong { line } => {
            progress.lines += 1;
            progress.rejected_lines += 1;
            let error = format!(
                "the line is longer than {MAX_LINE_BYTES} bytes: export less of the series at a time"
            );
            progress.list(Problem {
                line: Some(line),
                column: None,
                error,
            });
            app.telemetry.imported(1, 1);
            return Ok(());
        }
    };
    let telemetry = std::sync::Arc::clone(&app.telemetry);
    let scope = scope.clone();
    let work = move |opened: Opened, _: &mut _, reply: Reply<Progress>| {
        let (lines, mut progress) = read_lines(first, &bytes);
        telemetry.imported(progress.lines, progress.rejected_lines);
        let mut batch = WriteBatch::new();
        for (_, line) in &lines {
            batch.begin(SeriesKey::Labels(&line.labels));
            line.timestamps
                .iter()
                .zip(&line.values)
                .for_each(|(ms, value)| batch.sample(*ms, *value));
            for (ms, histogram) in &line.histograms {
                batch.histogram(*ms, histogram.clone());
            }
        }
        if batch.is_empty() {
            return reply.send(Ok(progress));
        }
        let appended = scope
            .namespace(&opened)
            .and_then(|namespace| Ok(namespace.append(&batch)?));
        match appended {
            Ok(append) => {
                telemetry.stored(WriteSource::Import, &append.report);
                progress.stored += append.report.appended + append.report.appended_histograms;
                progress.rejected += append.report.rejected_samples;
                append
                    .report
                    .rejected
                    .iter()
                    .for_each(|rejected| progress.list(place(rejected, &lines)));
                append.ticket.on_commit(move |durable| {
                    reply.send(durable.map(|()| progress).map_err(StoreError::database));
                });
            }
            Err(error) => reply.send(Err(error)),
        }
    };
    let stored = app.store.write(work).await?;
    progress.merge(stored);
    Ok(())
}

/// Reads lines, the first of them with number `first`.
fn read_lines(first: u64, bytes: &[u8]) -> (Vec<(u64, SeriesLine)>, Progress) {
    let (mut lines, mut progress) = (Vec::new(), Progress::default());
    for (number, text) in (first..).zip(bytes.split(|byte| *byte == b'\n')) {
        if text.trim_ascii().is_empty() {
            continue;
        }
        progress.lines += 1;
        match parse_line(text) {
            Ok(line) => lines.push((number, line)),
            Err(error) => {
                progress.rejected_lines += 1;
                let column = (error.column > 0).then_some(error.column);
                progress.list(Problem {
                    line: Some(number),
                    column,
                    error: error.reason,
                });
            }
        }
    }
    (lines, progress)
}

/// A refusal with the number of its line, which is found by its series.
fn place(rejected: &Rejected, lines: &[(u64, SeriesLine)]) -> Problem {
    let of_series = lines
        .iter()
        .filter(|(_, line)| line.labels.to_string() == rejected.series);
    let of_time = of_series.clone().find(|(_, line)| {
        rejected
            .timestamp
            .is_none_or(|ms| line.timestamps.contains(&ms))
    });
    let line = of_time
        .or(of_series.clone().next())
        .map(|(number, _)| *number);
    Problem {
        line,
        column: None,
        error: rejected.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_numbered_and_refused_alone() {
        let text = b"\n{\"metric\":{\"__name__\":\"a\"},\"values\":[1],\"timestamps\":[1]}\r\nx\n  \n{\"metric\":{},\"values\":[],\"timestamps\":[1]}";
        let (lines, progress) = read_lines(7, text);
        assert_eq!(
            lines.iter().map(|(number, _)| *number).collect::<Vec<_>>(),
            [8]
        );
        assert_eq!((progress.lines, progress.rejected_lines), (3, 2));
        let problems: Vec<String> = progress.errors.iter().map(Problem::to_string).collect();
        assert_eq!(
            problems,
            [
                "line 9, column 1: a line is an object with metric, values and timestamps",
                "line 11: 0 values do not go with 1 timestamps"
            ]
        );
    }
}
