//! The result of an expression as JSON, in pieces, so that a large one needs no large buffer. What
//! is written is let go.

use std::vec::IntoIter;

use tsdb_core::Labels;
use tsdb_promql::{FloatHistogram, MatrixSeries, PointValue, Value, VectorSample};

use super::point::{write_scalar, write_short_timestamp, write_text, write_timestamp, write_value};

/// Writes a result; remembers where it stopped.
#[derive(Debug)]
pub(super) struct ResultWriter {
    part: Part,
    /// Whether a comma comes before the next item of the list.
    is_first: bool,
    /// What stands behind the result.
    tail: Vec<u8>,
}

#[derive(Debug)]
enum Part {
    /// A scalar or a string.
    Single(i64, Text),
    Vector(IntoIter<VectorSample>),
    Matrix(IntoIter<MatrixSeries>),
    /// A series of a matrix, the place of its next float, and of its next histogram.
    Series(IntoIter<MatrixSeries>, Box<MatrixSeries>, usize, usize),
    Tail,
    Done,
}

#[derive(Debug)]
enum Text {
    Number(f64),
    String(String),
}

/// The most of a value: `{"metric":...` of so many series. Whether there were more.
pub(super) fn truncate(value: &mut Value, limit: Option<usize>) -> bool {
    let Some(limit) = limit else {
        return false;
    };
    let len = match value {
        Value::Vector(samples) => {
            let len = samples.len();
            samples.truncate(limit);
            len
        }
        Value::Matrix(series) => {
            let len = series.len();
            series.truncate(limit);
            len
        }
        Value::Scalar { .. } | Value::String { .. } => 0,
    };
    len > limit
}

impl ResultWriter {
    /// A writer, and what it begins with; `tail` comes behind the result.
    pub(super) fn begin(value: Value, tail: Vec<u8>, out: &mut Vec<u8>) -> Self {
        let (kind, part) = match value {
            Value::Scalar { timestamp, value } => {
                ("scalar", Part::Single(timestamp, Text::Number(value)))
            }
            Value::String { timestamp, value } => {
                ("string", Part::Single(timestamp, Text::String(value)))
            }
            Value::Vector(samples) => ("vector", Part::Vector(samples.into_iter())),
            Value::Matrix(series) => ("matrix", Part::Matrix(series.into_iter())),
        };
        out.extend_from_slice(b"{\"status\":\"success\",\"data\":{\"resultType\":\"");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\",\"result\":[");
        Self {
            part,
            is_first: true,
            tail,
        }
    }

    /// Appends more until `out` holds `limit` bytes or a little more. Whether all is written.
    pub(super) fn fill(&mut self, out: &mut Vec<u8>, limit: usize) -> bool {
        while out.len() < limit {
            let part = std::mem::replace(&mut self.part, Part::Done);
            self.part = match part {
                Part::Single(timestamp, text) => {
                    write_short_timestamp(out, timestamp);
                    out.push(b',');
                    match text {
                        Text::Number(value) => write_scalar(out, value),
                        Text::String(text) => write_text(out, &text),
                    }
                    Part::Tail
                }
                Part::Vector(mut samples) => match samples.next() {
                    Some(sample) => {
                        self.comma(out);
                        write_sample(out, &sample);
                        Part::Vector(samples)
                    }
                    None => Part::Tail,
                },
                Part::Matrix(mut all) => match all.next() {
                    Some(series) => {
                        self.comma(out);
                        write_metric(out, &series.labels);
                        Part::Series(all, Box::new(series), 0, 0)
                    }
                    None => Part::Tail,
                },
                Part::Series(all, series, floats, histograms) => {
                    let floats = write_floats(out, &series.floats, floats, limit);
                    let histograms = match floats < series.floats.len() {
                        true => histograms,
                        false => write_histograms(out, &series.histograms, histograms, limit),
                    };
                    match histograms < series.histograms.len() || floats < series.floats.len() {
                        true => Part::Series(all, series, floats, histograms),
                        false => {
                            out.push(b'}');
                            Part::Matrix(all)
                        }
                    }
                }
                Part::Tail => {
                    out.push(b']');
                    out.append(&mut self.tail);
                    Part::Done
                }
                Part::Done => return true,
            };
        }
        matches!(self.part, Part::Done)
    }

    fn comma(&mut self, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.is_first, false) {
            out.push(b',');
        }
    }
}

