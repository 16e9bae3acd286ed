//! Scripts: what is loaded and asked, in order.

use std::fmt;

use tsdb_core::Labels;

use super::expectation::Expectation;
use super::{eval_lines, load_lines};
use crate::answer::PointValue;

/// What is wrong with a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError {
    /// The file, as [`Script::parse`] was told.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What.
    pub message: String,
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

impl std::error::Error for ScriptError {}

/// A point of a load.
#[derive(Clone, Debug)]
pub struct LoadedPoint {
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// When its counting began, in milliseconds since the epoch; 0 where that is unknown.
    pub start_timestamp: i64,
    /// The value.
    pub value: PointValue,
}

/// A series of a load.
#[derive(Clone, Debug)]
pub struct LoadedSeries {
    /// The labels, that of the metric name among them.
    pub labels: Labels,
    /// The points by time.
    pub points: Vec<LoadedPoint>,
}

/// `load 5m` and its series.
#[derive(Clone, Debug)]
pub struct Load {
    /// The line of the verb, from 1.
    pub line: usize,
    /// The series.
    pub series: Vec<LoadedSeries>,
}

/// For which time a query is evaluated, in milliseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Query {
    /// At one time.
    Instant(i64),
    /// At many.
    Range {
        /// The first.
        start: i64,
        /// The last it may be.
        end: i64,
        /// From one to the next.
        step: i64,
    },
}

/// `eval instant at 5m rate(a[5m])` and what is expected of it.
#[derive(Clone, Debug)]
pub struct Eval {
    /// The line of the verb, from 1.
    pub line: usize,
    /// The text of the query.
    pub expression: String,
    /// For which time.
    pub query: Query,
    /// What its result has to be.
    pub expectation: Expectation,
}

/// A step of a script.
#[derive(Clone, Debug)]
pub enum Command {
    /// All series are forgotten.
    Clear,
    /// Series are added.
    Load(Load),
    /// A query is asked.
    Eval(Box<Eval>),
}

/// A script of commands.
#[derive(Clone, Debug)]
pub struct Script {
    /// Where it was read.
    pub file: String,
    /// What it does, in order.
    pub commands: Vec<Command>,
}

/// Lines that follow each other, without comments and blanks around them.
pub(super) struct Lines<'a> {
    lines: std::iter::Peekable<std::iter::Enumerate<std::str::Lines<'a>>>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        Self {
            lines: text.lines().enumerate().peekable(),
        }
    }

    /// The next line and its number.
    fn next_any(&mut self) -> Option<(usize, &'a str)> {
        self.lines
            .next()
            .map(|(index, line)| (index + 1, bare(line)))
    }

    /// The next line of a block, which ends with an empty line.
    pub(super) fn next_of_block(&mut self) -> Option<(usize, &'a str)> {
        let next = self.lines.next_if(|(_, line)| !bare(line).is_empty());
        next.map(|(index, line)| (index + 1, bare(line)))
    }
}

fn bare(line: &str) -> &str {
    let line = line.trim();
    if line.starts_with('#') { "" } else { line }
}

/// What is wrong, and in which line.
pub(super) type LineError = (usize, String);

impl Script {
    /// Reads a script; `file` is what errors call it.
    ///
    /// # Errors
    /// When a line is none that the language has.
    pub fn parse(file: &str, text: &str) -> Result<Self, ScriptError> {
        let mut commands = Vec::new();
        let mut lines = Lines::of(text);
        while let Some((number, line)) = lines.next_any() {
            if line.is_empty() {
                continue;
            }
            let command = command(number, line, &mut lines);
            commands.push(command.map_err(|(line, message)| ScriptError {
                file: file.to_owned(),
                line,
                message,
            })?);
        }
        Ok(Self {
            file: file.to_owned(),
            commands,
        })
    }

    /// The queries it asks, in order.
    pub fn evals(&self) -> impl Iterator<Item = &Eval> {
        self.commands.iter().filter_map(|command| match command {
            Command::Eval(eval) => Some(&**eval),
            Command::Clear | Command::Load(_) => None,
        })
    }
}

fn command(number: usize, line: &str, lines: &mut Lines<'_>) -> Result<Command, LineError> {
    let verb = line.split([' ', '\t']).next().unwrap_or("");
    let verb = verb.to_ascii_lowercase();
    match verb.split('_').next() {
        Some("clear") => Ok(Command::Clear),
        Some("load") => load_lines::parse(number, line, lines).map(Command::Load),
        Some("eval") => {
            eval_lines::parse(number, line, lines).map(|eval| Command::Eval(Box::new(eval)))
        }
        _ => Err((number, format!("there is no command {verb:?}"))),
    }
}
