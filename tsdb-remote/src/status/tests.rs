use std::time::Duration;

use http_body::Body as _;
use tsdb_core::model::{AppendReport, RejectReason, Rejected};

use super::*;
use crate::write::{Refused, WriteProtocol};

fn body(response: Response<ResponseBody>) -> String {
    let mut body = response.into_body();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let mut text = Vec::new();
    while let std::task::Poll::Ready(Some(frame)) =
        std::pin::Pin::new(&mut body).poll_frame(&mut context)
    {
        text.extend_from_slice(&frame.unwrap().into_data().unwrap());
    }
    String::from_utf8(text).unwrap()
}

fn faults() -> Vec<(RequestFault, u16, &'static str)> {
    vec![
        (
            RequestFault::Method {
                method: http::Method::GET,
            },
            405,
            "method GET is not allowed",
        ),
        (
            RequestFault::Encoding {
                encoding: "gzip".into(),
            },
            415,
            "gzip encoding (compression) is not accepted by this server; only snappy is acceptable",
        ),
        (RequestFault::MediaType("odd".into()), 415, "odd"),
        (
            RequestFault::TooLarge { limit: 7 },
            413,
            "request body exceeds the 7 bytes limit",
        ),
        (
            RequestFault::DecodedTooLarge {
                declared: 9,
                limit: 8,
            },
            400,
            "decoded request body of 9 bytes exceeds the 8 bytes limit",
        ),
        (
            RequestFault::Body("reset".into()),
            400,
            "cannot read the request body: reset",
        ),
        (
            RequestFault::Busy {
                name: "max_inflight_bytes",
                wanted: 1,
                used: 2,
                limit: 2,
            },
            503,
            "max_inflight_bytes of 2",
        ),
        (
            RequestFault::QueueFull { limit: 3 },
            503,
            "3 remote reads wait already",
        ),
    ]
}

fn undecodable() -> Vec<(DecodeError, u16, &'static str)> {
    vec![
        (
            snap::Error::Empty.into(),
            400,
            "body is not a valid snappy block",
        ),
        (
            DecodeError::SnappyLength {
                compressed: 3,
                declared: 4000,
            },
            400,
            "body of 3 bytes cannot decode to the 4000 bytes it declares",
        ),
        (
            DecodeError::Malformed {
                what: "a number is cut short",
                offset: 5,
            },
            400,
            "malformed protobuf: a number is cut short at byte 5",
        ),
        (
            RequestFault::Busy {
                name: "max_inflight_bytes",
                wanted: 1,
                used: 2,
                limit: 2,
            }
            .into(),
            503,
            "max_inflight_bytes",
        ),
    ]
}

/// Status and text hold, and exactly the 503s and 429s say when to come back.
fn check(response: Response<ResponseBody>, status: u16, part: &str) {
    assert_eq!(response.status().as_u16(), status, "{part}");
    let retry = response
        .headers()
        .get(RETRY_AFTER)
        .map(|v| v.to_str().unwrap().to_owned());
    let passes = [429, 503].contains(&status);
    assert_eq!(retry, passes.then(|| "2".to_owned()), "{part}");
    assert_eq!(response.headers().contains_key(ALLOW), status == 405);
    let text = body(response);
    assert!(text.contains(part), "{text:?} lacks {part:?}");
    assert!(text.len() <= MAX_TEXT_BYTES);
}

#[test]
fn every_row_of_the_table_of_writes() {
    let limits = Limits::default();
    let mut rows: Vec<(WriteError, u16, &str)> = Vec::new();
    rows.extend(
        faults()
            .into_iter()
            .map(|(fault, status, text)| (fault.into(), status, text)),
    );
    rows.extend(
        undecodable()
            .into_iter()
            .map(|(error, status, text)| (error.into(), status, text)),
    );
    rows.push((
        WriteError::Invalid("no namespace x".into()),
        400,
        "no namespace x",
    ));
    let unavailable = |retry_after| WriteError::Unavailable {
        message: "full".into(),
        retry_after,
    };
    rows.push((unavailable(None), 503, "full"));
    rows.push((unavailable(Some(Duration::from_millis(1200))), 503, "full"));
    let too_fast = WriteError::TooFast {
        message: "more than 7 a second".to_owned(),
        retry_after: Duration::from_millis(1500),
    };
    rows.push((too_fast, 429, "more than 7 a second"));
    rows.push((WriteError::Internal("broken".into()), 500, "broken"));
    for (error, status, text) in rows {
        check(write_fault(&error, &limits), status, text);
    }
}

