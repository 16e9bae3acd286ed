//! What is going on, on standard error, for people only.

use std::io::{IsTerminal as _, Write as _};

/// One line that is written over and over; silent without a terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    shown: bool,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self {
            shown: std::io::stderr().is_terminal(),
        }
    }

    pub(crate) fn say(&self, text: &str) {
        if self.shown {
            // Nothing is left to do for an error about telling progress.
            let _unread = write!(std::io::stderr(), "\r\x1b[K{text}");
        }
    }

    pub(crate) fn clear(&self) {
        self.say("");
    }
}
