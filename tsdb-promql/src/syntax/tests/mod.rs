mod printed;
mod refused;
mod refused_selectors;
mod round_trip;
mod selector;

use super::parse;
use crate::Features;

/// Checks that texts are refused, and with which words.
fn all_refused(cases: &[(&str, &str)], features: &Features) {
    for (text, expected) in cases {
        match parse(text, features) {
            Ok(expr) => panic!("{text} was read as {expr}"),
            Err(error) => assert_eq!(error.to_string(), *expected, "{text}"),
        }
    }
}
