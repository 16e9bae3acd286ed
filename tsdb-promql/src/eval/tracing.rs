//! Which step of a query takes how long, where that is asked for.

use super::context::{Evaluation, Sink};
use crate::error::QueryError;
use crate::queryable::Selection;
use crate::syntax::Span;
use crate::text::{go_quoted, utc_millis};
use crate::trace::Trace;
use tsdb_core::MatchOp;

/// So much of a text is told.
const TEXT_BYTES_MAX: usize = 200;

/// What was read of the source so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ReadSoFar {
    pub(super) series: u64,
    pub(super) samples: u64,
    /// How long the source took for it, where there is a stopwatch.
    pub(super) nanoseconds: u64,
}

/// Steps that have begun, each within the one before, and those that have ended outside of any.
#[derive(Debug, Default)]
pub(super) struct OpenSteps {
    open: Vec<Trace>,
    ended: Vec<Trace>,
}

impl OpenSteps {
    /// A step that has ended, within the one that is open.
    fn add(&mut self, step: Trace) {
        match self.open.last_mut() {
            Some(around) => around.children.push(step),
            None => self.ended.push(step),
        }
    }
}

impl Evaluation<'_> {
    /// The time of the stopwatch, which stands still where there is none.
    pub(super) fn now(&self) -> u64 {
        self.options().stopwatch.map_or(0, |stopwatch| stopwatch())
    }

    /// Runs what gives series to `sink` as a step of its own.
    pub(super) fn traced(
        &self,
        (name, span): (&str, Span),
        run: impl FnOnce(&mut Sink<'_>) -> Result<(), QueryError>,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        self.steps.borrow_mut().open.push(Trace {
            name: name.to_owned(),
            detail: shortened(
                self.request
                    .query
                    .get(span.start..span.end)
                    .unwrap_or_default(),
            ),
            ..Trace::default()
        });
        // Whatever takes the series is no part of this.
        let (mut series, mut samples, mut taking) = (0, 0, 0);
        let begun = self.now();
        run(&mut |one| {
            series += 1;
            samples += one.column.samples();
            let given = self.now();
            let taken = sink(one);
            taking += self.now().saturating_sub(given);
            taken
        })?;
        let nanoseconds = self.now().saturating_sub(begun).saturating_sub(taking);
        let mut steps = self.steps.borrow_mut();
        if let Some(step) = steps.open.pop() {
            steps.add(Trace {
                nanoseconds,
                series,
                samples,
                ..step
            });
        }
        Ok(())
    }

    /// Runs what reads a selector as a step of its own, if there is a stopwatch.
    pub(super) fn traced_selector(
        &self,
        selection: &Selection<'_>,
        read: impl FnOnce() -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        if self.options().stopwatch.is_none() {
            return read();
        }
        let before = self.read_so_far();
        read()?;
        let after = self.read_so_far();
        self.steps.borrow_mut().add(Trace {
            name: "selector".to_owned(),
            detail: asked(selection),
            nanoseconds: after.nanoseconds - before.nanoseconds,
            series: after.series - before.series,
            samples: after.samples - before.samples,
            children: Vec::new(),
        });
        Ok(())
    }

    /// Asks the source, whose time is noted if there is a stopwatch.
    pub(super) fn of_source<T>(&self, ask: impl FnOnce() -> T) -> T {
        if self.options().stopwatch.is_none() {
            return ask();
        }
        let begun = self.now();
        let answer = ask();
        self.add_read(ReadSoFar {
            nanoseconds: self.now().saturating_sub(begun),
            ..ReadSoFar::default()
        });
        answer
    }

    /// All steps of a query that took so long, if there is a stopwatch.
    pub(super) fn trace(&self, nanoseconds: u64) -> Option<Trace> {
        self.options().stopwatch?;
        let read = self.read_so_far();
        Some(Trace {
            name: "query".to_owned(),
            detail: self.request.query.to_owned(),
            nanoseconds,
            series: read.series,
            samples: read.samples,
            children: std::mem::take(&mut self.steps.borrow_mut().ended),
        })
    }
}

fn shortened(text: &str) -> String {
    if text.len() <= TEXT_BYTES_MAX {
        return text.to_owned();
    }
    let begin = (0..=TEXT_BYTES_MAX).rev().find_map(|end| text.get(..end));
    format!("{}...", begin.unwrap_or_default())
}

/// A selector as it is written, and the time of it that is read.
fn asked(selection: &Selection<'_>) -> String {
    let matchers = selection.matchers.iter().map(|matcher| {
        let op = match matcher.op() {
            MatchOp::Equal => "=",
            MatchOp::NotEqual => "!=",
            MatchOp::Regex => "=~",
            MatchOp::NotRegex | MatchOp::Shards => "!~",
        };
        format!("{}{op}{}", matcher.name(), go_quoted(matcher.value()))
    });
    let matchers: Vec<String> = matchers.collect();
    let matchers = shortened(&matchers.join(","));
    let (start, end) = (utc_millis(selection.start), utc_millis(selection.end));
    format!("{{{matchers}}} from {start} to {end}")
}
