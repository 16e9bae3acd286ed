//! Answers of the HTTP API, as scripts compare them.

use serde_json::Value;
use tsdb_core::Labels;
use tsdb_promql::testkit::{Bucket, Reply, ReplyHistogram, ReplySeries, ReplyValue};

/// What stands before the message of a query that is none.
const OF_QUERY: &str = "invalid parameter \"query\": ";

/// Reads an answer; `Err` with the message of a failure.
///
/// # Panics
/// When it is none of the API.
pub(super) fn read(body: &[u8]) -> Result<Reply, String> {
    let answer: Value = serde_json::from_slice(body)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(body)));
    if answer["status"] != "success" {
        let error = answer["error"].as_str().expect("an error");
        return Err(error.strip_prefix(OF_QUERY).unwrap_or(error).to_owned());
    }
    let result = &answer["data"]["result"];
    let value = match answer["data"]["resultType"].as_str() {
        Some("scalar") => ReplyValue::Scalar(number(&result[1])),
        Some("string") => ReplyValue::String(text(&result[1]).to_owned()),
        Some("vector") => ReplyValue::Vector(all(result).iter().map(series).collect()),
        Some("matrix") => ReplyValue::Matrix(all(result).iter().map(series).collect()),
        other => panic!("a result of type {other:?}"),
    };
    Ok(Reply {
        value,
        warnings: annotations(&answer["warnings"]),
        infos: annotations(&answer["infos"]),
    })
}

fn annotations(value: &Value) -> Vec<String> {
    let texts = value.as_array().map(Vec::as_slice).unwrap_or_default();
    texts.iter().map(|one| text(one).to_owned()).collect()
}

fn all(value: &Value) -> &[Value] {
    value
        .as_array()
        .unwrap_or_else(|| panic!("a list: {value}"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a text: {value}"))
}

fn number(value: &Value) -> f64 {
    text(value)
        .parse()
        .unwrap_or_else(|_| panic!("a number: {value}"))
}

/// The milliseconds of a point.
fn time(point: &Value) -> i64 {
    let seconds = point[0]
        .as_f64()
        .unwrap_or_else(|| panic!("a time: {point}"));
    (seconds * 1000.0).round() as i64
}

/// A series of a vector or a matrix.
fn series(value: &Value) -> ReplySeries {
    let metric = value["metric"].as_object().expect("labels");
    let labels = metric.iter().map(|(name, value)| (name, text(value)));
    let points = |one: &str, many: &str| -> Vec<Value> {
        let many = value.get(many).map(all).unwrap_or_default();
        value.get(one).into_iter().chain(many).cloned().collect()
    };
    let floats = points("value", "values");
    let histograms = points("histogram", "histograms");
    ReplySeries {
        labels: Labels::from_pairs(labels).expect("labels"),
        floats: Vec::from_iter(floats.iter().map(|point| (time(point), number(&point[1])))),
        histograms: Vec::from_iter(
            histograms
                .iter()
                .map(|point| (time(point), histogram(&point[1]))),
        ),
    }
}

fn histogram(value: &Value) -> ReplyHistogram {
    let buckets = value.get("buckets").map(all).unwrap_or_default();
    let bucket = |bucket: &Value| Bucket {
        lower: number(&bucket[1]),
        upper: number(&bucket[2]),
        count: number(&bucket[3]),
    };
    ReplyHistogram::Buckets {
        count: number(&value["count"]),
        sum: number(&value["sum"]),
        buckets: buckets.iter().map(bucket).collect(),
    }
}
