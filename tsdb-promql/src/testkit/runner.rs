//! Plays scripts.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::comparison::{check_annotations, check_sorted, check_value, describe};
use super::pinned::pinned;
use super::reply::{Reply, ReplyHistogram, ReplySeries, ReplyValue};
use super::script::{Command, Eval, Load, Query, Script};

/// What is asked: it keeps series and answers queries.
pub trait Subject {
    /// Forgets all series.
    ///
    /// # Errors
    /// When it cannot; what was asked of it before does not count any more.
    fn clear(&mut self) -> Result<(), String>;

    /// Keeps series.
    ///
    /// # Errors
    /// When it cannot; all queries up to the next [`Subject::clear`] fail then.
    fn load(&mut self, load: &Load) -> Result<(), String>;

    /// Evaluates a query at one time, in milliseconds since the epoch.
    ///
    /// # Errors
    /// The message of the query's failure.
    fn instant(&self, expression: &str, time: i64) -> Result<Reply, String>;

    /// Evaluates a query from `start` to `end`, in milliseconds since the epoch.
    ///
    /// # Errors
    /// The message of the query's failure.
    fn range(&self, expression: &str, times: (i64, i64, i64)) -> Result<Reply, String>;

    /// Whether instant queries are asked in all ways, not only as they are.
    fn asks_again(&self) -> bool {
        true
    }
}

/// A query of a script and what came of it.
#[derive(Clone, Debug)]
pub struct Case {
    /// The file of the script.
    pub file: String,
    /// The line of the query.
    pub line: usize,
    /// The query.
    pub expression: String,
    /// Why the result is not the expected one; `None` when it is.
    pub failure: Option<String>,
}

/// A minute, how far ranges around instant queries reach and step.
const MINUTE: i64 = 60_000;

/// Plays a script, one case a query. An instant query is asked three ways, as Prometheus does: as it
/// is, as the middle step of a range, and with all selectors pinned to its time by `@`, at other times.
pub fn run(script: &Script, subject: &mut dyn Subject) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut broken = subject.clear().err();
    for command in &script.commands {
        match command {
            Command::Clear => broken = subject.clear().err(),
            Command::Load(load) => {
                let failure = subject.load(load).err();
                broken = broken.or(failure.map(|error| format!("load in {}: {error}", load.line)));
            }
            Command::Eval(eval) => {
                let verdict = broken.clone().map_or_else(|| guarded(eval, subject), Err);
                cases.push(Case {
                    file: script.file.clone(),
                    line: eval.line,
                    expression: eval.expression.clone(),
                    failure: verdict.err(),
                });
            }
        }
    }
    cases
}

/// A panic fails its case and no other.
fn guarded(eval: &Eval, subject: &dyn Subject) -> Result<(), String> {
    let verdict = catch_unwind(AssertUnwindSafe(|| check(eval, subject)));
    verdict.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied());
        Err(format!("panicked: {}", text.unwrap_or("without a word")))
    })
}

fn check(eval: &Eval, subject: &dyn Subject) -> Result<(), String> {
    match eval.query {
        Query::Range { start, end, step } => {
            let times = (start, end, step);
            let reply = subject.range(&eval.expression, times);
            check_reply(eval, times, reply).map(|_| ())
        }
        Query::Instant(time) => {
            // Where times of a matrix are given, the last is that of the query.
            let time = eval
                .expectation
                .matrix_times
                .map_or(time, |(_, end, _)| end);
            check_instant(eval, subject, &eval.expression, time)?;
            if !subject.asks_again() {
                return Ok(());
            }
            for (pinned, time) in pinned(&eval.expression, time) {
                check_instant(eval, subject, &pinned, time)
                    .map_err(|error| format!("{pinned} at {time}: {error}"))?;
            }
            Ok(())
        }
    }
}

/// Checks what a query gave; `None` when it had to fail and did.
fn check_reply(
    eval: &Eval,
    times: (i64, i64, i64),
    reply: Result<Reply, String>,
) -> Result<Option<Reply>, String> {
    let expected = &eval.expectation;
    match (reply, &expected.failure) {
        (Err(error), Some(wanted)) if wanted.matches(&error) => Ok(None),
        (Err(error), Some(wanted)) => Err(format!("failure {wanted:?} is expected, got {error:?}")),
        (Err(error), None) => Err(format!("failed: {error}")),
        (Ok(reply), Some(wanted)) => {
            let found = describe(&reply.value);
            Err(format!("failure {wanted:?} is expected, found {found}"))
        }
        (Ok(reply), None) => {
            check_annotations(expected, &reply)?;
            check_value(expected, times, &reply.value)?;
            Ok(Some(reply))
        }
    }
}

fn check_instant(
    eval: &Eval,
    subject: &dyn Subject,
    expression: &str,
    time: i64,
) -> Result<(), String> {
    let times = eval.expectation.matrix_times.unwrap_or((time, time, 1));
    let reply = check_reply(eval, times, subject.instant(expression, time))?;
    let Some(reply) = reply else {
        return Ok(());
    };
    let expected = &eval.expectation;
    let has_no_range = expected.matrix_times.is_some() || expected.string.is_some();
    if has_no_range || of_the_query(expression) || !subject.asks_again() {
        return Ok(());
    }
    let times = (time - MINUTE, time + MINUTE, MINUTE);
    let around = subject.range(expression, times);
    let around = around.map_err(|error| format!("as a range: failed: {error}"))?;
    if expected.ordered {
        return Ok(());
    }
    let ReplyValue::Matrix(matrix) = &around.value else {
        return Err(format!("as a range: {}", describe(&around.value)));
    };
    check_sorted(matrix)?;
    let middle = middle(matrix, time, matches!(reply.value, ReplyValue::Scalar(_)));
    check_value(expected, times, &middle).map_err(|error| format!("as a range: {error}"))
}

/// Whether it asks for the bounds of the query, which a range has others of.
fn of_the_query(expression: &str) -> bool {
    ["start()", "end()", "range()", "step()"]
        .iter()
        .any(|call| expression.contains(call))
}

/// The points of a matrix at one time.
fn middle(matrix: &[ReplySeries], time: i64, is_scalar: bool) -> ReplyValue {
    let mut vector = Vec::new();
    for series in matrix {
        let floats = series.floats.iter().filter(|(at, _)| *at == time).copied();
        let histograms = series
            .histograms
            .iter()
            .filter(|(at, _)| *at == time)
            .cloned();
        let floats: Vec<(i64, f64)> = floats.collect();
        let histograms: Vec<(i64, ReplyHistogram)> = histograms.collect();
        if !floats.is_empty() || !histograms.is_empty() {
            vector.push(ReplySeries {
                labels: series.labels.clone(),
                floats,
                histograms,
            });
        }
    }
    let number = vector.first().and_then(|series| series.floats.first());
    match (is_scalar, number) {
        (true, Some((_, number))) => ReplyValue::Scalar(*number),
        _ => ReplyValue::Vector(vector),
    }
}
