use proptest::prelude::*;

use crate::model::{MatchOp, Matcher, MatcherError, capturing_regex};

fn regex(pattern: &str) -> Matcher {
    Matcher::regex("n", pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"))
}

/// Pattern, texts it matches, texts it does not match: as Go's regexp does with `^(?s:..)$`.
const TABLE: &[(&str, &[&str], &[&str])] = &[
    ("", &[""], &["a"]),
    ("foo", &["foo"], &["", "fo", "foob", "xfoo", "FOO", "foo\n"]),
    ("foo|bar", &["foo", "bar"], &["foobar", "fooar", ""]),
    ("foo|", &["foo", ""], &["o"]),
    ("|", &[""], &["a"]),
    ("()", &[""], &["a"]),
    ("(|a)b", &["b", "ab"], &["a"]),
    // `.` matches a line end unless switched off.
    (".*", &["", "a", "a\nb", "\u{1f600}"], &[]),
    (".+", &["a", "\n"], &[""]),
    (".", &["a", "\n", "\u{e9}", "\u{1f600}"], &["", "ab"]),
    ("(?-s).*", &["", "ab"], &["a\nb"]),
    ("(?-s:a.)c", &["abc"], &["a\nc"]),
    ("a.*b", &["ab", "a\nb"], &["a", "ba"]),
    // `^` and `$` mean the text's ends; a line end before the end does not count.
    ("^foo$", &["foo"], &["foo\n", "\nfoo"]),
    ("^(foo|bar)$", &["foo", "bar"], &["foobar"]),
    ("foo$\n", &[], &["foo", "foo\n"]),
    ("a^b", &[], &["ab", "a^b"]),
    ("(?m)foo$\n^bar", &["foo\nbar"], &["foo", "foobar"]),
    ("(?m:^a$)\n(?m:^b$)", &["a\nb"], &["ab"]),
    ("\\Afoo\\z", &["foo"], &["foo\n"]),
    ("^*foo", &["foo"], &["^foo"]),
    ("foo(?:$|\nbar)", &["foo", "foo\nbar"], &["foo\n"]),
    // Classes of escapes are ASCII, negated ones and `.` know all characters.
    ("\\d", &["0", "9"], &["\u{663}", "a"]),
    ("\\d+", &["0123456789"], &["\u{663}", ""]),
    ("\\D", &["a", "\u{663}", "\n", "\u{1f600}"], &["7"]),
    (
        "\\w",
        &["a", "Z", "0", "_"],
        &["\u{e9}", "-", "\u{17f}", "\u{212a}"],
    ),
    ("\\W", &["\u{e9}", "-", "\n"], &["a", "_"]),
    (
        "\\s",
        &[" ", "\t", "\n", "\r", "\x0c"],
        &["\x0b", "\u{a0}", "\u{2003}"],
    ),
    ("\\S", &["\x0b", "\u{a0}", "a"], &[" "]),
    ("[\\d\\-x]+", &["1-x"], &["\u{663}", "d"]),
    ("[^\\d]", &["\u{663}", "a"], &["1"]),
    ("[\\D]", &["a", "\u{663}"], &["1"]),
    ("[^\\D]", &["1"], &["a", "\u{663}"]),
    ("[\\s\\S]", &["a", "\x0b", " "], &["", "ab"]),
    ("[^\\W]", &["a"], &["\u{e9}", "-"]),
    ("[^a]", &["b", "\n", "\u{e9}"], &["a", ""]),
    // Case folding is Unicode's simple one, and reaches escapes' classes too.
    ("(?i)foo", &["foo", "FOO", "fOo"], &["f00"]),
    ("(?i)k", &["k", "K", "\u{212a}"], &["x"]),
    ("(?i)S", &["s", "S", "\u{17f}"], &["x"]),
    ("(?i)\u{e9}", &["\u{e9}", "\u{c9}"], &["e"]),
    ("(?i)\\w", &["a", "\u{17f}", "\u{212a}"], &["\u{e9}"]),
    ("(?i)\\W", &["\u{e9}"], &["a", "\u{17f}"]),
    ("(?i)[a-c]", &["B"], &["d"]),
    ("(?i)[^a-c]", &["d"], &["B", "b"]),
    ("(?i)[[:upper:]]", &["a", "A"], &["1"]),
    ("(?i:a)b", &["Ab", "ab"], &["aB", "AB"]),
    ("a(?i)b|c", &["aB", "C"], &["AB"]),
    ("a(?i:b(?-i)c)", &["aBc"], &["aBC"]),
    ("(?ii-s)a.", &["AB"], &["a\n"]),
    ("(?U)a+", &["aaa"], &["", "b"]),
    ("(?)a", &["a"], &["A"]),
    ("(?sU-m)a.+?", &["a\n"], &["a"]),
    // Word boundaries are ASCII.
    ("a\\b.*", &["a", "a b", "a\u{e9}"], &["ab"]),
    ("\\bfoo\\b", &["foo"], &["", "foob"]),
    ("\u{e9}\\b", &[], &["\u{e9}"]),
    ("\u{e9}\\B", &["\u{e9}"], &["e"]),
    ("a\\Bb", &["ab"], &["a", "a b"]),
    ("\\b{start}", &[], &["start", "{start}"]),
    // Braces that are no repetition are literals.
    ("a{2}", &["aa"], &["a", "aaa", "a{2}"]),
    ("a{2,}", &["aa", "aaaa"], &["a"]),
    ("a{0,1}", &["", "a"], &["aa"]),
    ("a{,2}", &["a{,2}"], &["a", "aa"]),
    ("a{", &["a{"], &["a"]),
    ("a{}", &["a{}"], &["a"]),
    ("a{x}", &["a{x}"], &["a"]),
    ("{foo}", &["{foo}"], &["foo"]),
    ("a{01}", &["a{01}"], &["a"]),
    ("a{1", &["a{1"], &["a"]),
    ("a{1,", &["a{1,"], &["a"]),
    ("{{+", &["{{", "{{{"], &["{"]),
    ("}", &["}"], &[""]),
    ("a{2}?", &["aa"], &["a"]),
    ("(a{2}){2}", &["aaaa"], &["aa"]),
    // Classes know no set operations and do not nest.
    ("[a&&b]", &["a", "&", "b"], &["c"]),
    ("[[a]b]", &["[b]", "ab]"], &["a", "b"]),
    ("[+--b]", &["+", ",", "-", "b"], &["c"]),
    ("[a~~b]", &["~"], &["c"]),
    ("[]a]", &["]", "a"], &["b"]),
    ("[^]a]", &["b"], &["]", "a"]),
    ("[a-]", &["a", "-"], &["b"]),
    ("[-a]", &["a", "-"], &["b"]),
    ("[a\\]b]", &["]"], &["\\"]),
    ("[a-\\x{63}]", &["b", "c"], &["d"]),
    ("[\\^a]", &["^", "a"], &["b"]),
    ("[a^]", &["^"], &["b"]),
    ("[[:alpha:]_]", &["a", "_"], &["\u{e9}", ":"]),
    ("[[:^alpha:]]", &["1", "\u{e9}"], &["a"]),
    ("[[:word:]]", &["_"], &["-"]),
    ("[[:space:]]", &["\x0b", " "], &["a"]),
    ("[:alpha:]", &[":", "a", "l"], &["z"]),
    ("[[:a]", &["[", ":", "a"], &["b"]),
    ("[^\\x00-\\x{10FFFF}]", &[], &["", "a"]),
    ("]", &["]"], &[""]),
    // Unicode classes.
    ("\\pL", &["a", "\u{e9}"], &["1"]),
    ("\\p{L}\\PL", &["\u{e9}1"], &["11"]),
    ("\\p{Greek}+", &["\u{3b1}\u{3a9}"], &["a"]),
    ("\\p{^Greek}", &["a"], &["\u{3b1}"]),
    ("\\P{^Greek}", &["\u{3b1}"], &["a"]),
    ("[\\p{Lu}\\d]+", &["\u{c9}1"], &["\u{e9}"]),
    ("[^\\pN]", &["a"], &["\u{663}"]),
    // Escapes.
    ("\\.", &["."], &["a"]),
    ("\\_\\-\\/\\\"\\ \\<\\%", &["_-/\" <%"], &["_"]),
    (
        "\\x41\\x{1F600}\\101\\07\\0",
        &["A\u{1f600}A\x07\0"],
        &["A"],
    ),
    ("\\0011", &["\x011"], &["\x0011"]),
    ("\\a\\f\\n\\r\\t\\v", &["\x07\x0c\n\r\t\x0b"], &["a"]),
    ("\\Qa.b*\\E+", &["a.b*", "a.b**"], &["aXb"]),
    ("a(?i)*b", &["aaB", "b"], &["Ab"]),
    ("a\\Q\\Eb", &["ab"], &["a"]),
    ("a b#c", &["a b#c"], &["ab"]),
    ("a&&b~~c--d", &["a&&b~~c--d"], &["a"]),
    // Groups.
    ("(?P<x>a)(?<y_1>b)(?:c)", &["abc"], &["ab"]),
    ("(a|b)*c", &["c", "abbac"], &["abd"]),
    ("a*?b+?c??", &["b", "aabbc"], &["a"]),
    ("(a*)*", &["", "aaa"], &["b"]),
    ("(a+)+", &["aaa"], &["", "b"]),
    (
        "node-[0-9]{1,3}\\.example\\.(com|org)",
        &["node-12.example.org"],
        &["node-1234.example.com"],
    ),
    (".*foo.*", &["foo", "xfoo", "foox", "x\nfoo\n"], &["fo", ""]),
    (
        ".+foo.+",
        &["xfoox", "foofoofoo", "\u{e9}foo\u{e9}"],
        &["foo", "xfoo", "foox", "foofoo"],
    ),
    ("foo.+", &["foox"], &["foo", "xfoo"]),
    (".+foo", &["xfoo", "foofoo"], &["foo", "foox"]),
    ("foo.*", &["foo", "foox"], &["fo", "xfoo"]),
    (".*foo", &["foo", "xfoo"], &["foox"]),
    (".+.+", &["ab"], &["a", ""]),
    ("(^foo.*$)", &["foo", "foox"], &["xfoo"]),
    ("a(b|c)d?", &["ab", "ac", "abd", "acd"], &["a", "ad"]),
    ("a?b?", &["", "a", "b", "ab"], &["ba"]),
    ("(x^|y)a", &["ya"], &["xa", "a"]),
    ("a($|b)", &["a", "ab"], &["b"]),
    ("(a$)?b", &["b"], &["ab"]),
    ("(^a)?b", &["b", "ab"], &["a"]),
];

#[test]
fn expressions_match_as_in_go() {
    for (pattern, matched, unmatched) in TABLE {
        let matcher = regex(pattern);
        let negative = Matcher::not_regex("n", *pattern).unwrap();
        for text in *matched {
            assert!(
                matcher.matches(text),
                "{pattern:?} should match {text:?}: {matcher:?}"
            );
            assert!(!negative.matches(text), "{pattern:?} {text:?}");
        }
        for text in *unmatched {
            assert!(
                !matcher.matches(text),
                "{pattern:?} should not match {text:?}"
            );
            assert!(negative.matches(text), "{pattern:?} {text:?}");
        }
        assert_eq!(matcher.matches_empty(), matcher.matches(""));
        if let Some(set) = matcher.set_matches() {
            assert!(set.is_sorted());
            assert!(set.iter().all(|text| matcher.matches(text)));
        }
        if let Some(prefix) = matcher.prefix() {
            assert!(
                matched.iter().all(|text| text.starts_with(prefix)),
                "{pattern} {prefix}"
            );
        }
    }
}

#[test]
fn what_go_refuses_is_refused_with_its_words() {
    let table: &[(&str, usize, &str)] = &[
        ("(", 0, "missing closing ): `(`"),
        ("a(b", 0, "missing closing ): `a(b`"),
        (")", 0, "unexpected ): `)`"),
        ("a[b", 1, "missing closing ]: `[b`"),
        ("[]", 0, "missing closing ]: `[]`"),
        ("[a-", 0, "missing closing ]: `[a-`"),
        ("*", 0, "missing argument to repetition operator: `*`"),
        ("a|*", 2, "missing argument to repetition operator: `*`"),
        ("(+?)", 1, "missing argument to repetition operator: `+?`"),
        ("{2}", 0, "missing argument to repetition operator: `{2}`"),
        ("a**", 1, "invalid nested repetition operator: `**`"),
        ("a+?+", 1, "invalid nested repetition operator: `+?+`"),
        ("a{2}{3}", 1, "invalid nested repetition operator: `{2}{3}`"),
        ("a{1001}", 1, "invalid repeat count: `{1001}`"),
        ("a{3,2}", 1, "invalid repeat count: `{3,2}`"),
        ("a{99999999999}", 1, "invalid repeat count: `{99999999999}`"),
        ("[b-a]", 1, "invalid character class range: `b-a`"),
        ("[[:foo:]]", 1, "invalid character class range: `[:foo:]`"),
        ("\\p{Foo}", 0, "invalid character class range: `\\p{Foo}`"),
        ("\\p{L", 0, "invalid character class range: `\\p{L`"),
        ("\\p{L=x}", 0, "invalid character class range: `\\p{L=x}`"),
        ("a\\", 1, "trailing backslash at end of expression: ``"),
        ("\\C", 0, "invalid escape sequence: `\\C`"),
        ("\\Z", 0, "invalid escape sequence: `\\Z`"),
        ("\\1", 0, "invalid escape sequence: `\\1`"),
        ("\\Qa.b", 0, "missing closing ): `\\Qa.b`"),
        ("(?i", 0, "invalid or unsupported Perl syntax: `(?i`"),
        ("\\8", 0, "invalid escape sequence: `\\8`"),
        ("\\q", 0, "invalid escape sequence: `\\q`"),
        ("\\\u{e9}", 0, "invalid escape sequence: `\\\u{e9}`"),
        ("\\xg1", 0, "invalid escape sequence: `\\xg1`"),
        ("\\x{110000}", 0, "invalid escape sequence: `\\x{110000}`"),
        ("\\x{}", 0, "invalid escape sequence: `\\x{}`"),
        ("[\\b]", 1, "invalid escape sequence: `\\b`"),
        ("[a-\\d]", 3, "invalid escape sequence: `\\d`"),
        ("(?x)a", 0, "invalid or unsupported Perl syntax: `(?x`"),
        ("(?u:a)", 0, "invalid or unsupported Perl syntax: `(?u`"),
        ("(?=a)", 0, "invalid or unsupported Perl syntax: `(?=`"),
        ("(?<=a)", 0, "invalid named capture: `(?<=a)`"),
        ("(?i-)a", 0, "invalid or unsupported Perl syntax: `(?i-)`"),
        ("(?P<a b>x)", 0, "invalid named capture: `(?P<a b>`"),
        ("(?P=a)", 0, "invalid or unsupported Perl syntax: `(?P`"),
    ];
    for (pattern, at, expected) in table {
        match Matcher::regex("n", *pattern) {
            Err(MatcherError::Regex {
                pattern: named,
                position,
                message,
            }) => {
                assert_eq!(message, *expected, "{pattern}");
                assert_eq!(position, Some(*at), "{pattern}");
                assert_eq!(named, *pattern);
            }
            taken => panic!("{pattern}: {taken:?}"),
        }
    }
    let error = Matcher::regex("n", "a**").unwrap_err().to_string();
    assert_eq!(
        error,
        "error parsing regexp: invalid nested repetition operator: `**`"
    );
}

/// Pattern, text, and what its groups match, the whole first: as Go's regexp does.
const CAPTURES: &[(&str, &str, &[Option<&str>])] = &[
    (
        "(.*)-(.*)",
        "a-b-c",
        &[Some("a-b-c"), Some("a-b"), Some("c")],
    ),
    ("(a*?)(a*)", "aaa", &[Some("aaa"), Some(""), Some("aaa")]),
    ("(?U)(a*)(a*)", "aaa", &[Some("aaa"), Some(""), Some("aaa")]),
    (
        "(?U:(a*?))(a*)",
        "aaa",
        &[Some("aaa"), Some("aaa"), Some("")],
    ),
    (
        "(a|ab)(c|bcd)(d*)",
        "abcd",
        &[Some("abcd"), Some("a"), Some("bcd"), Some("")],
    ),
    ("(a)?(b)?", "b", &[Some("b"), None, Some("b")]),
    (
        "(a{1,2}?)(a*)",
        "aaa",
        &[Some("aaa"), Some("a"), Some("aa")],
    ),
    ("(a+?){2}", "aaa", &[Some("aaa"), Some("aa")]),
    ("(?i)(A)(?-i)(b)", "ab", &[Some("ab"), Some("a"), Some("b")]),
    ("(?:x)(y)", "xy", &[Some("xy"), Some("y")]),
    ("(.+)", "a\nb", &[Some("a\nb"), Some("a\nb")]),
    // Go takes a name twice, and one that begins with a digit.
    ("(?P<n>a)(?<n>b)", "ab", &[Some("ab"), Some("a"), Some("b")]),
    ("(?P<1a>x)", "x", &[Some("x"), Some("x")]),
];

#[test]
fn groups_capture_as_in_go() {
    for (pattern, text, expected) in CAPTURES {
        let regex = capturing_regex(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        let captures = regex
            .captures(text)
            .unwrap_or_else(|| panic!("{pattern} does not match {text}"));
        let groups: Vec<Option<&str>> = captures
            .iter()
            .map(|group| group.map(|group| group.as_str()))
            .collect();
        assert_eq!(groups, *expected, "{pattern} on {text}");
    }
    let named = capturing_regex("(?P<city>.*):(?<port>[0-9]+)").unwrap();
    let captures = named.captures("oslo:80").unwrap();
    assert_eq!((&captures["city"], &captures["port"]), ("oslo", "80"));
    assert!(!named.is_match("oslo:80 "));
    let error = capturing_regex("(").unwrap_err();
    assert_eq!(error, Matcher::regex("n", "(").unwrap_err());
}

#[test]
fn huge_expressions_are_refused_and_deep_ones_do_not_overflow() {
    let huge = "((a{0,1000}){0,1000}){0,1000}b.";
    let message = Matcher::regex("n", huge).unwrap_err().to_string();
    assert!(message.contains("expression too large"), "{message}");
    let nested = |depth: usize| format!("{}a.b{}", "(".repeat(depth), ")*".repeat(depth));
    assert!(Matcher::regex("n", nested(250)).is_ok());
    let message = Matcher::regex("n", nested(251)).unwrap_err().to_string();
    assert!(message.contains("nests too deeply"), "{message}");
    assert!(Matcher::regex("n", nested(100_000)).is_err());
}

#[test]
fn plain_alternations_are_sets() {
    let set = |pattern: &str| {
        regex(pattern)
            .set_matches()
            .map(|set| set.iter().map(String::as_str).collect::<Vec<_>>().join(","))
    };
    let sets = [
        ("foo", "foo"),
        ("foo|bar|foo", "bar,foo"),
        ("^(foo|bar)$", "bar,foo"),
        ("^foo$|^bar$", "bar,foo"),
        ("a(b|c)[de]", "abd,abe,acd,ace"),
        ("foo|", ",foo"),
        ("5", "5"),
        ("https?", "http,https"),
        ("\\Qa.b\\E|c\\.d", "a.b,c.d"),
        ("(?i)ab", "AB,Ab,aB,ab"),
        ("(a|b)?", ",a,b"),
    ];
    for (pattern, expected) in sets {
        assert_eq!(set(pattern).as_deref(), Some(expected), "{pattern}");
    }
    for pattern in ["a.", "a*", "foo.*", "a^b", "\\bfoo", "a$b", "[a-z]{4}"] {
        assert_eq!(set(pattern), None, "{pattern}");
    }
    let many: Vec<_> = (0..20_000).map(|i| format!("host{i}")).collect();
    let matcher = regex(&many.join("|"));
    assert_eq!(matcher.set_matches().map(<[_]>::len), Some(20_000));
    assert!(matcher.matches("host19999") && !matcher.matches("host20000"));
}

#[test]
fn prefixes_are_found() {
    let cases = [
        ("foo.*", Some("foo")),
        ("foo.+bar", Some("foo")),
        ("foo(a.|b.)", Some("foo")),
        ("fooa.|foob.", Some("foo")),
        ("(?i)foo.*", None),
        (".*foo", None),
        ("^foo\\d+", Some("foo")),
        // The two characters share their first byte only.
        ("\u{e9}.|\u{e8}.", None),
    ];
    for (pattern, prefix) in cases {
        assert_eq!(regex(pattern).prefix(), prefix, "{pattern}");
    }
    assert_eq!(Matcher::equal("n", "foo").prefix(), None);
}

#[test]
fn the_four_kinds_compare_and_print() {
    let equal = Matcher::equal("n", "a");
    assert!(equal.matches("a") && !equal.matches("b") && !equal.matches_empty());
    let differ = Matcher::not_equal("n", "a");
    assert!(!differ.matches("a") && differ.matches("b") && differ.matches_empty());
    assert!(Matcher::equal("n", "").matches_empty());
    assert!(!Matcher::not_equal("n", "").matches_empty());
    let kinds = [
        MatchOp::Equal,
        MatchOp::NotEqual,
        MatchOp::Regex,
        MatchOp::NotRegex,
    ];
    let texts = ["n=\"a\"", "n!=\"a\"", "n=~\"a\"", "n!~\"a\""];
    for (op, text) in kinds.into_iter().zip(texts) {
        let matcher = Matcher::new(op, "n", "a").unwrap();
        assert_eq!(matcher.to_string(), text);
        assert_eq!(
            (matcher.name(), matcher.op(), matcher.value()),
            ("n", op, "a")
        );
        assert_eq!(matcher.clone(), matcher);
    }
    assert_eq!(Matcher::equal("a.b", "\n").to_string(), "\"a.b\"=\"\\n\"");
    fn shared<T: Send + Sync>() {}
    shared::<Matcher>();
}

/// Patterns whose meaning is the same in both dialects, so that `regex` itself is the judge.
fn common_pattern() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "[ab]{1,2}",
        Just(".*".to_owned()),
        Just(".+".to_owned()),
        Just("[ab]".to_owned()),
        Just("[^a]".to_owned()),
        Just("^".to_owned()),
        Just("$".to_owned()),
        Just(String::new()),
        Just("\u{e9}".to_owned()),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
            prop::collection::vec(inner.clone(), 1..4)
                .prop_map(|parts| format!("({})", parts.join("|"))),
            (inner.clone(), "[?*+]").prop_map(|(part, op)| format!("(?:{part}){op}")),
            inner.prop_map(|part| format!("(?i:{part})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn shortcuts_change_no_answer(
        pattern in common_pattern(),
        texts in prop::collection::vec("[ab\u{e9}]{0,5}|[abAB\n]{0,3}", 1..20),
    ) {
        let judge = regex::Regex::new(&format!("^(?s:{pattern})$")).unwrap();
        let matcher = Matcher::regex("n", pattern.as_str()).unwrap();
        for text in texts.iter().map(String::as_str).chain([""]) {
            prop_assert_eq!(matcher.matches(text), judge.is_match(text), "{} {:?}", pattern, text);
            if let Some(set) = matcher.set_matches() {
                let held = set.binary_search_by(|entry| entry.as_str().cmp(text)).is_ok();
                prop_assert_eq!(held, judge.is_match(text));
            }
            if let Some(prefix) = matcher.prefix() {
                prop_assert!(text.starts_with(prefix) || !judge.is_match(text));
            }
        }
    }

    #[test]
    fn captures_change_no_answer(pattern in common_pattern(), text in "[abc1 .-]{0,6}") {
        if let Ok(matcher) = Matcher::regex("n", pattern.clone()) {
            let capturing = capturing_regex(&pattern).expect("a pattern that a matcher takes");
            prop_assert_eq!(capturing.is_match(&text), matcher.matches(&text), "{}", pattern);
        }
    }

    #[test]
    fn no_pattern_panics(pattern in "[ab\\\\\\[\\]\\(\\){}?*+^$|.:,0-9pPdDQEixsU<>&~\u{e9}-]{0,16}") {
        if let Ok(matcher) = Matcher::regex("n", pattern) {
            prop_assert!(matcher.matches("ab") != Matcher::not_regex("n", matcher.value()).unwrap().matches("ab"));
        }
    }
}
