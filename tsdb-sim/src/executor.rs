//! Runs tasks on one thread, in an order and at times that a seed decides.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tsdb_cluster::runtime::Runtime;

use crate::random::Random;

/// Tasks, and a time that passes only when all of them wait. Cloning shares it.
#[derive(Clone)]
pub struct Executor {
    shared: Arc<Mutex<State>>,
}

struct State {
    now: Duration,
    random: Random,
    /// Counts tasks and timers.
    numbers: u64,
    tasks: BTreeMap<u64, Option<BoxFuture<'static, ()>>>,
    ready: Vec<u64>,
    timers: BTreeMap<(Duration, u64), Waker>,
    /// Mixed of all that was chosen, to compare two runs by.
    trace: u64,
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Executor")
            .field("now", &state.now)
            .field("tasks", &state.tasks.len())
            .finish_non_exhaustive()
    }
}

/// Makes a task ready.
struct Ready {
    shared: Arc<Mutex<State>>,
    task: u64,
}

impl Wake for Ready {
    fn wake(self: Arc<Self>) {
        let mut state = lock(&self.shared);
        if state.tasks.contains_key(&self.task) && !state.ready.contains(&self.task) {
            state.ready.push(self.task);
        }
    }
}

impl Executor {
    /// Nothing runs yet; `seed` decides all that is left open.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let state = State {
            now: Duration::ZERO,
            random: Random::new(seed),
            numbers: 0,
            tasks: BTreeMap::new(),
            ready: Vec::new(),
            timers: BTreeMap::new(),
            trace: 0,
        };
        Self {
            shared: Arc::new(Mutex::new(state)),
        }
    }

    /// Runs `future` to its end, and whatever was spawned meanwhile as far as it gets; `None` when
    /// all tasks wait for something that never comes.
    pub fn run<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let result = Arc::new(Mutex::new(None));
        let place = Arc::clone(&result);
        self.spawn(
            async move {
                let output = future.await;
                *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(output);
            }
            .boxed(),
        );
        loop {
            let output = result.lock().unwrap_or_else(PoisonError::into_inner).take();
            if output.is_some() || !self.step() {
                return output;
            }
        }
    }

    /// A number made of every choice so far: equal in two runs that did the same.
    #[must_use]
    pub fn trace(&self) -> u64 {
        self.lock().trace
    }

    /// Ends all tasks.
    pub fn clear(&self) {
        let mut state = self.lock();
        let tasks = std::mem::take(&mut state.tasks);
        let timers = std::mem::take(&mut state.timers);
        drop(state);
        // What they drop may wake others.
        drop((tasks, timers));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.shared)
    }

    /// Runs one task that is ready, or lets time pass until one is; false if none ever will be.
    fn step(&self) -> bool {
        let mut state = self.lock();
        if state.ready.is_empty() {
            let Some(((at, _), waker)) = state.timers.pop_first() else {
                return false;
            };
            state.now = state.now.max(at);
            drop(state);
            waker.wake();
            return true;
        }
        let len = state.ready.len();
        let chosen = state.random.index(len);
        let task = state.ready.swap_remove(chosen);
        let moment = u64::try_from(state.now.as_nanos()).unwrap_or(u64::MAX);
        state.trace = (state.trace ^ task ^ moment).wrapping_mul(0x0100_0000_01b3);
        let Some(mut future) = state.tasks.get_mut(&task).and_then(Option::take) else {
            return true;
        };
        drop(state);
        let ready = Ready {
            shared: Arc::clone(&self.shared),
            task,
        };
        let waker = Waker::from(Arc::new(ready));
        let poll = future.poll_unpin(&mut Context::from_waker(&waker));
        let mut state = self.lock();
        match poll {
            Poll::Ready(()) => drop(state.tasks.remove(&task)),
            Poll::Pending => {
                if let Some(place) = state.tasks.get_mut(&task) {
                    *place = Some(future);
                }
            }
        }
        true
    }
}

impl Runtime for Executor {
    fn now(&self) -> Duration {
        self.lock().now
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Sleep {
            until: self.lock().now.saturating_add(duration),
            timer: None,
            executor: self.clone(),
        }
        .boxed()
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        let mut state = self.lock();
        state.numbers += 1;
        let number = state.numbers;
        state.tasks.insert(number, Some(task));
        state.ready.push(number);
    }

    fn random(&self) -> u64 {
        self.lock().random.next()
    }
}

struct Sleep {
    until: Duration,
    timer: Option<u64>,
    executor: Executor,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let executor = self.executor.clone();
        let mut state = executor.lock();
        if state.now >= self.until {
            return Poll::Ready(());
        }
        let number = *self.timer.get_or_insert_with(|| {
            state.numbers += 1;
            state.numbers
        });
        state
            .timers
            .insert((self.until, number), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(number) = self.timer {
            self.executor.lock().timers.remove(&(self.until, number));
        }
    }
}

/// No state is left half changed under the lock, so a panic elsewhere does not matter here.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tsdb_cluster::runtime::within;

    /// Tasks that sleep and take numbers; what they saw, in order.
    fn run(seed: u64) -> (Vec<(Duration, u64)>, u64) {
        let executor = Executor::new(seed);
        let seen = Arc::new(Mutex::new(Vec::new()));
        for task in 0..5_u64 {
            let (executor, seen) = (executor.clone(), Arc::clone(&seen));
            executor.clone().spawn(
                async move {
                    for _ in 0..10 {
                        let pause = executor.random() % 3;
                        executor.sleep(Duration::from_millis(pause)).await;
                        seen.lock().expect("no panic").push((executor.now(), task));
                    }
                }
                .boxed(),
            );
        }
        let waits = executor.clone();
        executor.run(async move { waits.sleep(Duration::from_secs(1)).await });
        let seen = seen.lock().expect("no panic").clone();
        (seen, executor.trace())
    }

    #[test]
    fn a_seed_decides_everything() {
        let first = run(7);
        assert_eq!(first.0.len(), 50);
        assert_eq!(first, run(7));
        assert_ne!(first, run(8));
    }

    #[test]
    fn time_passes_only_while_all_wait() {
        let executor = Executor::new(1);
        let clock = executor.clone();
        let day = Duration::from_secs(86_400);
        let slept = executor.run(async move {
            let late = within(&clock, day, clock.sleep(2 * day)).await.is_err();
            let early = within(&clock, day, clock.sleep(day / 2)).await.is_ok();
            (late, early, clock.now())
        });
        assert_eq!(slept, Some((true, true, day + day / 2)));
    }

    #[test]
    fn waiting_for_what_never_comes_ends() {
        let executor = Executor::new(1);
        assert_eq!(executor.run(std::future::pending::<()>()), None);
        executor.clear();
    }
}
