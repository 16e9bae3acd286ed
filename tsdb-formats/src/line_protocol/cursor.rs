//! A place in a line.

use crate::LineError;

/// A place in a line.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    line: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(line: &'a [u8]) -> Self {
        Self { line, at: 0 }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.line.get(self.at).copied()
    }

    /// Offset of the place in bytes.
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    /// Steps over a byte, if it is this one.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    pub(super) fn blanks(&mut self) {
        while self.take(b' ') || self.take(b'\t') {}
    }

    /// Something else was expected at an offset.
    pub(super) fn expected(&self, what: &str, offset: usize) -> LineError {
        LineError::expected(what, self.line, offset)
    }

    /// The bytes before the next of `ends` without a backslash before it. A backslash before one of
    /// `escaped` is left out, others stay.
    pub(super) fn text(&mut self, ends: &[u8], escaped: &[u8], out: &mut Vec<u8>) {
        out.clear();
        while let Some(byte) = self.peek().filter(|byte| !ends.contains(byte)) {
            let next = self.line.get(self.at + 1).copied();
            match (byte, next) {
                (b'\\', Some(next)) if escaped.contains(&next) => {
                    out.push(next);
                    self.at += 2;
                }
                _ => {
                    out.push(byte);
                    self.at += 1;
                }
            }
        }
    }

    /// The bytes before the next comma or blank, as they are.
    pub(super) fn word(&mut self) -> &'a [u8] {
        let begin = self.at;
        let rest = self.line.get(begin..).unwrap_or_default();
        let end = rest
            .iter()
            .position(|byte| matches!(byte, b',' | b' ' | b'\t'));
        self.at += end.unwrap_or(rest.len());
        self.line.get(begin..self.at).unwrap_or_default()
    }

    /// Steps over a text in quotes; says whether it ends.
    pub(super) fn quoted(&mut self) -> bool {
        self.at += 1;
        self.rest_of_quoted()
    }

    /// As [`Cursor::quoted`], from inside.
    pub(super) fn rest_of_quoted(&mut self) -> bool {
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'\\' => self.at += usize::from(self.peek().is_some()),
                b'"' => return true,
                _ => {}
            }
        }
        false
    }

    /// As [`Cursor::text`], for a text that is not wanted.
    pub(super) fn pass(&mut self, ends: &[u8], escaped: &[u8]) {
        while let Some(byte) = self.peek().filter(|byte| !ends.contains(byte)) {
            let next = self.line.get(self.at + 1);
            let both = byte == b'\\' && next.is_some_and(|next| escaped.contains(next));
            self.at += 1 + usize::from(both);
        }
    }
}
