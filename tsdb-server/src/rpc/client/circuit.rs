//! Who may ask a node that was not reached: nobody for a while, then one, then all again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tsdb_cluster::message::NodeError;

use super::figures::{CircuitFigures, CircuitState};
use crate::pause::Pause;

#[derive(Debug)]
enum Way {
    Open,
    /// Nobody asks before this moment.
    ClosedUntil(Instant),
    /// One asks; the others wait for what becomes of it.
    Probed,
}

#[derive(Debug)]
struct State {
    way: Way,
    pause: Pause,
    /// Since when nobody got through.
    failing_since: Option<Instant>,
    /// What went wrong last.
    reason: String,
}

impl State {
    fn refusal(&self) -> NodeError {
        NodeError::Unreachable(format!("it was not reached just now: {}", self.reason))
    }
}

/// The way to a node. Cloning shares it.
#[derive(Clone, Debug)]
pub(super) struct Circuit {
    state: Arc<Mutex<State>>,
}

/// The right to ask. It is to be told what became of it; dropped untold it changes nothing.
#[derive(Debug)]
pub(super) struct Pass {
    circuit: Circuit,
    is_probe: bool,
}

impl Circuit {
    /// A way on which nothing went wrong yet.
    pub(super) fn new(backoff_max: Duration) -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                way: Way::Open,
                failing_since: None,
                pause: Pause::up_to(backoff_max),
                reason: String::new(),
            })),
        }
    }

    /// Lets somebody ask.
    pub(super) fn admit(&self) -> Result<Pass, NodeError> {
        let mut state = self.lock();
        let is_probe = match state.way {
            Way::Open => false,
            Way::ClosedUntil(until) if Instant::now() >= until => true,
            Way::ClosedUntil(_) | Way::Probed => return Err(state.refusal()),
        };
        if is_probe {
            state.way = Way::Probed;
        }
        Ok(Pass {
            circuit: self.clone(),
            is_probe,
        })
    }

    /// How the way is now.
    pub(super) fn figures(&self) -> CircuitFigures {
        let state = self.lock();
        CircuitFigures {
            state: match state.way {
                Way::Open => CircuitState::Closed,
                Way::ClosedUntil(_) => CircuitState::Open,
                Way::Probed => CircuitState::HalfOpen,
            },
            unreachable_for: state.failing_since.map(|since| since.elapsed()),
        }
    }

    /// What whoever asks now is refused with; none if somebody may ask.
    pub(super) fn refusal(&self) -> Option<NodeError> {
        let state = self.lock();
        match state.way {
            Way::Open => None,
            Way::ClosedUntil(until) if Instant::now() >= until => None,
            Way::ClosedUntil(_) | Way::Probed => Some(state.refusal()),
        }
    }

    /// It is never left half changed, so a panic elsewhere does not matter here.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass {
    /// The node answered.
    pub(super) fn succeeded(&mut self) {
        self.is_probe = false;
        let mut state = self.circuit.lock();
        state.way = Way::Open;
        state.failing_since = None;
        state.pause.reset();
    }

    /// The node was not reached.
    pub(super) fn failed(&mut self, reason: &str) {
        let was_probe = std::mem::take(&mut self.is_probe);
        let mut state = self.circuit.lock();
        // Many who asked at once are one failure.
        if was_probe || matches!(state.way, Way::Open) {
            state.failing_since.get_or_insert_with(Instant::now);
            let pause = state.pause.next();
            state.way = Way::ClosedUntil(Instant::now() + pause);
            reason.clone_into(&mut state.reason);
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.is_probe {
            // Another may try.
            self.circuit.lock().way = Way::ClosedUntil(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn after_a_failure_nobody_asks_then_one_then_all() {
        let circuit = Circuit::new(Duration::from_secs(2));
        let (mut first, mut second) = (circuit.admit().expect("open"), circuit.admit().expect(""));
        first.failed("refused");
        second.failed("refused");
        let mut pauses = Vec::new();
        for _ in 0..7 {
            let closed = Instant::now();
            assert_eq!(circuit.figures().state, CircuitState::Open);
            let error = circuit.admit().expect_err("closed").to_string();
            assert!(error.contains("refused"), "{error}");
            let mut probe = loop {
                match circuit.admit() {
                    Ok(probe) => break probe,
                    Err(_) => tokio::time::advance(Duration::from_millis(1)).await,
                }
            };
            pauses.push(closed.elapsed());
            circuit.admit().expect_err("one at a time");
            assert_eq!(circuit.figures().state, CircuitState::HalfOpen);
            probe.failed("refused");
        }
        let ms = Duration::from_millis;
        assert!(pauses[0] >= ms(50) && pauses[0] <= ms(101), "{pauses:?}");
        assert!(pauses[6] >= ms(1000) && pauses[6] <= ms(2001), "{pauses:?}");
        tokio::time::advance(Duration::from_secs(2)).await;
        let unreachable = circuit.figures().unreachable_for;
        assert!(
            unreachable >= Some(Duration::from_secs(2)),
            "since the first"
        );
        drop(circuit.admit().expect("a probe that is given up"));
        let mut probe = circuit.admit().expect("another");
        probe.succeeded();
        let reached = CircuitFigures {
            state: CircuitState::Closed,
            unreachable_for: None,
        };
        assert_eq!(circuit.figures(), reached);
        drop((
            probe,
            circuit.admit().expect("open"),
            circuit.admit().expect("open"),
        ));
    }
}
