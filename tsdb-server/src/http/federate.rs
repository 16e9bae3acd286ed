//! `/federate`: the latest sample of each series, as a page that a Prometheus scrapes.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use tsdb_core::Labels;
use tsdb_core::clock::{Clock, SystemClock};
use tsdb_core::model::{Matcher, STALE_NAN_BITS, TimeRange};

use super::app::App;
use super::envelope::ApiError;
use super::form::Form;
use super::matching::matcher_sets;
use super::query::{write_timestamp, write_value};
use super::reads::Limited;
use super::scope::Scope;
use crate::data::NamespaceData;

/// The label of the metric's name.
const NAME: &str = "__name__";
/// Every series has it, so that a scraper that honours labels adds none of its own.
const INSTANCE: &str = "instance";

/// The latest sample of each series, by name and labels.
type Latest = BTreeMap<(String, Labels), (i64, f64)>;

/// The two texts there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Text,
    OpenMetrics,
}

impl Format {
    fn of_accept(headers: &HeaderMap) -> Self {
        let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
        match accept.is_some_and(|accept| accept.contains("application/openmetrics-text")) {
            true => Self::OpenMetrics,
            false => Self::Text,
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8; escaping=allow-utf-8",
            Self::OpenMetrics => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
            }
        }
    }
}

pub(super) async fn federate(
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
        let page = page(&latest, format);
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
    let mut latest = Latest::new();
    let Ok(range) = TimeRange::inclusive(now.saturating_sub(lookback_ms), now) else {
        return Ok(latest);
    };
    for set in sets {
        let mut series = namespace.select(range, set, scope.reads().limits())?;
        while let Some(series) = series.next_series()? {
            let mut samples = series.timestamps().iter().zip(series.values());
            let Some((timestamp, value)) = samples.next_back() else {
                continue;
            };
            // Neither text has native histograms; one that came later hides the float.
            let histogram = series.histograms().last();
            let is_latest = histogram.is_none_or(|(other, _)| other < timestamp);
            if !is_latest || value.to_bits() == STALE_NAN_BITS {
                continue;
            }
            if let Some(name) = series.labels().get(NAME) {
                let key = (name.to_owned(), series.labels().clone());
                latest.insert(key, (*timestamp, *value));
            }
        }
    }
    Ok(latest)
}

fn page(latest: &Latest, format: Format) -> Vec<u8> {
    let mut page = Vec::new();
    let mut family = None;
    for ((name, labels), (timestamp, value)) in latest {
        let name_text = metric_name(name);
        if family != Some(name) {
            let kind = match format {
                Format::Text => "untyped",
                Format::OpenMetrics => "unknown",
            };
            page.extend_from_slice(format!("# TYPE {name_text} {kind}\n").as_bytes());
            family = Some(name);
        }
        write_series(&mut page, name, labels);
        page.push(b' ');
        write_value(&mut page, *value);
        page.push(b' ');
        match format {
            Format::Text => page.extend_from_slice(timestamp.to_string().as_bytes()),
            Format::OpenMetrics => write_timestamp(&mut page, *timestamp),
        }
        page.push(b'\n');
    }
    if format == Format::OpenMetrics {
        page.extend_from_slice(b"# EOF\n");
    }
    page
}

/// Whether a name stands without quotes; in that of a metric there may be colons.
fn is_plain(name: &str, colons: bool) -> bool {
    let is_first = |char: char| char.is_ascii_alphabetic() || char == '_' || colons && char == ':';
    name.starts_with(is_first)
        && name
            .chars()
            .all(|char| is_first(char) || char.is_ascii_digit())
}

fn metric_name(name: &str) -> String {
    match is_plain(name, true) {
        true => name.to_owned(),
        false => quoted(name),
    }
}

fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", text.replace('\n', "\\n"))
}

fn write_series(page: &mut Vec<u8>, name: &str, labels: &Labels) {
    let mut parts = Vec::with_capacity(labels.len() + 1);
    if is_plain(name, true) {
        page.extend_from_slice(name.as_bytes());
    } else {
        parts.push(quoted(name));
    }
    for label in labels.iter().filter(|label| label.name != NAME) {
        let name = match is_plain(label.name, false) {
            true => label.name.to_owned(),
            false => quoted(label.name),
        };
        parts.push(format!("{name}={}", quoted(label.value)));
    }
    if labels.get(INSTANCE).is_none() {
        parts.push(format!("{INSTANCE}=\"\""));
    }
    page.push(b'{');
    page.extend_from_slice(parts.join(",").as_bytes());
    page.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)], sample: (i64, f64)) -> ((String, Labels), (i64, f64)) {
        let labels = Labels::from_pairs(pairs.iter().copied()).expect("labels");
        let name = labels.get(NAME).expect("a name").to_owned();
        ((name, labels), sample)
    }

    #[test]
    fn families_are_told_once_and_every_series_has_an_instance() {
        let latest = Latest::from([
            of(
                &[(NAME, "up"), ("instance", "a"), ("job", "x\"\n")],
                (1000, 1.0),
            ),
            of(&[(NAME, "up"), ("job", "y")], (1500, f64::NAN)),
            of(&[(NAME, "a.b"), ("c.d", "e")], (-1, 1e21)),
        ]);
        let text = String::from_utf8(page(&latest, Format::Text)).expect("UTF-8");
        let expected = concat!(
            "# TYPE \"a.b\" untyped\n",
            "{\"a.b\",\"c.d\"=\"e\",instance=\"\"} 1e+21 -1\n",
            "# TYPE up untyped\n",
            "up{instance=\"a\",job=\"x\\\"\\n\"} 1 1000\n",
            "up{job=\"y\",instance=\"\"} NaN 1500\n",
        );
        assert_eq!(text, expected);
        let text = String::from_utf8(page(&latest, Format::OpenMetrics)).expect("UTF-8");
        assert!(text.contains("# TYPE up unknown\n") && text.contains("} NaN 1.500\n"));
        assert!(text.ends_with("# EOF\n"), "{text}");
    }
}
