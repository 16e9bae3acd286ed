//! What is read, printed and read again is the same.

use proptest::prelude::*;

use super::super::{Expr, MAX_DEPTH, parse, prettify, to_json};
use crate::Features;

fn json(expr: &Expr) -> String {
    let mut json = String::new();
    to_json(expr, &mut json);
    json
}

/// Prints, reads and prints again.
fn check(text: &str) {
    let Ok(expr) = parse(text, &Features::ALL) else {
        return;
    };
    let printed = expr.to_string();
    for again in [printed.clone(), prettify(&expr)] {
        let read = parse(&again, &Features::ALL).unwrap_or_else(|error| panic!("{again}: {error}"));
        assert_eq!(read.to_string(), printed, "{text}");
    }
    let read = parse(&printed, &Features::ALL).unwrap();
    let twice = parse(&read.to_string(), &Features::ALL).unwrap();
    assert_eq!(json(&read), json(&twice), "{text}");
}

/// Those that Prometheus would print so that they mean something else, or nothing.
const HARD: &[&str] = &[
    "Inf ^ 2",
    "-Inf ^ 2",
    "x[0.0001]",
    "x offset 0.0001",
    "x offset -0.0001",
    "1s1ms",
    "sum by (\"inf\", \"NaN\", \"without\", \"a b\") (x)",
    "x{a=\"\\ufffd\", \"\\ufffd\"=\"b\"}",
    "x[(-5m)^2 + 1h]",
    "x offset --5m + 3",
    "x offset +-(1h) * 2",
    "x offset +-9888^1.5",
    "x offset +9888^1.5",
    "info(x, {})",
    "{__name__=\"\", a=\"b\"}",
];

#[test]
fn hard_ones_print_so_that_they_can_be_read() {
    for text in HARD {
        assert!(parse(text, &Features::ALL).is_ok(), "{text}");
        check(text);
    }
}

/// Nests by repeating what comes before and behind.
fn nested(before: &str, behind: &str, times: usize) -> String {
    format!("{}x{}", before.repeat(times), behind.repeat(times))
}

#[test]
fn deep_expressions_are_refused_and_do_not_overflow() {
    let wrapped = [
        ("(", ")"),
        ("-", ""),
        ("abs(", ")"),
        ("sum by (a) (", ")"),
        ("", "+x"),
        ("", " or x"),
        ("x^", ""),
        ("", "[5m:]"),
        ("max_over_time((", ")[5m:])"),
    ];
    for (before, behind) in wrapped {
        assert!(parse(&nested(before, behind, 100_000), &Features::ALL).is_err());
    }
    let long = format!("x[{}5m{}]", "(".repeat(100_000), ")".repeat(100_000));
    let error = parse(&long, &Features::ALL).unwrap_err();
    assert_eq!(error.message, "expression nests deeper than 64 levels");
    let expected = format!("expression nests deeper than {MAX_DEPTH} levels");
    let error = parse(&format!("x[5m{}]", "+1m".repeat(100_000)), &Features::ALL).unwrap_err();
    assert_eq!(error.message, expected);
    check(&nested("(", ")", 60));
    check(&nested("", "+x", MAX_DEPTH - 1));
    let error = parse(&nested("", "+x", MAX_DEPTH), &Features::ALL).unwrap_err();
    assert_eq!(error.message, expected);
}

#[test]
fn prometheus_2_has_another_name_for_a_function() {
    let text = "holt_winters(x[5m], 0.1, 0.1)";
    let features = Features {
        prometheus_2: true,
        ..Features::default()
    };
    let printed = parse(text, &features).unwrap().to_string();
    assert_eq!(printed, "double_exponential_smoothing(x[5m], 0.1, 0.1)");
    assert!(parse(&printed, &features).is_ok());
    assert!(parse(text, &Features::ALL).is_err());
}

fn duration() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("5m".to_owned()),
        Just("1h30m".to_owned()),
        (1_u32..10_000).prop_map(|n| n.to_string()),
        Just("1.5".to_owned()),
        Just("step()".to_owned()),
        Just("range()".to_owned()),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), "[-+*/%^]", inner.clone()).prop_map(|(a, op, b)| format!("{a}{op}{b}")),
            (inner.clone(), "min_of|max_of", inner.clone())
                .prop_map(|(a, f, b)| format!("{f}({a}, {b})")),
            inner.clone().prop_map(|a| format!("({a})")),
            ("[-+]", inner).prop_map(|(sign, a)| format!("{sign}{a}")),
        ]
    })
}

fn selector() -> impl Strategy<Value = String> {
    let name = "foo|sum|offset|start|fill|anchored|a:b|";
    let label = "[a-c]|by|\"x y\"";
    let matcher = (label, "=|!=|=~|!~", "[a-z.*]{0,3}")
        .prop_map(|(name, op, value)| format!("{name}{op}\"{value}\""));
    let modifier = prop_oneof![
        Just(String::new()),
        duration().prop_map(|d| format!(" offset {d}")),
        duration().prop_map(|d| format!(" offset ({d})")),
        Just(" @ end()".to_owned()),
        any::<i32>().prop_map(|n| format!(" @ {n}")),
        Just(" anchored".to_owned()),
    ];
    let matchers = proptest::collection::vec(matcher, 0..3);
    (name, matchers, modifier).prop_map(|(name, matchers, modifier)| {
        format!("{name}{{{}}}{modifier}", matchers.join(","))
    })
}

fn expression() -> impl Strategy<Value = String> {
    let number = "[0-9]{1,3}|0x1f|1e[0-9]|Inf|NaN|5m|1s1ms";
    let leaf = prop_oneof![3 => selector(), 1 => number];
    leaf.prop_recursive(5, 40, 3, |inner| {
        let op = "[-+*/%^]|==|!=|< bool|>=|and|or|unless|atan2|</|>/";
        let matching = " | on \\(a\\) | ignoring\\(b, by\\) group_left\\(c\\) | fill\\(-1\\) ";
        prop_oneof![
            4 => (inner.clone(), op, matching, inner.clone())
                .prop_map(|(a, op, how, b)| format!("{a} {op}{how}{b}")),
            1 => inner.clone().prop_map(|a| format!("({a})")),
            1 => ("[-+]", inner.clone()).prop_map(|(sign, a)| format!("{sign}{a}")),
            1 => ("sum|avg by \\(a\\)|max without \\(\"b c\"\\)", inner.clone())
                .prop_map(|(name, a)| format!("{name}({a})")),
            1 => ("topk|quantile", inner.clone(), inner.clone())
                .prop_map(|(name, a, b)| format!("{name}({a}, {b})")),
            1 => ("abs|rate|vector|time", inner.clone()).prop_map(|(f, a)| format!("{f}({a})")),
            1 => (selector(), duration()).prop_map(|(a, d)| format!("rate({a}[{d}])")),
            1 => (inner, duration(), duration()).prop_map(|(a, d, s)| format!("({a})[{d}:{s}]")),
        ]
    })
}

proptest! {
    #[test]
    fn generated_expressions_come_back(text in expression()) {
        check(&text);
    }

    #[test]
    fn no_text_panics(text in "\\PC*") {
        check(&text);
    }

    #[test]
    fn no_likely_text_panics(
        pieces in proptest::collection::vec(
            "[a-c0-9]|[-+*/^@{}()\\[\\]:,\"'` \n#=!~<>.]|5m|sum|by|on|offset|rate|and|fill|step\\(\\)",
            0..24,
        )
    ) {
        check(&pieces.concat());
    }
}
