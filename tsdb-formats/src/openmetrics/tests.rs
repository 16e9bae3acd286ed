use proptest::prelude::*;
use tsdb_core::model::{Labels, MetricKind, MetricMetadata, STALE_NAN_BITS};

use super::{Dialect, Family, Reader, SeriesWriter, Unwritable, families, write_end, write_family};
use crate::number::ORDINARY_NAN_BITS;
use crate::{LineReader, Rows, read_lines};

const NOW: i64 = 1_800_000_000_000;

fn read(dialect: Dialect, text: &[u8]) -> Rows {
    let mut rows = Rows::new(false);
    let mut reader = Reader::new(dialect, NOW);
    read_lines(&mut reader, 1, text, &mut rows);
    reader.finish(&mut rows);
    rows
}

fn open_metrics(text: &str) -> Rows {
    read(Dialect::OpenMetrics, text.as_bytes())
}

fn prometheus_text(text: &str) -> Rows {
    read(Dialect::PrometheusText, text.as_bytes())
}

/// The samples as text: line, series, time, value.
fn samples(rows: &Rows) -> Vec<String> {
    rows.samples()
        .map(|(labels, line, ms, value)| format!("{line} {labels} {ms} {value}"))
        .collect()
}

fn problems(rows: &Rows) -> Vec<String> {
    rows.problems().iter().map(ToString::to_string).collect()
}

#[test]
fn open_metrics_of_every_kind() {
    let text = concat!(
        "# HELP go_gc_duration_seconds A \\\\ summary\\nof \\\"it\\\" \\x.\n",
        "# TYPE go_gc_duration_seconds summary\n",
        "# UNIT go_gc_duration_seconds seconds\n",
        "go_gc_duration_seconds{quantile=\"0\"} 4.9351e-05\n",
        "go_gc_duration_seconds{quantile=\"0.5\",a=\"b\",} 8.3835e-05 123.123\n",
        "# TYPE some:rate5m unknown\n",
        "some:rate5m{a_b=\"c\"} +Inf -0.5\n",
        "testmetric{label=\"\\\"bar\\\"\\n\\\\ \\d\"} NaN\n",
        "# TYPE foo counter\n",
        "foo_total 17.0 1520879607.789 # {id=\"counter-test\"} 5\n",
        "foo_total 18.0 1520879608.789 # {id=\"b\",\"x.y\"=\"z\"} 6.5 1520879600\n",
        "foo_created 1520872607.123\n",
        "{\"http.status\",q=\"0.9\",\"a b\"=\"c\"} 3\n",
        "{q=\"0.9\",\"http.status\"} 4\n",
        "# EOF\n",
    );
    let rows = open_metrics(text);
    assert_eq!(problems(&rows), [] as [&str; 0]);
    assert_eq!(
        samples(&rows),
        [
            "4 go_gc_duration_seconds{quantile=\"0\"} 1800000000000 0.000049351",
            "5 go_gc_duration_seconds{a=\"b\", quantile=\"0.5\"} 123123 0.000083835",
            "7 some:rate5m{a_b=\"c\"} -500 inf",
            "8 testmetric{label=\"\\\"bar\\\"\\n\\\\ \\\\d\"} 1800000000000 NaN",
            "10 foo_total 1520879607789 17",
            "11 foo_total 1520879608789 18",
            "12 foo_created 1800000000000 1520872607.123",
            "13 {\"http.status\", \"a b\"=\"c\", q=\"0.9\"} 1800000000000 3",
            "14 {\"http.status\", q=\"0.9\"} 1800000000000 4",
        ]
    );
    let exemplars: Vec<_> = rows
        .exemplars()
        .map(|(labels, one)| format!("{labels} {} {} {}", one.labels, one.timestamp, one.value))
        .collect();
    assert_eq!(
        exemplars,
        [
            "foo_total {id=\"counter-test\"} 1520879607789 5",
            "foo_total {id=\"b\", \"x.y\"=\"z\"} 1520879600000 6.5",
        ]
    );
    let family = |metric: &str, kind, help: &str, unit: &str| MetricMetadata {
        metric: metric.to_owned(),
        kind,
        help: help.to_owned(),
        unit: unit.to_owned(),
    };
    assert_eq!(
        rows.metadata(),
        [
            family(
                "go_gc_duration_seconds",
                MetricKind::Summary,
                "A \\ summary\nof \"it\" \\x.",
                "seconds"
            ),
            family("some:rate5m", MetricKind::Unknown, "", ""),
            family("foo", MetricKind::Counter, "", ""),
        ]
    );
    assert_eq!(rows.counts(), (15, 0));
}

