//! `/api/v1/import` and its kin: texts of several formats, stored as they come in.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use tsdb_core::{Clock, SystemClock};
use tsdb_formats::openmetrics::Dialect;

use super::app::App;
use super::envelope::{ApiError, success};
use super::form::Form;
use super::import_report::ImportReport;
use super::import_text::import_text;
use super::scope::Scope;
use crate::import::{Encoding, ImportFormat, Intake};

/// How many refused lines the answer to a write of points names.
const NAMED_MAX: usize = 10;

/// `/api/v1/import`: JSON lines.
pub(super) async fn json_lines(State(app): State<App>, scope: Scope, request: Request) -> Response {
    import(&app, &scope, request, |_, _| Ok(ImportFormat::JsonLines)).await
}

/// `/api/v1/import/prometheus`: OpenMetrics, or Prometheus' older text.
pub(super) async fn prometheus(State(app): State<App>, scope: Scope, request: Request) -> Response {
    import(&app, &scope, request, |headers, _| {
        let dialect = Dialect::of_content_type(header(headers, &CONTENT_TYPE));
        Ok(ImportFormat::OpenMetrics(dialect))
    })
    .await
}

/// `/api/v1/import/csv`: columns as the parameter `format` names them.
pub(super) async fn csv(State(app): State<App>, scope: Scope, request: Request) -> Response {
    import(&app, &scope, request, |_, form| {
        let Some(format) = form.one("format") else {
            let reason = "no format parameter provided: name the columns, as in format=1:time:unix_s,2:label:host,3:metric:temperature";
            return Err(ApiError::bad_data(reason));
        };
        let format = format.parse();
        let format = format.map_err(|error| ApiError::invalid_parameter("format", error))?;
        Ok(ImportFormat::Csv(format, form.flag("header")?))
    })
    .await
}

/// `/api/v1/influxdb/write`: points in line protocol, answered as M3 does.
pub(super) async fn influx(State(app): State<App>, scope: Scope, request: Request) -> Response {
    let format = |_: &HeaderMap, form: &Form| {
        let precision = form.one("precision").unwrap_or("ns").parse();
        let precision =
            precision.map_err(|error| ApiError::invalid_parameter("precision", error))?;
        Ok(ImportFormat::LineProtocol(precision))
    };
    let (report, outcome) = match intake(&request, format) {
        Ok(intake) => import_text(&app, &scope, request.into_body(), intake).await,
        Err(Refused::Request(error)) => return plain_failure(&error),
        Err(refused) => return refused.into_response(),
    };
    let refused = report.rejected_lines + report.rejected;
    let error = match outcome {
        Err(error) => error,
        Ok(()) if report.problems().next().is_none() => {
            return StatusCode::NO_CONTENT.into_response();
        }
        Ok(()) => {
            let problems: Vec<String> = report.problems().take(NAMED_MAX).collect();
            let more = match refused.saturating_sub(problems.len() as u64) {
                0 => String::new(),
                more => format!("; and {more} more"),
            };
            ApiError::bad_data(format!(
                "{refused} lines or samples were refused, {} samples are stored: {}{more}",
                report.stored,
                problems.join("; ")
            ))
        }
    };
    plain_failure(&error)
}

/// An error as M3 tells it.
#[derive(Serialize)]
struct PlainFailure<'a> {
    status: &'static str,
    error: &'a str,
}

fn plain_failure(error: &ApiError) -> Response {
    error.answer(&PlainFailure {
        status: "error",
        error: &error.message,
    })
}

/// Why a text is not even begun.
enum Refused {
    Encoding(String),
    Request(ApiError),
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Encoding(text) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, text).into_response(),
            Self::Request(error) => error.into_response(),
        }
    }
}

/// What a request's text is read by.
fn intake(
    request: &Request,
    format: impl FnOnce(&HeaderMap, &Form) -> Result<ImportFormat, ApiError>,
) -> Result<Intake, Refused> {
    let headers = request.headers();
    let encoding = Encoding::of_header(header(headers, &CONTENT_ENCODING));
    let encoding = encoding.map_err(|error| Refused::Encoding(format!("{error}\n")))?;
    // A form in the body is no form here, whatever the client calls it.
    let form = Form::of_query(request.uri().query());
    let format = format(headers, &form).map_err(Refused::Request)?;
    let default_ms = match form.integer("timestamp") {
        None => SystemClock::new().now_ms(),
        Some(Ok(ms)) => ms,
        Some(Err(_)) => {
            let reason = "it must be whole milliseconds since the epoch";
            let error = ApiError::invalid_parameter("timestamp", reason);
            return Err(Refused::Request(error));
        }
    };
    let strict = form.flag("strict").map_err(Refused::Request)?;
    Ok(Intake::new(format, encoding, default_ms, strict))
}

fn header<'h>(headers: &'h HeaderMap, name: &HeaderName) -> &'h str {
    let value = headers.get(name);
    value.and_then(|value| value.to_str().ok()).unwrap_or("")
}

async fn import(
    app: &App,
    scope: &Scope,
    request: Request,
    format: impl FnOnce(&HeaderMap, &Form) -> Result<ImportFormat, ApiError>,
) -> Response {
    let intake = match intake(&request, format) {
        Ok(intake) => intake,
        Err(refused) => return refused.into_response(),
    };
    let (report, outcome) = import_text(app, scope, request.into_body(), intake).await;
    answer(&report, outcome)
}

fn answer(report: &ImportReport, outcome: Result<(), ApiError>) -> Response {
    match outcome {
        Err(error) => error.with_data(Some(report)),
        Ok(()) => match report.problems().next() {
            Some(problem) => ApiError::bad_data(problem).with_data(Some(report)),
            None => success(report, &[]),
        },
    }
}
