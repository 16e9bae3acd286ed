//! Any bytes, read as numbers and choices. Behind the end everything is zero.

/// Reads values from the front of the input.
#[derive(Debug, Clone)]
pub struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    /// Starts at the first byte.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether all was read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        self.array::<1>()[0]
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let taken = self.take(N);
        array[..taken.len()].copy_from_slice(taken);
        array
    }

    /// Up to `len` bytes.
    pub fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(len.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// All that is left.
    #[must_use]
    pub fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// A number below `end`, which is at most 256.
    pub fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    /// A whole number of any size, small ones often.
    pub fn int(&mut self) -> i64 {
        match self.byte() {
            255 => i64::MAX,
            254 => i64::MIN,
            250..=253 => i64::from_le_bytes(self.array()),
            200..=249 => i64::from(i32::from_le_bytes(self.array())),
            100..=199 => i64::from(i16::from_le_bytes(self.array())),
            small => i64::from(small) - 50,
        }
    }

    /// A float of any bits, the special ones often.
    pub fn float(&mut self) -> f64 {
        match self.byte() {
            0 => 0.0,
            1 => -0.0,
            2 => f64::INFINITY,
            3 => f64::NEG_INFINITY,
            4 => f64::from_bits(0x7ff0_0000_0000_0002),
            5 => f64::from_bits(0x7ff8_0000_0000_0001),
            6..=127 => f64::from_le_bytes(self.array()),
            128..=191 => f64::from(self.byte()),
            _ => f64::from(i32::from_le_bytes(self.array())) / 100.0,
        }
    }

    /// A text of up to `max` characters out of few, so that equal ones are likely.
    pub fn text(&mut self, max: usize) -> String {
        const CHARACTERS: [char; 12] = [
            'a',
            'b',
            'c',
            '_',
            '0',
            '1',
            ' ',
            '"',
            '\\',
            '\n',
            '\u{e9}',
            '\u{1f600}',
        ];
        let len = self.below(max + 1);
        (0..len)
            .map(|_| CHARACTERS[self.below(CHARACTERS.len())])
            .collect()
    }
}
