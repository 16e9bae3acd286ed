//! What is read, and how it is printed.

use super::super::{Expr, parse, prettify, to_json};
use crate::Features;

fn read(text: &str) -> Expr {
    parse(text, &Features::ALL).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Text, and how it is printed.
const PRINTED: &[(&str, &str)] = &[
    ("1", "1"),
    ("0x1F", "31"),
    ("017", "15"),
    ("1_000.5", "1000.5"),
    (".5", "0.5"),
    ("1e-3", "0.001"),
    ("+Inf", "+Inf"),
    ("-inf", "-Inf"),
    ("NaN", "NaN"),
    ("5m", "5m"),
    ("1h30m", "1h30m"),
    ("1y2w3d", "382d"),
    ("-5m", "-5m"),
    (r#""a\n\"b""#, r#""a\n\"b""#),
    (r#"'it\'s'"#, r#""it's""#),
    (r#"`raw\n`"#, r#""raw\\n""#),
    ("1 + 2 * 3 ^ 4 ^ 5", "1 + 2 * 3 ^ 4 ^ 5"),
    ("-1 ^ 2", "-1 ^ 2"),
    ("-foo ^ 2 * 3", "-foo ^ 2 * 3"),
    ("2 ^ -1 * 3", "2 ^ -1 * 3"),
    ("1 - -1", "1 - -1"),
    ("--foo", "--foo"),
    (
        "a or b and c unless d == e + f * g ^ h",
        "a or b and c unless d == e + f * g ^ h",
    ),
    ("(a + b) * c", "(a + b) * c"),
    ("a atan2 b", "a atan2 b"),
    ("a </ 1 + 2", "a </ 1 + 2"),
    ("a >/ 5m", "a >/ 5m"),
    ("foo", "foo"),
    ("sum", "sum"),
    ("offset", "offset"),
    (r#"by{a="b"}"#, r#"by{a="b"}"#),
    ("start", "start"),
    ("step offset 5m", "step offset 5m"),
    ("anchored anchored", "anchored anchored"),
    ("fill + fill", "fill + fill"),
    ("inf_total", "inf_total"),
    ("foo:bar", "foo:bar"),
    (r#"{"my.metric"}"#, r#"{__name__="my.metric"}"#),
    (
        r#"{"my.metric", "label.name"="x", b!="c",}"#,
        r#"{"label.name"="x",__name__="my.metric",b!="c"}"#,
    ),
    (r#"{__name__=~"a.+"}"#, r#"{__name__=~"a.+"}"#),
    (
        r#"foo{b="1", a!~"2|3", c=~"x"}"#,
        r#"foo{a!~"2|3",b="1",c=~"x"}"#,
    ),
    ("foo{a='b',b=`c`} # comment", r#"foo{a="b",b="c"}"#),
    (r#"foo{and="or", bool="by"}"#, r#"foo{and="or",bool="by"}"#),
    ("foo[5m]", "foo[5m]"),
    ("foo[300]", "foo[5m]"),
    ("foo[5m] offset 1h", "foo[5m] offset 1h"),
    ("foo[5m] @ 10 offset -1h", "foo[5m] @ 10.000 offset -1h"),
    ("foo offset 1h @ end()", "foo @ end() offset 1h"),
    ("foo @ -1.5", "foo @ -1.500"),
    ("foo @ 1h", "foo @ 3600.000"),
    ("foo @ start() [5m]", "foo[5m] @ start()"),
    ("foo[5m:]", "foo[5m:]"),
    ("foo[5m:30s] @ 5", "foo[5m:30s] @ 5.000"),
    ("foo offset 0", "foo"),
    ("foo[1.5]", "foo[1s500ms]"),
    (
        "rate(foo[5m])[1h:5m] offset 3d",
        "rate(foo[5m])[1h:5m] offset 3d",
    ),
    ("foo[5m*2]", "foo[5m * 2]"),
    ("foo[(5m+1m)*2 - step()]", "foo[(5m + 1m) * 2 - step()]"),
    ("foo[-(-5m)]", "foo[5m]"),
    (
        "foo[max_of(step(), 1m):range()/2]",
        "foo[max_of(step(), 1m):range() / 2]",
    ),
    ("foo offset -(1h/2)", "foo offset -(1h / 2)"),
    ("foo offset step()", "foo offset step()"),
    (
        "foo offset -min_of(step(), 1h)",
        "foo offset -min_of(step(), 1h)",
    ),
    ("foo offset -2^2", "foo offset -2s ^ 2"),
    ("foo offset (1h) + 5m", "foo offset (1h + 5m)"),
    ("foo[2^2^3]", "foo[2 ^ 2 ^ 3]"),
    ("foo[5m%3m]", "foo[5m % 3m]"),
    ("foo[1h-5m-5m]", "foo[1h - 5m - 5m]"),
    ("sum(foo)", "sum(foo)"),
    ("SUM BY (a, b) (foo)", "sum by (a, b) (foo)"),
    ("sum(foo) without ()", "sum without () (foo)"),
    (
        r#"sum by ("label.name", by, sum, "c d") (foo)"#,
        r#"sum by ("label.name", by, sum, "c d") (foo)"#,
    ),
    ("topk(5, foo) by (a,)", "topk by (a) (5, foo)"),
    (r#"count_values("x", foo)"#, r#"count_values("x", foo)"#),
    ("quantile(0.9, foo)", "quantile(0.9, foo)"),
    ("sum by () (foo)", "sum(foo)"),
    ("limitk(2, foo)", "limitk(2, foo)"),
    ("group(foo)", "group(foo)"),
    (
        "avg without (x) (rate(foo[5m]))",
        "avg without (x) (rate(foo[5m]))",
    ),
    ("a + on(x) b", "a + on (x) b"),
    ("a == bool 1", "a == bool 1"),
    (
        r#"a * ignoring(x, "y z") group_left(z) b"#,
        r#"a * ignoring (x, "y z") group_left (z) b"#,
    ),
    ("a / on() group_right b", "a / on () group_right () b"),
    ("a and on(x) b", "a and on (x) b"),
    (
        "a > bool on(x) group_left() b",
        "a > bool on (x) group_left () b",
    ),
    ("a + fill(0) b", "a + fill (0) b"),
    (
        "a + on(x) group_left(y) fill_left(-1) fill_right(1e30) b",
        "a + on (x) group_left (y) fill_left (-1) fill_right (1e+30) b",
    ),
    ("a + fill_right(2) b", "a + fill_right (2) b"),
    ("a + fill(NaN) b", "a + fill_left (NaN) fill_right (NaN) b"),
    ("a + fill_left(1) fill_right(1) b", "a + fill (1) b"),
    ("rate(foo[5m])", "rate(foo[5m])"),
    ("time()", "time()"),
    ("round(foo)", "round(foo)"),
    ("round(foo, 5)", "round(foo, 5)"),
    (
        r#"label_join(foo, "a", "b")"#,
        r#"label_join(foo, "a", "b")"#,
    ),
    (
        r#"label_replace(foo, "a", "$1", "b", "(.*)")"#,
        r#"label_replace(foo, "a", "$1", "b", "(.*)")"#,
    ),
    (
        "histogram_quantile(0.9, sum by (le) (rate(foo[5m])))",
        "histogram_quantile(0.9, sum by (le) (rate(foo[5m])))",
    ),
    ("info(foo)", "info(foo)"),
    (r#"info(foo, {a=~".*"})"#, r#"info(foo, {a=~".*"})"#),
    ("start() + end()", "start() + end()"),
    ("max_of(step(), range())", "max_of(step(), range())"),
    (
        r#"sort_by_label(foo, "a", "b")"#,
        r#"sort_by_label(foo, "a", "b")"#,
    ),
    ("day_of_week()", "day_of_week()"),
    ("foo[5m] anchored", "foo[5m] anchored"),
    ("increase(foo[5m] smoothed)", "increase(foo[5m] smoothed)"),
    ("foo smoothed offset 5m", "foo smoothed offset 5m"),
    (
        "absent_over_time(foo[5m:1m])",
        "absent_over_time(foo[5m:1m])",
    ),
];

#[test]
fn expressions_print_as_prometheus_prints_them() {
    for (text, expected) in PRINTED {
        let printed = read(text).to_string();
        assert_eq!(printed, *expected, "{text}");
        assert_eq!(read(&printed).to_string(), printed, "{text}");
    }
}

/// Text, and its tree as JSON.
const AS_JSON: &[(&str, &str)] = &[
    (
        r#"-foo{a="<&>"} > 1e3"#,
        r#"{"bool":false,"lhs":{"expr":{"anchored":false,"matchers":[{"name":"a","type":"=","value":"\u003c\u0026\u003e"},{"name":"__name__","type":"=","value":"foo"}],"name":"foo","offset":0,"offsetExpr":null,"smoothed":false,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},"op":"-","type":"unaryExpr"},"matching":null,"op":"\u003e","rhs":{"type":"numberLiteral","val":"1000"},"type":"binaryExpr"}"#,
    ),
    (
        "sum by (a) (rate(x[5m] offset -1m))",
        r#"{"expr":{"args":[{"anchored":false,"matchers":[{"name":"__name__","type":"=","value":"x"}],"name":"x","offset":-60000,"offsetExpr":null,"range":300000,"rangeExpr":null,"smoothed":false,"startOrEnd":null,"timestamp":null,"type":"matrixSelector"}],"func":{"argTypes":["matrix"],"name":"rate","returnType":"vector","variadic":0},"type":"call"},"grouping":["a"],"op":"sum","param":null,"type":"aggregation","without":false}"#,
    ),
    (
        "x and y",
        r#"{"bool":false,"lhs":{"anchored":false,"matchers":[{"name":"__name__","type":"=","value":"x"}],"name":"x","offset":0,"offsetExpr":null,"smoothed":false,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},"matching":{"card":"many-to-many","fillValues":{"lhs":null,"rhs":null},"include":[],"labels":[],"on":false},"op":"and","rhs":{"anchored":false,"matchers":[{"name":"__name__","type":"=","value":"y"}],"name":"y","offset":0,"offsetExpr":null,"smoothed":false,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},"type":"binaryExpr"}"#,
    ),
    (
        "x + on(a) group_left(b) fill(1e30) y",
        r#"{"bool":false,"lhs":{"anchored":false,"matchers":[{"name":"__name__","type":"=","value":"x"}],"name":"x","offset":0,"offsetExpr":null,"smoothed":false,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},"matching":{"card":"many-to-one","fillValues":{"lhs":1e+30,"rhs":1e+30},"include":["b"],"labels":["a"],"on":true},"op":"+","rhs":{"anchored":false,"matchers":[{"name":"__name__","type":"=","value":"y"}],"name":"y","offset":0,"offsetExpr":null,"smoothed":false,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},"type":"binaryExpr"}"#,
    ),
    (
        r#"label_join(x, "a\n", "b")"#,
        r#"{"args":[{"anchored":false,"matchers":[{"name":"__name__","type":"=","value":"x"}],"name":"x","offset":0,"offsetExpr":null,"smoothed":false,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},{"type":"stringLiteral","val":"a\n"},{"type":"stringLiteral","val":"b"}],"func":{"argTypes":["vector","string","string","string"],"name":"label_join","returnType":"vector","variadic":-1},"type":"call"}"#,
    ),
    (
        "x[5m*2] offset -(1h/2) @ end()",
        r#"{"anchored":false,"matchers":[{"name":"__name__","type":"=","value":"x"}],"name":"x","offset":0,"offsetExpr":{"lhs":null,"op":"-","rhs":{"lhs":{"duration":true,"type":"numberLiteral","val":"3600"},"op":"/","rhs":{"duration":false,"type":"numberLiteral","val":"2"},"type":"durationExpr","wrapped":true},"type":"durationExpr","wrapped":false},"range":0,"rangeExpr":{"lhs":{"duration":true,"type":"numberLiteral","val":"300"},"op":"*","rhs":{"duration":false,"type":"numberLiteral","val":"2"},"type":"durationExpr","wrapped":false},"smoothed":false,"startOrEnd":"end","timestamp":null,"type":"matrixSelector"}"#,
    ),
    (
        "avg_over_time(x[1h:30s] @ start())",
        r#"{"args":[{"expr":{"anchored":false,"matchers":[{"name":"__name__","type":"=","value":"x"}],"name":"x","offset":0,"offsetExpr":null,"smoothed":false,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},"offset":0,"offsetExpr":null,"range":3600000,"rangeExpr":null,"startOrEnd":"start","step":30000,"stepExpr":null,"timestamp":null,"type":"subquery"}],"func":{"argTypes":["matrix"],"name":"avg_over_time","returnType":"vector","variadic":0},"type":"call"}"#,
    ),
    (
        "(1)",
        r#"{"expr":{"type":"numberLiteral","val":"1"},"type":"parenExpr"}"#,
    ),
    (
        "x offset +step()",
        r#"{"anchored":false,"matchers":[{"name":"__name__","type":"=","value":"x"}],"name":"x","offset":0,"offsetExpr":{"lhs":null,"op":"+","rhs":{"lhs":null,"op":"step","rhs":null,"type":"durationExpr","wrapped":false},"type":"durationExpr","wrapped":false},"smoothed":false,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"}"#,
    ),
    (
        "x + fill_left(0.0000001) y",
        r#"{"bool":false,"lhs":{"anchored":false,"matchers":[{"name":"__name__","type":"=","value":"x"}],"name":"x","offset":0,"offsetExpr":null,"smoothed":false,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},"matching":{"card":"one-to-one","fillValues":{"lhs":1e-7,"rhs":null},"include":[],"labels":[],"on":false},"op":"+","rhs":{"anchored":false,"matchers":[{"name":"__name__","type":"=","value":"y"}],"name":"y","offset":0,"offsetExpr":null,"smoothed":false,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},"type":"binaryExpr"}"#,
    ),
];

#[test]
fn trees_are_the_json_of_parse_query() {
    for (text, expected) in AS_JSON {
        let mut json = String::new();
        to_json(&read(text), &mut json);
        assert_eq!(json, *expected, "{text}");
    }
}

/// Text, and how it is split into lines.
const PRETTY: &[(&str, &str)] = &[
    ("foo", "foo"),
    (
        r#"histogram_quantile(0.99, sum by (le, handler) (rate(http_request_duration_seconds_bucket{job="prometheus", handler=~"/api/.*"}[5m])))"#,
        "histogram_quantile(\n  0.99,\n  sum by (le, handler) (\n    rate(http_request_duration_seconds_bucket{handler=~\"/api/.*\",job=\"prometheus\"}[5m])\n  )\n)",
    ),
    (
        r#"sum by (job) (rate(http_requests_total{job="api-server", group="production"}[5m])) / on (job) group_left (team) sum by (job, team) (rate(http_requests_limit{job="api-server"}[5m]))"#,
        "  sum by (job) (rate(http_requests_total{group=\"production\",job=\"api-server\"}[5m]))\n/ on (job) group_left (team)\n  sum by (job, team) (rate(http_requests_limit{job=\"api-server\"}[5m]))",
    ),
    (
        r#"-(sum(rate(a_rather_long_metric_name_total{with="labels"}[5m])) + sum(rate(another_rather_long_metric_name_total[5m])))"#,
        "-(\n    sum(rate(a_rather_long_metric_name_total{with=\"labels\"}[5m]))\n  +\n    sum(rate(another_rather_long_metric_name_total[5m]))\n)",
    ),
    (
        r#"topk(5, a_rather_long_metric_name_total{with="labels", that="make", it="longer"} and another_rather_long_metric_name_total)"#,
        "topk(\n  5,\n    a_rather_long_metric_name_total{it=\"longer\",that=\"make\",with=\"labels\"}\n  and\n    another_rather_long_metric_name_total\n)",
    ),
    (
        r#"max_over_time((a_rather_long_metric_name_total{with="labels", that="make", it="longer"} > bool another_long_name_total)[1h:5m] offset 1d)"#,
        "max_over_time(\n  (\n      a_rather_long_metric_name_total{it=\"longer\",that=\"make\",with=\"labels\"}\n    > bool\n      another_long_name_total\n  )[1h:5m] offset 1d\n)",
    ),
];

#[test]
fn long_expressions_are_split_as_prometheus_splits_them() {
    for (text, expected) in PRETTY {
        let pretty = prettify(&read(text));
        assert_eq!(pretty, *expected, "{text}");
        assert_eq!(read(&pretty).to_string(), read(text).to_string());
    }
}
