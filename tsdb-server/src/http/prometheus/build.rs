//! `/api/v1/status/buildinfo`, `/api/v1/status/runtimeinfo` and `/version`.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use tsdb_core::clock::{Clock, SystemClock};

use super::super::app::App;
use super::super::envelope::success;
use crate::machine::host_name;
use crate::runtime::parallelism;
use crate::timestamp::format_rfc3339;

/// The Prometheus whose API this is: clients decide by it what they may ask for.
const OF_PROMETHEUS: &str = "3.14.0";

/// As Prometheus has it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Build {
    version: &'static str,
    revision: &'static str,
    branch: &'static str,
    build_user: &'static str,
    build_date: &'static str,
    go_version: &'static str,
}

const BUILD: Build = Build {
    version: OF_PROMETHEUS,
    revision: concat!("tsdb-server-", env!("CARGO_PKG_VERSION")),
    branch: "",
    build_user: "",
    build_date: "",
    go_version: "",
};

/// As Prometheus has it; what a program in Go alone has is left empty.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Runtime {
    start_time: String,
    #[serde(rename = "CWD")]
    working_folder: String,
    hostname: String,
    server_time: String,
    reload_config_success: bool,
    last_config_time: String,
    corruption_count: u64,
    goroutine_count: usize,
    #[serde(rename = "GOMAXPROCS")]
    threads_at_a_time: usize,
    #[serde(rename = "GOMEMLIMIT")]
    memory_limit: u64,
    #[serde(rename = "GOGC")]
    garbage_collection: &'static str,
    #[serde(rename = "GODEBUG")]
    debugging: &'static str,
    storage_retention: String,
}

pub(in crate::http) async fn build_info() -> Response {
    success(&BUILD, &[])
}

/// `/version`, without an envelope.
pub(in crate::http) async fn version() -> Json<Build> {
    Json(BUILD)
}

pub(in crate::http) async fn runtime_info(State(app): State<App>) -> Response {
    let now = SystemClock::new().now_ms();
    let up_ms = i64::try_from(app.started.elapsed().as_millis()).unwrap_or(i64::MAX);
    let started = format_rfc3339(now.saturating_sub(up_ms));
    let figures = app.store.figures();
    let memory = figures.database.map(|stats| stats.memory_budget_bytes);
    let folder = std::env::current_dir().unwrap_or_default();
    let retention = app.setting("retention").unwrap_or("forever");
    let runtime = Runtime {
        start_time: started.clone(),
        working_folder: folder.display().to_string(),
        hostname: host_name().unwrap_or_default(),
        server_time: format_rfc3339(now),
        reload_config_success: true,
        last_config_time: started,
        corruption_count: 0,
        goroutine_count: 0,
        threads_at_a_time: parallelism(),
        memory_limit: memory.unwrap_or_default(),
        garbage_collection: "",
        debugging: "",
        storage_retention: retention.to_owned(),
    };
    success(&runtime, &[])
}
