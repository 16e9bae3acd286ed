//! Waiting on conditions that only another process can make true.

use std::time::Duration;

use tsdb_core::{Clock, SystemClock};

use crate::error::Error;
use crate::interrupt::Interrupt;

/// Time, and the wish to end.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) clock: SystemClock,
    pub(crate) interrupt: Interrupt,
}

impl Watch {
    pub(crate) fn new(interrupt: Interrupt) -> Self {
        Self {
            clock: SystemClock::new(),
            interrupt,
        }
    }

    /// Milliseconds since some moment.
    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.monotonic_ms()
    }

    /// Asks `condition` every `every` until it gives a value; fails after `seconds`, or when the
    /// condition does.
    pub(crate) fn until<T>(
        &self,
        what: &str,
        every: Duration,
        seconds: u64,
        mut condition: impl FnMut() -> Result<Option<T>, Error>,
    ) -> Result<T, Error> {
        let deadline_ms = self.now_ms() + seconds * 1_000;
        loop {
            self.interrupt.check()?;
            if let Some(found) = condition()? {
                return Ok(found);
            }
            if self.now_ms() > deadline_ms {
                let what = what.to_owned();
                return Err(Error::Late { what, seconds });
            }
            std::thread::park_timeout(every);
        }
    }
}
