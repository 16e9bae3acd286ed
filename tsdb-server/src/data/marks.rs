//! What has to be said of an answer beside what it holds.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tsdb_cluster::coordinator::Warning;

use crate::store::StoreError;
use crate::telemetry::Telemetry;

/// The warnings of one answer, gathered while it is made. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    warnings: BTreeSet<Warning>,
    /// Whether the answer has begun, and how many warnings it told.
    told: Option<usize>,
}

impl Marks {
    /// Nothing is left half changed under the lock, so a panic elsewhere does not matter here.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes warnings of what was read.
    ///
    /// # Errors
    /// When the answer began without any: its reader would take a part for the whole.
    pub(super) fn note(
        &self,
        warnings: &BTreeSet<Warning>,
        telemetry: &Telemetry,
    ) -> Result<(), StoreError> {
        let Some(first) = warnings.first() else {
            return Ok(());
        };
        let mut state = self.lock();
        if state.warnings.is_empty() {
            telemetry.answered_below_level();
        }
        state.warnings.extend(warnings.iter().cloned());
        match state.told {
            Some(0) => Err(StoreError::Unmarked(first.0.clone())),
            _ => Ok(()),
        }
    }

    /// The warnings so far, of an answer that has not begun.
    pub(crate) fn so_far(&self) -> Vec<String> {
        let state = self.lock();
        state.warnings.iter().map(|one| one.0.clone()).collect()
    }

    /// The warnings so far. The answer begins with them, and none may come behind where there are
    /// none now.
    pub(crate) fn tell(&self) -> Vec<String> {
        let mut state = self.lock();
        let known = state.warnings.len();
        state.told.get_or_insert(known);
        state.warnings.iter().map(|one| one.0.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_began_unmarked_is_cut_and_a_marked_one_goes_on() {
        let telemetry = Telemetry::default();
        let warnings = |texts: &[&str]| {
            let texts = texts.iter().map(|text| Warning((*text).to_owned()));
            texts.collect::<BTreeSet<_>>()
        };
        let marked = Marks::default();
        marked.note(&warnings(&[]), &telemetry).expect("nothing");
        marked.note(&warnings(&["a"]), &telemetry).expect("early");
        assert_eq!(marked.tell(), ["a"]);
        let more = warnings(&["a", "b"]);
        marked.note(&more, &telemetry).expect("it says so already");
        assert_eq!(marked.clone().tell(), ["a", "b"]);

        let unmarked = Marks::default();
        assert_eq!(unmarked.tell(), [""; 0]);
        unmarked.note(&warnings(&[]), &telemetry).expect("nothing");
        let cut = unmarked.note(&warnings(&["a"]), &telemetry);
        assert!(matches!(cut, Err(StoreError::Unmarked(why)) if why == "a"));
        assert_eq!(telemetry.answers_below_level(), 2, "each answer once");
    }
}