/// Errors that only reads have.
fn unreadable() -> Vec<(ReadError, u16, &'static str)> {
    let regex = tsdb_core::model::Matcher::regex("job", "(").unwrap_err();
    vec![
        (
            ReadError::Matcher {
                query: 1,
                name: "job".into(),
                source: regex,
            },
            400,
            "query 1, matcher \"job\": error parsing regexp",
        ),
        (
            ReadError::MatcherKind { query: 0, kind: 9 },
            400,
            "unknown matcher type 9",
        ),
        (
            ReadError::NoAcceptedType(vec![7]),
            400,
            "none of requested response types",
        ),
        (
            ReadError::SampleLimit { limit: 5 },
            400,
            "exceeded sample limit (5)",
        ),
        (
            ReadError::ResponseLimit { limit: 6 },
            400,
            "read_max_response_bytes of 6",
        ),
        (
            ReadError::Invalid("no namespace x".into()),
            400,
            "no namespace x",
        ),
        (
            ReadError::TooExpensive("too many series".into()),
            422,
            "too many series",
        ),
        (
            ReadError::Unavailable {
                message: "w".into(),
                retry_after: None,
            },
            503,
            "w",
        ),
        (ReadError::Disconnected, 500, "went away"),
        (
            ReadError::Stalled(Duration::from_secs(60)),
            500,
            "60 s, the limit read_stall",
        ),
        (ReadError::Internal("broken".into()), 500, "broken"),
    ]
}

#[test]
fn every_row_of_the_table_of_reads() {
    let limits = Limits::default();
    let mut rows: Vec<(ReadError, u16, &str)> = Vec::new();
    rows.extend(
        faults()
            .into_iter()
            .map(|(fault, status, text)| (fault.into(), status, text)),
    );
    rows.extend(
        undecodable()
            .into_iter()
            .map(|(error, status, text)| (error.into(), status, text)),
    );
    rows.extend(unreadable());
    for (error, status, text) in rows {
        check(read_fault(&error, &limits), status, text);
    }
}

#[test]
fn the_store_may_say_when_to_come_back() {
    for (wait, seconds) in [(Duration::from_millis(4200), "5"), (Duration::ZERO, "1")] {
        let error = WriteError::Unavailable {
            message: "w".into(),
            retry_after: Some(wait),
        };
        let too_fast = WriteError::TooFast {
            message: "w".into(),
            retry_after: wait,
        };
        for error in [error, too_fast] {
            let response = write_fault(&error, &Limits::default());
            assert_eq!(response.headers()[RETRY_AFTER], seconds);
        }
    }
}

#[test]
fn a_boxed_error_is_found_again() {
    let error = WriteError::Unavailable {
        message: "full".into(),
        retry_after: None,
    };
    let boxed: crate::BoxError = Box::new(error);
    assert!(matches!(
        WriteError::from(boxed),
        WriteError::Unavailable { .. }
    ));
    let boxed: crate::BoxError = "other".into();
    assert!(matches!(WriteError::from(boxed), WriteError::Internal(_)));
}

#[test]
fn a_complete_write_is_204_without_body() {
    let report = AppendReport {
        appended: 3,
        ..AppendReport::default()
    };
    let summary = WriteSummary {
        report,
        ..WriteSummary::default()
    };
    let response = write_summary(summary.clone());
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert_eq!(response.extensions().get::<WriteSummary>(), Some(&summary));
    assert_eq!(response.body().size_hint().exact(), Some(0));
    assert!(response.headers().is_empty());
    assert_eq!(body(response), "");
}