#[test]
fn the_older_format() {
    let text = concat!(
        "# A comment, and a blank line:\n",
        "\n",
        "#HELP a comment as well\n",
        "# HELP  http_requests_total The \\\"number\\\".\\n\n",
        "# TYPE http_requests_total\tcounter\r\n",
        "http_requests_total{method=\"post\",code=\"200\"} 1027 1395066363000\r\n",
        "  http_requests_total { method = \"post\" , code = \"400\" , }\t3   -1395066363000  \n",
        "http_requests_total{method=\"post\",code=\"500\"}4\n",
        "# TYPE x untyped\n",
        "x 1.458255915e9\n",
        "x 2 7\n",
        "x{a=\"b\"} 3",
    );
    let rows = prometheus_text(text);
    assert_eq!(problems(&rows), [] as [&str; 0]);
    assert_eq!(
        samples(&rows),
        [
            "6 http_requests_total{code=\"200\", method=\"post\"} 1395066363000 1027",
            "7 http_requests_total{code=\"400\", method=\"post\"} -1395066363000 3",
            "8 http_requests_total{code=\"500\", method=\"post\"} 1800000000000 4",
            "10 x 1800000000000 1458255915",
            "11 x 7 2",
            "12 x{a=\"b\"} 1800000000000 3",
        ]
    );
    let helps: Vec<_> = rows
        .metadata()
        .iter()
        .map(|one| one.help.as_str())
        .collect();
    assert_eq!(helps, ["The \\\"number\\\".\n", ""]);
}

/// Lines of OpenMetrics that are refused, and how.
const REFUSED: &[(&str, &str)] = &[
    ("", "line 1: a blank line, which OpenMetrics does not allow"),
    (
        "a",
        "line 1, column 2: expected a blank and a value, found the end of the line",
    ),
    (
        "a ",
        "line 1, column 3: expected a value, found the end of the line",
    ),
    ("a  1", "line 1, column 3: expected a value, found \" 1\""),
    (
        "a 1 ",
        "line 1, column 5: expected a time or an exemplar behind the blank, found the end of the line",
    ),
    ("a x1", "line 1, column 3: expected a value, found \"x1\""),
    (
        "a 1e999",
        "line 1, column 3: expected a value, found \"1e999\"",
    ),
    (
        "a 0x1p3",
        "line 1, column 3: expected a value, found \"0x1p3\"",
    ),
    (
        "a 1 x",
        "line 1, column 5: expected a time in seconds, found \"x\"",
    ),
    (
        "a 1 NaN",
        "line 1, column 5: expected a time in seconds, found \"NaN\"",
    ),
    (
        "a 1 1 1",
        "line 1, column 7: expected a time or an exemplar behind the blank, found \"1\"",
    ),
    (
        "9a 1",
        "line 1, column 1: expected the name of a metric, found \"9a 1\"",
    ),
    (
        "{a=\"b\"} 1",
        "line 1, column 1: the series has no metric name: put one before the brace, or in quotes behind it",
    ),
    (
        "a{b} 1",
        "line 1, column 4: expected = and the value of the label, found \"} 1\"",
    ),
    (
        "a{b=c} 1",
        "line 1, column 5: expected the value of a label in quotes, found \"c} 1\"",
    ),
    (
        "a{b=\"c} 1",
        "line 1, column 5: expected a text that ends with a quote, found \"\\\"c} 1\"",
    ),
    (
        "a{b=\"c\\\"} 1",
        "line 1, column 5: expected a text that ends with a quote, found \"\\\"c\\\\\\\"} 1\"",
    ),
    (
        "a{b=\"c\" 1",
        "line 1, column 8: expected , or }, found \" 1\"",
    ),
    (
        "a{b=\"c\", d=\"e\"} 1",
        "line 1, column 9: expected the name of a label, or }, found \" d=\\\"e\\\"} 1\"",
    ),
    (
        "a{b=\"c\",b=\"d\"} 1",
        "line 1, column 1: label name \"b\" occurs twice: send each label once",
    ),
    (
        "a{\"b\"} 1",
        "line 1, column 1: label name \"__name__\" occurs twice: send each label once",
    ),
    (
        "a{b=\"c\"}1",
        "line 1, column 9: expected a blank and a value, found \"1\"",
    ),
    (
        "a 1 # {b=\"c\"}",
        "line 1, column 14: expected a blank and the value of the exemplar, found the end of the line",
    ),
    (
        "a 1 # {\"b\"} 1",
        "line 1, column 11: expected = and the value of the label, found \"} 1\"",
    ),
    (
        "a 1 # b",
        "line 1, column 5: expected the end of the line, or an exemplar as # {labels} value, found \"# b\"",
    ),
    (
        "a 1 # {b=\"c\"} 1 2 3",
        "line 1, column 18: expected the end of the line, found \" 3\"",
    ),
    (
        "# a comment",
        "line 1, column 1: expected a comment that begins with # HELP, # TYPE, # UNIT or # EOF, found \"# a comment\"",
    ),
    (
        "# TYPE a",
        "line 1, column 9: expected a blank and the type of the metric, found the end of the line",
    ),
    (
        "# TYPE a b",
        "line 1, column 10: expected the type of a metric, found \"b\"",
    ),
    (
        "# TYPE a untyped",
        "line 1, column 10: expected the type of a metric, found \"untyped\"",
    ),
    (
        "# TYPE a gauge b",
        "line 1, column 15: expected the end of the line, found \" b\"",
    ),
    (
        "# HELP 9 b",
        "line 1, column 8: expected the name of a metric, found \"9 b\"",
    ),
    (
        "# HELP a-b c",
        "line 1, column 9: expected a blank, found \"-b c\"",
    ),
    (
        "# UNIT a_bytes seconds",
        "line 1, column 15: the unit \"seconds\" is no suffix of the metric \"a_bytes\"",
    ),
    (
        "# UNIT bytes bytes",
        "line 1, column 13: the unit \"bytes\" is no suffix of the metric \"bytes\"",
    ),
];

