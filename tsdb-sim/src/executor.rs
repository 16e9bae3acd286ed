//! Runs tasks on one thread, in an order and at times that a seed decides.

use std::collections::{BTreeMap, BTreeSet};
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
    tasks: BTreeMap<u64, Task>,
    ready: Vec<u64>,
    /// Processes whose tasks get no turn.
    paused: BTreeSet<u64>,
    timers: BTreeMap<(Duration, u64), Waker>,
    /// Mixed of all that was chosen, to compare two runs by.
    trace: u64,
}

struct Task {
    /// Whose it is; 0 is nobody's.
    process: u64,
    /// Not there while it runs.
    future: Option<BoxFuture<'static, ()>>,
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
            paused: BTreeSet::new(),
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

    /// A process, whose tasks can be ended or paused.
    #[must_use]
    pub fn process(&self) -> Process {
        let mut state = self.lock();
        state.numbers += 1;
        Process {
            executor: self.clone(),
            number: state.numbers,
        }
    }

    fn spawn_of(&self, process: u64, future: BoxFuture<'static, ()>) {
        let mut state = self.lock();
        state.numbers += 1;
        let number = state.numbers;
        let future = Some(future);
        state.tasks.insert(number, Task { process, future });
        state.ready.push(number);
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
        let turns = state.turns();
        if turns.is_empty() {
            let Some(((at, _), waker)) = state.timers.pop_first() else {
                return false;
            };
            state.now = state.now.max(at);
            drop(state);
            waker.wake();
            return true;
        }
        let chosen = state.random.index(turns.len());
        let Some(task) = turns.get(chosen).copied() else {
            return true;
        };
        state.ready.retain(|ready| *ready != task);
        let moment = u64::try_from(state.now.as_nanos()).unwrap_or(u64::MAX);
        state.trace = (state.trace ^ task ^ moment).wrapping_mul(0x0100_0000_01b3);
        let found = state.tasks.get_mut(&task);
        let Some(mut future) = found.and_then(|task| task.future.take()) else {
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
                if let Some(task) = state.tasks.get_mut(&task) {
                    task.future = Some(future);
                }
            }
        }
        true
    }
}

impl State {
    /// Tasks that are ready, of processes that are not paused.
    fn turns(&self) -> Vec<u64> {
        let gets_a_turn = |task: &&u64| {
            let task = self.tasks.get(task);
            task.is_none_or(|task| !self.paused.contains(&task.process))
        };
        self.ready.iter().filter(gets_a_turn).copied().collect()
    }
}

/// Tasks that live and die together. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Process {
    executor: Executor,
    number: u64,
}

impl Process {
    /// Ends all of its tasks, wherever they are.
    pub fn kill(&self) {
        let mut state = self.executor.lock();
        let number = self.number;
        let (killed, rest) = std::mem::take(&mut state.tasks)
            .into_iter()
            .partition(|(_, task)| task.process == number);
        state.tasks = rest;
        state.paused.remove(&number);
        drop(state);
        // What they drop may wake others.
        let killed: BTreeMap<_, _> = killed;
        drop(killed);
    }

    /// Gives its tasks no turn, or lets them go on.
    pub fn pause(&self, is_paused: bool) {
        let mut state = self.executor.lock();
        match is_paused {
            true => state.paused.insert(self.number),
            false => state.paused.remove(&self.number),
        };
    }
}

impl Runtime for Process {
    fn now(&self) -> Duration {
        self.executor.now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.executor.sleep(duration)
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.executor.spawn_of(self.number, task);
    }

    fn random(&self) -> u64 {
        self.executor.random()
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
        self.spawn_of(0, task);
    }

    fn random(&self) -> u64 {
        self.lock().random.draw()
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
    fn a_process_that_is_paused_gets_no_turn_and_one_that_is_killed_is_gone() {
        let executor = Executor::new(1);
        let process = executor.process();
        let count = Arc::new(Mutex::new(0));
        let counter = (process.clone(), Arc::clone(&count));
        process.spawn(
            async move {
                loop {
                    counter.0.sleep(Duration::from_millis(1)).await;
                    *counter.1.lock().expect("no panic") += 1;
                }
            }
            .boxed(),
        );
        let run = |ms| {
            let clock = executor.clone();
            executor.run(async move { clock.sleep(Duration::from_millis(ms)).await });
            *count.lock().expect("no panic")
        };
        let first = run(10);
        assert!((9..=10).contains(&first), "{first}");
        process.pause(true);
        assert!(run(10) - first <= 1);
        let paused = run(1);
        assert_eq!(run(10), paused);
        process.pause(false);
        let resumed = run(10);
        assert!(resumed > paused, "{resumed}");
        process.kill();
        assert_eq!(run(10), resumed);
    }

    #[test]
    fn waiting_for_what_never_comes_ends() {
        let executor = Executor::new(1);
        assert_eq!(executor.run(std::future::pending::<()>()), None);
        executor.clear();
    }
}
