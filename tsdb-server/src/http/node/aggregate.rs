//! `/aggregate`: the names of the tags of the series that meet a query, and their values.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tsdb_core::model::Matcher;

use super::super::app::App;
use super::super::reads::Limited;
use super::super::tag_values::{MAX_NAMES_AND_VALUES, Wanted};
use super::error::NodeError;
use super::matching::tagged_sets;
use super::request::NodeBody;
use crate::data::NamespaceData;
use crate::node_json::{AggregateRequest, parse_aggregate};
use crate::store::StoreError;

#[derive(Debug, Serialize)]
struct Aggregate {
    results: Vec<TagName>,
    exhaustive: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TagName {
    tag_name: String,
    tag_values: Vec<TagValue>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TagValue {
    tag_value: String,
}

/// `/aggregate`.
pub(in crate::http) async fn aggregate(
    State(app): State<App>,
    body: NodeBody,
) -> Result<Response, NodeError> {
    let request = parse_aggregate(&body.bytes, body.unknown)?;
    let sets = tagged_sets(&request.query)?;
    let admission = app.store.queries().admit(None).await?;
    let store = app.store.clone();
    let own = app.clone();
    let work = move || -> Result<_, StoreError> {
        let namespace = own.data(&store.current()?, &request.namespace)?;
        let found = found(&namespace, &request, &sets)?;
        Ok((found, namespace.marks().tell()))
    };
    let (found, told) = app.store.queries().run(&admission, work).await??;
    Ok(Limited::NOT.tell(Json(found).into_response(), &told))
}

fn found(
    namespace: &NamespaceData,
    request: &AggregateRequest,
    sets: &[Vec<Matcher>],
) -> Result<Aggregate, StoreError> {
    let limit = request.limit.unwrap_or(MAX_NAMES_AND_VALUES);
    let limit = limit.min(MAX_NAMES_AND_VALUES);
    let wanted = Wanted {
        range: request.range,
        sets,
        names: &request.names,
        values: request.values,
        limit,
    };
    let (found, exhaustive) = wanted.find(namespace)?;
    if request.require_exhaustive && !exhaustive {
        let text = format!(
            "query exceeded limit: require_exhaustive=true, series_limit={limit}: raise seriesLimit, or ask for less"
        );
        return Err(StoreError::Refused(text));
    }
    let value = |value: &str| TagValue {
        tag_value: value.to_owned(),
    };
    let results = found.into_iter().map(|(tag_name, values)| TagName {
        tag_name,
        tag_values: values.iter().map(value).collect(),
    });
    Ok(Aggregate {
        results: results.collect(),
        exhaustive,
    })
}
