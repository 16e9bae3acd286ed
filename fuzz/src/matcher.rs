//! Regular expressions of matchers.

use regex::Regex;
use tsdb_core::model::Matcher;

use crate::Input;

/// Pieces that patterns are made of.
const PIECES: &[&str] = &[
    "a",
    "b",
    "foo",
    "bar",
    ".",
    ".*",
    ".+",
    "|",
    "(",
    ")",
    "(?:",
    "?",
    "*",
    "+",
    "{2}",
    "{0,3}",
    "[ab]",
    "[^a]",
    "^",
    "$",
    "\\.",
    "\\d",
    "\\w",
    "\\Q",
    "\\E",
    "(?i)",
    "(?i:",
    "(?s)",
    "\u{e9}",
    "[[:alpha:]]",
    "\\pL",
    "\\b",
    "-",
    "(?P<a>",
    "{1000}",
];

/// Syntax that Go and the `regex` crate read differently.
const DIALECT: &[&str] = &["\\", "(?", "[[", "[]", "&&", "--", "~~", "{,", "$", "^"];

/// The short cuts (sets, prefixes) agree with the program, and the program with another one.
pub(crate) fn regex(input: &[u8]) {
    let mut input = Input::new(input);
    let pattern: String = match input.byte() % 4 {
        0 => input.text(24),
        _ => {
            let len = input.below(12);
            (0..len)
                .map(|_| PIECES[input.below(PIECES.len())])
                .collect()
        }
    };
    let Ok(matcher) = Matcher::regex("name", pattern.as_str()) else {
        return;
    };
    let negated = Matcher::not_regex("name", pattern.as_str()).expect("the same pattern");
    let plain = !DIALECT.iter().any(|syntax| pattern.contains(syntax));
    let other = plain
        .then(|| Regex::new(&format!("^(?s:{pattern})$")).ok())
        .flatten();

    let mut values = vec![
        String::new(),
        pattern.clone(),
        "foo".to_owned(),
        "foobar".to_owned(),
    ];
    values.extend(
        matcher
            .set_matches()
            .unwrap_or_default()
            .iter()
            .take(16)
            .cloned(),
    );
    values.extend((0..8).map(|_| input.text(6)));
    assert_eq!(matcher.matches_empty(), matcher.matches(""));
    for value in &values {
        let matched = matcher.matches(value);
        assert_ne!(
            matched,
            negated.matches(value),
            "{pattern:?} and its negation on {value:?}"
        );
        if let Some(set) = matcher.set_matches() {
            assert_eq!(
                matched,
                set.contains(value),
                "{pattern:?} against its set on {value:?}"
            );
        }
        if let Some(prefix) = matcher.prefix() {
            assert!(
                !matched || value.starts_with(prefix),
                "{pattern:?} matches {value:?}"
            );
        }
        if let Some(other) = &other {
            assert_eq!(matched, other.is_match(value), "{pattern:?} on {value:?}");
        }
    }
}
