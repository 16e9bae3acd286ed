//! Expressions out of any bytes, nearly all of them valid.

use tsdb_promql::syntax::{FUNCTIONS, Function, ValueType};

use crate::input::Input;

/// How far expressions are nested.
const DEPTH: u32 = 4;

const METRICS: [&str; 9] = [
    "c",
    "g",
    "h",
    "n",
    "m",
    "b_bucket",
    "target_info",
    "missing",
    "",
];
const MATCHERS: [&str; 9] = [
    "",
    "",
    "{job=\"a\"}",
    "{job!=\"a\"}",
    "{job=~\"a|b\"}",
    "{instance=\"\"}",
    "{le!=\"+Inf\"}",
    "{job=\"a\",instance!~\"y.*\"}",
    "{nothing=\"\"}",
];
const DURATIONS: [&str; 9] = [
    "30s",
    "1m",
    "90s",
    "5m",
    "10m",
    "1h",
    "1m*2",
    "step()+1m",
    "1ms",
];
const OFFSETS: [&str; 10] = [
    "",
    "",
    "",
    " offset 1m",
    " offset -45s",
    " @ 300",
    " @ start()",
    " @ end()",
    " @ 100 offset 30s",
    " offset 5m",
];
const EXTENDED: [&str; 6] = ["", "", "", "", " anchored", " smoothed"];
const AGGREGATES: [&str; 14] = [
    "sum",
    "avg",
    "count",
    "min",
    "max",
    "group",
    "stddev",
    "stdvar",
    "topk",
    "bottomk",
    "quantile",
    "count_values",
    "limitk",
    "limit_ratio",
];
const GROUPINGS: [&str; 8] = [
    "",
    "",
    " by (job)",
    " by ()",
    " by (job, le)",
    " without (instance)",
    " without (job, le)",
    " by (__name__, job)",
];
const OPERATORS: [&str; 18] = [
    "+", "-", "*", "/", "%", "^", "atan2", "==", "!=", ">", "<=", "> bool", "!= bool", "and", "or",
    "unless", "</", ">/",
];
const MATCHINGS: [&str; 9] = [
    "",
    "",
    " on (job)",
    " ignoring (le, instance)",
    " on (job) group_left ()",
    " on (job) group_right (instance)",
    " ignoring (version) group_left (version)",
    " on (job) fill (0)",
    " ignoring (le) fill_left (1) fill_right (-1)",
];
const NUMBERS: [&str; 12] = [
    "0", "1", "-1", "0.5", "2", "0.99", "NaN", "Inf", "-Inf", "1e9", "1e-9", "300",
];
const TEXTS: [&str; 9] = [
    "\"job\"",
    "\"instance\"",
    "\"__name__\"",
    "\"new\"",
    "\"(.*)\"",
    "\"$1\"",
    "\"\"",
    "\"a|(b)\"",
    "\"le\"",
];

/// An expression of what the input chooses.
pub(crate) fn expression(input: &mut Input<'_>) -> String {
    match input.below(16) {
        0 => scalar(input, DEPTH),
        1 => matrix(input, DEPTH),
        _ => vector(input, DEPTH),
    }
}

fn one<'t>(input: &mut Input<'_>, of: &[&'t str]) -> &'t str {
    of[input.below(of.len())]
}

fn vector(input: &mut Input<'_>, depth: u32) -> String {
    if depth == 0 {
        return selector(input);
    }
    match input.below(8) {
        0 | 1 => selector(input),
        2 | 3 => function(input, ValueType::Vector, depth),
        4 => aggregate(input, depth),
        5 => binary(input, depth),
        6 => {
            let (operator, number) = (one(input, &OPERATORS[..13]), scalar(input, depth - 1));
            let vector = vector(input, depth - 1);
            match input.below(2) {
                0 => format!("(({vector}) {operator} ({number}))"),
                _ => format!("(({number}) {operator} ({vector}))"),
            }
        }
        _ => format!("-({})", vector(input, depth - 1)),
    }
}

fn selector(input: &mut Input<'_>) -> String {
    let (name, matchers) = (one(input, &METRICS), one(input, &MATCHERS));
    let matchers = match (name, matchers) {
        ("", "" | "{instance=\"\"}" | "{nothing=\"\"}") => "{__name__=~\"[cgm]\"}",
        (_, matchers) => matchers,
    };
    let extended = match input.below(16) {
        0 => " smoothed",
        _ => "",
    };
    format!("{name}{matchers}{extended}{}", one(input, &OFFSETS))
}

fn matrix(input: &mut Input<'_>, depth: u32) -> String {
    let long = one(input, &DURATIONS);
    let offset = one(input, &OFFSETS);
    if depth == 0 || input.below(3) > 0 {
        let (name, matchers) = (one(input, &METRICS[..8]), one(input, &MATCHERS));
        let extended = one(input, &EXTENDED);
        return format!("{name}{matchers}[{long}]{extended}{offset}");
    }
    let step = one(input, &["", "30s", "1m", "7s", "5m"]);
    format!("({})[{long}:{step}]{offset}", vector(input, depth - 1))
}

fn scalar(input: &mut Input<'_>, depth: u32) -> String {
    if depth == 0 {
        return one(input, &NUMBERS).to_owned();
    }
    match input.below(8) {
        0 => function(input, ValueType::Scalar, depth),
        1 => {
            let operator = one(input, &OPERATORS[..7]);
            let (left, right) = (scalar(input, depth - 1), scalar(input, depth - 1));
            format!("(({left}) {operator} ({right}))")
        }
        2 => format!("scalar({})", vector(input, depth - 1)),
        _ => one(input, &NUMBERS).to_owned(),
    }
}

fn function(input: &mut Input<'_>, returns: ValueType, depth: u32) -> String {
    let fitting = |function: &&Function| function.returns == returns;
    let all: Vec<&Function> = FUNCTIONS.iter().filter(fitting).collect();
    let function = all[input.below(all.len())];
    let mut arguments = Vec::new();
    let least = match function.variadic {
        0 => function.arguments.len(),
        1.. => function.arguments.len() - 1,
        _ => function.arguments.len(),
    };
    let more = match function.variadic {
        0 => 0,
        _ => input.below(3),
    };
    for index in 0..least + more {
        let kind = function.arguments.get(index).or(function.arguments.last());
        let Some(kind) = kind else { break };
        arguments.push(match kind {
            ValueType::Vector => vector(input, depth - 1),
            ValueType::Matrix => matrix(input, depth - 1),
            ValueType::Scalar => scalar(input, depth - 1),
            _ => one(input, &TEXTS).to_owned(),
        });
    }
    format!("{}({})", function.name, arguments.join(", "))
}

fn aggregate(input: &mut Input<'_>, depth: u32) -> String {
    let (op, grouping) = (one(input, &AGGREGATES), one(input, &GROUPINGS));
    let parameter = match op {
        "count_values" => "\"new\", ".to_owned(),
        "topk" | "bottomk" | "quantile" | "limitk" | "limit_ratio" => {
            format!("{}, ", scalar(input, depth - 1))
        }
        _ => String::new(),
    };
    format!("{op}{grouping} ({parameter}{})", vector(input, depth - 1))
}

fn binary(input: &mut Input<'_>, depth: u32) -> String {
    let operator = one(input, &OPERATORS);
    let matching = match operator {
        "and" | "or" | "unless" => one(input, &MATCHINGS[..4]),
        _ => one(input, &MATCHINGS),
    };
    let (left, right) = (vector(input, depth - 1), vector(input, depth - 1));
    format!("(({left}) {operator}{matching} ({right}))")
}
