//! Connections that are refused, told without filling the log.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Between two lines.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// Tells of connections that are refused: at most one in a while, and how many there were beside it.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    told: Option<Instant>,
    untold: u64,
}

impl Refusals {
    /// Tells of one, or counts it.
    pub(super) fn tell(&self, address: SocketAddr, why: &str) {
        if let Some(more) = self.admit() {
            tracing::warn!(%address, why, more, "a connection of the node protocol was refused: its certificate is to be of the CA of --rpc-tls-ca-file");
        }
    }

    /// How many were not told since the last line, where it is time for one.
    fn admit(&self) -> Option<u64> {
        // It is never left half changed, so a panic elsewhere does not matter here.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_early = |told: Instant| told.elapsed() < TELL_EVERY;
        if state.told.is_some_and(is_early) {
            state.untold += 1;
            return None;
        }
        state.told = Some(Instant::now());
        Some(std::mem::take(&mut state.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn many_refusals_are_few_lines_that_count_them() {
        let refusals = Refusals::default();
        assert_eq!(refusals.admit(), Some(0));
        assert_eq!((refusals.admit(), refusals.admit()), (None, None));
        tokio::time::advance(TELL_EVERY).await;
        assert_eq!(refusals.admit(), Some(2));
        assert_eq!(refusals.admit(), None);
    }
}