#[test]
fn a_bad_line_is_named_and_costs_no_other() {
    for (line, problem) in REFUSED {
        let rows = open_metrics(&format!("{line}\nb 1 2\n# EOF\n"));
        assert_eq!(problems(&rows), [*problem], "{line}");
        assert_eq!(samples(&rows), ["2 b 2000 1"], "{line}");
        assert_eq!(rows.counts(), (3, 1), "{line}");
    }
    let rows = read(Dialect::OpenMetrics, b"a{b=\"\xff\"} 1\nb 1 2\n# EOF\n");
    assert_eq!(
        problems(&rows),
        ["line 1, column 6: the line is not UTF-8 at \"\u{fffd}\\\"} 1\""]
    );
    let long = format!("a {}\n# EOF\n", "x".repeat(1000));
    let problem = format!(
        "line 1, column 3: expected a value, found \"{}\"...",
        "x".repeat(60)
    );
    assert_eq!(problems(&open_metrics(&long)), [problem]);
}

#[test]
fn an_end_is_wanted_and_nothing_behind_it() {
    let missing = "line 2: the text ends without # EOF: it may have been cut off";
    assert_eq!(problems(&open_metrics("a 1\n")), [missing]);
    assert_eq!(problems(&open_metrics("a 1\n# EOF")), [] as [&str; 0]);
    let rows = open_metrics("a 1 1\n# EOF\nb 1\n");
    assert_eq!(
        problems(&rows),
        ["line 3: the line stands behind # EOF: import each text by itself"]
    );
    assert_eq!(samples(&rows), ["1 a 1000 1"]);
}

#[test]
fn strict_rows_stop_at_the_first_problem() {
    let mut rows = Rows::new(true);
    let mut reader = Reader::new(Dialect::OpenMetrics, NOW);
    read_lines(&mut reader, 7, b"a 1 1\nb x\nc 1 1\n", &mut rows);
    reader.finish(&mut rows);
    assert_eq!(
        problems(&rows),
        ["line 8, column 3: expected a value, found \"x\""]
    );
    assert_eq!(samples(&rows), ["7 a 1000 1"]);
}

#[test]
fn a_known_series_is_not_mistaken_for_another() {
    let text = "a 1 1\na{b=\"c\"} 2 2\na{b=\"c\"} 3 3\na{b=\"c\"}{ 4 4\nab 5 5\na 6 6\n# EOF\n";
    let rows = open_metrics(text);
    assert_eq!(
        samples(&rows),
        [
            "1 a 1000 1",
            "2 a{b=\"c\"} 2000 2",
            "3 a{b=\"c\"} 3000 3",
            "5 ab 5000 5",
            "6 a 6000 6"
        ]
    );
    let rows = prometheus_text("a 1\na {b=\"c\"} 2\na\t{b=\"c\"} 3\n a 4\n");
    let series: Vec<String> = rows.samples().map(|row| row.0.to_string()).collect();
    assert_eq!(series, ["a", "a{b=\"c\"}", "a{b=\"c\"}", "a"]);
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied()).expect("labels")
}

