//! What became of a text, told to a person.

use std::io::Write;
use std::process::ExitCode;

use serde_json::Value;
use tsdb_formats::{Problem, Rows};

use crate::commands::CommandError;

/// What became of the lines of a text.
#[derive(Debug, Default)]
pub(super) struct TextOutcome {
    pub(super) lines: u64,
    pub(super) refused_lines: u64,
    /// Samples stored, those that were there already included.
    pub(super) stored: u64,
    /// Samples of well-formed lines that were refused.
    pub(super) refused_samples: u64,
    /// The first problems.
    problems: Vec<Problem>,
}

impl TextOutcome {
    /// Keeps problems, while there is room.
    pub(super) fn list(&mut self, problems: impl Iterator<Item = Problem>) {
        let room = Rows::MAX_LISTED.saturating_sub(self.problems.len());
        self.problems.extend(problems.take(room));
    }

    /// What a server answered; `None` when it tells of no lines.
    pub(super) fn of_answer(answer: &Value) -> Option<Self> {
        let data = answer.get("data")?;
        let count = |name: &str| data.get(name)?.as_u64();
        let mut outcome = Self {
            lines: count("lines")?,
            refused_lines: count("rejectedLines")?,
            stored: count("stored")?,
            refused_samples: count("rejected")?,
            problems: Vec::new(),
        };
        let problems = data.get("errors")?.as_array()?.iter();
        outcome.list(problems.map(|problem| {
            let column = problem.get("column").and_then(Value::as_u64);
            Problem {
                line: problem.get("line").and_then(Value::as_u64),
                column: column.and_then(|column| usize::try_from(column).ok()),
                reason: match problem.get("error").and_then(Value::as_str) {
                    Some(reason) => reason.to_owned(),
                    None => problem.to_string(),
                },
            }
        }));
        Some(outcome)
    }

    /// Whether refused lines are all there is to an error, and the text was taken to its end.
    pub(super) fn explains(&self, error: Option<&str>) -> bool {
        let first = self.problems.first().map(ToString::to_string);
        first.is_some() && first.as_deref() == error
    }

    /// Prints it; problems go to stderr, each with its place.
    pub(super) fn tell(&self, name: &str) -> Result<ExitCode, CommandError> {
        self.tell_problems(name)?;
        writeln!(
            std::io::stdout(),
            "{name}: {} lines; stored: {} samples, those that were there already included; refused: {} lines, {} samples",
            self.lines,
            self.stored,
            self.refused_lines,
            self.refused_samples
        )?;
        Ok(match self.problems.is_empty() {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }

    fn tell_problems(&self, name: &str) -> Result<(), CommandError> {
        let mut out = std::io::stderr().lock();
        for Problem {
            line,
            column,
            reason,
        } in &self.problems
        {
            match (line, column) {
                (Some(line), Some(column)) => writeln!(out, "{name}:{line}:{column}: {reason}")?,
                (Some(line), None) => writeln!(out, "{name}:{line}: {reason}")?,
                (None, _) => writeln!(out, "{name}: {reason}")?,
            }
        }
        let refused = self.refused_lines + self.refused_samples;
        let more = refused.saturating_sub(self.problems.len() as u64);
        if more > 0 && self.problems.len() >= Rows::MAX_LISTED {
            writeln!(out, "{name}: and {more} more")?;
        }
        Ok(())
    }
}
