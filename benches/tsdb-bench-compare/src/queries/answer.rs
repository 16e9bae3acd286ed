//! What a server answered, and whether another one answered the same.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::error::Error;

/// How far two values may be apart, by the larger of them.
const TOLERANCE: f64 = 1e-6;

/// Series by their labels, each with its points by time in milliseconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Answer {
    series: BTreeMap<String, BTreeMap<i64, f64>>,
}

impl Answer {
    /// Reads the JSON of an instant or a range query.
    pub(super) fn read(body: &[u8]) -> Result<Self, Error> {
        let malformed = || Error::Answer("an answer to a query does not parse".to_owned());
        let body: Value = serde_json::from_slice(body).map_err(|_| malformed())?;
        let result = body.pointer("/data/result").and_then(Value::as_array);
        let mut answer = Self::default();
        for one in result.ok_or_else(malformed)? {
            let labels: BTreeMap<&String, &Value> = one
                .get("metric")
                .and_then(Value::as_object)
                .ok_or_else(malformed)?
                .iter()
                .collect();
            let mut points = BTreeMap::new();
            let all = one.get("values").and_then(Value::as_array);
            for point in all.into_iter().flatten().chain(one.get("value")) {
                let (time_ms, value) = read_point(point).ok_or_else(malformed)?;
                points.insert(time_ms, value);
            }
            answer.series.insert(format!("{labels:?}"), points);
        }
        Ok(answer)
    }

    /// How many series it has.
    pub(super) fn series_len(&self) -> usize {
        self.series.len()
    }

    /// The value of the only point, when there is no other.
    #[cfg(test)]
    pub(super) fn only(&self) -> Option<f64> {
        let mut all = self.series.values().flat_map(BTreeMap::values);
        all.next().copied().filter(|_| all.next().is_none())
    }

    /// Where another answer differs from this one, the first place alone.
    pub(super) fn difference(&self, other: &Self) -> Option<String> {
        let (own, others) = (self.series.len(), other.series.len());
        if own != others {
            return Some(format!("{own} series and {others}"));
        }
        for (labels, points) in &self.series {
            let Some(theirs) = other.series.get(labels) else {
                return Some(format!("{labels} is in one alone"));
            };
            if points.len() != theirs.len() {
                let (own, others) = (points.len(), theirs.len());
                return Some(format!("{labels}: {own} points and {others}"));
            }
            for ((time, value), (their_time, their_value)) in points.iter().zip(theirs) {
                if time != their_time || !is_close(*value, *their_value) {
                    return Some(format!(
                        "{labels}: {value} at {time} and {their_value} at {their_time}"
                    ));
                }
            }
        }
        None
    }
}

fn read_point(point: &Value) -> Option<(i64, f64)> {
    let [time, value] = point.as_array()?.as_slice() else {
        return None;
    };
    let time_ms = (time.as_f64()? * 1e3).round();
    let time_ms = time_ms as i64;
    let value = match value.as_str()? {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        text => text.parse().ok()?,
    };
    Some((time_ms, value))
}

fn is_close(a: f64, b: f64) -> bool {
    let apart = (a - b).abs();
    a == b
        || (a.is_nan() && b.is_nan())
        || (apart.is_finite() && apart <= TOLERANCE * a.abs().max(b.abs()))
}
