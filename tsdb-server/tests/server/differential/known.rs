//! The differences that are known, each with its reason.

use std::path::Path;

use regex::Regex;

use super::answer::Kind;

/// A known difference.
#[derive(Debug)]
pub(super) struct Known {
    kind: String,
    pattern: Regex,
    pub(super) reason: String,
}

/// Those of a list: `KIND PATTERN # REASON`, for expressions that match the pattern and of which no
/// part differs in itself.
pub(super) fn list(file: &str) -> Vec<Known> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/server/differential");
    let text = std::fs::read_to_string(folder.join(file)).expect("a list");
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let known = lines.map(|line| {
        let (rule, reason) = line.split_once(" # ").expect("a reason");
        let (kind, pattern) = rule.split_once(' ').expect("a kind and a pattern");
        Known {
            kind: kind.to_owned(),
            pattern: Regex::new(pattern.trim()).expect("a pattern"),
            reason: reason.to_owned(),
        }
    });
    known.collect()
}

/// Why an expression's answers may differ so.
pub(super) fn reason<'a>(list: &'a [Known], expression: &str, kind: Kind) -> Option<&'a str> {
    let kind = format!("{kind:?}").to_lowercase();
    let fits = |known: &&Known| {
        (known.kind == "any" || known.kind == kind) && known.pattern.is_match(expression)
    };
    list.iter().find(fits).map(|known| &*known.reason)
}
