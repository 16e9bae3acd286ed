//! What is wrong with a file, and where.

use std::fmt;

/// A place in a file, counted from 1; line 0 is no place of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The character in it.
    pub column: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Something to be said about a place of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Where.
    pub place: Place,
    /// What.
    pub what: String,
}

impl Finding {
    /// The finding as `FILE:LINE:COLUMN: WHAT`, the line itself and a mark below the place.
    #[must_use]
    pub fn render(&self, file: &str, text: &str) -> String {
        let Place { line, column } = self.place;
        if line == 0 {
            return self.what.clone();
        }
        let mut rendered = format!("{file}:{}: {}", self.place, self.what);
        let at = usize::try_from(line).unwrap_or(usize::MAX);
        let excerpt = text.lines().nth(at.wrapping_sub(1));
        if let Some(excerpt) = excerpt.filter(|excerpt| !tells_secrets(excerpt)) {
            let before = usize::try_from(column.saturating_sub(1)).unwrap_or(0);
            let indent: String = excerpt
                .chars()
                .take(before)
                .map(|c| if c == '\t' { '\t' } else { ' ' })
                .collect();
            rendered.push_str(&format!("\n  {line} | {excerpt}"));
            let gap = " ".repeat(line.to_string().len());
            rendered.push_str(&format!("\n  {gap} | {indent}^"));
        }
        rendered
    }
}

/// Whether a text may hold what nobody is to see.
pub(super) fn tells_secrets(text: &str) -> bool {
    text.to_ascii_lowercase().contains("password")
}

/// Why a file is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// It is no YAML; the text names the place and shows it.
    #[error("{0}")]
    Syntax(String),
    /// It is YAML, but says what cannot be.
    #[error("{}", list(.0))]
    Wrong(Vec<Finding>),
}

fn list(findings: &[Finding]) -> String {
    let lines = findings.iter().map(|finding| match finding.place.line {
        0 => finding.what.clone(),
        _ => format!("{}: {}", finding.place, finding.what),
    });
    lines.collect::<Vec<_>>().join("\n")
}

impl ConfigError {
    /// All of it as a user of `file`, which holds `text`, should see it.
    #[must_use]
    pub fn render(&self, file: &str, text: &str) -> String {
        match self {
            Self::Syntax(what) => format!("{file}: {what}"),
            Self::Wrong(findings) => {
                let rendered = findings.iter().map(|finding| finding.render(file, text));
                rendered.collect::<Vec<_>>().join("\n")
            }
        }
    }
}
