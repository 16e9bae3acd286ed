//! Two answers, and how they differ.

use std::collections::BTreeMap;

use serde_json::Value;

/// The part in which two answers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// One succeeds, or the statuses or types of their errors differ.
    Status,
    /// The texts of their errors.
    Text,
    /// The types of their results.
    Type,
    /// Which series there are.
    Labels,
    /// When a series has points.
    Times,
    /// A value, which is a number on one side alone.
    Nan,
    /// A value.
    Value,
}

/// How two answers with their status codes differ, the first of all ways.
pub(super) fn difference(theirs: &(u16, Value), ours: &(u16, Value)) -> Option<Kind> {
    let status = |answer: &(u16, Value)| {
        (
            answer.0,
            answer.1["status"].clone(),
            answer.1["errorType"].clone(),
        )
    };
    if status(theirs) != status(ours) {
        return Some(Kind::Status);
    }
    let (theirs, ours) = (&theirs.1, &ours.1);
    if text(&theirs["error"]) != text(&ours["error"]) {
        return Some(Kind::Text);
    }
    let (theirs, ours) = (&theirs["data"], &ours["data"]);
    if theirs["resultType"] != ours["resultType"] {
        return Some(Kind::Type);
    }
    let (theirs, ours) = (&theirs["result"], &ours["result"]);
    match theirs["0"].is_null()
        && matches!(theirs, Value::Array(all) if all.iter().all(Value::is_object))
    {
        true => of_series(&by_labels(theirs), &by_labels(ours)),
        false => of_points(&[theirs], &[ours]),
    }
}

/// The text of an error, without what is of no order or no version: the series that are found twice
/// are any two, and 2.42 names the parameter `query` for instants alone.
fn text(error: &Value) -> Option<String> {
    let text = error.as_str()?;
    let text = text
        .strip_prefix("invalid parameter \"query\": ")
        .unwrap_or(text);
    let twice = text.strip_prefix("found duplicate series for the match group {");
    Some(
        match twice.and_then(|rest| {
            rest.split_once("} on the ")?
                .1
                .split_once(" of the operation: [{")
        }) {
            Some((side, rest)) => {
                let (_, rest) = rest.rsplit_once("}];").expect("the end of series");
                format!("found duplicate series on the {side}: {rest}")
            }
            None => text.to_owned(),
        },
    )
}

fn by_labels(result: &Value) -> BTreeMap<String, &Value> {
    let series = result.as_array().expect("series").iter();
    let series: Vec<_> = series.map(|one| (one["metric"].to_string(), one)).collect();
    let len = series.len();
    let map = BTreeMap::from_iter(series);
    assert_eq!(map.len(), len, "the same labels twice: {result}");
    map
}

fn of_series(theirs: &BTreeMap<String, &Value>, ours: &BTreeMap<String, &Value>) -> Option<Kind> {
    if !theirs.keys().eq(ours.keys()) {
        return Some(Kind::Labels);
    }
    let mut pairs = theirs.values().zip(ours.values());
    pairs.find_map(|(theirs, ours)| of_points(&points(theirs), &points(ours)))
}

/// The floats of a series, and behind them its native histograms.
fn points(series: &Value) -> Vec<&Value> {
    let of = |one: &str, many: &str| {
        let many = series[many].as_array().into_iter().flatten();
        series.get(one).into_iter().chain(many)
    };
    let histograms = of("histogram", "histograms");
    of("value", "values").chain(histograms).collect()
}

fn of_points(theirs: &[&Value], ours: &[&Value]) -> Option<Kind> {
    let times = |points: &[&Value]| {
        let time = |point: &&Value| (point[0].as_f64(), point[1].is_object());
        Vec::from_iter(points.iter().map(time))
    };
    if times(theirs) != times(ours) {
        return Some(Kind::Times);
    }
    let mut pairs = theirs.iter().zip(ours);
    let (theirs, ours) = pairs.find(|(theirs, ours)| !is_near(&theirs[1], &ours[1]))?;
    match theirs[1] == "NaN" || ours[1] == "NaN" {
        true => Some(Kind::Nan),
        false => Some(Kind::Value),
    }
}

/// Whether two values are the same but for the order of additions.
fn is_near(theirs: &Value, ours: &Value) -> bool {
    if !theirs.is_object() || !ours.is_object() {
        return are_near(theirs, ours);
    }
    let (buckets, our_buckets) = (buckets(theirs), buckets(ours));
    let all_near = |(theirs, ours): (&Value, &Value)| {
        let mut places = 0..4;
        places.all(|place| are_near(&theirs[place], &ours[place]))
    };
    ["count", "sum"]
        .iter()
        .all(|name| are_near(&theirs[name], &ours[name]))
        && buckets.len() == our_buckets.len()
        && buckets.into_iter().zip(our_buckets).all(all_near)
}

/// The buckets of a histogram but those that hold what rounding left.
fn buckets(histogram: &Value) -> Vec<&Value> {
    let buckets = histogram["buckets"].as_array().into_iter().flatten();
    let nothing = Value::from("0");
    buckets
        .filter(|bucket| !are_near(&bucket[3], &nothing))
        .collect()
}

/// Whether two values are the same number but for the order of additions, or the same text.
fn are_near(theirs: &Value, ours: &Value) -> bool {
    let number = |value: &Value| value.as_str().and_then(|text| text.parse::<f64>().ok());
    let (Some(theirs), Some(ours)) = (number(theirs), number(ours)) else {
        return theirs == ours;
    };
    let gap = (theirs - ours).abs();
    theirs == ours
        || theirs.is_nan() && ours.is_nan()
        || gap <= 1e-6 * theirs.abs().max(ours.abs())
        || gap <= 1e-10
}
