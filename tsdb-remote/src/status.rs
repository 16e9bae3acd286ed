//! The one map from what happened to what the client is told.
//!
//! Prometheus retries 5xx, and drops the data on any 4xx. So whatever may pass is a 503, and
//! whatever would be refused again is a 4xx.

use std::fmt::Write as _;
use std::time::Duration;

use http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use http::{Response, StatusCode};

use tsdb_core::model::AppendReport;

use crate::body::ResponseBody;
use crate::error::{DecodeError, ReadError, RequestFault, WriteError};
use crate::limits::Limits;
use crate::negotiate::WriteProtocol;
use crate::write::WriteSummary;

/// Longest text of an answer in bytes: Prometheus logs no more of it.
const MAX_TEXT_BYTES: usize = 1024;

/// Status of an error, and after how long to retry if the text does not say it.
struct Verdict {
    status: StatusCode,
    retry_after: Option<Duration>,
}

impl Verdict {
    const fn new(status: StatusCode) -> Self {
        Self {
            status,
            retry_after: None,
        }
    }

    const fn later(retry_after: Option<Duration>) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            retry_after,
        }
    }
}

fn of_request(fault: &RequestFault) -> Verdict {
    match fault {
        RequestFault::Method { .. } => Verdict::new(StatusCode::METHOD_NOT_ALLOWED),
        RequestFault::Encoding { .. } | RequestFault::MediaType(_) => {
            Verdict::new(StatusCode::UNSUPPORTED_MEDIA_TYPE)
        }
        RequestFault::TooLarge { .. } => Verdict::new(StatusCode::PAYLOAD_TOO_LARGE),
        RequestFault::DecodedTooLarge { .. } | RequestFault::Body(_) => {
            Verdict::new(StatusCode::BAD_REQUEST)
        }
        RequestFault::Busy { .. }
        | RequestFault::BeyondShare { .. }
        | RequestFault::QueueFull { .. } => Verdict::later(None),
    }
}

fn of_decode(error: &DecodeError) -> Verdict {
    match error {
        DecodeError::Snappy(_)
        | DecodeError::SnappyLength { .. }
        | DecodeError::Malformed { .. } => Verdict::new(StatusCode::BAD_REQUEST),
        DecodeError::Request(fault) => of_request(fault),
    }
}

