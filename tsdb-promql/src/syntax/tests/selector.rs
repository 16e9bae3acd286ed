//! Selectors as `match[]` carries them.

use proptest::prelude::*;

use super::super::parse_metric_selector;

/// The matchers of a selector, as text.
fn parsed(input: &str) -> Vec<String> {
    let matchers = parse_metric_selector(input).unwrap_or_else(|error| panic!("{input}: {error}"));
    matchers
        .iter()
        .map(|m| format!("{} {:?} {}", m.name(), m.op(), m.value()))
        .collect()
}

fn refused(input: &str) -> String {
    match parse_metric_selector(input) {
        Ok(matchers) => panic!("{input} gave {matchers:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn metric_names_and_matchers_of_all_kinds() {
    assert_eq!(parsed("up"), ["__name__ Equal up"]);
    assert_eq!(parsed("job:up:sum"), ["__name__ Equal job:up:sum"]);
    assert_eq!(parsed(" sum "), ["__name__ Equal sum"]);
    assert_eq!(
        parsed(r#"up{a="b", c!="d",e=~"f.*",g!~"h",}"#),
        [
            "a Equal b",
            "c NotEqual d",
            "e Regex f.*",
            "g NotRegex h",
            "__name__ Equal up"
        ]
    );
    assert_eq!(parsed("{}"), Vec::<String>::new());
    assert_eq!(parsed("up{}"), ["__name__ Equal up"]);
    assert_eq!(parsed("{ # all of them\n sum = 'x' }"), ["sum Equal x"]);
}

#[test]
fn quoted_names_may_hold_anything() {
    assert_eq!(parsed(r#"{"a.b"="c"}"#), ["a.b Equal c"]);
    assert_eq!(
        parsed(r#"{"my.metric", x="y"}"#),
        ["__name__ Equal my.metric", "x Equal y"]
    );
    assert_eq!(parsed(r#"{"my.metric"}"#), ["__name__ Equal my.metric"]);
    assert_eq!(
        parsed("{'\u{e9}t\u{e9}'=~`a\\b`}"),
        ["\u{e9}t\u{e9} Regex a\\b"]
    );
}

#[test]
fn strings_take_go_escapes_in_three_quote_styles() {
    assert_eq!(
        parsed(r#"{a="\a\b\f\n\r\t\v\\\"'"}"#),
        ["a Equal \u{7}\u{8}\u{c}\n\r\t\u{b}\\\"'"]
    );
    assert_eq!(parsed(r"{a='\''}"), ["a Equal '"]);
    assert_eq!(parsed(r#"{a=`\n"'`}"#), ["a Equal \\n\"'"]);
    assert_eq!(parsed("{a=`x\ny`}"), ["a Equal x\ny"]);
    assert_eq!(
        parsed(r#"{a="\x41\101\u00e9\U0001F600\xc3\xa9"}"#),
        ["a Equal AA\u{e9}\u{1f600}\u{e9}"]
    );
}

/// Inputs that are refused, and how.
const REFUSED: &[(&str, &str)] = &[
    ("", "1:1: parse error: unexpected end of input"),
    (
        "up{",
        "1:4: parse error: unexpected end of input inside braces",
    ),
    (
        "up{a",
        "1:5: parse error: unexpected end of input inside braces",
    ),
    (
        "up{a=b}",
        "1:6: parse error: unexpected identifier \"b\" in label matching, expected string",
    ),
    (
        "up{a}",
        "1:5: parse error: unexpected \"}\" in label matching, expected label matching operator",
    ),
    (
        "up{=\"b\"}",
        "1:4: parse error: unexpected \"=\" in label matching, expected identifier or \"}\"",
    ),
    (
        "up{,}",
        "1:4: parse error: unexpected \",\" in label matching, expected identifier or \"}\"",
    ),
    (
        "up{a=\"b\" c=\"d\"}",
        "1:10: parse error: unexpected identifier \"c\" in label matching, expected \",\" or \"}\"",
    ),
    (
        "up{a=\"b\"} x",
        "1:11: parse error: unexpected identifier \"x\"",
    ),
    ("up + 1", "1:4: parse error: unexpected <op:+>"),
    ("up[5m]", "1:3: parse error: unexpected \"[\""),
    (
        "\n\n  up{a!\"b\"}",
        "3:7: parse error: unexpected character after '!' inside braces: '\"'",
    ),
    ("up{a=\"b}", "1:6: parse error: unterminated quoted string"),
    ("up{a=`b}", "1:6: parse error: unterminated raw string"),
    (
        r#"up{a="\q"}"#,
        "1:6: parse error: unknown escape sequence U+0071 'q'",
    ),
    (
        r#"up{a="\ud800"}"#,
        "1:6: parse error: escape sequence is an invalid Unicode code point",
    ),
    (
        r#"up{a="\x4z"}"#,
        "1:6: parse error: illegal character U+007A 'z' in escape sequence",
    ),
    (
        r#"up{a="\xff"}"#,
        "1:6: parse error: label value is not valid UTF-8: \"\\xff\"",
    ),
    (
        "up{1=\"b\"}",
        "1:4: parse error: unexpected character inside braces: '1'",
    ),
    (
        "\"up\"",
        "1:1: parse error: unexpected string \"\\\"up\\\"\"",
    ),
    ("up offset 5m", "1:4: parse error: unexpected <offset>"),
    ("up and up", "1:4: parse error: unexpected <op:and>"),
    ("up sum", "1:4: parse error: unexpected <aggr:sum>"),
    (
        "up{a=bool}",
        "1:6: parse error: unexpected identifier \"bool\" in label matching, expected string",
    ),
    ("up{{", "1:4: parse error: unexpected left brace '{'"),
    ("up}", "1:3: parse error: unexpected character: '}'"),
    (
        "up!~",
        "1:3: parse error: unexpected character after '!': '~'",
    ),
    ("5m", "1:1: parse error: unexpected duration \"5m\""),
    ("bool", "1:1: parse error: unexpected <bool>"),
    ("17", "1:1: parse error: unexpected number \"17\""),
    ("up;", "1:3: parse error: unexpected character: ';'"),
];

#[test]
fn errors_say_what_and_where() {
    for (input, expected) in REFUSED {
        assert_eq!(refused(input), *expected, "{input}");
    }
}

#[test]
fn a_bad_regex_is_placed_at_its_matcher() {
    let error = refused("up{a=~\"(\"}");
    assert!(error.starts_with("1:4: parse error: "), "{error}");
}

proptest! {
    #[test]
    fn no_input_panics(input in "\\PC*") {
        let _ = parse_metric_selector(&input);
    }

    #[test]
    fn no_likely_input_panics(input in "[a{}=!~\"'`,\\\\x0-9:\n #()]{0,40}") {
        let _ = parse_metric_selector(&input);
    }

    #[test]
    fn a_quoted_value_comes_back(value in "\\PC*") {
        prop_assume!(!value.contains('\u{fffd}'));
        let literal = super::super::token::quoted(&value);
        let matchers = parse_metric_selector(&format!("{{a={literal}}}")).expect("a quoted value");
        prop_assert_eq!(matchers[0].value(), value);
    }
}
