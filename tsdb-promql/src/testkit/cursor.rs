//! A place in a line.

/// What is left of a line.
pub(super) struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(line: &'a str) -> Self {
        Self { rest: line }
    }

    pub(super) fn rest(&self) -> &'a str {
        self.rest
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let next = chars.next();
        self.rest = chars.as_str();
        next
    }

    /// Whether `prefix` came next; it is passed then.
    pub(super) fn eat(&mut self, prefix: &str) -> bool {
        let rest = self.rest.strip_prefix(prefix);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// As [`Cursor::eat`], of ASCII in either case.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.rest.get(..word.len());
        let is_it = found.is_some_and(|found| found.eq_ignore_ascii_case(word));
        if is_it {
            self.rest = self.rest.get(word.len()..).unwrap_or("");
        }
        is_it
    }

    /// Passes blanks; whether there were some.
    pub(super) fn skip_blanks(&mut self) -> bool {
        let rest = self.rest.trim_start_matches([' ', '\t']);
        let skipped = rest.len() < self.rest.len();
        self.rest = rest;
        skipped
    }

    pub(super) fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// Digits as a count that is small enough to be written out.
    pub(super) fn count(&mut self) -> Result<usize, String> {
        const COUNT_MAX: usize = 1_000_000;
        let digits = self.take_while(|c| c.is_ascii_digit());
        match digits.parse() {
            Ok(count) if count <= COUNT_MAX => Ok(count),
            Ok(count) => Err(format!(
                "{count} repetitions, at most {COUNT_MAX} are taken"
            )),
            Err(_) => Err(format!("no count of repetitions at {:?}", self.rest)),
        }
    }

    /// A number with or without sign; `Inf` and `NaN` are some.
    pub(super) fn number(&mut self) -> Result<f64, String> {
        let sign = match (self.eat("-"), self.eat("+")) {
            (true, _) => -1.0,
            (false, _) => 1.0,
        };
        for (word, value) in [("inf", f64::INFINITY), ("nan", f64::NAN)] {
            if self.eat_word(word) {
                return Ok(sign * value);
            }
        }
        let start = self.rest;
        self.take_while(|c| c.is_ascii_digit() || c == '.');
        self.exponent();
        let text = start.get(..start.len() - self.rest.len()).unwrap_or("");
        match text.parse::<f64>() {
            Ok(value) => Ok(sign * value),
            Err(_) => Err(format!("no number at {start:?}")),
        }
    }

    fn exponent(&mut self) {
        let before = self.rest;
        if self.eat_word("e") {
            let _ = self.eat("-") || self.eat("+");
            if self.take_while(|c| c.is_ascii_digit()).is_empty() {
                self.rest = before;
            }
        }
    }

    /// A text in quotes of any of the three kinds, as queries have them.
    pub(super) fn quoted(&mut self) -> Result<String, String> {
        let quote = self.next().unwrap_or(' ');
        let mut bytes = Vec::new();
        loop {
            let Some(next) = self.next() else {
                return Err(format!("a text that began with {quote} has no end"));
            };
            match next {
                end if end == quote => break,
                '\\' if quote != '`' => self.escape(&mut bytes)?,
                other => bytes.extend(other.encode_utf8(&mut [0; 4]).bytes()),
            }
        }
        String::from_utf8(bytes).map_err(|_| "a text is not UTF-8".to_owned())
    }

    fn escape(&mut self, bytes: &mut Vec<u8>) -> Result<(), String> {
        let escaped = self.next().unwrap_or(' ');
        let byte = match escaped {
            'a' => 7,
            'b' => 8,
            'f' => 12,
            'n' => b'\n',
            'r' => b'\r',
            't' => b'\t',
            'v' => 11,
            '\\' | '"' | '\'' => u8::try_from(escaped).unwrap_or(b' '),
            'x' => u8::try_from(self.digits(2, 16)?).unwrap_or(b' '),
            'u' => return self.character(4, bytes),
            'U' => return self.character(8, bytes),
            other => return Err(format!("\\{other} stands for nothing")),
        };
        bytes.push(byte);
        Ok(())
    }

    fn character(&mut self, digits: usize, bytes: &mut Vec<u8>) -> Result<(), String> {
        let number = self.digits(digits, 16)?;
        let character = char::from_u32(number).ok_or("an escape is no character")?;
        bytes.extend(character.encode_utf8(&mut [0; 4]).bytes());
        Ok(())
    }

    fn digits(&mut self, length: usize, radix: u32) -> Result<u32, String> {
        let (digits, rest) = self
            .rest
            .split_at_checked(length)
            .unwrap_or(("", self.rest));
        self.rest = rest;
        u32::from_str_radix(digits, radix).map_err(|_| "an escape lacks digits".to_owned())
    }
}
