//! What became of samples: counts, refusals by reason, damage.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tsdb_core::AppendReport;

/// How many reasons are told apart.
const REASONS_MAX: usize = 50;
/// How many examples are kept of a reason.
const EXAMPLES_MAX: usize = 3;
/// How many places of damage are listed before they are only counted.
const DAMAGE_MAX: usize = 20;

/// What was read, and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Tally {
    /// Series of which samples were read.
    pub(super) series: u64,
    /// Floats read.
    pub(super) floats: u64,
    /// Native histograms read.
    pub(super) histograms: u64,
    /// Samples left out, as they were deleted.
    pub(super) deleted: u64,
    /// Samples stored, those that were there already included.
    pub(super) stored: u64,
    /// Samples refused.
    pub(super) refused: u64,
    /// Refusals that a reason was told for.
    pub(super) reasons: BTreeMap<String, Refusals>,
    /// Places that cannot be read, listed or not.
    pub(super) damaged: u64,
    /// The first of them.
    pub(super) damage: Vec<String>,
}

/// Refusals for one reason.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Refusals {
    pub(super) samples: u64,
    pub(super) examples: Vec<String>,
}

impl Tally {
    /// Samples read, floats and histograms.
    pub(super) fn samples(&self) -> u64 {
        self.floats + self.histograms
    }

    /// Notes a place that cannot be read.
    pub(super) fn damage(&mut self, text: String) {
        self.damaged += 1;
        if self.damage.len() < DAMAGE_MAX {
            self.damage.push(text);
        }
    }

    /// Notes a refusal: why, of how many samples, and which.
    pub(super) fn refusal(&mut self, reason: &str, samples: u64, example: String) {
        let key = pattern(reason);
        if self.reasons.len() >= REASONS_MAX && !self.reasons.contains_key(&key) {
            return;
        }
        let refusals = self.reasons.entry(key).or_default();
        refusals.samples += samples;
        if refusals.examples.len() < EXAMPLES_MAX {
            refusals.examples.push(example);
        }
    }

    /// Takes what the database says of a batch.
    pub(super) fn appended(&mut self, report: &AppendReport) {
        self.stored += report.appended + report.appended_histograms;
        self.refused += report.rejected_samples;
        for rejected in &report.rejected {
            let reason = rejected.reason.to_string();
            self.refusal(&reason, rejected.samples, rejected.to_string());
        }
    }

    /// Adds another one, of what came later.
    pub(super) fn merge(&mut self, other: &Self) {
        self.series += other.series;
        self.floats += other.floats;
        self.histograms += other.histograms;
        self.deleted += other.deleted;
        self.stored += other.stored;
        self.refused += other.refused;
        for (reason, refusals) in &other.reasons {
            if self.reasons.len() >= REASONS_MAX && !self.reasons.contains_key(reason) {
                continue;
            }
            let own = self.reasons.entry(reason.clone()).or_default();
            own.samples += refusals.samples;
            let room = EXAMPLES_MAX.saturating_sub(own.examples.len());
            let examples = refusals.examples.iter().take(room);
            own.examples.extend(examples.cloned());
        }
        self.damaged += other.damaged;
        let room = DAMAGE_MAX.saturating_sub(self.damage.len());
        self.damage.extend(other.damage.iter().take(room).cloned());
    }
}

/// A reason without what differs from sample to sample: numbers, and texts in quotes.
fn pattern(reason: &str) -> String {
    let mut out = String::with_capacity(reason.len());
    let mut quoted = false;
    let mut number = false;
    for char in reason.chars() {
        if char == '"' {
            quoted = !quoted;
            out.push_str(if quoted { "\"..." } else { "\"" });
        } else if !quoted {
            let digit = char.is_ascii_digit();
            if digit && !number {
                out.push('N');
            }
            if !digit {
                out.push(char);
            }
            number = digit;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_told_apart_by_their_words() {
        assert_eq!(
            pattern("timestamp 17 is before 200"),
            "timestamp N is before N"
        );
        assert_eq!(
            pattern("label \"a1\" has 5000 bytes"),
            "label \"...\" has N bytes"
        );
    }

    #[test]
    fn tallies_add_up() {
        let mut all = Tally::default();
        for number in 0..5 {
            let mut one = Tally {
                floats: 2,
                refused: 2,
                ..Tally::default()
            };
            one.refusal(
                &format!("too old by {number}"),
                1,
                format!("up at {number}"),
            );
            one.damage(format!("byte {number}"));
            all.merge(&one);
        }
        assert_eq!((all.samples(), all.refused, all.damaged), (10, 10, 5));
        let refusals = &all.reasons["too old by N"];
        assert_eq!((refusals.samples, refusals.examples.len()), (5, 3));
        for number in 0..100 {
            all.damage(String::new());
            let reason: String = "x".repeat(number + 1);
            all.refusal(&reason, 1, String::new());
        }
        assert_eq!((all.damaged, all.damage.len()), (105, DAMAGE_MAX));
        assert_eq!(all.reasons.len(), REASONS_MAX);
    }
}
