//! A page as text: Prometheus' own, or OpenMetrics. Neither has native histograms but those of custom
//! buckets, as classic ones.

use std::io::Write as _;

use tsdb_core::Labels;
use tsdb_promql::{FloatHistogram, GeneralNumber};

use super::super::query::write_timestamp;
use super::format::Format;
use super::latest::{INSTANCE, Kind, Latest, NAME, Value, classic_buckets};

/// The label of a classic bucket's bound.
const BOUND: &str = "le";

/// Families of the series that there is a text for.
pub(super) fn page(latest: &Latest, format: Format) -> Vec<u8> {
    let mut page = Page {
        out: Vec::new(),
        is_open: format == Format::OpenMetrics,
    };
    let mut family = None;
    for (name, labels, time, value) in latest.iter() {
        if matches!(value, Value::Histogram(one) if !one.is_custom()) {
            continue;
        }
        if family != Some((name, value.kind())) {
            page.begin(name, value.kind());
            family = Some((name, value.kind()));
        }
        let series = Series { name, labels, time };
        match value {
            Value::Float(value) => page.sample(series, "", None, *value),
            Value::Histogram(histogram) => page.histogram(series, value.kind(), histogram),
        }
    }
    if page.is_open {
        page.out.extend_from_slice(b"# EOF\n");
    }
    page.out
}

#[derive(Clone, Copy, Debug)]
struct Series<'l> {
    name: &'l str,
    labels: &'l Labels,
    time: i64,
}

/// What is written so far.
#[derive(Debug)]
struct Page {
    out: Vec<u8>,
    /// Whether it is OpenMetrics.
    is_open: bool,
}

impl Page {
    fn begin(&mut self, name: &str, kind: Kind) {
        let kind = match (kind, self.is_open) {
            (Kind::Untyped, false) => "untyped",
            (Kind::Untyped, true) => "unknown",
            // Prometheus' text knows no other histograms.
            (Kind::Histogram, _) | (Kind::GaugeHistogram, false) => "histogram",
            (Kind::GaugeHistogram, true) => "gaugehistogram",
        };
        let line = format!("# TYPE {} {kind}\n", metric_name(name));
        self.out.extend_from_slice(line.as_bytes());
    }

    fn histogram(&mut self, series: Series<'_>, kind: Kind, histogram: &FloatHistogram) {
        let (sum, count) = match (kind, self.is_open) {
            (Kind::GaugeHistogram, true) => ("_gsum", "_gcount"),
            _ => ("_sum", "_count"),
        };
        let all = (f64::INFINITY, histogram.count);
        for (bound, up_to) in classic_buckets(histogram).into_iter().chain([all]) {
            self.sample(series, "_bucket", Some(bound), up_to);
        }
        self.sample(series, sum, None, histogram.sum);
        self.sample(series, count, None, histogram.count);
    }

    fn sample(&mut self, series: Series<'_>, suffix: &str, bound: Option<f64>, value: f64) {
        let bound = bound.map(|bound| self.number(bound));
        let name = format!("{}{suffix}", series.name);
        write_series(&mut self.out, &name, series.labels, bound.as_deref());
        let value = self.number(value);
        // Writing to a vector cannot fail.
        let _written = write!(self.out, " {value} ");
        match self.is_open {
            true => write_timestamp(&mut self.out, series.time),
            false => self
                .out
                .extend_from_slice(series.time.to_string().as_bytes()),
        }
        self.out.push(b'\n');
    }

    /// A number; in OpenMetrics a whole one is seen to be a float.
    fn number(&self, value: f64) -> String {
        let text = GeneralNumber(value).to_string();
        let is_whole = value.is_finite() && !text.contains(['.', 'e']);
        match self.is_open && is_whole {
            true => format!("{text}.0"),
            false => text,
        }
    }
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

fn write_series(page: &mut Vec<u8>, name: &str, labels: &Labels, bound: Option<&str>) {
    let mut parts = Vec::with_capacity(labels.len() + 2);
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
    parts.extend(bound.map(|bound| format!("{BOUND}=\"{bound}\"")));
    page.push(b'{');
    page.extend_from_slice(parts.join(",").as_bytes());
    page.push(b'}');
}

#[cfg(test)]
mod tests {
    use tsdb_core::model::{Histogram, ResetHint};

