//! What became of the lines of a text.

use serde::Serialize;
use tsdb_formats::{Problem, Rows};

/// A problem as JSON shows it.
#[derive(Debug, Serialize)]
struct ProblemJson {
    /// Number of the line, from 1; left out when it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    /// Byte column in the line, from 1; left out when the line as a whole is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    error: String,
}

/// What became of the lines so far.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ImportReport {
    /// Lines read, blank ones not counted.
    pub(super) lines: u64,
    /// Lines refused as malformed.
    pub(super) rejected_lines: u64,
    /// Samples stored, those that were there already included.
    pub(super) stored: u64,
    /// Samples of well-formed lines that were refused.
    pub(super) rejected: u64,
    /// The first problems.
    errors: Vec<ProblemJson>,
}

impl ImportReport {
    /// Notes lines that were read, and problems with them.
    pub(super) fn read(&mut self, (lines, rejected): (u64, u64), problems: Vec<Problem>) {
        self.lines += lines;
        self.rejected_lines += rejected;
        self.list(problems);
    }

    /// Lists problems, while there is room.
    pub(super) fn list(&mut self, problems: Vec<Problem>) {
        let room = Rows::MAX_LISTED.saturating_sub(self.errors.len());
        let problems = problems.into_iter().take(room).map(|problem| ProblemJson {
            line: problem.line,
            column: problem.column,
            error: problem.reason,
        });
        self.errors.extend(problems);
    }

    /// Puts the problems in the order of their lines.
    pub(super) fn sort(&mut self) {
        self.errors.sort_by_key(|problem| problem.line);
    }

    /// The problems as text, in their order.
    pub(super) fn problems(&self) -> impl Iterator<Item = String> {
        self.errors.iter().map(|problem| {
            let problem = Problem {
                line: problem.line,
                column: problem.column,
                reason: problem.error.clone(),
            };
            problem.to_string()
        })
    }
}
