//! `database/create`: a namespace and, if there is none, a placement.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use super::body::Body;
use super::call::Call;
use super::namespace::NamespaceReply;
use super::placement::{PlacementReply, change};
use super::reply::{M3Error, json};
use crate::database_create::{DatabaseCreate, PlacementSource};
use crate::http::App;
use crate::placements::{Change, Placement, PlacementError, PlacementInit, Service};

#[derive(Serialize)]
struct DatabaseReply<'a> {
    namespace: NamespaceReply<'a>,
    placement: PlacementReply<'a>,
}

/// `/api/v1/database/create`.
pub(super) async fn create(
    State(app): State<App>,
    call: Call,
    body: Body,
) -> Result<Response, M3Error> {
    make(&app, &call, &body.message()?, false).await
}

/// `/api/v1/database/namespace/create`: the same, where nobody needs to say what kind of database
/// it is.
pub(super) async fn create_namespace(
    State(app): State<App>,
    call: Call,
    body: Body,
) -> Result<Response, M3Error> {
    make(&app, &call, &body.message()?, true).await
}

async fn make(
    app: &App,
    call: &Call,
    request: &DatabaseCreate,
    type_is_optional: bool,
) -> Result<Response, M3Error> {
    let context = call.context(Service::Database);
    let present = app.placements.get(&context, &call.environment).await?;
    let present = present.map(|present| present.placement);
    let namespaces = request.namespaces().map_err(M3Error::bad_request)?;
    let source = request
        .placement(present.as_ref(), type_is_optional)
        .map_err(M3Error::bad_request)?;
    // First without an effect, so that what is refused leaves nothing behind.
    let dry = Call {
        dry_run: true,
        ..call.clone()
    };
    let mut made = match &source {
        PlacementSource::Present => None,
        PlacementSource::New(wanted) => Some(init(app, &dry, wanted.clone()).await?),
    };
    let view = app.registry.add(namespaces, call.dry_run).await?;
    if let PlacementSource::New(wanted) = source
        && !call.dry_run
    {
        made = Some(init(app, call, wanted).await?);
    }
    let name = &request.namespace_name;
    tracing::info!(
        namespace = name,
        by = call.by,
        dry_run = call.dry_run,
        "a database is made"
    );
    let placement = made.or(present).unwrap_or_default();
    Ok(json(&DatabaseReply {
        namespace: NamespaceReply::of(&view),
        // M3 answers this version here, whichever it is.
        placement: PlacementReply {
            placement: &placement,
            version: 0,
        },
    }))
}

/// Makes a placement, or takes the one that somebody else made meanwhile.
async fn init(app: &App, call: &Call, wanted: PlacementInit) -> Result<Placement, M3Error> {
    let context = call.context(Service::Database);
    match change(app, Service::Database, call, Change::Init(wanted)).await {
        Err(PlacementError::Exists) => {
            let present = app.placements.get(&context, &call.environment).await?;
            Ok(present.unwrap_or_default().placement)
        }
        made => Ok(made?.placement),
    }
}