fn write_sample(out: &mut Vec<u8>, sample: &VectorSample) {
    write_metric(out, &sample.labels);
    match &sample.value {
        PointValue::Float(value) => {
            out.extend_from_slice(b",\"value\":");
            write_float_point(out, sample.timestamp, *value);
        }
        PointValue::Histogram(histogram) => {
            out.extend_from_slice(b",\"histogram\":");
            write_histogram_point(out, sample.timestamp, histogram);
        }
    }
    out.push(b'}');
}

fn write_metric(out: &mut Vec<u8>, labels: &Labels) {
    out.extend_from_slice(b"{\"metric\":{");
    for (index, label) in labels.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_text(out, label.name);
        out.push(b':');
        write_text(out, label.value);
    }
    out.push(b'}');
}

/// Appends floats from a place on until `out` is full; the place of the next.
fn write_floats(out: &mut Vec<u8>, floats: &[(i64, f64)], from: usize, limit: usize) -> usize {
    write_points(out, "values", floats, from, limit, |out, (time, value)| {
        write_float_point(out, *time, *value);
    })
}

fn write_histograms(
    out: &mut Vec<u8>,
    histograms: &[(i64, FloatHistogram)],
    from: usize,
    limit: usize,
) -> usize {
    write_points(out, "histograms", histograms, from, limit, |out, point| {
        write_histogram_point(out, point.0, &point.1);
    })
}

fn write_points<T>(
    out: &mut Vec<u8>,
    name: &str,
    points: &[T],
    from: usize,
    limit: usize,
    write: impl Fn(&mut Vec<u8>, &T),
) -> usize {
    let mut next = from;
    for point in points.get(from..).unwrap_or(&[]) {
        if out.len() >= limit {
            return next;
        }
        match next {
            0 => {
                out.extend_from_slice(b",\"");
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b"\":[");
            }
            _ => out.push(b','),
        }
        write(out, point);
        next += 1;
        if next == points.len() {
            out.push(b']');
        }
    }
    next
}

fn write_float_point(out: &mut Vec<u8>, timestamp: i64, value: f64) {
    out.push(b'[');
    write_timestamp(out, timestamp);
    out.push(b',');
    write_quoted(out, value);
    out.push(b']');
}

fn write_histogram_point(out: &mut Vec<u8>, timestamp: i64, histogram: &FloatHistogram) {
    out.push(b'[');
    write_timestamp(out, timestamp);
    out.extend_from_slice(b",{\"count\":");
    write_quoted(out, histogram.count);
    out.extend_from_slice(b",\"sum\":");
    write_quoted(out, histogram.sum);
    let buckets = histogram.buckets();
    let counted = buckets.filter(|bucket| bucket.count != 0.0);
    for (index, bucket) in counted.enumerate() {
        let opening: &[u8] = match index {
            0 => b",\"buckets\":[[",
            _ => b",[",
        };
        out.extend_from_slice(opening);
        out.push(b'0' + bucket.rule());
        for number in [bucket.lower, bucket.upper, bucket.count] {
            out.push(b',');
            write_quoted(out, number);
        }
        out.push(b']');
    }
    if histogram.buckets().any(|bucket| bucket.count != 0.0) {
        out.push(b']');
    }
    out.extend_from_slice(b"}]");
}