/// The lines of one series, written in pieces of about `piece` bytes.
fn written(labels: &Labels, columns: (&[i64], &[f64]), piece: usize) -> (Vec<u8>, Unwritable) {
    let mut whole = Vec::new();
    let mut writer = SeriesWriter::new(labels);
    loop {
        let mut out = Vec::new();
        let done = writer.write(columns, &mut out, piece);
        assert!(done || out.len() >= piece, "a piece of {} bytes", out.len());
        whole.extend_from_slice(&out);
        if done {
            return (whole, writer.unwritable());
        }
    }
}

#[test]
fn what_is_written_looks_like_this() {
    let values = [
        1.0,
        -0.0,
        f64::NEG_INFINITY,
        f64::from_bits(STALE_NAN_BITS),
        f64::from_bits(ORDINARY_NAN_BITS),
        f64::from_bits(0x7ff8_0000_0000_0123),
        1e300,
    ];
    let times = [
        -1,
        0,
        1000,
        1500,
        1501,
        1_700_000_000_000,
        1_700_000_000_123,
    ];
    let series = labels(&[("__name__", "up"), ("a", "\"\n\\"), ("b.c", "d")]);
    let (text, unwritable) = written(&series, (&times, &values), 1 << 20);
    let begin = "up{a=\"\\\"\\n\\\\\",\"b.c\"=\"d\"}";
    let expected = [
        "1 -0.001",
        "-0 0",
        "-Inf 1",
        "NaN 1.501",
        "NaN 1700000000",
        "1e300 1700000000.123",
    ];
    let expected: String = expected.map(|rest| format!("{begin} {rest}\n")).concat();
    assert_eq!(String::from_utf8(text).expect("UTF-8"), expected);
    let left_out = Unwritable {
        stale_markers: 1,
        histograms: 0,
        nan_payloads: 1,
    };
    assert_eq!(unwritable, left_out);
    let quoted = labels(&[("__name__", "a.b"), ("c", "d")]);
    let (text, _) = written(&quoted, (&[0], &[1.0]), 10);
    assert_eq!(text, b"{\"a.b\",c=\"d\"} 1 0\n");
}

