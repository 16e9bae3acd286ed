//! A result as comma-separated values: a line a point.

use std::collections::{BTreeMap, BTreeSet};

use super::reply::{Found, Reply};

/// A result as comma-separated values, its first line their names.
pub(super) fn csv(reply: &Reply) -> String {
    let mut out = String::new();
    let metrics: Vec<&BTreeMap<String, String>> = match &reply.data {
        Found::Scalar(point) | Found::String(point) => {
            let time = point.0.to_string();
            line(&mut out, ["timestamp", "value"].into_iter());
            line(&mut out, [time.as_str(), &point.1].into_iter());
            return out;
        }
        Found::Vector(samples) => samples.iter().map(|sample| &sample.metric).collect(),
        Found::Matrix(lines) => lines.iter().map(|line| &line.metric).collect(),
    };
    let names: BTreeSet<&str> = metrics
        .iter()
        .flat_map(|metric| metric.keys())
        .map(String::as_str)
        .collect();
    let titles = names.iter().copied().chain(["timestamp", "value"]);
    line(&mut out, titles);
    let mut row = |metric: &BTreeMap<String, String>, time: f64, text: &str| {
        let time = time.to_string();
        let cells = names.iter().map(|name| metric.get(*name));
        let cells = cells.map(|cell| cell.map_or("", String::as_str));
        line(&mut out, cells.chain([time.as_str(), text]));
    };
    match &reply.data {
        Found::Vector(samples) => {
            for sample in samples {
                row(&sample.metric, sample.time(), &sample.text());
            }
        }
        Found::Matrix(lines) => {
            for one in lines {
                for (time, text) in one.points() {
                    row(&one.metric, time, &text);
                }
            }
        }
        Found::Scalar(_) | Found::String(_) => {}
    }
    out
}

fn line<'c>(out: &mut String, cells: impl Iterator<Item = &'c str>) {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            out.push(',');
        }
        match cell.contains([',', '"', '\n', '\r']) {
            true => {
                out.push('"');
                out.push_str(&cell.replace('"', "\"\""));
                out.push('"');
            }
            false => out.push_str(cell),
        }
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_point_is_a_line_and_odd_cells_are_quoted() {
        let text = r#"{"status":"success","data":{"resultType":"matrix","result":[
            {"metric":{"a":"x,\"y\""},"values":[[1.5,"1"],[3,"NaN"]]},
            {"metric":{"b":"z"},"histograms":[[2,{"count":"3","sum":"4","buckets":[[0,"1","2","3"]]}]]}]}}"#;
        let reply: Reply = serde_json::from_str(text).expect("an answer");
        let expected = "a,b,timestamp,value\n\"x,\"\"y\"\"\",,1.5,1\n\"x,\"\"y\"\"\",,3,NaN\n,z,2,\"{count:3, sum:4, (1,2]:3}\"\n";
        assert_eq!(csv(&reply), expected);
        let text = r#"{"status":"success","data":{"resultType":"scalar","result":[7,"1"]}}"#;
        let reply: Reply = serde_json::from_str(text).expect("an answer");
        assert_eq!(csv(&reply), "timestamp,value\n7,1\n");
    }
}
