//! How many reads run at a time, and how many may wait for their turn.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::error::RequestFault;

/// Lets a number of reads run and a number of others wait, first come, first served.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    free: usize,
    queue_limit: usize,
    next_id: u64,
    waiting: VecDeque<(u64, Waker)>,
    /// Waiters whose turn has come and who have not taken it yet.
    called: Vec<u64>,
}

impl Gate {
    pub(crate) fn new(concurrency: usize, queue_limit: usize) -> Self {
        let state = State {
            free: concurrency.max(1),
            queue_limit,
            next_id: 0,
            waiting: VecDeque::new(),
            called: Vec::new(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// A turn, as soon as one is free; fails at once when too many wait already.
    pub(crate) fn turn(&self) -> Waiting {
        Waiting {
            gate: self.clone(),
            id: None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn release(&self) {
        let mut state = self.lock();
        match state.waiting.pop_front() {
            Some((id, waker)) => {
                state.called.push(id);
                drop(state);
                waker.wake();
            }
            None => state.free += 1,
        }
    }
}

/// A read that runs; dropping it lets the next one run.
#[derive(Debug)]
pub(crate) struct Turn {
    gate: Gate,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.gate.release();
    }
}

/// A read that wants to run.
#[derive(Debug)]
pub(crate) struct Waiting {
    gate: Gate,
    id: Option<u64>,
}

impl Future for Waiting {
    type Output = Result<Turn, RequestFault>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let gate = self.gate.clone();
        let mut state = gate.lock();
        let Some(id) = self.id else {
            if state.free > 0 {
                state.free -= 1;
                return Poll::Ready(Ok(Turn {
                    gate: self.gate.clone(),
                }));
            }
            if state.waiting.len() >= state.queue_limit {
                return Poll::Ready(Err(RequestFault::QueueFull {
                    limit: state.queue_limit,
                }));
            }
            let id = state.next_id;
            state.next_id += 1;
            state.waiting.push_back((id, context.waker().clone()));
            self.id = Some(id);
            return Poll::Pending;
        };
        if let Some(index) = state.called.iter().position(|called| *called == id) {
            state.called.swap_remove(index);
            self.id = None;
            return Poll::Ready(Ok(Turn {
                gate: self.gate.clone(),
            }));
        }
        if let Some((_, waker)) = state.waiting.iter_mut().find(|(waiting, _)| *waiting == id) {
            waker.clone_from(context.waker());
        }
        Poll::Pending
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let Some(id) = self.id else {
            return;
        };
        let mut state = self.gate.lock();
        state.waiting.retain(|(waiting, _)| *waiting != id);
        let called = state.called.iter().position(|called| *called == id);
        if let Some(index) = called {
            state.called.swap_remove(index);
            drop(state);
            self.gate.release();
        }
    }
}
