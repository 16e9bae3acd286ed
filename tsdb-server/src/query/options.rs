//! How expressions are evaluated here.

use std::time::Duration;

use tsdb_promql::EngineOptions;

/// How expressions are evaluated here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueryOptions {
    /// What of PromQL is switched on, and the bounds of a query.
    pub(crate) engine: EngineOptions,
    /// For how long a query may run, waiting for its turn included; requests may ask for less.
    pub(crate) timeout: Duration,
    /// Longest time that a selector may ask for; `None` for any.
    pub(crate) longest: Option<Duration>,
    /// Whether an expression that finds too many series is refused; otherwise what is found is cut.
    pub(crate) exhaustive: bool,
    /// From which duration on a query is slow, and told in the log; `None` for never.
    pub(crate) slow: Option<Duration>,
}
