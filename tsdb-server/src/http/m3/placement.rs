//! Placements: made, shown, changed instance by instance, set, removed.

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::body::Body;
use super::call::Call;
use super::reply::{M3Error, deleted, json};
use crate::http::App;
use crate::placements::{
    Change, Placement, PlacementError, PlacementRemove, PlacementSet, Service, Versioned,
};

/// A placement, as most calls answer.
#[derive(Serialize)]
pub(super) struct PlacementReply<'p> {
    pub(super) placement: &'p Placement,
    pub(super) version: u32,
}

impl<'p> PlacementReply<'p> {
    fn of(versioned: &'p Versioned) -> Self {
        Self {
            placement: &versioned.placement,
            version: versioned.version,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Asked {
    version: Option<String>,
}

/// GET: `version` may name the one that is there.
pub(super) async fn get(
    State(app): State<App>,
    Extension(service): Extension<Service>,
    Query(Asked { version }): Query<Asked>,
    call: Call,
) -> Result<Response, M3Error> {
    let asked = version.filter(|text| !text.is_empty());
    let asked: Option<i64> = asked
        .map(|text| {
            text.parse()
                .map_err(|_| M3Error::bad_request(format!("version {text:?} is no number")))
        })
        .transpose()?;
    let found = app
        .placements
        .get(&call.context(service), &call.environment)
        .await?;
    let found = found.ok_or(PlacementError::NotFound)?;
    match asked {
        Some(asked) if asked != i64::from(found.version) => Err(PlacementError::NoVersion {
            asked,
            present: found.version,
        })?,
        _ => Ok(json(&PlacementReply::of(&found))),
    }
}

/// Changes a placement, and tells the log.
pub(super) async fn change(
    app: &App,
    service: Service,
    call: &Call,
    change: Change,
) -> Result<Versioned, PlacementError> {
    let (context, dry_run) = (call.context(service), call.dry_run);
    let changed = app
        .placements
        .change(&context, &call.environment, change, dry_run)
        .await?;
    tracing::info!(
        service = service.name(),
        environment = call.environment,
        version = changed.version,
        by = call.by,
        dry_run,
        "a placement is changed"
    );
    Ok(changed)
}

/// POST: adds instances.
pub(super) async fn add(
    State(app): State<App>,
    Extension(service): Extension<Service>,
    call: Call,
    body: Body,
) -> Result<Response, M3Error> {
    let added = change(&app, service, &call, Change::Add(body.message()?)).await?;
    Ok(json(&PlacementReply::of(&added)))
}

/// POST below: `init`, `replace`, `remove`, `set` and `abort`.
pub(super) async fn named(
    State(app): State<App>,
    Extension(service): Extension<Service>,
    Path(what): Path<String>,
    call: Call,
    body: Body,
) -> Result<Response, M3Error> {
    let wanted = match what.as_str() {
        "init" => {
            let made = change(&app, service, &call, Change::Init(body.message()?)).await?;
            // M3 answers version 0 here, and stores 1.
            return Ok(json(&PlacementReply {
                placement: &made.placement,
                version: 0,
            }));
        }
        "set" => return set(&app, service, &call, body.message()?).await,
        "replace" => Change::Replace(body.message()?),
        "remove" => Change::Remove(body.message()?),
        "abort" => Change::Abort,
        other => {
            return Err(M3Error::not_found(format!(
                "nothing is posted to {other} of a placement: init, replace, remove, set and abort are there"
            )));
        }
    };
    let changed = change(&app, service, &call, wanted).await?;
    Ok(json(&PlacementReply::of(&changed)))
}

async fn set(
    app: &App,
    service: Service,
    call: &Call,
    request: PlacementSet,
) -> Result<Response, M3Error> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct SetReply<'p> {
        placement: &'p Placement,
        version: u32,
        dry_run: bool,
    }
    let dry_run = call.dry_run || !request.confirm;
    let call = Call {
        dry_run,
        ..call.clone()
    };
    let changed = change(app, service, &call, Change::Set(request)).await?;
    Ok(json(&SetReply {
        placement: &changed.placement,
        version: changed.version,
        dry_run,
    }))
}

#[derive(Deserialize)]
pub(super) struct Forced {
    force: Option<String>,
}

/// DELETE of an instance.
pub(super) async fn remove_instance(
    State(app): State<App>,
    Extension(service): Extension<Service>,
    Path(id): Path<String>,
    Query(Forced { force }): Query<Forced>,
    call: Call,
) -> Result<Response, M3Error> {
    let request = PlacementRemove {
        instance_ids: vec![id],
        force: force.as_deref() == Some("true"),
    };
    let changed = change(&app, service, &call, Change::Remove(request)).await?;
    Ok(json(&PlacementReply::of(&changed)))
}

/// DELETE of the whole.
pub(super) async fn remove(
    State(app): State<App>,
    Extension(service): Extension<Service>,
    call: Call,
) -> Result<Response, M3Error> {
    let (context, dry_run) = (call.context(service), call.dry_run);
    app.placements
        .remove(&context, &call.environment, dry_run)
        .await?;
    tracing::info!(
        service = service.name(),
        environment = call.environment,
        by = call.by,
        dry_run,
        "a placement is removed"
    );
    Ok(deleted())
}
