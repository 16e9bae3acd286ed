//! What is asked.

/// When an expression is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// Once, at the end of the data.
    Instant,
    /// Every minute of all the data.
    Range,
}

/// Milliseconds between two points of a range.
pub(super) const STEP_MS: i64 = 60_000;

/// An expression, and when it is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) when: When,
    pub(super) expression: &'static str,
}

const RATE_BY_JOB: &str = "sum by (job) (rate(http_requests_total[5m]))";
const QUANTILE: &str =
    "histogram_quantile(0.9, sum by (le, job) (rate(http_request_duration_seconds_bucket[5m])))";
const JOIN: &str = "sum by (job) (rate(http_request_errors_total[5m])) / on (job) sum by (job) (rate(http_requests_total[5m]))";

/// All of them, in the order they are asked.
pub(super) const QUESTIONS: [Question; 10] = [
    instant("count({__name__=~\".+\"})"),
    instant("sum by (job) (process_resident_memory_bytes)"),
    instant(RATE_BY_JOB),
    instant("topk(5, rate(http_requests_total[5m]))"),
    instant("avg_over_time(process_resident_memory_bytes[1h])"),
    instant(QUANTILE),
    instant(JOIN),
    range("sum(rate(http_requests_total[5m]))"),
    range(QUANTILE),
    range(JOIN),
];

const fn instant(expression: &'static str) -> Question {
    Question {
        when: When::Instant,
        expression,
    }
}

const fn range(expression: &'static str) -> Question {
    Question {
        when: When::Range,
        expression,
    }
}

impl Question {
    /// How a table names it.
    pub(super) fn title(self) -> String {
        match self.when {
            When::Instant => format!("`{}`", self.expression),
            When::Range => format!("range: `{}`", self.expression),
        }
    }

    /// The path of its request, for data from `start_ms` to `end_ms`.
    pub(super) fn path(self, (start_ms, end_ms): (i64, i64)) -> String {
        let expression: String =
            form_urlencoded::byte_serialize(self.expression.as_bytes()).collect();
        let seconds = |ms: i64| format!("{}.{:03}", ms / 1_000, ms % 1_000);
        let end = seconds(end_ms);
        // VictoriaMetrics keeps answers to ranges unless it is told not to; the others ignore it.
        match self.when {
            When::Instant => format!("/api/v1/query?query={expression}&time={end}&nocache=1"),
            When::Range => format!(
                "/api/v1/query_range?query={expression}&start={}&end={end}&step={}&nocache=1",
                seconds(start_ms),
                STEP_MS / 1_000
            ),
        }
    }
}
