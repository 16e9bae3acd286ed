//! Time, tasks and chance, from outside: so that a whole cluster runs on one thread from one seed.

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Either, select};

/// What async code needs of the runtime it runs on.
pub trait Runtime: fmt::Debug + Send + Sync {
    /// Time since some fixed moment. Never goes back; calendars have nothing to do with it.
    fn now(&self) -> Duration;

    /// Ends once `duration` has passed.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;

    /// Runs a task beside the caller, until it ends or the runtime does.
    fn spawn(&self, task: BoxFuture<'static, ()>);

    /// A random number.
    fn random(&self) -> u64;
}

/// A runtime, shared.
pub type SharedRuntime = Arc<dyn Runtime>;

/// The time in which something had to happen is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no answer within {} ms", .after.as_millis())]
pub struct TimedOut {
    /// How long was waited.
    pub after: Duration,
}

/// Waits for `future`, at most for `duration`.
///
/// # Errors
/// When it has not ended by then. It is dropped.
pub async fn within<T>(
    runtime: &dyn Runtime,
    duration: Duration,
    future: impl Future<Output = T>,
) -> Result<T, TimedOut> {
    let (future, sleep) = (pin!(future), runtime.sleep(duration));
    match select(future, sleep).await {
        Either::Left((output, _)) => Ok(output),
        Either::Right(((), future)) => {
            // It may have ended just now.
            let late = future.now_or_never();
            late.ok_or(TimedOut { after: duration })
        }
    }
}

/// A runtime for tests of what waits for no time.
#[cfg(test)]
pub(crate) mod still {
    use super::*;

    /// Time stands still: a task goes on until it sleeps, before whoever spawns it does, and sleeps
    /// for ever.
    #[derive(Debug)]
    pub(crate) struct Still;

    impl Runtime for Still {
        fn now(&self) -> Duration {
            Duration::ZERO
        }

        fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
            std::future::pending().boxed()
        }

        fn spawn(&self, task: BoxFuture<'static, ()>) {
            // What is left of it would wait for a time that never comes.
            let _slept = task.now_or_never();
        }

        fn random(&self) -> u64 {
            7
        }
    }
}
