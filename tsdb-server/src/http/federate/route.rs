//! What is asked of `/federate`, and how it is answered.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderValue};
use tsdb_core::clock::{Clock, SystemClock};
use tsdb_core::model::{Matcher, TimeRange};

use super::super::app::App;
use super::super::envelope::ApiError;
use super::super::form::Form;
use super::super::matching::matcher_sets;
use super::super::reads::Limited;
use super::super::scope::Scope;
use super::format::Format;
use super::latest::Latest;
use super::{protobuf, text};
use crate::data::NamespaceData;

pub(in crate::http) async fn federate(
    State(app): State<App>,
    scope: Scope,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, ApiError> {
    scope.reads().check_samples()?;
    let sets = scope.reads().restrict(matcher_sets(&form)?);
    let format = Format::of_accept(&headers);
    let lookback = app.queries.engine.lookback;
    let admission = app.store.queries().admit(scope.sender()).await?;
    let store = app.store.clone();
    let work = move || -> Result<Response, ApiError> {
        let namespace = scope.data(&store.current()?)?;
        let latest = latest(&scope, &namespace, &sets, lookback)?;
        let page = match format {
            Format::Text | Format::OpenMetrics => text::page(&latest, format),
            Format::Protobuf => protobuf::page(&latest),
        };
        let kind = HeaderValue::from_static(format.content_type());
        let told = namespace.marks().tell();
        Ok(Limited::NOT.tell(([(CONTENT_TYPE, kind)], page).into_response(), &told))
    };
    app.store.queries().run(&admission, work).await?
}

fn latest(
    scope: &Scope,
    namespace: &NamespaceData,
    sets: &[Vec<Matcher>],
    lookback: Duration,
) -> Result<Latest, ApiError> {
    let now = SystemClock::new().now_ms();
    let lookback_ms = i64::try_from(lookback.as_millis()).unwrap_or(i64::MAX);
    let mut latest = Latest::default();
    let Ok(range) = TimeRange::inclusive(now.saturating_sub(lookback_ms), now) else {
        return Ok(latest);
    };
    for set in sets {
        let mut series = namespace.select(range, set, scope.reads().limits())?;
        while let Some(series) = series.next_series()? {
            latest.add(&series);
        }
    }
    Ok(latest)
}