fn write_quoted(out: &mut Vec<u8>, value: f64) {
    out.push(b'"');
    write_value(out, value);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use tsdb_core::BucketSpan;

    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        Labels::from_pairs(pairs.iter().copied()).expect("labels")
    }

    /// Written in pieces of about `limit` bytes.
    fn written(value: Value, limit: usize) -> String {
        let mut piece = Vec::new();
        let mut writer = ResultWriter::begin(value, b"}}".to_vec(), &mut piece);
        let mut all = Vec::new();
        loop {
            let is_done = writer.fill(&mut piece, limit);
            all.append(&mut piece);
            if is_done {
                return String::from_utf8(all).expect("UTF-8");
            }
        }
    }

    fn matrix() -> Value {
        let one = MatrixSeries {
            labels: labels(&[("__name__", "a"), ("b", "\"\u{e9}\n")]),
            floats: vec![(0, 1.0), (1500, f64::NAN), (3000, -0.5)],
            histograms: Vec::new(),
        };
        let histogram = FloatHistogram {
            count: 3.0,
            sum: 4.5,
            ..FloatHistogram::default()
        };
        let both = MatrixSeries {
            labels: labels(&[]),
            floats: vec![(0, 2.0)],
            histograms: vec![(1000, histogram.clone()), (2000, histogram)],
        };
        Value::Matrix(vec![one, both])
    }

    #[test]
    fn a_matrix_is_the_same_in_pieces_of_any_size() {
        let expected = concat!(
            r#"{"status":"success","data":{"resultType":"matrix","result":["#,
            "{\"metric\":{\"__name__\":\"a\",\"b\":\"\\\"\u{e9}\\n\"}",
            r#","values":[[0,"1"],[1.500,"NaN"],[3,"-0.5"]]},"#,
            r#"{"metric":{},"values":[[0,"2"]],"histograms":[[1,{"count":"3","sum":"4.5"}],[2,{"count":"3","sum":"4.5"}]]}"#,
            r#"]}}"#
        );
        for limit in [1, 2, 7, 60, 100, 150, 1 << 20] {
            assert_eq!(written(matrix(), limit), expected, "pieces of {limit}");
        }
    }

    #[test]
    fn other_results_and_empty_ones() {
        let scalar = Value::Scalar {
            timestamp: 4000,
            value: 2.0,
        };
        let string = Value::String {
            timestamp: 4001,
            value: "a\"b".to_owned(),
        };
        let sample = |name: &str, value: f64| VectorSample {
            labels: labels(&[("__name__", name)]),
            timestamp: 1000,
            value: PointValue::Float(value),
        };
        let cases = [
            (scalar, r#"scalar","result":[4,"2"]}}"#),
            (string, r#"string","result":[4.001,"a\"b"]}}"#),
            (Value::Vector(Vec::new()), r#"vector","result":[]}}"#),
            (Value::Matrix(Vec::new()), r#"matrix","result":[]}}"#),
            (
                Value::Vector(vec![sample("a", 1.0), sample("b", f64::INFINITY)]),
                r#"vector","result":[{"metric":{"__name__":"a"},"value":[1,"1"]},{"metric":{"__name__":"b"},"value":[1,"+Inf"]}]}}"#,
            ),
        ];
        for (value, expected) in cases {
            let expected = format!(r#"{{"status":"success","data":{{"resultType":"{expected}"#);
            assert_eq!(written(value, 1 << 20), expected);
        }
    }

    #[test]
    fn buckets_of_histograms_that_count_nothing_are_left_out() {
        let histogram = FloatHistogram {
            count: 5.0,
            sum: 18.5,
            zero_threshold: 0.001,
            zero_count: 2.0,
            positive_spans: vec![BucketSpan {
                offset: 0,
                length: 3,
            }],
            positive_buckets: vec![1.0, 0.0, 2.0],
            ..FloatHistogram::default()
        };
        let sample = VectorSample {
            labels: labels(&[]),
            timestamp: 1000,
            value: PointValue::Histogram(Box::new(histogram)),
        };
        let expected = concat!(
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"histogram":[1,"#,
            r#"{"count":"5","sum":"18.5","buckets":[[3,"-0.001","0.001","2"],[0,"0.5","1","1"],[0,"2","4","2"]]}]}]}}"#
        );
        assert_eq!(written(Value::Vector(vec![sample]), 1 << 20), expected);
    }

    #[test]
    fn series_beyond_a_limit_are_left_out() {
        let mut value = matrix();
        assert!(!truncate(&mut value, None) && !truncate(&mut value, Some(2)));
        assert!(truncate(&mut value, Some(1)));
        assert!(matches!(&value, Value::Matrix(series) if series.len() == 1));
        let mut scalar = Value::Scalar {
            timestamp: 0,
            value: 1.0,
        };
        assert!(!truncate(&mut scalar, Some(1)));
    }
}
