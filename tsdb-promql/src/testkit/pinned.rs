//! Queries with all selectors pinned to a time by `@`.

use crate::engine::Features;
use crate::syntax::{At, Expr, parse};

/// Functions that ask for the bounds of the query.
const OF_THE_QUERY: [&str; 4] = ["end", "range", "start", "step"];

/// Functions whose value varies with the time of evaluation even where their arguments do not.
const OF_THE_TIME: [&str; 11] = [
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "days_in_month",
    "hour",
    "minute",
    "month",
    "predict_linear",
    "time",
    "timestamp",
    "year",
];

/// The query with all selectors pinned to `time`, and other times, at which it has to give the same.
/// There are none where it would not, or where the text is no query.
pub(super) fn pinned(expression: &str, time: i64) -> Vec<(String, i64)> {
    let Ok(expr) = parse(expression, &Features::ALL) else {
        return Vec::new();
    };
    let mut places = Vec::new();
    if !collect(&expr, &mut places) {
        return Vec::new();
    }
    let sign = if time < 0 { "-" } else { "" };
    let (seconds, rest) = (time.unsigned_abs() / 1000, time.unsigned_abs() % 1000);
    let pin = format!(" @ {sign}{seconds}.{rest:03}");
    let mut text = expression.to_owned();
    places.sort_unstable();
    for place in places.into_iter().rev() {
        text.insert_str(place, &pin);
    }
    let times = match time {
        0 => vec![-1000, 0, 1000],
        _ => vec![-10 * time, 0, time / 5, time, 10 * time],
    };
    let all = times.into_iter();
    all.map(|time| (text.clone(), time)).collect()
}

/// Takes the places where a pin has to stand; false where pins do not keep the value.
fn collect(expr: &Expr, places: &mut Vec<usize>) -> bool {
    let (at, end) = match expr {
        Expr::Vector(selector) => (selector.at, selector.span.end),
        Expr::Matrix(matrix) => (matrix.selector.at, matrix.span.end),
        // What is inside is evaluated at times that the pin gives.
        Expr::Subquery(subquery) if asks_for_query(&subquery.expr) => return false,
        Expr::Subquery(subquery) => (subquery.at, subquery.span.end),
        Expr::Call(call) if OF_THE_QUERY.contains(&call.function.name) => return false,
        Expr::Call(call) if OF_THE_TIME.contains(&call.function.name) => return false,
        other => {
            return children(other)
                .into_iter()
                .all(|child| collect(child, places));
        }
    };
    places.extend(at.is_none().then_some(end));
    !matches!(at, Some(At::Start | At::End))
}

/// Whether it has another value in a query of other bounds.
fn asks_for_query(expr: &Expr) -> bool {
    let at = match expr {
        Expr::Vector(selector) => selector.at,
        Expr::Matrix(matrix) => matrix.selector.at,
        Expr::Subquery(subquery) => subquery.at,
        Expr::Call(call) if OF_THE_QUERY.contains(&call.function.name) => return true,
        _ => None,
    };
    matches!(at, Some(At::Start | At::End)) || children(expr).into_iter().any(asks_for_query)
}

fn children(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Number(_) | Expr::String(_) | Expr::Vector(_) | Expr::Matrix(_) => Vec::new(),
        Expr::Subquery(subquery) => vec![&subquery.expr],
        Expr::Unary(unary) => vec![&unary.expr],
        Expr::Paren(paren) => vec![&paren.expr],
        Expr::Binary(binary) => vec![&binary.left, &binary.right],
        Expr::Aggregate(aggregate) => {
            let parameter = aggregate.parameter.as_deref();
            parameter.into_iter().chain([&*aggregate.expr]).collect()
        }
        Expr::Call(call) => call.arguments.iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::pinned;
    use crate::engine::Features;
    use crate::syntax::parse;

    fn pin(expression: &str) -> Option<String> {
        let mut all = pinned(expression, 90_500).into_iter();
        let (text, _) = all.next()?;
        parse(&text, &Features::ALL).unwrap();
        Some(text)
    }

    #[test]
    fn selectors_are_pinned_behind_their_modifiers() {
        for (expression, expected) in [
            ("a", "a @ 90.500"),
            ("1 + 2", "1 + 2"),
            (
                "rate(a[5m] offset 1m) + b @ 5",
                "rate(a[5m] offset 1m @ 90.500) + b @ 5",
            ),
            (
                "sum by (x) (a{b=\"c\"})",
                "sum by (x) (a{b=\"c\"} @ 90.500)",
            ),
            (
                "topk(scalar(k), -(a))",
                "topk(scalar(k @ 90.500), -(a @ 90.500))",
            ),
            (
                "max_over_time(rate(a[1m])[5m:10s] offset 3m)",
                "max_over_time(rate(a[1m])[5m:10s] offset 3m @ 90.500)",
            ),
            ("rate(a[1m] smoothed)", "rate(a[1m] smoothed @ 90.500)"),
            (
                "sum_over_time(timestamp(a)[5m:])",
                "sum_over_time(timestamp(a)[5m:] @ 90.500)",
            ),
        ] {
            assert_eq!(pin(expression).as_deref(), Some(expected), "{expression}");
        }
    }

    #[test]
    fn what_varies_with_time_is_left_alone() {
        for expression in [
            "timestamp(a)",
            "a + time()",
            "a @ start()",
            "sum_over_time((a @ end())[5m:])",
            "a + end()",
            "a +",
        ] {
            assert_eq!(pin(expression), None, "{expression}");
        }
    }

    #[test]
    fn other_times_lie_around() {
        let times = |time| -> Vec<i64> { pinned("a", time).iter().map(|(_, at)| *at).collect() };
        assert_eq!(times(0), [-1000, 0, 1000]);
        assert_eq!(times(5000), [-50_000, 0, 1000, 5000, 50_000]);
        assert_eq!(pinned("a", -1500)[0].0, "a @ -1.500");
    }
}
