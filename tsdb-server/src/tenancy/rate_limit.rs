//! How many samples a second a tenant may send.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A bucket of tokens, one a sample: it holds those of one second, and refills evenly. What is
/// taken when it is not empty may leave it in debt, so that requests larger than a second's worth
/// get through, and are paid for by waiting afterwards.
#[derive(Debug)]
pub(crate) struct RateLimit {
    per_second: u64,
    refused: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Samples that may be taken now; less than none is debt.
    tokens: f64,
    filled: Instant,
}

/// More was sent than may be; when to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooFast {
    /// The limit, in samples a second.
    pub(crate) per_second: u64,
    /// After how long the limit lets the next request through.
    pub(crate) retry_after: Duration,
}

impl RateLimit {
    /// A full bucket.
    pub(crate) fn new(per_second: u64) -> Self {
        let tokens = rate(per_second);
        let filled = Instant::now();
        Self {
            per_second,
            refused: AtomicU64::new(0),
            state: Mutex::new(State { tokens, filled }),
        }
    }

    /// How often something was refused.
    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Takes `samples`.
    ///
    /// # Errors
    /// When earlier ones have not been paid for yet; nothing is taken then.
    pub(crate) fn take(&self, samples: u64) -> Result<(), TooFast> {
        let rate_per_second = rate(self.per_second);
        // A number changes at once, so a panic elsewhere does not matter here.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let refill = now.duration_since(state.filled).as_secs_f64() * rate_per_second;
        state.tokens = (state.tokens + refill).min(rate_per_second);
        state.filled = now;
        if state.tokens <= 0.0 && samples > 0 {
            self.refused.fetch_add(1, Ordering::Relaxed);
            let wait = -state.tokens / rate_per_second;
            return Err(TooFast {
                per_second: self.per_second,
                retry_after: Duration::try_from_secs_f64(wait)
                    .unwrap_or(Duration::MAX)
                    .max(Duration::from_secs(1)),
            });
        }
        state.tokens -= rate(samples);
        Ok(())
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "nobody sends so many samples that the last digits matter"
)]
fn rate(samples: u64) -> f64 {
    samples as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_taken_too_fast_is_refused_until_it_is_paid_for() {
        let limit = RateLimit::new(100);
        assert_eq!(limit.take(60), Ok(()));
        assert_eq!(limit.take(290), Ok(()), "a large request gets through");
        let refused = limit.take(1).expect_err("250 are owed");
        assert_eq!(
            (refused.per_second, refused.retry_after.as_millis()),
            (100, 2500)
        );
        assert_eq!(limit.take(0), Ok(()), "nothing costs nothing");
        tokio::time::advance(Duration::from_millis(2400)).await;
        assert_eq!(
            limit.take(1).map_err(|refused| refused.retry_after),
            Err(Duration::from_secs(1)),
            "never sooner than in a second"
        );
        tokio::time::advance(Duration::from_millis(200)).await;
        assert_eq!(limit.take(1), Ok(()));
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(limit.take(100), Ok(()));
        assert!(limit.take(1).is_err(), "no more than a second is saved up");
    }
}
