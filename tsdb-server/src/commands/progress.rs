//! Tells a person at a terminal that long work goes on.

use std::io::{IsTerminal, Write};

use tsdb_core::{Clock, SystemClock};

/// A line that goes on is written anew once in so many milliseconds.
const EVERY_MS: u64 = 200;

/// Says what begins and what is done, on stderr, and nothing where that is no terminal.
#[derive(Debug)]
pub(super) struct Progress {
    shown: bool,
    clock: SystemClock,
    /// When a line that goes on was written last.
    last_ms: u64,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            shown: std::io::stderr().is_terminal(),
            clock: SystemClock::new(),
            last_ms: 0,
        }
    }

    /// Says what happens now.
    pub(super) fn say(&self, what: &str) {
        if self.shown {
            // Progress that nobody can read is no reason to stop.
            let _unread = writeln!(std::io::stderr(), "{what} ...");
        }
    }

    /// Says how many bytes are done, and what comes next.
    pub(super) fn bytes(&self, at: &tsdb_core::BackupProgress<'_>) {
        self.say(&format!(
            "{} of {} bytes; {}",
            at.done_bytes, at.total_bytes, at.path
        ));
    }

    /// Says how far something is, in one line that is written over and over.
    pub(super) fn update(&mut self, text: impl FnOnce() -> String) {
        let now_ms = self.clock.monotonic_ms();
        if self.shown && now_ms >= self.last_ms + EVERY_MS {
            self.last_ms = now_ms;
            let _unread = write!(std::io::stderr(), "\r\x1b[K{}", text());
        }
    }

    /// Wipes that line, for others to be written.
    pub(super) fn clear(&self) {
        if self.shown && self.last_ms > 0 {
            let _unread = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
