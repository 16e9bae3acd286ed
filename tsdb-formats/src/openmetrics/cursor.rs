//! A place in a line.

use super::Dialect;
use crate::LineError;

/// What may stand at a place of a name.
type Alphabet = fn(u8) -> bool;

/// Bytes that begin a metric's name without quotes; digits may follow.
pub(super) fn of_metric(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte == b':'
}

/// Bytes that begin a label's name without quotes; digits may follow.
pub(super) fn of_label(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

/// A place in a line.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    line: &'a str,
    at: usize,
    dialect: Dialect,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(line: &'a str, dialect: Dialect) -> Self {
        Self {
            line,
            at: 0,
            dialect,
        }
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Offset of the place in bytes.
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    /// Goes on behind so many bytes, which must not end inside a character.
    pub(super) fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// The same line at another offset.
    pub(super) fn moved_to(&self, at: usize) -> Self {
        Self { at, ..*self }
    }

    pub(super) fn rest(&self) -> &'a str {
        self.line.get(self.at..).unwrap_or_default()
    }

    /// The text from an offset to here.
    pub(super) fn since(&self, offset: usize) -> &'a str {
        self.line.get(offset..self.at).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.line.as_bytes().get(self.at).copied()
    }

    /// Steps over a byte, if it is this one.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Something else was expected here.
    pub(super) fn expected(&self, what: &str) -> LineError {
        LineError::expected(what, self.line.as_bytes(), self.at)
    }

    /// Steps over blanks where any are allowed, which is nowhere in OpenMetrics.
    pub(super) fn blanks(&mut self) {
        if self.dialect == Dialect::PrometheusText {
            while self.take(b' ') || self.take(b'\t') {}
        }
    }

    /// Steps over what separates two parts: one blank in OpenMetrics. Says whether it was there.
    pub(super) fn gap(&mut self) -> bool {
        let before = self.at;
        match self.dialect {
            Dialect::OpenMetrics => self.take(b' '),
            Dialect::PrometheusText => {
                self.blanks();
                self.at > before
            }
        }
    }

    /// A name without quotes; empty when none begins here.
    pub(super) fn name(&mut self, alphabet: Alphabet) -> &'a str {
        let begin = self.at;
        if self.peek().is_some_and(alphabet) {
            let more = |byte: &&u8| alphabet(**byte) || byte.is_ascii_digit();
            self.at += self.rest().as_bytes().iter().take_while(more).count();
        }
        self.since(begin)
    }

    /// What stands before the next blank, or the end.
    pub(super) fn word(&mut self) -> &'a str {
        let begin = self.at;
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        let rest = self.rest().as_bytes();
        self.at += rest.iter().position(blank).unwrap_or(rest.len());
        self.since(begin)
    }

    /// What stands between quotes, its escapes still in it. The place must be at the first quote.
    pub(super) fn quoted(&mut self) -> Result<&'a str, LineError> {
        let begin = self.at + 1;
        let rest = self.line.as_bytes().get(begin..).unwrap_or_default();
        let mut bytes = rest.iter().enumerate();
        while let Some((at, byte)) = bytes.next() {
            match byte {
                b'"' => {
                    self.at = begin + at + 1;
                    return Ok(self.line.get(begin..begin + at).unwrap_or_default());
                }
                b'\\' => {
                    bytes.next();
                }
                _ => {}
            }
        }
        Err(self.expected("a text that ends with a quote"))
    }
}

/// Puts the meaning of the escapes `\\`, `\n` and, where quotes are escaped, `\"` in their place;
/// unknown ones stay as they are.
pub(super) fn unescape(text: &str, quotes: bool, out: &mut String) {
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('\\') {
        out.push_str(before);
        let (meaning, len) = match behind.as_bytes().first() {
            Some(b'n') => ("\n", 1),
            Some(b'\\') => ("\\", 1),
            Some(b'"') if quotes => ("\"", 1),
            _ => ("\\", 0),
        };
        out.push_str(meaning);
        rest = behind.get(len..).unwrap_or_default();
    }
    out.push_str(rest);
}
