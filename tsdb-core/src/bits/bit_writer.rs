//! Bits, most significant first, gathered in a 64-bit word and spilled eight bytes at a time.

/// Where a [`BitWriter`] puts whole words.
pub trait WordSink {
    /// Appends the eight bytes of a word, most significant first.
    fn push_word(&mut self, word: u64);
}

impl WordSink for Vec<u8> {
    #[inline]
    fn push_word(&mut self, word: u64) {
        self.extend_from_slice(&word.swap_bytes().to_le_bytes());
    }
}

/// Appends bits to a sink of words, a byte vector for one. What is not yet a whole word stays in the writer, so that a
/// caller can [`suspend`](BitWriter::suspend) it, keep sixteen bytes of state and resume later.
#[derive(Debug)]
pub struct BitWriter<'a, S = Vec<u8>> {
    out: &'a mut S,
    word: u64,
    filled: u32,
}

impl<'a> BitWriter<'a> {
    /// Starts at a byte boundary behind what `out` holds.
    #[must_use]
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self {
            out,
            word: 0,
            filled: 0,
        }
    }

    /// Appends the pending bits, padded with zeros to a whole byte.
    pub fn finish(self) {
        put_pending(self.out, self.word, self.filled.to_le_bytes()[0]);
    }
}

impl<'a, S: WordSink> BitWriter<'a, S> {
    /// Goes on where [`BitWriter::suspend`] left off, `out` being unchanged since.
    #[inline]
    #[must_use]
    pub fn resume(out: &'a mut S, word: u64, filled: u8) -> Self {
        debug_assert!(filled < 64, "a full word is spilled at once");
        Self {
            out,
            word,
            filled: u32::from(filled),
        }
    }

    /// The pending word (its bits in the high end) and how many of its bits are used, 0 to 63.
    #[inline]
    #[must_use]
    pub fn suspend(self) -> (u64, u8) {
        (self.word, self.filled.to_le_bytes()[0])
    }

    /// Appends the low `width` bits of `value`; the bits above them must be zero.
    #[inline]
    pub fn write(&mut self, value: u64, width: u32) {
        debug_assert!((1..=64).contains(&width), "width {width}");
        debug_assert!(
            width == 64 || value >> width == 0,
            "{value:#x} is wider than {width} bits"
        );
        let free = 64 - self.filled;
        if width < free {
            self.word |= value << (free - width);
            self.filled += width;
            return;
        }
        let rest = width - free;
        self.out.push_word(self.word | (value >> rest));
        self.word = if rest == 0 { 0 } else { value << (64 - rest) };
        self.filled = rest;
    }
}

/// Appends a suspended writer's pending bits to `out`, padded with zeros to a whole byte.
pub fn put_pending(out: &mut Vec<u8>, word: u64, filled: u8) {
    let bytes = word.swap_bytes().to_le_bytes();
    out.extend(bytes.iter().take(usize::from(filled).div_ceil(8)));
}
