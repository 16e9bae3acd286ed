//! PromQL as far as it must be known here: which families an expression names.

/// Beginnings of the names of our own families.
const PREFIXES: [&str; 2] = ["tsdb_", "process_"];

/// A name of a family in an expression, and the text up to it and behind it.
struct Named<'a> {
    before: &'a str,
    name: &'a str,
    after: &'a str,
}

/// The first name of a family that stands outside of quoted text.
fn next(expression: &str) -> Option<Named<'_>> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut quoted = false;
    let mut previous = ' ';
    for (at, c) in expression.char_indices() {
        if c == '"' {
            quoted = !quoted;
        }
        let (before, rest) = expression.split_at_checked(at)?;
        let begins = !quoted && !is_word(previous);
        previous = c;
        if begins && PREFIXES.iter().any(|prefix| rest.starts_with(prefix)) {
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            let (name, after) = rest.split_at_checked(end)?;
            return Some(Named {
                before,
                name,
                after,
            });
        }
    }
    None
}

/// Names of our families in an expression, as they come.
pub(super) fn names(expression: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = expression;
    while let Some(named) = next(rest) {
        names.push(named.name);
        rest = named.after;
    }
    names
}

/// The expression with `matchers` added to those of each of our families.
pub(super) fn with_matchers(expression: &str, matchers: &str) -> String {
    let mut text = String::new();
    let mut rest = expression;
    while let Some(named) = next(rest) {
        text.push_str(named.before);
        text.push_str(named.name);
        text.push('{');
        text.push_str(matchers);
        rest = match named.after.strip_prefix('{') {
            Some(more) => {
                text.push(',');
                more
            }
            None => {
                text.push('}');
                named.after
            }
        };
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_outside_of_other_words_and_of_quotes() {
        let expression =
            r#"sum by (job) (rate(tsdb_a_total{route="tsdb_no"}[5m])) / my_tsdb_x + process_b"#;
        assert_eq!(names(expression), ["tsdb_a_total", "process_b"]);
        assert!(names("up").is_empty());
    }

    #[test]
    fn matchers_join_those_that_are_there() {
        let expression = r#"rate(tsdb_a{code="5"}[1m]) - tsdb_b"#;
        assert_eq!(
            with_matchers(expression, r#"job="j""#),
            r#"rate(tsdb_a{job="j",code="5"}[1m]) - tsdb_b{job="j"}"#
        );
        assert_eq!(with_matchers("up", "x"), "up");
    }
}
