//! `${NAME}` and `${NAME:default}` in a file, as M3 expands them: before it is read as YAML.

use super::findings::{ConfigError, Finding, Place};

/// The text with what the environment has in the place of each reference. Expanding keeps to the
/// line, so lines are those of the file. A `$` before anything else stays.
pub(super) fn expand(
    text: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<String, ConfigError> {
    let mut out = String::with_capacity(text.len());
    let mut findings = Vec::new();
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let mut rest = line;
        // A comment refers to nothing.
        while let Some(start) = rest.find("${").filter(|_| !is_comment(line)) {
            let column = line.len() - rest.len() + start;
            let place = Place {
                line: number as u64 + 1,
                column: line.get(..column).unwrap_or_default().chars().count() as u64 + 1,
            };
            let (before, reference) = rest.split_at(start);
            out.push_str(before);
            let Some((inside, after)) = reference.get(2..).and_then(|rest| rest.split_once('}'))
            else {
                let what = "\"${\" without \"}\" on the same line".to_owned();
                findings.push(Finding { place, what });
                rest = "";
                break;
            };
            match value_of(inside, &variable) {
                Ok(value) => out.push_str(&value),
                Err(what) => findings.push(Finding { place, what }),
            }
            rest = after;
        }
        out.push_str(rest);
    }
    match findings.is_empty() {
        true => Ok(out),
        false => Err(ConfigError::Wrong(findings)),
    }
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

fn value_of(inside: &str, variable: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let (name, default) = match inside.split_once(':') {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let is_name = |name: &str| {
        let mut chars = name.chars();
        chars
            .next()
            .is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
            && chars.all(|next| next.is_ascii_alphanumeric() || next == '_')
    };
    if !is_name(name) {
        return Err(format!("${{{inside}}} names no environment variable"));
    }
    let value = variable(name).or_else(|| default.map(str::to_owned));
    let value = value.ok_or_else(|| {
        format!(
            "the environment variable {name} is not set: set it, or write ${{{name}:a default}}"
        )
    })?;
    match value.contains(['\n', '\r']) {
        true => Err(format!(
            "the environment variable {name} has more than one line"
        )),
        false => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<String, String> {
        let variable = |name: &str| match name {
            "HOST" => Some("node-1".to_owned()),
            "LINES" => Some("a\nb".to_owned()),
            _ => None,
        };
        expand(text, variable).map_err(|error| error.to_string())
    }

    #[test]
    fn variables_and_defaults_stand_in_the_place_of_references() {
        let cases = [
            ("a: ${HOST}\n", "a: node-1\n"),
            ("a: ${HOST:b}-${NONE:\"x y\"}\n", "a: node-1-\"x y\"\n"),
            ("a: ${NONE:}\nb: $HOST $\n", "a: \nb: $HOST $\n"),
            ("# ${NONE}\na: 1", "# ${NONE}\na: 1"),
        ];
        for (text, expected) in cases {
            assert_eq!(expanded(text).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn what_cannot_be_expanded_is_named_with_its_place() {
        let cases = [
            ("a: 1\nb: ${NONE}", "2:4", "NONE is not set"),
            ("a: ${HOST", "1:4", "without \"}\""),
            ("a: ${1A}", "1:4", "names no environment variable"),
            ("a: ${LINES}", "1:4", "more than one line"),
        ];
        for (text, place, what) in cases {
            let error = expanded(text).expect_err(text);
            assert!(error.contains(place) && error.contains(what), "{error}");
        }
    }
}
