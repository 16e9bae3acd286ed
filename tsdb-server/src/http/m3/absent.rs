//! Calls of M3 that have no engine behind them: each says what is missing and what to use instead.

use super::reply::M3Error;

pub(super) async fn schemas() -> M3Error {
    M3Error::not_implemented(
        "there are no schemas of values: samples are floats and native histograms, which need none",
    )
}

pub(super) async fn topics() -> M3Error {
    M3Error::not_implemented(
        "there are no topics, as no aggregator is fed by them: samples are stored as they come, write them to /api/v1/prom/remote/write",
    )
}

pub(super) async fn graphite() -> M3Error {
    M3Error::not_implemented(
        "there is no Graphite engine: read samples by /api/v1/prom/remote/read or /api/v1/export",
    )
}

pub(super) async fn key_values() -> M3Error {
    M3Error::not_implemented(
        "there is no store of keys to set at will: namespaces are at /api/v1/services/m3db/namespace, placements at /api/v1/services/m3db/placement, and limits are flags, see --help",
    )
}
