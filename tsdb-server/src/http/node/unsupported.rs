//! Methods that M3's nodes have and that mean nothing here: each answers 501 with the reason.

use axum::response::{IntoResponse, Response};
use http::{StatusCode, Uri};

use super::error::NodeError;

const RAW: &str = "it carries M3's own encoding of blocks between its processes: use /writetagged and /query here, or remote write and remote read";
const REPAIR: &str = "there are no other replicas to repair from";
const TILES: &str = "nothing is aggregated here yet";
const LIMIT: &str = "flushing follows the log's size and is not limited by rate: see --log-cap";
const NEW_SERIES: &str = "a new series is always stored before its write is answered: see --max-series and the namespace's limits";
const PROFILE: &str = "profiles are at /debug/pprof on --debug-listen";
const SEGMENTS: &str = "the index has no segments: see tsdb_memory_bytes at /metrics";

/// The methods, and why they are not here.
const REASONS: &[(&str, &str)] = &[
    ("/fetchtagged", RAW),
    ("/aggregateraw", RAW),
    ("/fetchbatchraw", RAW),
    ("/fetchbatchrawv2", RAW),
    ("/fetchblocksraw", RAW),
    ("/fetchblocksmetadatarawv2", RAW),
    ("/writebatchraw", RAW),
    ("/writebatchrawv2", RAW),
    ("/writetaggedbatchraw", RAW),
    ("/writetaggedbatchrawv2", RAW),
    ("/repair", REPAIR),
    ("/aggregatetiles", TILES),
    ("/getpersistratelimit", LIMIT),
    ("/setpersistratelimit", LIMIT),
    ("/getwritenewseriesasync", NEW_SERIES),
    ("/setwritenewseriesasync", NEW_SERIES),
    ("/getwritenewseriesbackoffduration", NEW_SERIES),
    ("/setwritenewseriesbackoffduration", NEW_SERIES),
    ("/getwritenewserieslimitpershardpersecond", NEW_SERIES),
    ("/setwritenewserieslimitpershardpersecond", NEW_SERIES),
    ("/debugprofilestart", PROFILE),
    ("/debugprofilestop", PROFILE),
    ("/debugindexmemorysegments", SEGMENTS),
];

/// Answers a path that no route has: 501 for a method of M3, else 404.
pub(in crate::http) async fn unsupported(uri: Uri) -> Response {
    let mut reasons = REASONS.iter();
    let error = match reasons.find(|(path, _)| *path == uri.path()) {
        Some((path, reason)) => NodeError::new(
            StatusCode::NOT_IMPLEMENTED,
            format!("{path} is not implemented: {reason}"),
        ),
        None => NodeError::new(
            StatusCode::NOT_FOUND,
            format!("nothing is at {}", uri.path()),
        ),
    };
    error.into_response()
}
