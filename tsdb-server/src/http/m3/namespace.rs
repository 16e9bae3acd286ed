//! Namespaces: listed, added, changed, removed, and said to be ready.

use std::collections::BTreeMap;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::body::Body;
use super::call::Call;
use super::reply::{M3Error, deleted, json};
use crate::go_duration::go_duration_text;
use crate::http::App;
use crate::namespaces::{NamespaceOptions, NamespaceUpdate, RegistryError, View};

/// All namespaces, as every call but the last answers.
#[derive(Serialize)]
pub(super) struct NamespaceReply<'v> {
    registry: Namespaces<'v>,
}

#[derive(Serialize)]
struct Namespaces<'v> {
    namespaces: BTreeMap<&'v str, &'v NamespaceOptions>,
}

impl<'v> NamespaceReply<'v> {
    pub(super) fn of(view: &'v View) -> Self {
        let entries = view.entries.iter();
        let namespaces = entries.map(|(name, entry)| (name.as_str(), &entry.options));
        Self {
            registry: Namespaces {
                namespaces: namespaces.collect(),
            },
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Debug {
    debug: Option<String>,
}

/// GET: with `debug=true` times are durations.
pub(super) async fn list(
    State(app): State<App>,
    Query(Debug { debug }): Query<Debug>,
) -> Result<Response, M3Error> {
    let view = app.registry.list().await?;
    let reply = NamespaceReply::of(&view);
    let is_true = |text: &str| matches!(text, "1" | "t" | "T" | "true" | "TRUE" | "True");
    if debug.as_deref().is_some_and(is_true) {
        let reply = serde_json::to_value(&reply);
        return Ok(json(&with_durations(reply.unwrap_or_default())));
    }
    Ok(json(&reply))
}

/// `blockSizeNanos` of `"7200000000000"` as `blockSizeDuration` of `"2h0m0s"`.
fn with_durations(value: Value) -> Value {
    match value {
        Value::Object(entries) => {
            let shown = entries.into_iter().map(|(key, value)| {
                let nanos = value.as_str().and_then(|text| text.parse().ok());
                match (key.strip_suffix("Nanos"), nanos) {
                    (Some(name), Some(nanos)) => {
                        (format!("{name}Duration"), go_duration_text(nanos).into())
                    }
                    _ => (key, with_durations(value)),
                }
            });
            Value::Object(shown.collect::<Map<_, _>>())
        }
        Value::Array(items) => items.into_iter().map(with_durations).collect(),
        other => other,
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Addition {
    name: String,
    options: Option<NamespaceOptions>,
}

/// POST.
pub(super) async fn add(
    State(app): State<App>,
    call: Call,
    body: Body,
) -> Result<Response, M3Error> {
    call.check_namespaces(&app)?;
    let Addition { name, options } = body.message()?;
    let Some(options) = options else {
        let what = "bad namespace metadata: namespace options must be set";
        return Err(M3Error::bad_request(what));
    };
    let view = app
        .registry
        .add(vec![(name.clone(), options)], call.dry_run)
        .await?;
    tracing::info!(
        namespace = name,
        by = call.by,
        dry_run = call.dry_run,
        "a namespace is added"
    );
    Ok(json(&NamespaceReply::of(&view)))
}

/// PUT.
pub(super) async fn update(
    State(app): State<App>,
    call: Call,
    Body(body): Body,
) -> Result<Response, M3Error> {
    call.check_namespaces(&app)?;
    let update = NamespaceUpdate::parse(&body).map_err(M3Error::bad_request)?;
    let name = update.name.clone();
    let view = app.registry.update(update, call.dry_run).await?;
    tracing::info!(
        namespace = name,
        by = call.by,
        dry_run = call.dry_run,
        "a namespace is changed"
    );
    Ok(json(&NamespaceReply::of(&view)))
}

/// DELETE of one: its samples go with it.
pub(super) async fn remove(
    State(app): State<App>,
    Path(name): Path<String>,
    call: Call,
) -> Result<Response, M3Error> {
    call.check_namespaces(&app)?;
    let name = name.trim();
    app.registry.remove(name, call.dry_run).await?;
    tracing::info!(
        namespace = name,
        by = call.by,
        dry_run = call.dry_run,
        "a namespace is removed, with all its samples"
    );
    Ok(deleted())
}

/// POST below: `ready`, and `init`, which is M3's old name for adding.
pub(super) async fn named(
    state: State<App>,
    Path(what): Path<String>,
    call: Call,
    body: Body,
) -> Result<Response, M3Error> {
    match what.as_str() {
        "ready" => ready(state, call, body).await,
        "init" => add(state, call, body).await,
        other => Err(M3Error::not_found(format!(
            "nothing is posted to {other} of a namespace: ready and init are there"
        ))),
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Ready {
    name: String,
    /// M3 asks the nodes unless it is forced; here the node is the one that answers.
    #[serde(rename = "force")]
    _force: bool,
}

async fn ready(State(app): State<App>, call: Call, body: Body) -> Result<Response, M3Error> {
    #[derive(Serialize)]
    struct Answer {
        ready: bool,
    }
    call.check_namespaces(&app)?;
    let Ready { name, .. } = body.message()?;
    match app.registry.mark_ready(&name, call.dry_run).await {
        // Here M3 answers 400, not 404.
        Err(RegistryError::NotFound(name)) => {
            Err(M3Error::bad_request(format!("namespace {name} not found")))
        }
        done => Ok(done?),
    }?;
    Ok(json(&Answer { ready: true }))
}
