//! A text cut into batches of whole lines as it comes in.

/// Bytes gathered before they are read.
pub(super) const BATCH_BYTES: usize = 1 << 20;
/// Longest line.
pub(super) const MAX_LINE_BYTES: usize = 64 << 20;

/// What a piece of the text completed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Completed {
    /// Whole lines, of which the first has this number, from 1.
    Lines { first: u64, bytes: Vec<u8> },
    /// The line of this number is longer than [`MAX_LINE_BYTES`] and is skipped.
    TooLong { line: u64 },
}

/// Cuts a text into batches of lines.
#[derive(Debug)]
pub(super) struct LineBatches {
    pending: Vec<u8>,
    /// Where the last whole line in `pending` ends.
    whole: usize,
    /// Number of the first line in `pending`.
    line: u64,
    skipping: bool,
    batch_bytes: usize,
    max_line_bytes: usize,
}

impl LineBatches {
    pub(super) fn new() -> Self {
        Self::with_limits(BATCH_BYTES, MAX_LINE_BYTES)
    }

    fn with_limits(batch_bytes: usize, max_line_bytes: usize) -> Self {
        Self {
            pending: Vec::new(),
            whole: 0,
            line: 1,
            skipping: false,
            batch_bytes,
            max_line_bytes,
        }
    }

    /// Bytes gathered.
    pub(super) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Takes a piece of the text.
    pub(super) fn feed(&mut self, mut piece: &[u8]) -> Option<Completed> {
        if self.skipping {
            let end = piece.iter().position(|byte| *byte == b'\n')?;
            piece = piece.get(end + 1..).unwrap_or(&[]);
            self.skipping = false;
            self.line += 1;
        }
        if let Some(last) = piece.iter().rposition(|byte| *byte == b'\n') {
            self.whole = self.pending.len() + last + 1;
        }
        self.pending.extend_from_slice(piece);
        if self.pending.len() >= self.batch_bytes && self.whole > 0 {
            return Some(self.take(self.whole));
        }
        if self.whole == 0 && self.pending.len() > self.max_line_bytes {
            self.pending = Vec::new();
            self.skipping = true;
            return Some(Completed::TooLong { line: self.line });
        }
        None
    }

    /// What is left when the text has ended, its last line feed or not.
    pub(super) fn finish(&mut self) -> Option<Completed> {
        (!self.pending.is_empty()).then(|| self.take(self.pending.len()))
    }

    fn take(&mut self, end: usize) -> Completed {
        let rest = self.pending.split_off(end.min(self.pending.len()));
        let bytes = std::mem::replace(&mut self.pending, rest);
        let first = self.line;
        self.line += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.whole = 0;
        Completed::Lines { first, bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(first: u64, text: &str) -> Option<Completed> {
        Some(Completed::Lines {
            first,
            bytes: text.as_bytes().to_vec(),
        })
    }

    #[test]
    fn batches_end_with_a_line() {
        let mut batches = LineBatches::with_limits(4, 100);
        assert_eq!(batches.feed(b"a\nb"), None);
        assert_eq!(batches.feed(b"c\nd"), lines(1, "a\nbc\n"));
        assert_eq!(batches.feed(b"efg"), None);
        assert_eq!(batches.feed(b"\n"), lines(3, "defg\n"));
        assert_eq!(batches.feed(b"h"), None);
        assert_eq!(batches.pending(), 1);
        assert_eq!(batches.finish(), lines(4, "h"));
        assert_eq!(LineBatches::new().finish(), None);
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_alone() {
        let mut batches = LineBatches::with_limits(4, 8);
        assert_eq!(batches.feed(b"a\n"), None);
        assert_eq!(batches.feed(b"1234567"), lines(1, "a\n"));
        assert_eq!(batches.feed(b"89"), Some(Completed::TooLong { line: 2 }));
        assert_eq!(batches.feed(b"10"), None);
        assert_eq!(batches.feed(b"11\nb\n"), None);
        assert_eq!(batches.pending(), 2);
        assert_eq!(batches.feed(b"cd\n"), lines(3, "b\ncd\n"));
        assert_eq!(batches.finish(), None);
    }
}
