//! The two formats, which differ in little.

use tsdb_core::model::MetricKind;

/// Which of the two formats a text is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// OpenMetrics 1.0: timestamps in seconds, exemplars, `# UNIT`, single blanks, and `# EOF` at the end.
    OpenMetrics,
    /// Prometheus' text exposition 0.0.4: timestamps in milliseconds, any blanks and comments.
    PrometheusText,
}

impl Dialect {
    /// The format that a `Content-Type` names; anything but OpenMetrics is the older one.
    #[must_use]
    pub fn of_content_type(content_type: &str) -> Self {
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        match media_type.eq_ignore_ascii_case("application/openmetrics-text") {
            true => Self::OpenMetrics,
            false => Self::PrometheusText,
        }
    }

    /// The kind of metric that a `# TYPE` line names.
    pub(super) fn kind(self, name: &str) -> Option<MetricKind> {
        let untyped = self == Self::PrometheusText && name == "untyped";
        let mut all = MetricKind::ALL.into_iter();
        all.find(|kind| kind.as_str() == name)
            .or(untyped.then_some(MetricKind::Unknown))
    }
}
