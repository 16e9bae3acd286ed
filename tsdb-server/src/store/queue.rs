//! A bounded queue between async tasks, which must not wait, and threads, which do.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Why an item was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum QueueError {
    /// It holds as much as it may.
    #[error("the queue holds {0} items, its limit")]
    Full(usize),
    /// It takes nothing any more.
    #[error("the queue is closed")]
    Closed,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    open: bool,
}

/// First in, first out; full means refused, not waited for.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    pushed: Condvar,
    capacity: usize,
}

impl<T> Queue<T> {
    /// A queue that holds at most `capacity` items.
    #[must_use]
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            state: Mutex::new(State {
                items: VecDeque::new(),
                open: true,
            }),
            pushed: Condvar::new(),
            capacity,
        }
    }

    /// No state is left half changed under the lock, so a panic elsewhere does not matter here.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an item at the end.
    ///
    /// # Errors
    /// When the queue is full or closed; the item is dropped.
    pub(crate) fn push(&self, item: T) -> Result<(), QueueError> {
        let mut state = self.lock();
        if !state.open {
            return Err(QueueError::Closed);
        }
        if state.items.len() >= self.capacity {
            return Err(QueueError::Full(self.capacity));
        }
        state.items.push_back(item);
        drop(state);
        self.pushed.notify_one();
        Ok(())
    }

    /// Takes the first item, waiting for one. `None` once the queue is closed and empty.
    pub(crate) fn pop(&self) -> Option<T> {
        let mut state = self.lock();
        loop {
            if let Some(item) = state.items.pop_front() {
                return Some(item);
            }
            if !state.open {
                return None;
            }
            state = self
                .pushed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes nothing more; what is in it is still handed out.
    pub(crate) fn close(&self) {
        self.lock().open = false;
        self.pushed.notify_all();
    }

    /// Items waiting.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.lock().items.len()
    }

    /// Most items that may wait.
    #[must_use]
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::runtime::spawn;

    #[test]
    fn first_in_first_out_up_to_the_limit() {
        let queue = Queue::new(2);
        assert_eq!(queue.push(1), Ok(()));
        assert_eq!(queue.push(2), Ok(()));
        assert_eq!(queue.push(3), Err(QueueError::Full(2)));
        assert_eq!(queue.pop(), Some(1));
        assert_eq!(queue.push(4), Ok(()));
        queue.close();
        assert_eq!(queue.push(5), Err(QueueError::Closed));
        assert_eq!(
            (queue.pop(), queue.pop(), queue.pop()),
            (Some(2), Some(4), None)
        );
    }

    #[test]
    fn every_item_goes_to_one_of_the_waiting_threads() {
        let queue = Arc::new(Queue::new(1000));
        let threads: Vec<_> = (0..4)
            .map(|index| {
                let queue = Arc::clone(&queue);
                let taken = Arc::new(Mutex::new(Vec::new()));
                let out = Arc::clone(&taken);
                let run = move || {
                    while let Some(item) = queue.pop() {
                        out.lock().expect("taken").push(item);
                    }
                };
                (
                    spawn(format!("popper-{index}"), run).expect("a thread"),
                    taken,
                )
            })
            .collect();
        (0..1000).for_each(|item| queue.push(item).expect("room"));
        queue.close();
        let mut all = Vec::new();
        for (thread, taken) in threads {
            thread.join().expect("no panic");
            all.append(&mut taken.lock().expect("taken"));
        }
        all.sort_unstable();
        assert_eq!(all, (0..1000).collect::<Vec<_>>());
    }
}
