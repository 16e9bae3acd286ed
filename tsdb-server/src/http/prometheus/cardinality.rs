//! `/api/v1/status/tsdb`: which names, labels and pairs have most series.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use tsdb_core::Labels;
use tsdb_core::clock::{Clock, SystemClock};
use tsdb_core::model::TimeRange;

use super::super::app::App;
use super::super::envelope::{ApiError, success, warnings};
use super::super::form::Form;
use super::super::reads::Limited;
use super::super::scope::Scope;
use crate::data::NamespaceData;

/// How many of each list are told unless a request says otherwise.
const DEFAULT_LIMIT: usize = 10;
/// How many may be asked for.
const LIMIT_MAX: usize = 10_000;
/// Series that are counted at most; of more the answer says that it is cut short.
const SERIES_MAX: usize = 1_000_000;
/// Series that had samples since then are counted: those that Prometheus has in its head.
const RECENT: Duration = Duration::from_secs(3 * 3600);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Cardinality {
    head_stats: HeadStats,
    series_count_by_metric_name: Vec<Counted>,
    label_value_count_by_label_name: Vec<Counted>,
    memory_in_bytes_by_label_name: Vec<Counted>,
    series_count_by_label_value_pair: Vec<Counted>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HeadStats {
    num_series: u64,
    num_label_pairs: u64,
    chunk_count: u64,
    min_time: i64,
    max_time: i64,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Counted {
    name: String,
    value: u64,
}

pub(in crate::http) async fn cardinality(
    State(app): State<App>,
    scope: Scope,
    form: Form,
) -> Result<Response, ApiError> {
    let limit = match form.integer("limit") {
        None => DEFAULT_LIMIT,
        Some(Ok(limit)) => match usize::try_from(limit) {
            Ok(limit) if (1..=LIMIT_MAX).contains(&limit) => limit,
            Ok(limit) if limit > LIMIT_MAX => {
                return Err(ApiError::bad_data("limit must not exceed 10000"));
            }
            _ => return Err(ApiError::bad_data("limit must be a positive number")),
        },
        Some(Err(_)) => return Err(ApiError::bad_data("limit must be a positive number")),
    };
    scope.reads().check_samples()?;
    let admission = app.store.queries().admit(scope.sender()).await?;
    let store = app.store.clone();
    let work = move || answer(&scope, &scope.data(&store.current()?)?, limit);
    app.store.queries().run(&admission, work).await?
}

fn answer(scope: &Scope, namespace: &NamespaceData, limit: usize) -> Result<Response, ApiError> {
    let now = SystemClock::new().now_ms();
    let recent_ms = i64::try_from(RECENT.as_millis()).unwrap_or(i64::MAX);
    let range = TimeRange::inclusive(now.saturating_sub(recent_ms), i64::MAX);
    let range = range.unwrap_or(TimeRange::ALL);
    let found = namespace.series(range, &scope.reads().matchers, SERIES_MAX)?;
    let cardinality = count(&found.values, range, limit);
    let told = namespace.marks().tell();
    let answer = success(&cardinality, &warnings(&told, found.truncated));
    Ok(Limited::NOT.tell(answer, &told))
}

fn count(series: &[Labels], range: TimeRange, limit: usize) -> Cardinality {
    let (mut names, mut pairs) = (BTreeMap::<&str, u64>::new(), BTreeMap::new());
    for labels in series {
        for label in labels.iter() {
            *pairs.entry((label.name, label.value)).or_insert(0_u64) += 1;
            if label.name == "__name__" {
                *names.entry(label.value).or_default() += 1;
            }
        }
    }
    let (mut values, mut bytes) = (BTreeMap::<&str, u64>::new(), BTreeMap::<&str, u64>::new());
    for (name, value) in pairs.keys() {
        *values.entry(name).or_default() += 1;
        *bytes.entry(name).or_default() += value.len() as u64;
    }
    let pairs_len = pairs.len() as u64;
    let pairs = pairs.iter();
    let pairs = pairs.map(|((name, value), count)| (format!("{name}={value}"), *count));
    let owned = |counts: BTreeMap<&str, u64>| {
        let counts = counts.into_iter();
        top(counts.map(|(name, count)| (name.to_owned(), count)), limit)
    };
    Cardinality {
        head_stats: HeadStats {
            num_series: series.len() as u64,
            num_label_pairs: pairs_len,
            // Where chunks begin and end is the engine's own matter.
            chunk_count: 0,
            min_time: range.min(),
            max_time: range.max(),
        },
        series_count_by_label_value_pair: top(pairs, limit),
        series_count_by_metric_name: owned(names),
        label_value_count_by_label_name: owned(values),
        memory_in_bytes_by_label_name: owned(bytes),
    }
}

/// Those with the greatest counts, the greatest first.
fn top(counts: impl Iterator<Item = (String, u64)>, limit: usize) -> Vec<Counted> {
    let mut kept = BTreeSet::new();
    for (name, value) in counts {
        kept.insert((std::cmp::Reverse(value), name));
        if kept.len() > limit {
            kept.pop_last();
        }
    }
    let kept = kept.into_iter();
    kept.map(|(std::cmp::Reverse(value), name)| Counted { name, value })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_labels_and_pairs_are_counted() {
        let labels =
            |pairs: &[(&str, &str)]| Labels::from_pairs(pairs.iter().copied()).expect("labels");
        let series = [
            labels(&[("__name__", "up"), ("job", "a")]),
            labels(&[("__name__", "up"), ("job", "bc")]),
            labels(&[("__name__", "down"), ("job", "a")]),
        ];
        let counted = count(&series, TimeRange::ALL, 2);
        let list = |all: &[Counted]| -> Vec<(String, u64)> {
            let all = all.iter();
            all.map(|one| (one.name.clone(), one.value)).collect()
        };
        let pair = |name: &str, value| (name.to_owned(), value);
        assert_eq!(counted.head_stats.num_series, 3);
        assert_eq!(counted.head_stats.num_label_pairs, 4);
        assert_eq!(
            list(&counted.series_count_by_metric_name),
            [pair("up", 2), pair("down", 1)]
        );
        assert_eq!(
            list(&counted.series_count_by_label_value_pair),
            [pair("__name__=up", 2), pair("job=a", 2)]
        );
        assert_eq!(
            list(&counted.memory_in_bytes_by_label_name),
            [pair("__name__", 6), pair("job", 3)]
        );
        assert_eq!(
            list(&counted.label_value_count_by_label_name),
            [pair("__name__", 2), pair("job", 2)]
        );
    }
}
