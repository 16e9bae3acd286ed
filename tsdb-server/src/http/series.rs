//! `/api/v1/series`: the label sets that meet a selector.

use axum::extract::State;
use axum::response::Response;
use serde::ser::{Serialize, SerializeMap, Serializer};
use tsdb_core::model::Labels;

use super::app::App;
use super::envelope::{ApiError, success, warnings};
use super::form::Form;
use super::matching::{required_matcher_sets, union};
use super::scope::Scope;

/// Most results of a request that names no limit; beyond it the answer says that it is cut short.
pub(super) const MAX_RESULTS: usize = 10_000_000;

/// A label set as a JSON object.
pub(super) struct LabelSet<'a>(pub(super) &'a Labels);

impl Serialize for LabelSet<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for label in self.0.iter() {
            map.serialize_entry(label.name, label.value)?;
        }
        map.end()
    }
}

pub(super) async fn series(
    State(app): State<App>,
    scope: Scope,
    form: Form,
) -> Result<Response, ApiError> {
    if form.all("match[]").next().is_none() {
        return Err(ApiError::bad_data("no match[] parameter provided"));
    }
    let asked = form.limit()?;
    let limit = scope.reads().list_limit(asked);
    let range = form.range()?;
    scope.reads().check_range(range)?;
    let sets = scope.reads().restrict(required_matcher_sets(&form)?);
    let admission = app.store.queries().admit(scope.sender()).await?;
    let store = app.store.clone();
    let work = move || -> Result<Response, ApiError> {
        let namespace = scope.data(&store.current()?)?;
        let (mut lists, mut truncated) = (Vec::new(), false);
        for set in range
            .iter()
            .flat_map(|range| sets.iter().map(move |set| (*range, set)))
        {
            let found = namespace.series(set.0, set.1, limit.unwrap_or(MAX_RESULTS))?;
            truncated |= found.truncated;
            let shown = found.values.into_iter();
            let mut shown: Vec<_> = shown.map(|labels| scope.reads().shown(labels)).collect();
            // Without a label the order may be another, and two may be the same.
            shown.sort_unstable();
            shown.dedup();
            lists.push(shown);
        }
        let (all, cut) = union(lists, limit);
        let all: Vec<LabelSet<'_>> = all.iter().map(LabelSet).collect();
        let cut = truncated || cut;
        let limited = scope.reads().check_cut(asked, cut)?;
        let told = namespace.marks().tell();
        Ok(limited.tell(success(&all, &warnings(&told, cut)), &told))
    };
    app.store.queries().run(&admission, work).await?
}