    use super::super::latest::tests::{custom, of};
    use super::*;

    fn text(latest: &Latest, format: Format) -> String {
        String::from_utf8(page(latest, format)).expect("UTF-8")
    }

    #[test]
    fn families_are_told_once_and_every_series_has_an_instance() {
        let latest = of(&[
            (
                &[(NAME, "up"), ("instance", "a"), ("job", "x\"\n")],
                1000,
                Value::Float(1.0),
            ),
            (&[(NAME, "up"), ("job", "y")], 1500, Value::Float(f64::NAN)),
            (&[(NAME, "a.b"), ("c.d", "e")], -1, Value::Float(1e6)),
        ]);
        let expected = concat!(
            "# TYPE \"a.b\" untyped\n",
            "{\"a.b\",\"c.d\"=\"e\",instance=\"\"} 1e+06 -1\n",
            "# TYPE up untyped\n",
            "up{instance=\"a\",job=\"x\\\"\\n\"} 1 1000\n",
            "up{job=\"y\",instance=\"\"} NaN 1500\n",
        );
        assert_eq!(text(&latest, Format::Text), expected);
        let text = text(&latest, Format::OpenMetrics);
        assert!(text.contains("# TYPE up unknown\n") && text.contains("} NaN 1.500\n"));
        assert!(
            text.contains("} 1.0 1\n") && text.ends_with("# EOF\n"),
            "{text}"
        );
    }

    #[test]
    fn custom_buckets_are_classic_ones_and_others_are_left_out() {
        let gauge = FloatHistogram {
            reset_hint: ResetHint::Gauge,
            ..custom()
        };
        let native = FloatHistogram::from_core(&Histogram::default());
        let histogram = |one: FloatHistogram| Value::Histogram(Box::new(one));
        let latest = of(&[
            (&[(NAME, "h"), ("job", "a")], 1000, histogram(custom())),
            (&[(NAME, "h"), ("job", "b")], 1000, Value::Float(7.0)),
            (&[(NAME, "h"), ("job", "c")], 1000, histogram(native)),
            (&[(NAME, "i"), ("instance", "i")], 1000, histogram(gauge)),
        ]);
        let expected = concat!(
            "# TYPE h histogram\n",
            "h_bucket{job=\"a\",instance=\"\",le=\"0.5\"} 3 1000\n",
            "h_bucket{job=\"a\",instance=\"\",le=\"1\"} 3 1000\n",
            "h_bucket{job=\"a\",instance=\"\",le=\"1e+06\"} 5 1000\n",
            "h_bucket{job=\"a\",instance=\"\",le=\"+Inf\"} 10 1000\n",
            "h_sum{job=\"a\",instance=\"\"} 12.5 1000\n",
            "h_count{job=\"a\",instance=\"\"} 10 1000\n",
            "# TYPE h untyped\n",
            "h{job=\"b\",instance=\"\"} 7 1000\n",
            "# TYPE i histogram\n",
            "i_bucket{instance=\"i\",le=\"0.5\"} 3 1000\n",
            "i_bucket{instance=\"i\",le=\"1\"} 3 1000\n",
            "i_bucket{instance=\"i\",le=\"1e+06\"} 5 1000\n",
            "i_bucket{instance=\"i\",le=\"+Inf\"} 10 1000\n",
            "i_sum{instance=\"i\"} 12.5 1000\n",
            "i_count{instance=\"i\"} 10 1000\n",
        );
        assert_eq!(text(&latest, Format::Text), expected);
        let open = text(&latest, Format::OpenMetrics);
        assert!(open.contains("# TYPE i gaugehistogram\n"), "{open}");
        assert!(
            open.contains("i_bucket{instance=\"i\",le=\"1.0\"} 3.0 1\n"),
            "{open}"
        );
        assert!(
            open.contains("i_gsum{instance=\"i\"} 12.5 1\ni_gcount"),
            "{open}"
        );
    }
}
