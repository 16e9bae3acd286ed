//! Evaluating an expression on a query thread, as long as somebody waits for it.

use std::sync::LazyLock;

use axum::response::Response;
use tokio::time::{Instant, timeout_at};
use tsdb_promql::{Answer, Cancel, Engine, QueryError};

use super::super::app::App;
use super::super::envelope::{ApiError, ErrorType, TRUNCATED};
use super::super::reads::Limited;
use super::super::scope::Scope;
use super::error::TIMED_OUT_IN_QUEUE;
use super::parameters::{Parameters, When};
use super::reply::{Reply, Said};
use crate::query::{Asked, Ended, Source, Ticket};
use crate::store::Admission;

/// Ends the query when whoever waits for it goes away.
struct CancelOnDrop(Option<Cancel>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if let Some(cancel) = &self.0 {
            cancel.cancel();
        }
    }
}

/// Answers with the result of an expression.
pub(super) async fn answer(
    app: App,
    scope: Scope,
    asked: Parameters,
    gzip: bool,
) -> Result<Response, ApiError> {
    scope.reads().check_expression()?;
    let within = app.queries.timeout;
    let within = asked.timeout.map_or(within, |asked| asked.min(within));
    let deadline = Instant::now() + within;
    let cancel = Cancel::default();
    let mut waiting = CancelOnDrop(Some(cancel.clone()));
    let ticket = app.register.begin(Asked {
        text: &asked.text,
        tenant: scope.tenant().cloned(),
        cancel: cancel.clone(),
    });
    let queries = app.store.queries();
    let Ok(admission) = queries.admit_within(scope.sender(), within).await else {
        let error = ApiError::new(ErrorType::Timeout, TIMED_OUT_IN_QUEUE);
        ticket.end(ended(&error));
        return Err(error);
    };
    let own = app.clone();
    let on_thread = cancel.clone();
    let work = move || evaluate(&own, scope, asked, &on_thread, (ticket, admission), gzip);
    let answered = timeout_at(deadline, queries.run_admitted(work)).await;
    // It ended, or is told that its time is over.
    waiting.0 = None;
    match answered {
        Ok(answered) => Ok(answered??.response(app)),
        Err(_) => {
            // Nobody waits until the thread notices.
            cancel.time_out();
            Err(QueryError::TimedOut.into())
        }
    }
}

fn ended(error: &ApiError) -> Ended {
    Ended {
        outcome: error.kind.name(),
        error: Some(error.message.clone()),
    }
}

/// Evaluates, on a thread that may wait, and makes the first piece of the answer.
fn evaluate(
    app: &App,
    scope: Scope,
    asked: Parameters,
    cancel: &Cancel,
    (ticket, admission): (Ticket, Admission),
    gzip: bool,
) -> Result<Reply, ApiError> {
    let waited = ticket.took();
    match result(app, &scope, &asked, cancel, &ticket) {
        Ok((answer, told, limited)) => {
            let evaluated = ticket.took().saturating_sub(waited);
            ticket.end(Ended {
                outcome: "success",
                error: None,
            });
            let said = Said {
                told,
                limited,
                limit: asked.limit,
                times: asked.stats.then_some((waited, evaluated)),
            };
            Ok(Reply::begin(answer, said, admission, gzip)?)
        }
        Err(error) => {
            ticket.end(ended(&error));
            Err(error)
        }
    }
}

fn result(
    app: &App,
    scope: &Scope,
    asked: &Parameters,
    cancel: &Cancel,
    ticket: &Ticket,
) -> Result<(Answer, Vec<String>, Limited), ApiError> {
    let namespace = scope.data(&app.store.current()?)?;
    let marks = namespace.marks();
    let bounds = scope.reads().bounds(&app.queries);
    let mut options = app.queries.engine;
    if bounds.cut.is_some() {
        // The source ends before.
        options.max_series = u64::MAX;
    }
    let progress = ticket.progress().clone();
    let source = Source::new(namespace, bounds, progress);
    options.threads = (options.threads / app.register.running_len().max(1)).max(1);
    options.lookback = asked.lookback.unwrap_or(options.lookback);
    options.stopwatch = asked.trace.then_some(nanoseconds);
    let engine = Engine::new(options);
    let mut answer = match asked.when {
        When::At(time) => engine.instant(&source, &asked.text, time, cancel)?,
        When::Range { start, end, step } => {
            engine.range(&source, &asked.text, (start, end, step), cancel)?
        }
    };
    let cut = source.cut();
    if let Some(most) = cut {
        let told = format!(
            "{TRUNCATED}: a selector finds more than {most} series, the others are left out"
        );
        // Before those of which only the number may be told.
        answer.warnings.insert(0, told);
    }
    Ok((answer, marks.tell(), Limited::of_cut(cut)))
}

/// Nanoseconds since the first call.
fn nanoseconds() -> u64 {
    static FIRST: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(FIRST.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