#[test]
fn a_partial_write_is_400_with_counts_and_reasons() {
    let rejected = Rejected {
        series: "up{job=\"a\"}".into(),
        timestamp: Some(7),
        samples: 1,
        reason: RejectReason::OutsideRetention {
            timestamp: 7,
            oldest: 9,
        },
    };
    let report = AppendReport {
        appended: 2,
        appended_histograms: 1,
        rejected: vec![rejected],
        rejected_samples: 1,
        ..AppendReport::default()
    };
    let summary = WriteSummary {
        report,
        ..WriteSummary::default()
    };
    let response = write_summary(summary);
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(!response.headers().contains_key(RETRY_AFTER));
    let text = body(response);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines[0],
        "stored 3 samples, refused 1 samples (0 series refused as a whole)"
    );
    assert!(
        lines[1].starts_with("series up{job=\"a\"} at 7: timestamp 7 is before 9"),
        "{text}"
    );
    assert_eq!(lines.len(), 2);
}

#[test]
fn only_senders_of_2_0_are_told_how_much_was_written() {
    let counts = |response: &Response<ResponseBody>| {
        ["samples", "histograms", "exemplars"].map(|what| {
            let name = format!("x-prometheus-remote-write-{what}-written");
            let value = response.headers().get(name)?;
            value.to_str().ok()?.parse::<u64>().ok()
        })
    };
    let refused = Refused {
        count: 1,
        first_series: None,
    };
    let complete = WriteSummary {
        report: AppendReport {
            appended: 7,
            appended_exemplars: 5,
            // Where none are kept they are no fault of the sender's.
            dropped_exemplars: 3,
            ..AppendReport::default()
        },
        ..WriteSummary::default()
    };
    let partly = WriteSummary {
        empty_series: refused,
        ..complete.clone()
    };
    let mut exemplars = complete.clone();
    exemplars.report.rejected_exemplars = 2;
    for (summary, first, second) in [
        (complete, 204, 204),
        (partly, 400, 400),
        (exemplars, 400, 400),
    ] {
        let response = write_summary(summary.clone());
        assert_eq!(
            (response.status().as_u16(), counts(&response)),
            (first, [None; 3])
        );
        let response = write_summary(WriteSummary {
            protocol: WriteProtocol::V2,
            ..summary
        });
        let expected = [Some(7), Some(0), Some(5)];
        assert_eq!(
            (response.status().as_u16(), counts(&response)),
            (second, expected)
        );
    }
    let fault = |protocol| {
        let error = WriteError::Invalid("no".to_owned());
        nothing_written(write_fault(&error, &Limits::default()), protocol)
    };
    assert_eq!(counts(&fault(WriteProtocol::V1)), [None; 3]);
    assert_eq!(counts(&fault(WriteProtocol::V2)), [Some(0); 3]);
}

#[test]
fn reasons_fit_what_prometheus_reads() {
    for series_len in [1usize, 100, 300, 5000] {
        let rejected = Rejected {
            series: "\u{e9}".repeat(series_len),
            timestamp: None,
            samples: 1,
            reason: RejectReason::LabelValueTooLong {
                name: "n".repeat(series_len),
                length: 1,
                limit: 1,
            },
        };
        let report = AppendReport {
            rejected: vec![rejected; 100],
            rejected_samples: u64::MAX,
            rejected_series: u64::MAX,
            appended: u64::MAX,
            appended_exemplars: u64::MAX,
            rejected_exemplars: u64::MAX,
            ..AppendReport::default()
        };
        let first_series = Some("\u{e9}".repeat(series_len));
        let empty_series = Refused {
            count: u64::MAX,
            first_series,
        };
        let summary = WriteSummary {
            protocol: WriteProtocol::V2,
            report,
            empty_series,
        };
        let text = body(write_summary(summary));
        assert!(text.len() <= MAX_TEXT_BYTES, "{}", text.len());
        assert!(text.ends_with(" more reasons\n"), "{text}");
    }
}
