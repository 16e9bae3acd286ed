//! Tells a person at a terminal that long work goes on.

use std::io::{IsTerminal, Write};

/// Says what begins and what is done, on stderr, and nothing where that is no terminal.
#[derive(Debug)]
pub(super) struct Progress {
    shown: bool,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            shown: std::io::stderr().is_terminal(),
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
}
