//! `/search` and `/api/v1/search`: series by matchers, and completion of tags, as M3 answers them.

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use serde_json::{Value, json};
use tsdb_core::model::{Labels, Matcher};
use tsdb_promql::syntax::parse_metric_selector;

use super::app::App;
use super::envelope::ApiError;
use super::form::Form;
use super::node::read_body;
use super::reads::Limited;
use super::scope::Scope;
use super::tag_values::{MAX_NAMES_AND_VALUES, Wanted};
use crate::node_json::parse_search;
use crate::store::SeriesIds;

/// Most series of a search that names no limit.
const DEFAULT_LIMIT: usize = 1000;
/// Most queries of a completion: each costs a select of its own.
const MAX_QUERIES: usize = 1000;

/// `POST /search`: ids and labels of the series that meet all matchers, each in base64.
pub(super) async fn search(
    State(app): State<App>,
    scope: Scope,
    request: Request,
) -> Result<Response, ApiError> {
    // The body is JSON, whatever type a client says it has.
    let form = Form::of_query(request.uri().query());
    let read = read_body(&app, request).await;
    let (body, _permit) = read.map_err(|(_, text)| ApiError::bad_data(text))?;
    let asked = parse_search(&body).map_err(|error| ApiError::bad_data(error.to_string()))?;
    let limit = match form.limit_named("seriesLimit")? {
        Some(limit) => limit,
        None => form.limit()?.unwrap_or(DEFAULT_LIMIT),
    };
    scope.reads().check_range(asked.range)?;
    let limit = scope.reads().list_limit(Some(limit)).unwrap_or(limit);
    let sets = scope.reads().restrict(vec![asked.matchers]);
    let matchers = sets.into_iter().next().unwrap_or_default();
    let admission = app.store.queries().admit(scope.sender()).await?;
    let store = app.store.clone();
    let work = move || -> Result<Response, ApiError> {
        let opened = store.current()?;
        let namespace = scope.data(&opened)?;
        let (mut series, mut exhaustive) = (Vec::new(), true);
        if let Some(range) = asked.range {
            let found = namespace.series(range, &matchers, limit)?;
            (series, exhaustive) = (found.values, !found.truncated);
        }
        let mut metrics = Vec::with_capacity(series.len());
        for labels in &series {
            let id = SeriesIds::id(&opened.db, namespace.name(), labels)?;
            metrics.push(metric(&id, &scope.reads().shown(labels.clone())));
        }
        let told = namespace.marks().tell();
        let warning = |text: &String| json!({"Name": "read_consistency", "Message": text});
        let warnings: Vec<Value> = told.iter().map(warning).collect();
        let metadata = json!({"LocalOnly": true, "Exhaustive": exhaustive, "Warnings": warnings});
        let found = Json(json!({"Metrics": metrics, "Metadata": metadata})).into_response();
        Ok(Limited::NOT.tell(found, &told))
    };
    app.store.queries().run(&admission, work).await?
}

fn metric(id: &str, labels: &Labels) -> Value {
    let base64 = |text: &str| BASE64_STANDARD.encode(text);
    let tags = labels
        .iter()
        .map(|label| json!({"Name": base64(label.name), "Value": base64(label.value)}));
    json!({"ID": base64(id), "Tags": {"Opts": {}, "Tags": tags.collect::<Vec<_>>()}})
}

#[derive(Serialize)]
struct Completion {
    hits: usize,
    tags: Vec<CompletedTag>,
}

#[derive(Serialize)]
struct CompletedTag {
    key: String,
    values: Vec<String>,
}

/// `GET /api/v1/search`: tags of the series that meet one of the queries, and their values.
pub(super) async fn complete_tags(
    State(app): State<App>,
    scope: Scope,
    form: Form,
) -> Result<Response, ApiError> {
    let names_only = match form.one("result") {
        None | Some("default") => false,
        Some("tagNamesOnly") => true,
        Some(other) => {
            let reason = format!("{other:?} is neither default nor tagNamesOnly");
            return Err(ApiError::invalid_parameter("result", reason));
        }
    };
    let range = form.range()?;
    let names: Vec<String> = form.all("tag").map(str::to_owned).collect();
    let mut sets = Vec::new();
    for query in form.all("query").filter(|query| !query.is_empty()) {
        if sets.len() >= MAX_QUERIES {
            let reason = format!("more than {MAX_QUERIES} queries");
            return Err(ApiError::invalid_parameter("query", reason));
        }
        sets.push(matchers(query).map_err(|why| ApiError::invalid_parameter("query", why))?);
    }
    if sets.is_empty() {
        let reason = "there is none: give name:value, or a series selector";
        return Err(ApiError::invalid_parameter("query", reason));
    }
    scope.reads().check_range(range)?;
    let sets = scope.reads().restrict(sets);
    let admission = app.store.queries().admit(scope.sender()).await?;
    let store = app.store.clone();
    let work = move || -> Result<Response, ApiError> {
        let namespace = scope.data(&store.current()?)?;
        let wanted = Wanted {
            range,
            sets: &sets,
            names: &names,
            values: !names_only,
            limit: MAX_NAMES_AND_VALUES,
        };
        let (mut found, _) = wanted.find(&namespace)?;
        found.retain(|(name, _)| !scope.reads().hides(name));
        let told = namespace.marks().tell();
        if names_only {
            let names: Vec<String> = found.into_iter().map(|(name, _)| name).collect();
            return Ok(Limited::NOT.tell(Json(names).into_response(), &told));
        }
        let tags = found.into_iter().map(|(key, values)| CompletedTag {
            key,
            values: values.to_vec(),
        });
        let tags: Vec<CompletedTag> = tags.collect();
        let hits = tags.len();
        let completion = Json(Completion { hits, tags }).into_response();
        Ok(Limited::NOT.tell(completion, &told))
    };
    app.store.queries().run(&admission, work).await?
}

/// A query as M3 writes it, `city:new_york role:db`, or a selector, `{city=~"new.*"}`.
fn matchers(query: &str) -> Result<Vec<Matcher>, String> {
    if query.contains(['{', '=']) {
        return parse_metric_selector(query).map_err(|error| error.to_string());
    }
    let words = query.split(' ').filter(|word| !word.is_empty());
    words
        .map(|word| match word.split_once(':') {
            None => Ok(Matcher::equal(word, "")),
            Some((name, value)) if !value.contains(':') => Ok(Matcher::equal(name, value)),
            Some(_) => Err(format!(
                "{word:?} has more than one colon: write it as a selector, {{name=\"value\"}}"
            )),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_pairs_or_selectors() {
        assert_eq!(
            matchers("city:new_york  role:db zone"),
            Ok(vec![
                Matcher::equal("city", "new_york"),
                Matcher::equal("role", "db"),
                Matcher::equal("zone", ""),
            ])
        );
        let selector = Matcher::regex("city", "new.*").expect("a pattern");
        assert_eq!(matchers("{city=~\"new.*\"}"), Ok(vec![selector]));
        assert!(matchers("a:b:c").is_err_and(|why| why.contains("more than one colon")));
        assert!(matchers("{city=").is_err());
    }
}
