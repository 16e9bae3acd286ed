//! Selectors that are refused, and with which words.

use super::all_refused;
use crate::Features;

/// Text and error.
const CASES: &[(&str, &str)] = &[
    (
        "",
        "unknown position: parse error: no expression found in input",
    ),
    ("\n", "1:1: parse error: no expression found in input"),
    (
        "# only a comment",
        "1:1: parse error: no expression found in input",
    ),
    ("1 +", "1:4: parse error: unexpected end of input"),
    ("+", "1:2: parse error: unexpected end of input"),
    (")", "1:2: parse error: unexpected right parenthesis ')'"),
    ("(", "1:2: parse error: unclosed left parenthesis"),
    ("(1", "1:3: parse error: unclosed left parenthesis"),
    ("foo)", "1:5: parse error: unexpected right parenthesis ')'"),
    ("foo]", "1:4: parse error: unexpected right bracket ']'"),
    ("foo}", "1:4: parse error: unexpected character: '}'"),
    ("[5m]", r#"1:1: parse error: unexpected "[""#),
    (
        "foo[",
        "1:5: parse error: unexpected end of input in duration expression",
    ),
    (
        "foo[]",
        r#"1:5: parse error: unexpected "]" in subquery or range selector, expected number, duration, step(), or range()"#,
    ),
    ("foo[5m", "1:7: parse error: unclosed left bracket"),
    (
        "foo[5m] bar",
        r#"1:9: parse error: unexpected identifier "bar""#,
    ),
    ("foo[5m]5", r#"1:8: parse error: unexpected number "5""#),
    (
        r#"foo["5m"]"#,
        r#"1:5: parse error: unexpected character in duration expression: '"'"#,
    ),
    (
        "foo[x]",
        "1:5: parse error: unexpected character in duration expression: 'x'",
    ),
    (
        "foo[0]",
        "1:5: parse error: duration must be greater than 0",
    ),
    (
        "foo[0m]",
        "1:5: parse error: duration must be greater than 0",
    ),
    (
        "foo[-5m]",
        "1:5: parse error: duration must be greater than 0",
    ),
    (
        "foo[5mm]",
        r#"1:5: parse error: bad number or duration syntax: "5mm""#,
    ),
    (
        "foo[1h5]",
        r#"1:5: parse error: bad number or duration syntax: "1h5""#,
    ),
    (
        "foo[5m1h]",
        r#"1:5: parse error: not a valid duration string: "5m1h""#,
    ),
    (
        "foo[1d2d]",
        r#"1:5: parse error: not a valid duration string: "1d2d""#,
    ),
    (
        "foo[5m:0]",
        "1:8: parse error: duration must be greater than 0",
    ),
    (
        "foo[5m:x]",
        "1:8: parse error: unexpected character: 'x', expected ':'",
    ),
    ("foo[5m:1m", "1:10: parse error: unclosed left bracket"),
    ("foo[5m::1m]", "1:8: parse error: unexpected colon ':'"),
    (
        "foo[:]",
        "1:6: parse error: unexpected colon before duration in duration expression",
    ),
    ("foo[5m:1m:1s]", "1:10: parse error: unexpected colon ':'"),
    (
        "foo[5m:1m]]",
        "1:11: parse error: unexpected right bracket ']'",
    ),
    (
        "foo[[5m]]",
        "1:5: parse error: unexpected character in duration expression: '['",
    ),
    (
        "5[5m]",
        "1:2: parse error: ranges only allowed for vector selectors",
    ),
    (
        "(foo + bar)[5m]",
        "1:12: parse error: ranges only allowed for vector selectors",
    ),
    (
        "foo[5m][5m]",
        "1:8: parse error: ranges only allowed for vector selectors",
    ),
    (
        "foo offset 5m [5m]",
        "1:15: parse error: no offset modifiers allowed before range",
    ),
    (
        "foo @ 5 [5m]",
        "1:9: parse error: no @ modifiers allowed before range",
    ),
    (
        "foo offset",
        "1:11: parse error: unexpected end of input in offset, expected number, duration, step(), or range()",
    ),
    (
        "foo offset bar",
        r#"1:12: parse error: unexpected identifier "bar" in offset, expected number, duration, step(), or range()"#,
    ),
    (
        "foo offset 5 offset 3",
        "1:1: parse error: offset may not be set multiple times",
    ),
    (
        "5 offset 3m",
        "1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
    ),
    (
        "sum(foo) offset 5m",
        "1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
    ),
    (
        "foo offset 1e20",
        "1:12: parse error: duration out of range",
    ),
    (
        "foo offset (5m",
        "1:15: parse error: unclosed left parenthesis",
    ),
    (
        "foo offset (5m + bar)",
        r#"1:18: parse error: unexpected identifier "bar" in offset, expected number, duration, step(), or range()"#,
    ),
    (
        "foo offset (5m) + bar",
        r#"1:19: parse error: unexpected identifier "bar" in offset, expected number, duration, step(), or range()"#,
    ),
    ("foo[5m/0]", "1:7: parse error: division by zero"),
    ("foo[5m%0]", "1:7: parse error: modulo by zero"),
    (
        "foo[99999999999]",
        "1:5: parse error: duration out of range",
    ),
    ("foo[9999y]", "1:5: parse error: duration out of range"),
    (
        "foo @",
        "1:6: parse error: unexpected end of input in @, expected timestamp",
    ),
    (
        "foo @ bar",
        r#"1:7: parse error: unexpected identifier "bar" in @, expected timestamp"#,
    ),
    (
        "foo @ start",
        "1:12: parse error: unexpected end of input in @, expected timestamp",
    ),
    (
        "foo @ start(",
        "1:13: parse error: unclosed left parenthesis",
    ),
    (
        "foo @ +Inf",
        "1:1: parse error: timestamp out of bounds for @ modifier: +Inf",
    ),
    (
        "foo @ NaN",
        "1:1: parse error: timestamp out of bounds for @ modifier: NaN",
    ),
    (
        "foo @ 1 @ 2",
        "1:1: parse error: @ <timestamp> may not be set multiple times",
    ),
    (
        "foo @ start() @ end()",
        "1:1: parse error: @ <timestamp> may not be set multiple times",
    ),
    (
        "5 @ 3",
        "1:1: parse error: @ modifier must be preceded by an instant vector selector or range vector selector or a subquery",
    ),
    (
        "sum(foo) @ 3",
        "1:1: parse error: @ modifier must be preceded by an instant vector selector or range vector selector or a subquery",
    ),
    (
        r#"foo @ "5""#,
        r#"1:7: parse error: unexpected string "\"5\"" in @, expected timestamp"#,
    ),
    (
        "foo{",
        "1:5: parse error: unexpected end of input inside braces",
    ),
    (
        "foo{a",
        "1:6: parse error: unexpected end of input inside braces",
    ),
    (
        "foo{a=",
        "1:7: parse error: unexpected end of input inside braces",
    ),
    (
        "foo{a=b}",
        r#"1:7: parse error: unexpected identifier "b" in label matching, expected string"#,
    ),
    (
        r#"foo{a="b"#,
        "1:7: parse error: unterminated quoted string",
    ),
    (
        r#"foo{a="b"} {c="d"}"#,
        r#"1:12: parse error: unexpected "{""#,
    ),
    (
        "foo{,}",
        r#"1:5: parse error: unexpected "," in label matching, expected identifier or "}""#,
    ),
    (
        r#"foo{a="b",,}"#,
        r#"1:11: parse error: unexpected "," in label matching, expected identifier or "}""#,
    ),
    (
        r#"foo{a="b" c="d"}"#,
        r#"1:11: parse error: unexpected identifier "c" in label matching, expected "," or "}""#,
    ),
    (
        "foo{a!b}",
        "1:6: parse error: unexpected character after '!' inside braces: 'b'",
    ),
    (
        "foo{a!}",
        "1:6: parse error: unexpected character after '!' inside braces: '}'",
    ),
    (
        r#"foo{1="b"}"#,
        "1:5: parse error: unexpected character inside braces: '1'",
    ),
    (
        r#"foo{a=="b"}"#,
        r#"1:7: parse error: unexpected "=" in label matching, expected string"#,
    ),
    (
        r#"foo{"a" "b"}"#,
        r#"1:9: parse error: unexpected string "\"b\"" in label matching, expected "," or "}""#,
    ),
    (
        r#"foo{"a"="b" "c"}"#,
        r#"1:13: parse error: unexpected string "\"c\"" in label matching, expected "," or "}""#,
    ),
    ("foo{{}", "1:5: parse error: unexpected left brace '{'"),
    (
        r#"foo{a=~"("}"#,
        "1:5: parse error: error parsing regexp: missing closing ): `(`",
    ),
    (
        r#"foo{a=~"[z-a]"}"#,
        "1:5: parse error: error parsing regexp: invalid character class range: `z-a`",
    ),
    (
        r#"foo{a=~"a**"}"#,
        "1:5: parse error: error parsing regexp: invalid nested repetition operator: `**`",
    ),
    (
        r#"foo{a!~"\\8"}"#,
        r#"1:5: parse error: error parsing regexp: invalid escape sequence: `\8`"#,
    ),
    (
        "{}",
        "1:1: parse error: vector selector must contain at least one non-empty matcher",
    ),
    (
        r#"{a=""}"#,
        "1:1: parse error: vector selector must contain at least one non-empty matcher",
    ),
    (
        r#"{a=~".*"}"#,
        "1:1: parse error: vector selector must contain at least one non-empty matcher",
    ),
    (
        r#"{a!="b"}"#,
        "1:1: parse error: vector selector must contain at least one non-empty matcher",
    ),
    (
        r#"foo{__name__="bar"}"#,
        r#"1:1: parse error: metric name must not be set twice: "foo" or "bar""#,
    ),
    (
        r#"foo{a="\q"}"#,
        "1:7: parse error: unknown escape sequence U+0071 'q'",
    ),
    (
        r#"foo{a="\xz1"}"#,
        "1:7: parse error: illegal character U+007A 'z' in escape sequence",
    ),
    (
        r#"foo{a="\ud800"}"#,
        "1:7: parse error: escape sequence is an invalid Unicode code point",
    ),
    ("foo{a=`b}", "1:7: parse error: unterminated raw string"),
    (
        r#"foo{$="b"}"#,
        "1:5: parse error: unexpected character inside braces: '$'",
    ),
];

#[test]
fn selectors_are_refused_with_prometheus_words() {
    all_refused(CASES, &Features::ALL);
    all_refused(CASES, &Features::default());
}
