//! Text to tokens.

use super::token::{Keyword, Kind, Token, code_point, keyword, quoted, quoted_char};
use super::{BinaryOp, ParseError, Span};

/// Reads tokens off a text, one at a time. What a character means depends on whether a brace or a
/// bracket is open.
#[derive(Debug)]
pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
    /// Where the token being read begins.
    start: usize,
    open_parens: usize,
    brace_open: bool,
    bracket_open: bool,
    /// Only durations may come: a bracket was opened, and no number was read since.
    in_duration: bool,
    /// A number was read in a bracket, once.
    got_duration: bool,
    /// A colon was read since the bracket was opened.
    got_colon: bool,
}

type Lexed<T> = Result<T, ParseError>;

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text,
            at: 0,
            start: 0,
            open_parens: 0,
            brace_open: false,
            bracket_open: false,
            in_duration: false,
            got_duration: false,
            got_colon: false,
        }
    }

    /// The next token. Behind the last, the end comes again and again.
    pub(super) fn next(&mut self) -> Lexed<Token<'t>> {
        self.skip_blanks();
        self.start = self.at;
        let Some(first) = self.bump() else {
            return self.end();
        };
        let kind = match first {
            _ if self.brace_open => self.in_braces(first)?,
            _ if self.in_duration => self.in_brackets(first)?,
            _ => self.outside(first)?,
        };
        Ok(self.token(kind))
    }

    fn token(&self, kind: Kind) -> Token<'t> {
        Token {
            kind,
            text: self.read(),
            start: self.start,
        }
    }

    /// What was read of the token so far.
    fn read(&self) -> &'t str {
        self.text.get(self.start..self.at).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at..).unwrap_or_default().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// Steps over the next character if it is one of `chars`.
    fn accept(&mut self, chars: &str) -> bool {
        let found = self.is(chars);
        if found {
            self.at += 1;
        }
        found
    }

    /// Whether the next character is one of `chars`.
    fn is(&self, chars: &str) -> bool {
        self.peek().is_some_and(|next| chars.contains(next))
    }

    fn skip_while(&mut self, wanted: impl Fn(char) -> bool) {
        while let Some(next) = self.peek().filter(|next| wanted(*next)) {
            self.at += next.len_utf8();
        }
    }

    fn skip_blanks(&mut self) {
        loop {
            match self.peek() {
                Some(' ' | '\t' | '\n' | '\r') => self.at += 1,
                Some('#') if self.brace_open || !self.in_duration => {
                    self.skip_while(|char| !matches!(char, '\n' | '\r'));
                }
                _ => return,
            }
        }
    }

    fn error(&self, message: impl Into<String>) -> ParseError {
        let span = Span::new(self.start, self.text.len());
        ParseError::new(self.text, span, message)
    }

    /// An error behind what was read.
    fn error_behind(&mut self, message: impl Into<String>) -> ParseError {
        self.start = self.at;
        self.error(message)
    }

    fn end(&self) -> Lexed<Token<'t>> {
        Err(self.error(if self.brace_open {
            "unexpected end of input inside braces"
        } else if self.in_duration {
            "unexpected end of input in duration expression"
        } else if self.open_parens > 0 {
            "unclosed left parenthesis"
        } else if self.bracket_open {
            "unclosed left bracket"
        } else {
            return Ok(self.token(Kind::End));
        }))
    }

    fn in_braces(&mut self, first: char) -> Lexed<Kind> {
        Ok(match first {
            first if is_alphabetic(first) => {
                self.skip_while(is_alphanumeric);
                Kind::Identifier
            }
            ',' => Kind::Comma,
            '"' | '\'' => self.string(first)?,
            '`' => self.raw_string()?,
            '=' if self.accept("~") => Kind::EqualRegex,
            '=' => Kind::Assign,
            '!' if self.accept("~") => Kind::NotEqualRegex,
            '!' if self.accept("=") => Kind::Operator(BinaryOp::NotEqual),
            '!' => {
                let next = quoted_char(self.peek().unwrap_or(char::REPLACEMENT_CHARACTER));
                let message = format!("unexpected character after '!' inside braces: {next}");
                return Err(self.error(message));
            }
            '{' => return Err(self.error("unexpected left brace '{'")),
            '}' => {
                self.brace_open = false;
                Kind::RightBrace
            }
            other => {
                let other = quoted_char(other);
                return Err(self.error(format!("unexpected character inside braces: {other}")));
            }
        })
    }

    /// Right behind an open bracket, until a number comes.
    fn in_brackets(&mut self, first: char) -> Lexed<Kind> {
        let unexpected = || {
            format!(
                "unexpected character in duration expression: {}",
                quoted_char(first)
            )
        };
        Ok(match first {
            ':' if !self.got_duration => {
                let message = "unexpected colon before duration in duration expression";
                return Err(self.error_behind(message));
            }
            ':' if self.got_colon => {
                let message = "unexpected repeated colon in duration expression";
                return Err(self.error_behind(message));
            }
            ':' => {
                self.got_colon = true;
                Kind::Colon
            }
            ']' => self.close_bracket(),
            '(' | ')' | ',' | '+' | '-' | '*' | '/' | '%' | '^' => self.punctuation(first)?,
            's' | 'S' | 'r' | 'R' | 'm' | 'M' => match self.duration_word() {
                Some(kind) => kind,
                None => return Err(self.error(unexpected())),
            },
            first if self.begins_number(first) => {
                self.got_duration = true;
                self.in_duration = false;
                self.number_or_duration()?
            }
            _ => return Err(self.error(unexpected())),
        })
    }

    fn close_bracket(&mut self) -> Kind {
        self.bracket_open = false;
        self.in_duration = false;
        self.got_colon = false;
        Kind::RightBracket
    }

    fn duration_word(&mut self) -> Option<Kind> {
        self.skip_while(is_alphabetic);
        let kind = keyword(self.read())?;
        use super::token::Word::{MaxOf, MinOf, Range, Step};
        matches!(kind, Kind::Word(Step | Range | MinOf | MaxOf)).then_some(kind)
    }

    /// What is one character and means the same everywhere outside of braces.
    fn punctuation(&mut self, char: char) -> Lexed<Kind> {
        Ok(match char {
            '(' => {
                self.open_parens += 1;
                Kind::LeftParen
            }
            ')' if self.open_parens == 0 => {
                return Err(self.error_behind("unexpected right parenthesis ')'"));
            }
            ')' => {
                self.open_parens -= 1;
                Kind::RightParen
            }
            ',' => Kind::Comma,
            '+' => Kind::Operator(BinaryOp::Add),
            '-' => Kind::Operator(BinaryOp::Sub),
            '*' => Kind::Operator(BinaryOp::Mul),
            '/' => Kind::Operator(BinaryOp::Div),
            '%' => Kind::Operator(BinaryOp::Mod),
            '^' => Kind::Operator(BinaryOp::Pow),
            '@' => Kind::At,
            other => {
                let other = quoted_char(other);
                return Err(self.error(format!("unexpected character: {other}")));
            }
        })
    }

    fn outside(&mut self, first: char) -> Lexed<Kind> {
        Ok(match first {
            '=' if self.accept("=") => Kind::Operator(BinaryOp::Equal),
            '=' if self.is("~") => {
                return Err(self.error("unexpected character after '=': '~'"));
            }
            '=' => Kind::Assign,
            '!' if self.accept("=") => Kind::Operator(BinaryOp::NotEqual),
            '!' => {
                let next = quoted_char(self.peek().unwrap_or(char::REPLACEMENT_CHARACTER));
                return Err(self.error(format!("unexpected character after '!': {next}")));
            }
            '<' if self.accept("=") => Kind::Operator(BinaryOp::LessEqual),
            '<' if self.accept("/") => Kind::Operator(BinaryOp::TrimUpper),
            '<' => Kind::Operator(BinaryOp::Less),
            '>' if self.accept("=") => Kind::Operator(BinaryOp::GreaterEqual),
            '>' if self.accept("/") => Kind::Operator(BinaryOp::TrimLower),
            '>' => Kind::Operator(BinaryOp::Greater),
            '"' | '\'' => self.string(first)?,
            '`' => self.raw_string()?,
            '{' => {
                self.brace_open = true;
                Kind::LeftBrace
            }
            '[' if self.bracket_open => {
                return Err(self.error("unexpected left bracket '['"));
            }
            '[' => {
                self.bracket_open = true;
                self.in_duration = true;
                self.got_colon = false;
                Kind::LeftBracket
            }
            ']' if self.bracket_open => self.close_bracket(),
            ']' => return Err(self.error("unexpected right bracket ']'")),
            first if self.begins_number(first) => self.number_or_duration()?,
            first if is_alphabetic(first) || first == ':' => self.word(first)?,
            first => self.punctuation(first)?,
        })
    }

    /// A name or a keyword; in brackets only a colon, or a word that stands for a duration.
    fn word(&mut self, first: char) -> Lexed<Kind> {
        if !self.bracket_open {
            return Ok(self.keyword_or_name());
        }
        if first == ':' {
            if self.got_colon {
                return Err(self.error("unexpected colon ':'"));
            }
            self.got_colon = true;
            return Ok(Kind::Colon);
        }
        if let Some(kind) = self.duration_word() {
            return Ok(kind);
        }
        let message = format!("unexpected character: {}, expected ':'", quoted_char(first));
        Err(self.error(message))
    }

    fn keyword_or_name(&mut self) -> Kind {
        self.skip_while(|char| is_alphanumeric(char) || char == ':');
        match keyword(self.read()) {
            // They name metrics as well, unless a value follows.
            Some(Kind::Keyword(Keyword::Fill | Keyword::FillLeft | Keyword::FillRight))
                if !self.paren_follows() =>
            {
                Kind::Identifier
            }
            Some(kind) => kind,
            None if self.read().contains(':') => Kind::MetricIdentifier,
            None => Kind::Identifier,
        }
    }

    fn paren_follows(&self) -> bool {
        let rest = self.text.get(self.at..).unwrap_or_default();
        rest.trim_start_matches([' ', '\t', '\n', '\r'])
            .starts_with('(')
    }

    fn string(&mut self, quote: char) -> Lexed<Kind> {
        loop {
            match self.bump() {
                Some('\\') => self.escape(quote)?,
                Some(char::REPLACEMENT_CHARACTER) => {
                    return Err(self.error("invalid UTF-8 rune"));
                }
                None | Some('\n') => return Err(self.error("unterminated quoted string")),
                Some(next) if next == quote => return Ok(Kind::String),
                Some(_) => {}
            }
        }
    }

    fn raw_string(&mut self) -> Lexed<Kind> {
        loop {
            match self.bump() {
                Some(char::REPLACEMENT_CHARACTER) => {
                    return Err(self.error("invalid UTF-8 rune"));
                }
                None => return Err(self.error("unterminated raw string")),
                Some('`') => return Ok(Kind::String),
                Some(_) => {}
            }
        }
    }

    /// Checks an escape of Go's string literals, its backslash read already.
    fn escape(&mut self, quote: char) -> Lexed<()> {
        let unterminated = "escape sequence not terminated";
        let (digits, base, most, mut first) = match self.bump() {
            None => return Err(self.error(unterminated)),
            Some('a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\') => return Ok(()),
            Some(next) if next == quote => return Ok(()),
            Some(next @ '0'..='7') => (3, 8, 0xff, Some(next)),
            Some('x') => (2, 16, 0xff, None),
            Some('u') => (4, 16, 0x0010_ffff, None),
            Some('U') => (8, 16, 0x0010_ffff, None),
            Some(other) => {
                let message = format!("unknown escape sequence {}", code_point(other));
                return Err(self.error(message));
            }
        };
        let mut value = 0_u64;
        for _ in 0..digits {
            let Some(next) = first.take().or_else(|| self.bump()) else {
                return Err(self.error(unterminated));
            };
            let Some(digit) = next.to_digit(base) else {
                let next = code_point(next);
                let message = format!("illegal character {next} in escape sequence");
                return Err(self.error(message));
            };
            value = value * u64::from(base) + u64::from(digit);
        }
        if value > most || (0xd800..0xe000).contains(&value) {
            return Err(self.error("escape sequence is an invalid Unicode code point"));
        }
        Ok(())
    }

    fn begins_number(&self, first: char) -> bool {
        first.is_ascii_digit() || (first == '.' && self.is(DIGITS))
    }

    fn number_or_duration(&mut self) -> Lexed<Kind> {
        self.at = self.start;
        if self.number() {
            return Ok(Kind::Number);
        }
        if self.duration() {
            return Ok(Kind::Duration);
        }
        let read = quoted(self.read());
        Err(self.error(format!("bad number or duration syntax: {read}")))
    }

    /// Steps over what looks like a number; whether it is one is seen when it is converted. Where
    /// it is none, the position is where that was seen, as errors show it.
    fn number(&mut self) -> bool {
        let mut digits = DIGITS;
        if self.accept("0") && self.accept("xX") {
            self.accept("_");
            digits = "0123456789abcdefABCDEF";
        }
        self.accept(".");
        self.accept(digits);
        let (mut got_dot, mut got_exponent) = (false, false);
        while self.is(digits) || self.is("._eE") {
            if (self.is(".") && got_dot) || (self.is("eE") && got_exponent) {
                self.at += 1;
                return false;
            }
            if self.accept(".") {
                got_dot = true;
                // No hexadecimal number has one.
                if self.accept("_.") || digits != DIGITS {
                    return false;
                }
            } else if self.accept("eE") {
                got_exponent = true;
                self.accept("+-");
                if self.accept("._eE") || self.peek().is_none() {
                    return false;
                }
            } else if self.accept("_") {
                if self.accept("._eE") || self.peek().is_none() {
                    return false;
                }
            } else {
                self.skip_while(|char| digits.contains(char));
            }
        }
        self.at > self.start && !self.peek().is_some_and(is_alphanumeric)
    }

    /// Steps over the units of a duration, behind the digits that [`Self::number`] left.
    fn duration(&mut self) -> bool {
        if !self.accept("smhdwy") {
            return false;
        }
        self.accept("s");
        while self.accept(DIGITS) {
            self.skip_while(|char| char.is_ascii_digit());
            if !self.accept("smhdw") {
                return false;
            }
            self.accept("s");
        }
        if self.peek().is_some_and(is_alphanumeric) {
            self.at += 1;
            return false;
        }
        true
    }
}

const DIGITS: &str = "0123456789";

fn is_alphabetic(char: char) -> bool {
    char.is_ascii_alphabetic() || char == '_'
}

fn is_alphanumeric(char: char) -> bool {
    char.is_ascii_alphanumeric() || char == '_'
}
