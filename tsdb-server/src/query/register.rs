//! The queries that run, those that were slow, and those that cost most.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tsdb_core::clock::{Clock, SystemClock};
use tsdb_promql::Cancel;

use super::progress::Progress;
use super::spent::{Spent, Top};
use crate::telemetry::Telemetry;

/// Longest part of a text that is kept, in bytes.
const TEXT_BYTES_MAX: usize = 4096;
/// How many slow queries are kept, the latest.
const SLOW_MAX: usize = 100;
/// How many texts are told of those that cost most.
const TOP_MAX: usize = 100;

/// Who asks for what.
#[derive(Clone, Debug)]
pub(crate) struct Asked<'a> {
    /// The text of the query.
    pub(crate) text: &'a str,
    /// The tenant whose data it is about.
    pub(crate) tenant: Option<Arc<str>>,
    /// What ends it.
    pub(crate) cancel: Cancel,
}

/// How a query ended.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    /// `success`, or what kind of error it is.
    pub(crate) outcome: &'static str,
    /// The error.
    pub(crate) error: Option<String>,
}

/// A query that runs, or ended.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// Its number, from 1; that of the process alone.
    pub(crate) id: u64,
    /// Its text, cut where it is very long.
    pub(crate) text: Arc<str>,
    /// The tenant whose data it is about.
    pub(crate) tenant: Option<Arc<str>>,
    /// When it began, in milliseconds since the epoch.
    pub(crate) start: i64,
    /// For how long it ran, waiting for its turn included.
    pub(crate) took: Duration,
    /// Series that it read.
    pub(crate) series: u64,
    /// Samples that it read.
    pub(crate) samples: u64,
    /// Why it failed.
    pub(crate) error: Option<String>,
}

#[derive(Debug)]
struct Running {
    id: u64,
    text: Arc<str>,
    tenant: Option<Arc<str>>,
    start: i64,
    began: Instant,
    progress: Arc<Progress>,
    cancel: Cancel,
}

impl Running {
    fn shown(&self, error: Option<String>) -> Shown {
        Shown {
            id: self.id,
            text: Arc::clone(&self.text),
            tenant: self.tenant.clone(),
            start: self.start,
            took: self.began.elapsed(),
            series: self.progress.series(),
            samples: self.progress.samples(),
            error,
        }
    }
}

#[derive(Debug, Default)]
struct State {
    ids: u64,
    running: BTreeMap<u64, Arc<Running>>,
    slow: VecDeque<Shown>,
    spent: Spent,
}

/// The queries that run, those that were slow, and those that cost most. Cloning shares it.
#[derive(Clone, Debug)]
pub(crate) struct Register {
    state: Arc<Mutex<State>>,
    slow: Option<Duration>,
    telemetry: Arc<Telemetry>,
}

impl Register {
    /// An empty one; from `slow` on a query is told in the log.
    pub(crate) fn new(slow: Option<Duration>, telemetry: Arc<Telemetry>) -> Self {
        Self {
            state: Arc::default(),
            slow,
            telemetry,
        }
    }

    /// Nothing is left half changed under the lock, so a panic elsewhere does not matter here.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A query begins; it counts as running until its ticket ends.
    pub(crate) fn begin(&self, asked: Asked<'_>) -> Ticket {
        let mut state = self.lock();
        state.ids += 1;
        let running = Arc::new(Running {
            id: state.ids,
            text: cut(asked.text).into(),
            tenant: asked.tenant,
            start: SystemClock::new().now_ms(),
            began: Instant::now(),
            progress: Arc::default(),
            cancel: asked.cancel,
        });
        state.running.insert(running.id, Arc::clone(&running));
        Ticket {
            register: self.clone(),
            running,
            ended: false,
        }
    }

    /// Ends a query. Whether it runs.
    pub(crate) fn cancel(&self, id: u64) -> bool {
        let state = self.lock();
        let found = state.running.get(&id);
        found.map(|running| running.cancel.cancel()).is_some()
    }

    /// How many run now.
    pub(crate) fn running_len(&self) -> usize {
        self.lock().running.len()
    }

    /// Those that run, the oldest first.
    pub(crate) fn running(&self) -> Vec<Shown> {
        let state = self.lock();
        let running = state.running.values();
        running.map(|running| running.shown(None)).collect()
    }

