//! How far an import is, how fast, and when it will be done: for a person at a terminal.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use tsdb_core::{Clock, SystemClock};

use crate::units::duration_text;

/// The line is written anew once in so many milliseconds.
const EVERY_MS: u64 = 200;

/// One line on stderr that is written over and over; nothing where that is no terminal.
#[derive(Debug)]
pub(super) struct Meter {
    clock: SystemClock,
    shown: bool,
    last_ms: u64,
    /// Samples of all blocks, as they say themselves.
    total: u64,
    /// Those of the blocks that are behind us.
    behind: u64,
    /// Those that were there when this run began.
    skipped: Option<u64>,
}

impl Meter {
    pub(super) fn new(total: u64) -> Self {
        Self {
            clock: SystemClock::new(),
            shown: std::io::stderr().is_terminal(),
            last_ms: 0,
            total,
            behind: 0,
            skipped: None,
        }
    }

    /// A block of so many samples is behind us.
    pub(super) fn pass(&mut self, samples: u64) {
        self.behind += samples;
    }

    /// Says how much of a block is done: `done` of `all` series, of `samples` samples.
    pub(super) fn show(&mut self, ulid: &str, (done, all): (u64, u64), samples: u64) {
        let within = u128::from(samples) * u128::from(done) / u128::from(all.max(1));
        let at = self.behind + u64::try_from(within).unwrap_or(samples);
        let skipped = *self.skipped.get_or_insert(at);
        let now_ms = self.clock.monotonic_ms();
        if !self.shown || now_ms < self.last_ms + EVERY_MS {
            return;
        }
        self.last_ms = now_ms;
        let rate = at.saturating_sub(skipped) * 1000 / now_ms.max(1);
        let left = self.total.saturating_sub(at).checked_div(rate);
        let left = left.map_or_else(|| "-".to_owned(), |s| duration_text(Duration::from_secs(s)));
        let percent = at * 100 / self.total.max(1);
        // Progress that nobody can read is no reason to stop.
        let _unread = write!(
            std::io::stderr(),
            "\r\x1b[K{ulid}: {percent} %, {at} of {} samples, {rate}/s, {left} left",
            self.total
        );
    }

    /// Wipes the line, for others to be written.
    pub(super) fn clear(&self) {
        if self.shown {
            let _unread = write!(std::io::stderr(), "\r\x1b[K");
        }
    }

    /// Milliseconds since the import began.
    pub(super) fn elapsed_ms(&self) -> u64 {
        self.clock.monotonic_ms()
    }
}
