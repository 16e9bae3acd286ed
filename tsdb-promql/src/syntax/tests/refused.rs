//! What is refused, and with which words.

use super::all_refused;
use crate::Features;

/// Text and error, whatever is switched on.
const OPERATORS: &[(&str, &str)] = &[
    (
        "1 == 1",
        "1:3: parse error: comparisons between scalars must use BOOL modifier",
    ),
    (
        "1 and 1",
        r#"1:1: parse error: set operator "and" not allowed in binary scalar expression"#,
    ),
    (
        "foo and 1",
        r#"1:1: parse error: set operator "and" not allowed in binary scalar expression"#,
    ),
    (
        "1 or foo",
        r#"1:1: parse error: set operator "or" not allowed in binary scalar expression"#,
    ),
    (
        r#""a" + 1"#,
        "1:1: parse error: binary expression must contain only scalar and instant vector types",
    ),
    (
        r#"foo + "a""#,
        "1:7: parse error: binary expression must contain only scalar and instant vector types",
    ),
    (
        "foo + bar[5m]",
        "1:7: parse error: binary expression must contain only scalar and instant vector types",
    ),
    (
        "foo[5m] + bar",
        "1:1: parse error: binary expression must contain only scalar and instant vector types",
    ),
    (
        "foo + bool bar",
        "1:5: parse error: bool modifier can only be used on comparison operators",
    ),
    (
        "foo and bool bar",
        "1:5: parse error: bool modifier can only be used on comparison operators",
    ),
    (
        "foo == bool on bar",
        r#"1:16: parse error: unexpected identifier "bar" in grouping opts, expected "(""#,
    ),
    (
        "foo + on(a bar",
        r#"1:12: parse error: unexpected identifier "bar" in grouping opts, expected "," or ")""#,
    ),
    (
        "foo + on(a,,b) bar",
        r#"1:12: parse error: unexpected "," in grouping opts, expected label"#,
    ),
    (
        r#"foo + on("") bar"#,
        r#"1:10: parse error: invalid label name for grouping: """#,
    ),
    (
        "foo + on(1) bar",
        r#"1:10: parse error: unexpected number "1" in grouping opts, expected label"#,
    ),
    (
        "foo + on(a) group_left(a) bar",
        r#"1:5: parse error: label "a" must not occur in ON and GROUP clause at once"#,
    ),
    (
        "foo and on(a) group_left(b) bar",
        r#"1:1: parse error: no grouping allowed for "and" operation"#,
    ),
    (
        "foo unless ignoring(a) group_right bar",
        r#"1:1: parse error: no grouping allowed for "unless" operation"#,
    ),
    (
        "foo + group_left bar",
        "1:7: parse error: unexpected <group_left>",
    ),
    (
        "foo + on(a) 1",
        "1:1: parse error: vector matching only allowed between instant vectors",
    ),
    (
        "foo + ignoring(a) group_left % bar",
        r#"1:30: parse error: unexpected <op:%> in grouping opts, expected "(""#,
    ),
    (
        "foo + ignoring(without) bar",
        "1:16: parse error: unexpected <without> in grouping opts, expected label",
    ),
    ("foo == == bar", "1:8: parse error: unexpected <op:==>"),
    ("foo = bar", r#"1:5: parse error: unexpected "=""#),
    (
        "foo =~ bar",
        "1:5: parse error: unexpected character after '=': '~'",
    ),
    (
        "foo ! bar",
        "1:5: parse error: unexpected character after '!': ' '",
    ),
    (
        "foo !~ bar",
        "1:5: parse error: unexpected character after '!': '~'",
    ),
    ("foo ; bar", "1:5: parse error: unexpected character: ';'"),
    ("foo & bar", "1:5: parse error: unexpected character: '&'"),
    ("foo.bar", "1:4: parse error: unexpected character: '.'"),
    ("on", "1:1: parse error: unexpected <on>"),
    ("bool", "1:1: parse error: unexpected <bool>"),
    (
        "group_left(foo)",
        "1:1: parse error: unexpected <group_left>",
    ),
    (
        r#"-"a""#,
        r#"1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got "string""#,
    ),
    (
        "-foo[5m]",
        r#"1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got "range vector""#,
    ),
    (
        "+foo[5m:1m]",
        r#"1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got "range vector""#,
    ),
    ("---", "1:4: parse error: unexpected end of input"),
    ("1 - * 2", "1:5: parse error: unexpected <op:*>"),
];

/// Of aggregations, functions, numbers and strings.
const CALLS: &[(&str, &str)] = &[
    ("sum(", "1:5: parse error: unclosed left parenthesis"),
    (
        "sum()",
        "1:1: parse error: no arguments for aggregate expression provided",
    ),
    (
        "sum(foo, bar)",
        "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 1, got 2",
    ),
    (
        "sum foo",
        r#"1:5: parse error: unexpected identifier "foo""#,
    ),
    (
        "sum by foo",
        r#"1:8: parse error: unexpected identifier "foo" in grouping opts, expected "(""#,
    ),
    (
        "sum by (foo",
        "1:12: parse error: unclosed left parenthesis",
    ),
    (
        "sum by (foo)",
        "1:13: parse error: unexpected end of input in aggregation",
    ),
    (
        "sum by (foo,) (bar) by (baz)",
        "1:21: parse error: unexpected <by>",
    ),
    (
        "sum by (1) (foo)",
        r#"1:9: parse error: unexpected number "1" in grouping opts, expected label"#,
    ),
    (
        "sum(foo) by (a b)",
        r#"1:16: parse error: unexpected identifier "b" in grouping opts, expected "," or ")""#,
    ),
    (
        "sum(foo[5m])",
        "1:5: parse error: expected type instant vector in aggregation expression, got range vector",
    ),
    (
        "sum(1)",
        "1:5: parse error: expected type instant vector in aggregation expression, got scalar",
    ),
    (
        "topk(foo)",
        "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1",
    ),
    (
        r#"topk("a", foo)"#,
        "1:6: parse error: expected type scalar in aggregation parameter, got string",
    ),
    (
        "topk(1, 2)",
        "1:9: parse error: expected type instant vector in aggregation expression, got scalar",
    ),
    (
        "topk(1, foo, bar)",
        "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 3",
    ),
    (
        "count_values(1, foo)",
        "1:14: parse error: expected type string in aggregation parameter, got scalar",
    ),
    (
        "quantile(foo, foo)",
        "1:10: parse error: expected type scalar in aggregation parameter, got instant vector",
    ),
    (
        "sum(foo +)",
        r#"1:10: parse error: unexpected ")" in aggregation"#,
    ),
    (
        "sum(foo,)",
        "1:8: parse error: trailing commas not allowed in function call args",
    ),
    (
        r#"sum without "x" (foo)"#,
        r#"1:13: parse error: unexpected string "\"x\"" in grouping opts, expected "(""#,
    ),
    (
        "avg(foo) bar",
        r#"1:10: parse error: unexpected identifier "bar""#,
    ),
    (
        "rate(foo)",
        r#"1:6: parse error: expected type range vector in call to function "rate", got instant vector"#,
    ),
    (
        "rate(1)",
        r#"1:6: parse error: expected type range vector in call to function "rate", got scalar"#,
    ),
    (
        "rate(foo[5m], 1)",
        r#"1:1: parse error: expected 1 argument(s) in call to "rate", got 2"#,
    ),
    (
        "rate()",
        r#"1:1: parse error: expected 1 argument(s) in call to "rate", got 0"#,
    ),
    (
        "rate(foo[5m]",
        "1:13: parse error: unclosed left parenthesis",
    ),
    (
        "rate(foo[5m],)",
        "1:13: parse error: trailing commas not allowed in function call args",
    ),
    (
        "rate(foo[5m] bar)",
        r#"1:14: parse error: unexpected identifier "bar""#,
    ),
    (
        "RATE(foo[5m])",
        r#"1:1: parse error: unknown function with name "RATE""#,
    ),
    (
        "nosuch(foo)",
        r#"1:1: parse error: unknown function with name "nosuch""#,
    ),
    (
        "nosuch()",
        r#"1:1: parse error: unknown function with name "nosuch""#,
    ),
    (
        "clamp(foo, 1)",
        r#"1:1: parse error: expected 3 argument(s) in call to "clamp", got 2"#,
    ),
    (
        "round()",
        r#"1:1: parse error: expected at least 1 argument(s) in call to "round", got 0"#,
    ),
    (
        "round(foo, 1, 2)",
        r#"1:1: parse error: expected at most 2 argument(s) in call to "round", got 3"#,
    ),
    (
        r#"round(foo, "a")"#,
        r#"1:12: parse error: expected type scalar in call to function "round", got string"#,
    ),
    (
        "label_join(foo)",
        r#"1:1: parse error: expected at least 3 argument(s) in call to "label_join", got 1"#,
    ),
    (
        r#"label_join(foo, "a", "b", 1)"#,
        r#"1:27: parse error: expected type string in call to function "label_join", got scalar"#,
    ),
    (
        r#"label_replace(foo, "a", "b", "c")"#,
        r#"1:1: parse error: expected 5 argument(s) in call to "label_replace", got 4"#,
    ),
    (
        "vector(foo)",
        r#"1:8: parse error: expected type scalar in call to function "vector", got instant vector"#,
    ),
    (
        "scalar(1)",
        r#"1:8: parse error: expected type instant vector in call to function "scalar", got scalar"#,
    ),
    (
        "time(1)",
        r#"1:1: parse error: expected 0 argument(s) in call to "time", got 1"#,
    ),
    (
        r#"abs("a")"#,
        r#"1:5: parse error: expected type instant vector in call to function "abs", got string"#,
    ),
    (
        "histogram_quantile(foo, 0.9)",
        r#"1:20: parse error: expected type scalar in call to function "histogram_quantile", got instant vector"#,
    ),
    ("foo:bar(x)", r#"1:8: parse error: unexpected "(""#),
    (
        "1_",
        r#"1:1: parse error: bad number or duration syntax: "1_""#,
    ),
    (
        "1__0",
        r#"1:1: parse error: bad number or duration syntax: "1__""#,
    ),
    (
        "0x",
        r#"1:1: parse error: error parsing number: strconv.ParseFloat: parsing "0x": invalid syntax"#,
    ),
    (
        "0xg",
        r#"1:1: parse error: bad number or duration syntax: "0x""#,
    ),
    (
        "1e",
        r#"1:1: parse error: bad number or duration syntax: "1e""#,
    ),
    (
        "1e+",
        r#"1:1: parse error: bad number or duration syntax: "1e+""#,
    ),
    (
        "1.2.3",
        r#"1:1: parse error: bad number or duration syntax: "1.2.""#,
    ),
    (
        "1ee5",
        r#"1:1: parse error: bad number or duration syntax: "1ee""#,
    ),
    (".e5", "1:1: parse error: unexpected character: '.'"),
    (
        "5mx",
        r#"1:1: parse error: bad number or duration syntax: "5mx""#,
    ),
    (
        "1e999",
        r#"1:1: parse error: error parsing number: strconv.ParseFloat: parsing "1e999": value out of range"#,
    ),
    (
        "5h30",
        r#"1:1: parse error: bad number or duration syntax: "5h30""#,
    ),
    (
        "10ys",
        r#"1:1: parse error: unknown unit "ys" in duration "10ys""#,
    ),
    (
        "0x1.5",
        r#"1:1: parse error: bad number or duration syntax: "0x1.""#,
    ),
    (
        "99999999999999999999y",
        r#"1:1: parse error: not a valid duration string: "99999999999999999999y""#,
    ),
    ("300y", "1:1: parse error: duration out of range"),
    (r#""a"#, "1:1: parse error: unterminated quoted string"),
    ("'a", "1:1: parse error: unterminated quoted string"),
    ("`a", "1:1: parse error: unterminated raw string"),
    (r#""\""#, "1:1: parse error: unterminated quoted string"),
    (
        r#""\8""#,
        "1:1: parse error: unknown escape sequence U+0038 '8'",
    ),
    (
        r#"'\"'"#,
        r#"1:1: parse error: unknown escape sequence U+0022 '"'"#,
    ),
    (
        r#""\400""#,
        "1:1: parse error: escape sequence is an invalid Unicode code point",
    ),
    (
        r#""\U00110000""#,
        "1:1: parse error: escape sequence is an invalid Unicode code point",
    ),
    (
        r#""a" "b""#,
        r#"1:5: parse error: unexpected string "\"b\"""#,
    ),
    (
        r#""a"[5m:]"#,
        "1:1: parse error: subquery is only allowed on instant vector, got string instead",
    ),
    (
        r#""a" offset 5m"#,
        "1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
    ),
    (
        "rate(foo[5m:1m])[5m]",
        "1:17: parse error: ranges only allowed for vector selectors",
    ),
    (
        "5[5m:1m]",
        "1:1: parse error: subquery is only allowed on instant vector, got scalar instead",
    ),
    (
        "foo[5m][5m:1m]",
        "1:1: parse error: subquery is only allowed on instant vector, got matrix instead",
    ),
    (
        "(foo[5m])[5m:1m]",
        "1:1: parse error: subquery is only allowed on instant vector, got matrix instead",
    ),
    (
        r#""a"[5m:1m]"#,
        "1:1: parse error: subquery is only allowed on instant vector, got string instead",
    ),
    (
        "\n\n foo{a=~\"(\"}",
        "3:6: parse error: error parsing regexp: missing closing ): `(`",
    ),
    (
        "foo +\n  bar[5m]",
        "2:3: parse error: binary expression must contain only scalar and instant vector types",
    ),
    (
        "sum(\n foo,\n bar)",
        "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 1, got 2",
    ),
];

/// What is refused unless it is switched on.
const SWITCHED_OFF: &[(&str, &str)] = &[
    (
        "limitk(2, foo)",
        "1:1: parse error: limitk() is experimental and must be enabled with --enable-feature=promql-experimental-functions",
    ),
    (
        "limit_ratio(0.5, foo)",
        "1:1: parse error: limit_ratio() is experimental and must be enabled with --enable-feature=promql-experimental-functions",
    ),
    (
        "info(foo)",
        r#"1:1: parse error: function "info" is not enabled"#,
    ),
    (
        r#"sort_by_label(foo, "a")"#,
        r#"1:1: parse error: function "sort_by_label" is not enabled"#,
    ),
    (
        "mad_over_time(foo[5m])",
        r#"1:1: parse error: function "mad_over_time" is not enabled"#,
    ),
    (
        "double_exponential_smoothing(foo[5m], 0.1, 0.1)",
        r#"1:1: parse error: function "double_exponential_smoothing" is not enabled"#,
    ),
    (
        "start()",
        r#"1:1: parse error: function "start" is not enabled"#,
    ),
    (
        "step()",
        r#"1:1: parse error: function "step" is not enabled"#,
    ),
    (
        "range()",
        r#"1:1: parse error: function "range" is not enabled"#,
    ),
    (
        "max_of(1, 2)",
        r#"1:1: parse error: function "max_of" is not enabled"#,
    ),
    (
        "foo anchored",
        "1:1: parse error: anchored modifier is experimental and not enabled",
    ),
    (
        "rate(foo[5m] smoothed)",
        "1:6: parse error: smoothed modifier is experimental and not enabled",
    ),
    (
        "foo + fill(0) bar",
        "1:1: parse error: binop fill modifiers are experimental and not enabled",
    ),
    (
        "foo + fill_left(1) fill_right(2) bar",
        "1:1: parse error: binop fill modifiers are experimental and not enabled",
    ),
    (
        "holt_winters(foo[5m], 0.1, 0.1)",
        r#"1:1: parse error: unknown function with name "holt_winters""#,
    ),
    (
        r#"histogram_quantiles(foo, "q", 0.5)"#,
        r#"1:1: parse error: function "histogram_quantiles" is not enabled"#,
    ),
];

/// What is refused where all is switched on.
const SWITCHED_ON: &[(&str, &str)] = &[
    (
        "limitk(foo)",
        "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1",
    ),
    (
        r#"limitk("a", foo)"#,
        "1:8: parse error: expected type scalar in aggregation parameter, got string",
    ),
    (
        "foo anchored smoothed",
        "1:1: parse error: anchored and smoothed modifiers cannot be used together",
    ),
    (
        "foo[5m] smoothed anchored",
        "1:1: parse error: anchored and smoothed modifiers cannot be used together",
    ),
    (
        "foo[5m:1m] anchored",
        "1:1: parse error: anchored modifier is not supported for subqueries",
    ),
    (
        "foo[5m:1m] smoothed",
        "1:1: parse error: smoothed modifier is not supported for subqueries",
    ),
    (
        "5 anchored",
        "1:1: parse error: anchored modifier not implemented",
    ),
    (
        "sum(foo) smoothed",
        "1:1: parse error: smoothed modifier not implemented",
    ),
    (
        "foo + fill 0 bar",
        r#"1:12: parse error: unexpected number "0""#,
    ),
    (
        "foo + fill(a) bar",
        r#"1:12: parse error: unexpected identifier "a""#,
    ),
    (
        "foo + fill(1 bar",
        r#"1:14: parse error: unexpected identifier "bar""#,
    ),
    (
        "1 + fill(1) bar",
        "1:1: parse error: filling in missing series only allowed between instant vectors",
    ),
    (
        "foo and fill(1) bar",
        "1:1: parse error: filling in missing series not allowed for set operators",
    ),
    (
        "foo or fill_left(1) bar",
        "1:1: parse error: filling in missing series not allowed for set operators",
    ),
    ("fill(1)", r#"1:5: parse error: unexpected "(""#),
    (
        "info(foo, bar)",
        "1:11: parse error: expected label selectors only, got vector selector instead",
    ),
    (
        r#"info(foo, bar{a="b"})"#,
        "1:11: parse error: expected label selectors only, got vector selector instead",
    ),
    (
        "info(foo, sum(bar))",
        "1:11: parse error: expected label selectors only",
    ),
    (
        "info(foo, 1)",
        r#"1:1: parse error: expected type instant vector in call to function "info", got scalar"#,
    ),
    (
        r#"info(foo, {a="b"}, 1)"#,
        r#"1:1: parse error: expected at most 2 argument(s) in call to "info", got 3"#,
    ),
    (
        "info(foo[5m])",
        r#"1:6: parse error: expected type instant vector in call to function "info", got range vector"#,
    ),
    (
        "foo + fill_left(0) fill(1) bar",
        r#"1:24: parse error: unexpected "(""#,
    ),
    (
        r#"foo </ "a""#,
        "1:8: parse error: binary expression must contain only scalar and instant vector types",
    ),
    (
        "step(1)",
        r#"1:1: parse error: expected 0 argument(s) in call to "step", got 1"#,
    ),
    (
        "range(foo)",
        r#"1:1: parse error: expected 0 argument(s) in call to "range", got 1"#,
    ),
    (
        "min_of(1)",
        r#"1:1: parse error: expected 2 argument(s) in call to "min_of", got 1"#,
    ),
    (
        "max_of(foo, 1)",
        r#"1:8: parse error: expected type scalar in call to function "max_of", got instant vector"#,
    ),
    (
        "start(1)",
        r#"1:1: parse error: expected 0 argument(s) in call to "start", got 1"#,
    ),
    (
        "1 </ bool 2",
        "1:3: parse error: bool modifier can only be used on comparison operators",
    ),
];

#[test]
fn operators_and_calls_are_refused_with_prometheus_words() {
    for features in [Features::ALL, Features::default()] {
        all_refused(OPERATORS, &features);
        all_refused(CALLS, &features);
    }
}

#[test]
fn what_is_experimental_is_refused_unless_switched_on() {
    all_refused(SWITCHED_OFF, &Features::default());
    all_refused(SWITCHED_ON, &Features::ALL);
}
