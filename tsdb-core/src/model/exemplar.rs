//! Exemplars: single observations that stand for many.

use super::{Labels, LabelsError};

/// An example of what a series counts, mostly with the id of a trace.
#[derive(Clone, Debug)]
pub struct Exemplar {
    /// Labels of its own, apart from those of its series; often none but `trace_id`.
    pub labels: Labels,
    /// The observed value.
    pub value: f64,
    /// When it was observed, in milliseconds since the Unix epoch.
    pub timestamp: i64,
}

/// Why an exemplar is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExemplarError {
    /// Its labels are too long for what they are for.
    #[error(
        "an exemplar's labels have {characters} characters or more, beyond the {limit} that OpenMetrics allows: shorten them"
    )]
    LabelsTooLong {
        /// Characters of all names and values; there may be more.
        characters: usize,
        /// Characters allowed.
        limit: usize,
    },
    /// Its labels are no valid set.
    #[error("labels of an exemplar: {0}")]
    Labels(#[from] LabelsError),
}

/// An exemplar of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchExemplar {
    /// Which of the batch's series it belongs to, in the order they were begun.
    pub series: usize,
    /// When it was observed, in milliseconds since the epoch.
    pub timestamp: i64,
    /// The observed value.
    pub value: f64,
    /// Labels of its own, or why what was sent is no set of labels or too long a one.
    pub labels: Result<Labels, ExemplarError>,
}

impl Exemplar {
    /// Characters that all names and values may have together.
    pub const MAX_LABEL_CHARACTERS: usize = 128;

    /// Checks it by the rules of OpenMetrics, which are those of Prometheus.
    ///
    /// # Errors
    /// When its labels are too long.
    pub fn validate(&self) -> Result<(), ExemplarError> {
        let text = |text: &str| text.chars().count();
        let labels = self.labels.iter();
        let characters = labels
            .map(|label| text(label.name) + text(label.value))
            .sum();
        if characters > Self::MAX_LABEL_CHARACTERS {
            return Err(ExemplarError::LabelsTooLong {
                characters,
                limit: Self::MAX_LABEL_CHARACTERS,
            });
        }
        Ok(())
    }
}

/// By the bits of the value.
impl PartialEq for Exemplar {
    fn eq(&self, other: &Self) -> bool {
        let key = |exemplar: &Self| (exemplar.timestamp, exemplar.value.to_bits());
        key(self) == key(other) && self.labels == other.labels
    }
}

impl Eq for Exemplar {}
