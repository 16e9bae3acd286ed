//! Queries.

use tsdb_promql::Features;
use tsdb_promql::syntax::{parse, parse_metric_selector, prettify, to_json};

/// A query that is read prints as one that is read as the same; JSON of it can be read.
pub(crate) fn parse_and_print(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    if let Err(error) = parse_metric_selector(text) {
        assert!(!error.message.is_empty(), "{text}");
    }
    let expr = match parse(text, &Features::ALL) {
        Ok(expr) => expr,
        Err(error) => {
            assert!(!error.message.is_empty(), "{text}");
            // What is refused with all switched on is refused with less.
            assert!(parse(text, &Features::default()).is_err(), "{text}");
            return;
        }
    };
    let mut json = String::new();
    to_json(&expr, &mut json);
    assert!(
        serde_json::from_str::<serde_json::Value>(&json).is_ok(),
        "{text}: {json}"
    );
    let printed = expr.to_string();
    for again in [prettify(&expr), printed.clone()] {
        match parse(&again, &Features::ALL) {
            Ok(read) => assert_eq!(read.to_string(), printed, "{text}"),
            Err(error) => panic!("{text}: {again}: {error}"),
        }
    }
}
