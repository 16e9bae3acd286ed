//! How wide the terminal is.

use std::io::{IsTerminal as _, stdout};

/// Characters in a line of the terminal that standard output is; `None` where it is none.
pub(super) fn terminal_width() -> Option<usize> {
    let out = stdout();
    if !out.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(&out).ok()?;
    Some(usize::from(size.ws_col)).filter(|width| *width > 0)
}