#[test]
fn families_group_what_belongs_together() {
    let known = [
        ("lat_seconds", MetricKind::Histogram, "seconds"),
        ("req_total", MetricKind::Counter, ""),
        ("new", MetricKind::Counter, ""),
        ("old_style", MetricKind::Counter, ""),
        ("up", MetricKind::Gauge, "bytes"),
    ];
    let known = known.map(|(metric, kind, unit)| MetricMetadata {
        metric: metric.to_owned(),
        kind,
        help: format!("of {metric}"),
        unit: unit.to_owned(),
    });
    let metrics = [
        "lat_seconds_bucket",
        "lat_seconds_cache",
        "lat_seconds_count",
        "lat_seconds_sum",
        "new_created",
        "new_total",
        "old_style",
        "req_total",
        "up",
    ];
    let found = families(metrics, &known);
    let shown: Vec<String> = found
        .iter()
        .map(|Family { metadata, metrics }| {
            format!(
                "{} {} {}",
                metadata.metric,
                metadata.kind,
                metrics.join(",")
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "lat_seconds histogram lat_seconds_bucket,lat_seconds_count,lat_seconds_sum",
            "lat_seconds_cache unknown lat_seconds_cache",
            "new counter new_created,new_total",
            "old_style unknown old_style",
            "req counter req_total",
            "up gauge up",
        ]
    );
    let mut out = Vec::new();
    for family in [&found[0], &found[5]] {
        write_family(&mut out, &family.metadata);
    }
    write_end(&mut out);
    let expected = concat!(
        "# TYPE lat_seconds histogram\n",
        "# UNIT lat_seconds seconds\n",
        "# HELP lat_seconds of lat_seconds\n",
        "# TYPE up gauge\n",
        "# HELP up of up\n",
        "# EOF\n"
    );
    assert_eq!(String::from_utf8(out).expect("UTF-8"), expected);
    let rows = open_metrics(expected);
    assert_eq!(problems(&rows), [] as [&str; 0]);
    assert_eq!(rows.metadata()[0], found[0].metadata);
}

#[test]
fn every_flipped_bit_costs_one_line() {
    let lines = [
        "# TYPE foo counter",
        "# HELP foo A \\\\ text",
        "foo_total{a=\"b\\\"c\",d=\"e\"} 17.5 1520879607.789 # {id=\"counter\"} 5 1.5",
        "foo_total{a=\"b\\\"c\",d=\"e\"} -Inf 1520879608",
        "{\"my.metric\",\"x y\"=\"z\"} NaN",
        "last 1 1",
    ];
    let text = lines.map(|line| format!("{line}\n")).concat() + "# EOF\n";
    let whole = open_metrics(&text);
    assert_eq!(problems(&whole), [] as [&str; 0]);
    let whole: Vec<String> = samples(&whole);
    for bit in 0..text.len() * 8 {
        let mut bytes = text.clone().into_bytes();
        let was = bytes[bit / 8];
        bytes[bit / 8] ^= 1 << (bit % 8);
        let rows = read(Dialect::OpenMetrics, &bytes);
        let feed = |byte| byte == b'\n';
        // A line feed more or less moves the lines behind it, and touches two.
        let may = 1 + usize::from(feed(was) || feed(bytes[bit / 8]));
        let (_, refused) = rows.counts();
        assert!(
            refused <= may as u64 + 1,
            "bit {bit}: {:?}",
            rows.problems()
        );
        if may == 1 {
            let kept = samples(&rows);
            let lost = whole.iter().filter(|sample| !kept.contains(sample)).count();
            assert!(lost <= 1, "bit {bit}: {kept:?}");
        }
        // The other format reads it as well as it can.
        read(Dialect::PrometheusText, &bytes);
    }
}

fn any_labels() -> impl Strategy<Value = Labels> {
    let name = prop_oneof!["[a-zA-Z_:][a-zA-Z0-9_:]{0,8}", "\\PC{1,8}"];
    let label = prop_oneof!["[a-zA-Z_][a-zA-Z0-9_]{0,8}", "\\PC{1,8}"];
    let value = prop_oneof!["[a-z0-9]{0,8}", "(\\PC|[\\\\\"\n\r\t\0]){0,8}"];
    (name, prop::collection::btree_map(label, value, 0..4)).prop_map(|(name, mut pairs)| {
        pairs.insert("__name__".to_owned(), name);
        Labels::from_pairs(pairs).expect("a set of labels")
    })
}

fn any_bits() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        (0..1000_u32).prop_map(|value| (f64::from(value) / 8.0).to_bits()),
        Just(STALE_NAN_BITS),
        Just(ORDINARY_NAN_BITS),
        Just(f64::INFINITY.to_bits()),
        Just((-0.0_f64).to_bits()),
    ]
}

proptest! {
    #[test]
    fn any_series_comes_back_but_for_nan_payloads(
        series in prop::collection::vec((any_labels(), prop::collection::vec((any::<i64>(), any_bits()), 0..20)), 1..4),
        shift in 0..40_u32,
        piece in 1..200_usize,
    ) {
        let mut text = Vec::new();
        let mut expected = Vec::new();
        let mut stale = 0;
        for (labels, samples) in &series {
            let times: Vec<i64> = samples.iter().map(|sample| sample.0 >> shift).collect();
            let values: Vec<f64> = samples.iter().map(|sample| f64::from_bits(sample.1)).collect();
            let (lines, unwritable) = written(labels, (&times, &values), piece);
            text.extend_from_slice(&lines);
            stale += unwritable.stale_markers;
            for (ms, value) in times.iter().zip(&values) {
                match value.to_bits() {
                    STALE_NAN_BITS => {}
                    _ if value.is_nan() => expected.push((labels.clone(), *ms, ORDINARY_NAN_BITS)),
                    bits => expected.push((labels.clone(), *ms, bits)),
                }
            }
        }
        write_end(&mut text);
        let rows = read(Dialect::OpenMetrics, &text);
        prop_assert_eq!(problems(&rows), Vec::<String>::new());
        let read: Vec<_> = rows.samples().map(|(labels, _, ms, value)| (labels.clone(), ms, value.to_bits())).collect();
        prop_assert_eq!(read, expected);
        let written: usize = series.iter().map(|(_, samples)| samples.len()).sum();
        prop_assert_eq!(rows.samples().count() as u64 + stale, written as u64);
    }

    #[test]
    fn no_text_panics(text in prop::collection::vec(any::<u8>(), 0..200)) {
        for dialect in [Dialect::OpenMetrics, Dialect::PrometheusText] {
            read(dialect, &text);
        }
    }
}
