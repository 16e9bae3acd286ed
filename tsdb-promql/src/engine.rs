//! Queries from text to result.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::answer::Answer;
use crate::error::QueryError;
use crate::eval::{Request, Steps, answer};
use crate::plan::plan;
use crate::queryable::Queryable;
use crate::syntax::{ValueType, parse};
use crate::trace::Stopwatch;

/// What of PromQL is switched on. The default is that of Prometheus 3.14 without flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// Functions and aggregations that Prometheus calls experimental.
    pub experimental_functions: bool,
    /// `[5m*2]`, `offset (1h/2)`.
    pub duration_expressions: bool,
    /// `anchored` and `smoothed`.
    pub extended_selectors: bool,
    /// `fill`, `fill_left`, `fill_right`.
    pub fill: bool,
    /// Metric names are dropped at the very end of a query.
    pub delayed_name_removal: bool,
    /// When counting began tells of resets.
    pub start_timestamps: bool,
    /// `__type__` and `__unit__` are dropped and kept as the name is.
    pub type_and_unit_labels: bool,
    /// As Prometheus 2.42 evaluates: windows are closed on the left, and more (`docs/conformance.md`).
    pub prometheus_2: bool,
}

impl Default for Features {
    fn default() -> Self {
        Self {
            experimental_functions: false,
            duration_expressions: true,
            extended_selectors: false,
            fill: false,
            delayed_name_removal: false,
            start_timestamps: false,
            type_and_unit_labels: false,
            prometheus_2: false,
        }
    }
}

impl Features {
    /// All that Prometheus 3.14 has behind flags.
    pub const ALL: Self = Self {
        experimental_functions: true,
        duration_expressions: true,
        extended_selectors: true,
        fill: true,
        delayed_name_removal: true,
        start_timestamps: true,
        type_and_unit_labels: true,
        prometheus_2: false,
    };
}

/// How queries are evaluated.
#[derive(Clone, Copy, Debug)]
pub struct EngineOptions {
    /// What is switched on.
    pub features: Features,
    /// How old a sample may be to stand for now; 5 minutes.
    pub lookback: Duration,
    /// The step of a subquery that names none; a minute.
    pub subquery_step: Duration,
    /// Most samples held at a time; 50 million.
    pub max_samples: u64,
    /// Most bytes held at a time; 1 GiB.
    pub max_memory: u64,
    /// Most series a selector may find; no bound.
    pub max_series: u64,
    /// How many threads may work on the series of a selector; 1, which is the one that asks. A
    /// result does not tell how many there were.
    pub threads: usize,
    /// What traces are timed with; without it none are made.
    pub stopwatch: Option<Stopwatch>,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            features: Features::default(),
            lookback: Duration::from_secs(300),
            subquery_step: Duration::from_secs(60),
            max_samples: 50_000_000,
            max_memory: 1 << 30,
            max_series: u64::MAX,
            threads: 1,
            stopwatch: None,
        }
    }
}

/// Ends a query from outside. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Cancel {
    cancelled: Arc<AtomicBool>,
    timed_out: Arc<AtomicBool>,
}

impl Cancel {
    /// Ends the query: its client went, or somebody asked for it.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Ends the query: its time is over.
    pub fn time_out(&self) {
        self.timed_out.store(true, Ordering::Relaxed);
    }

    /// Asked often while a query runs.
    ///
    /// # Errors
    /// Why the query has to end.
    pub fn check(&self) -> Result<(), QueryError> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(QueryError::Cancelled);
        }
        match self.timed_out.load(Ordering::Relaxed) {
            true => Err(QueryError::TimedOut),
            false => Ok(()),
        }
    }
}

/// Evaluates queries over any source of series. Reads no clock but that of traces, and starts no
/// thread but where [`EngineOptions::threads`] allows some, which end with the query.
#[derive(Clone, Copy, Debug, Default)]
pub struct Engine {
    options: EngineOptions,
}

impl Engine {
    /// An engine.
    #[must_use]
    pub fn new(options: EngineOptions) -> Self {
        Self { options }
    }

    /// Its options.
    #[must_use]
    pub fn options(&self) -> &EngineOptions {
        &self.options
    }

    /// Evaluates `query` at one time (milliseconds).
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn instant(
        &self,
        source: &dyn Queryable,
        query: &str,
        time: i64,
        cancel: &Cancel,
    ) -> Result<Answer, QueryError> {
        self.evaluate(source, query, (time, time, 1), cancel, false)
    }

    /// Evaluates `query` at `start`, and every `step` up to `end` (milliseconds).
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn range(
        &self,
        source: &dyn Queryable,
        query: &str,
        (start, end, step): (i64, i64, i64),
        cancel: &Cancel,
    ) -> Result<Answer, QueryError> {
        self.evaluate(source, query, (start, end, step), cancel, true)
    }

    fn evaluate(
        &self,
        source: &dyn Queryable,
        query: &str,
        (start, end, step): (i64, i64, i64),
        cancel: &Cancel,
        is_range: bool,
    ) -> Result<Answer, QueryError> {
        let expr = parse(query, &self.options.features)?;
        let kind = expr.value_type();
        if is_range && !matches!(kind, ValueType::Scalar | ValueType::Vector) {
            return Err(QueryError::BadData(format!(
                "invalid expression type \"{kind}\" for range query, must be Scalar or instant Vector"
            )));
        }
        // Of an instant query `step()` is nothing, as in Prometheus.
        let planned_step = if is_range { step } else { 0 };
        let planned = plan(&expr, (start, end, planned_step), &self.options)?;
        let request = Request {
            query,
            source,
            options: &self.options,
            cancel,
            is_range,
        };
        answer(&planned, Steps::between(start, end, step), request)
    }
}
