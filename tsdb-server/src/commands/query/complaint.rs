//! What is wrong with an expression, shown in it.

/// Characters in front of the expression.
const INDENT: &str = "  ";

/// An error with the line of the expression that it names as `LINE:COLUMN:`, and a caret under the place.
pub(super) fn complaint(query: &str, message: &str) -> String {
    let shown = place(message).and_then(|(line, column)| marked(query, line, column));
    match shown {
        Some(shown) => format!("{message}\n{shown}"),
        None => message.to_owned(),
    }
}

/// The line and the column in front of `: parse error: `.
fn place(message: &str) -> Option<(usize, usize)> {
    let (before, _) = message.split_once(": parse error: ")?;
    let place = before.rsplit(' ').next()?;
    let (line, column) = place.split_once(':')?;
    Some((line.parse().ok()?, column.parse().ok()?))
}

fn marked(query: &str, line: usize, column: usize) -> Option<String> {
    let text = query.split('\n').nth(line.checked_sub(1)?)?;
    // Columns are bytes.
    let before = column.checked_sub(1)?;
    let before = text.char_indices().take_while(|(at, _)| *at < before);
    let blank = " ".repeat(before.count());
    let plain: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    Some(format!("{INDENT}{plain}\n{INDENT}{blank}^"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caret_stands_under_the_place() {
        let message = "invalid parameter \"query\": 1:5: parse error: no";
        assert_eq!(
            complaint("sum(", message),
            format!("{message}\n  sum(\n      ^")
        );
        let message = "2:4: parse error: no";
        assert_eq!(
            complaint("a +\n\t\u{e9}?", message),
            format!("{message}\n   \u{e9}?\n    ^")
        );
        for (query, message) in [
            ("", "unknown position: parse error: no"),
            ("a", "7:1: parse error: no"),
            ("a", "0:0: parse error: no"),
            ("a", "something else"),
        ] {
            assert_eq!(complaint(query, message), message);
        }
        assert!(complaint("a", "1:99999: parse error: no").ends_with("  a\n   ^"));
    }
}