    /// Those that were slow, the latest first.
    pub(crate) fn slow(&self) -> Vec<Shown> {
        self.lock().slow.iter().rev().cloned().collect()
    }

    /// The texts that cost most time.
    pub(crate) fn top(&self) -> Vec<Top> {
        self.lock().spent.top(TOP_MAX)
    }

    fn end(&self, running: &Running, ended: Ended) {
        let shown = running.shown(ended.error);
        self.telemetry
            .query(ended.outcome, shown.took, shown.series, shown.samples);
        let is_slow = self.slow.is_some_and(|slow| shown.took >= slow);
        if is_slow {
            log_slow(&shown, ended.outcome);
        }
        let mut state = self.lock();
        state.running.remove(&running.id);
        state.spent.add(&shown.text, shown.took, shown.samples);
        if is_slow {
            if state.slow.len() >= SLOW_MAX {
                state.slow.pop_front();
            }
            state.slow.push_back(shown);
        }
    }
}

fn log_slow(query: &Shown, outcome: &str) {
    let took_ms = u64::try_from(query.took.as_millis()).unwrap_or(u64::MAX);
    tracing::warn!(
        query = &*query.text,
        tenant = query.tenant.as_deref(),
        took_ms,
        series = query.series,
        samples = query.samples,
        outcome,
        error = query.error.as_deref(),
        "a slow query"
    );
}

/// As much of a text as is kept.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or(text)
}

/// A query that runs. Dropped before it ended, it counts as cancelled.
#[derive(Debug)]
pub(crate) struct Ticket {
    register: Register,
    running: Arc<Running>,
    ended: bool,
}

impl Ticket {
    /// What it has read.
    pub(crate) fn progress(&self) -> &Arc<Progress> {
        &self.running.progress
    }

    /// For how long it runs.
    pub(crate) fn took(&self) -> Duration {
        self.running.began.elapsed()
    }

    /// It ended.
    pub(crate) fn end(mut self, ended: Ended) {
        self.ended = true;
        self.register.end(&self.running, ended);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.ended {
            let error = Some("given up before it ran".to_owned());
            let outcome = "canceled";
            self.register.end(&self.running, Ended { outcome, error });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Asked<'_> {
        Asked {
            text,
            tenant: Some("eu".into()),
            cancel: Cancel::default(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_runs_is_shown_and_what_was_slow_is_remembered() {
        let slow = Some(Duration::from_secs(10));
        let register = Register::new(slow, Arc::default());
        let quick = register.begin(asked("quick"));
        let late = register.begin(asked("late"));
        quick.progress().add(7);
        let running = register.running();
        let texts: Vec<_> = running.iter().map(|shown| &*shown.text).collect();
        assert_eq!(texts, ["quick", "late"]);
        assert_eq!((running[0].series, running[0].samples), (1, 7));
        assert_eq!(running[1].tenant.as_deref(), Some("eu"));
        let ended = |error: Option<&str>| Ended {
            outcome: "success",
            error: error.map(str::to_owned),
        };
        quick.end(ended(None));
        tokio::time::advance(Duration::from_secs(10)).await;
        late.end(ended(Some("why")));
        assert!(register.running().is_empty());
        let slow = register.slow();
        assert_eq!((slow.len(), &*slow[0].text), (1, "late"));
        assert_eq!(slow[0].error.as_deref(), Some("why"));
        let top = register.top();
        assert_eq!((&*top[0].text, top[1].samples), ("late", 7));
    }

    #[test]
    fn a_query_is_ended_by_its_number_and_one_that_is_given_up_is_told() {
        let register = Register::new(Some(Duration::ZERO), Arc::default());
        let cancel = Cancel::default();
        let ticket = register.begin(Asked {
            cancel: cancel.clone(),
            ..asked("x")
        });
        let id = register.running()[0].id;
        assert!(!register.cancel(id + 1) && cancel.check().is_ok());
        assert!(register.cancel(id) && cancel.check().is_err());
        drop(ticket);
        assert!(!register.cancel(id));
        let error = register.slow()[0].error.clone();
        assert_eq!(error.as_deref(), Some("given up before it ran"));
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let long = "\u{e9}".repeat(TEXT_BYTES_MAX);
        assert_eq!(cut(&long).len(), TEXT_BYTES_MAX);
        let odd = format!("x{long}");
        assert_eq!(cut(&odd).len(), TEXT_BYTES_MAX - 1);
        assert_eq!(cut("up"), "up");
    }
}
