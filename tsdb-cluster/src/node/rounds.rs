//! The rounds in which a node compares all its shards with the other replicas.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use event_listener::Event;
use futures_util::future::select;

use crate::runtime::Runtime;

/// Rounds of a node, numbered from 1 since it started. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub struct Rounds {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    asked: Event,
}

#[derive(Debug, Default)]
struct State {
    begun: u64,
    ended: u64,
    /// The newest that somebody asked for.
    asked: u64,
}

impl Rounds {
    /// Asks for a round that begins from now on, without a pause before it; its number.
    #[must_use]
    pub fn ask(&self) -> u64 {
        let mut state = self.lock();
        state.asked = state.begun + 1;
        let round = state.asked;
        drop(state);
        self.shared.asked.notify(usize::MAX);
        round
    }

    /// The number of the last that ended.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.lock().ended
    }

    pub(super) fn begin(&self) {
        self.lock().begun += 1;
    }

    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.ended = state.begun;
    }

    /// Waits before the next one, as long as nobody asks for it.
    pub(super) async fn pause(&self, runtime: &dyn Runtime, pause: Duration) {
        let asked = self.shared.asked.listen();
        if !self.is_asked() {
            // Whichever comes first; the other one is of no interest then.
            let _first = select(runtime.sleep(pause), asked).await;
        }
    }

    fn is_asked(&self) -> bool {
        let state = self.lock();
        state.asked > state.begun
    }

    /// Nothing is left half changed under the lock, so a panic elsewhere does not matter here.
    fn lock(&self) -> MutexGuard<'_, State> {
        let state = self.shared.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::runtime::still::Still;

    #[test]
    fn a_round_that_is_asked_for_begins_at_once_and_has_seen_all_when_it_ends() {
        let rounds = Rounds::default();
        let second = Duration::from_secs(1);
        rounds.begin();
        assert_eq!(rounds.ask(), 2, "the one that is under way may be past it");
        rounds.end();
        assert_eq!(rounds.ended(), 1);
        let paused = rounds.pause(&Still, second).now_or_never();
        assert_eq!(paused, Some(()), "it was asked before");
        rounds.begin();
        rounds.end();
        assert_eq!(rounds.ended(), 2);
        let mut pause = rounds.pause(&Still, second).boxed();
        assert_eq!((&mut pause).now_or_never(), None, "nobody asked");
        assert_eq!(rounds.ask(), 3);
        assert_eq!(pause.now_or_never(), Some(()));
    }
}