fn of_write(error: &WriteError) -> Verdict {
    match error {
        WriteError::Request(fault) => of_request(fault),
        WriteError::Decode(error) => of_decode(error),
        WriteError::Invalid(_) => Verdict::new(StatusCode::BAD_REQUEST),
        WriteError::Unavailable { retry_after, .. } => Verdict::later(*retry_after),
        WriteError::TooFast { retry_after, .. } => Verdict {
            status: StatusCode::TOO_MANY_REQUESTS,
            retry_after: Some(*retry_after),
        },
        WriteError::Internal(_) => Verdict::new(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

fn of_read(error: &ReadError) -> Verdict {
    match error {
        ReadError::Request(fault) => of_request(fault),
        ReadError::Decode(error) => of_decode(error),
        ReadError::Matcher { .. }
        | ReadError::MatcherKind { .. }
        | ReadError::NoAcceptedType(_)
        | ReadError::SampleLimit { .. }
        | ReadError::ResponseLimit { .. }
        | ReadError::Invalid(_) => Verdict::new(StatusCode::BAD_REQUEST),
        ReadError::TooExpensive(_) => Verdict::new(StatusCode::UNPROCESSABLE_ENTITY),
        ReadError::Unavailable { retry_after, .. } => Verdict::later(*retry_after),
        ReadError::Disconnected | ReadError::Stalled(_) | ReadError::Internal(_) => {
            Verdict::new(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

/// The answer to a write that failed as a whole.
pub(crate) fn write_fault(error: &WriteError, limits: &Limits) -> Response<ResponseBody> {
    answer(&of_write(error), &error.to_string(), limits)
}

/// The answer to a read that failed before its first byte.
pub(crate) fn read_fault(error: &ReadError, limits: &Limits) -> Response<ResponseBody> {
    answer(&of_read(error), &error.to_string(), limits)
}

/// The answer to a write that the store took: 204, or 400 if it refused some of it.
pub(crate) fn write_summary(summary: WriteSummary) -> Response<ResponseBody> {
    let mut response = if summary.is_complete() {
        let mut response = Response::new(ResponseBody::whole(""));
        *response.status_mut() = StatusCode::NO_CONTENT;
        response
    } else {
        text(StatusCode::BAD_REQUEST, &refusals(&summary))
    };
    if summary.protocol == WriteProtocol::V2 {
        put_written(&mut response, &summary.report);
    }
    response.extensions_mut().insert(summary);
    response
}

/// Says in an answer to a sender that reads it that nothing was stored.
pub(crate) fn nothing_written(
    mut response: Response<ResponseBody>,
    protocol: WriteProtocol,
) -> Response<ResponseBody> {
    if protocol == WriteProtocol::V2 {
        put_written(&mut response, &AppendReport::default());
    }
    response
}

/// How much was stored. Senders of remote write 2.0 take an answer without these for a failure,
/// and senders of 1.0 may take their numbers for losses.
fn put_written(response: &mut Response<ResponseBody>, report: &AppendReport) {
    let headers = response.headers_mut();
    for (name, count) in [
        ("x-prometheus-remote-write-samples-written", report.appended),
        (
            "x-prometheus-remote-write-histograms-written",
            report.appended_histograms,
        ),
        (
            "x-prometheus-remote-write-exemplars-written",
            report.appended_exemplars,
        ),
    ] {
        headers.insert(name, HeaderValue::from(count));
    }
}

fn answer(verdict: &Verdict, message: &str, limits: &Limits) -> Response<ResponseBody> {
    let mut response = text(verdict.status, message);
    let headers = response.headers_mut();
    let passes = [
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    if passes.contains(&verdict.status) {
        let wait = verdict.retry_after.unwrap_or(limits.retry_after);
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    }
    if verdict.status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("POST"));
    }
    response
}

fn text(status: StatusCode, message: &str) -> Response<ResponseBody> {
    let mut body = String::with_capacity(message.len() + 1);
    body.push_str(bounded(message, MAX_TEXT_BYTES - 1));
    body.push('\n');
    let mut response = Response::new(ResponseBody::whole(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The start of a text, cut between characters.
fn bounded(text: &str, max_bytes: usize) -> &str {
    let cuts = (0..=max_bytes.min(text.len())).rev();
    cuts.filter_map(|cut| text.get(..cut))
        .next()
        .unwrap_or_default()
}

/// Counts of what was stored and refused, and the first reasons, in at most
/// [`MAX_TEXT_BYTES`].
fn refusals(summary: &WriteSummary) -> String {
    let report = &summary.report;
    let mut text = format!(
        "stored {} samples, refused {} samples ({} series refused as a whole)",
        report.appended + report.appended_histograms,
        report.rejected_samples,
        report.rejected_series
    );
    let empty = &summary.empty_series;
    if empty.count > 0 {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n{} series without a sample or histogram refused, first {}: send at least one of them",
            empty.count,
            bounded(empty.first_series.as_deref().unwrap_or("unknown"), 160)
        );
    }
    if report.rejected_exemplars > 0 {
        let (stored, refused) = (report.appended_exemplars, report.rejected_exemplars);
        let _ = write!(text, "\nstored {stored} exemplars, refused {refused}");
    }
    for (index, rejected) in report.rejected.iter().enumerate() {
        let (series, reason) = (bounded(&rejected.series, 160), rejected.reason.to_string());
        let reason = bounded(&reason, 240);
        if text.len() + series.len() + reason.len() + 60 > MAX_TEXT_BYTES {
            let _ = write!(text, "\nand {} more reasons", report.rejected.len() - index);
            break;
        }
        let _ = match rejected.timestamp {
            Some(timestamp) => write!(text, "\nseries {series} at {timestamp}: {reason}"),
            None => write!(text, "\nseries {series}: {reason}"),
        };
    }
    text
}

#[cfg(test)]
mod tests;
