//! Tokens of a selector, with the byte span each was read from.

use super::error::SelectorError;
use super::literal::quote;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Letters, digits and underscores.
    Identifier,
    /// A word of PromQL outside of braces; some of them may name a metric as well.
    Keyword {
        may_name_metric: bool,
    },
    /// An identifier with a colon, which only a metric may have.
    MetricIdentifier,
    /// A quoted string, quotes included in its span.
    String,
    LeftBrace,
    RightBrace,
    Comma,
    Equal,
    NotEqual,
    EqualRegex,
    NotEqualRegex,
    /// An operator that no selector has.
    Operator,
    /// A parenthesis or square bracket, which no selector has.
    Bracket,
    /// A number, which no selector has.
    Number,
    End,
}

/// One token: its kind and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    pub(super) start: usize,
}

impl Token<'_> {
    /// The token in the words of Prometheus' errors.
    pub(super) fn describe(&self) -> String {
        match self.kind {
            Kind::End => "end of input".to_owned(),
            Kind::Keyword { .. } => keyword(self.text).unwrap_or_default(),
            Kind::Identifier => format!("identifier {}", quote(self.text)),
            Kind::MetricIdentifier => format!("metric identifier {}", quote(self.text)),
            Kind::String if self.text.len() > 10 => {
                let head: String = self.text.chars().take(10).collect();
                format!("string {}...", quote(&head))
            }
            Kind::String => format!("string {}", quote(self.text)),
            Kind::Number if self.text.ends_with(['s', 'm', 'h', 'd', 'w', 'y']) => {
                format!("duration {}", quote(self.text))
            }
            Kind::Number => format!("number {}", quote(self.text)),
            Kind::NotEqual | Kind::EqualRegex | Kind::NotEqualRegex | Kind::Operator => {
                format!("<op:{}>", self.text)
            }
            Kind::Bracket => quote(self.text),
            Kind::LeftBrace | Kind::RightBrace | Kind::Comma | Kind::Equal => quote(self.text),
        }
    }
}

/// A word of PromQL outside of braces, as errors show it; `None` for any other word.
fn keyword(text: &str) -> Option<String> {
    match text.to_ascii_lowercase().as_str() {
        "on" | "ignoring" | "bool" | "group_left" | "group_right" | "by" | "without" | "offset" => {
            Some(format!("<{text}>"))
        }
        "and" | "or" | "unless" | "atan2" => Some(format!("<op:{text}>")),
        "sum" | "avg" | "count" | "min" | "max" | "group" | "stddev" | "stdvar" | "topk"
        | "bottomk" | "count_values" | "quantile" => Some(format!("<aggr:{text}>")),
        "inf" | "nan" => Some(format!("number {}", quote(text))),
        _ => None,
    }
}

/// Whether a keyword may name a metric where no other meaning is possible.
fn may_name_metric(keyword: &str) -> bool {
    !matches!(
        keyword.to_ascii_lowercase().as_str(),
        "on" | "ignoring" | "bool" | "group_left" | "group_right" | "atan2" | "inf" | "nan"
    )
}

/// Reads tokens off a selector, one at a time.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    input: &'a str,
    position: usize,
    inside_braces: bool,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(input: &'a str) -> Self {
        Self {
            input,
            position: 0,
            inside_braces: false,
        }
    }

    fn rest(&self) -> &'a str {
        self.input.get(self.position..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.position += next.len_utf8();
        Some(next)
    }

    fn error(&self, offset: usize, reason: impl Into<String>) -> SelectorError {
        SelectorError::new(self.input, offset, reason.into())
    }

    fn skip_blanks(&mut self) {
        loop {
            match self.peek() {
                Some(' ' | '\t' | '\n' | '\r') => self.position += 1,
                Some('#') => {
                    let rest = self.rest();
                    self.position += rest.find(['\n', '\r']).unwrap_or(rest.len());
                }
                _ => return,
            }
        }
    }

    fn token(&self, kind: Kind, start: usize) -> Token<'a> {
        Token {
            kind,
            text: self.input.get(start..self.position).unwrap_or(""),
            start,
        }
    }

    /// The next token, or what stands where none can.
    pub(super) fn next(&mut self) -> Result<Token<'a>, SelectorError> {
        self.skip_blanks();
        let start = self.position;
        let Some(first) = self.bump() else {
            if self.inside_braces {
                return Err(self.error(start, "unexpected end of input inside braces"));
            }
            return Ok(self.token(Kind::End, start));
        };
        match first {
            ',' => Ok(self.token(Kind::Comma, start)),
            '"' | '\'' => self.quoted(first, start),
            '`' => self.raw(start),
            first if first.is_ascii_alphabetic() || first == '_' => Ok(self.word(start)),
            first if self.inside_braces => self.inside(first, start),
            first => self.outside(first, start),
        }
    }

    fn inside(&mut self, first: char, start: usize) -> Result<Token<'a>, SelectorError> {
        match first {
            '=' if self.peek() == Some('~') => {
                self.position += 1;
                Ok(self.token(Kind::EqualRegex, start))
            }
            '=' => Ok(self.token(Kind::Equal, start)),
            '!' => match self.bump() {
                Some('~') => Ok(self.token(Kind::NotEqualRegex, start)),
                Some('=') => Ok(self.token(Kind::NotEqual, start)),
                Some(other) => {
                    let other = quote_char(other);
                    Err(self.error(
                        start,
                        format!("unexpected character after '!' inside braces: {other}"),
                    ))
                }
                None => Err(self.error(start, "unexpected end of input after '!' inside braces")),
            },
            '}' => {
                self.inside_braces = false;
                Ok(self.token(Kind::RightBrace, start))
            }
            '{' => Err(self.error(start, "unexpected left brace '{'")),
            other => {
                let other = quote_char(other);
                Err(self.error(
                    start,
                    format!("unexpected character inside braces: {other}"),
                ))
            }
        }
    }

    fn outside(&mut self, first: char, start: usize) -> Result<Token<'a>, SelectorError> {
        match first {
            '{' => {
                self.inside_braces = true;
                Ok(self.token(Kind::LeftBrace, start))
            }
            ':' => {
                let Token { text, .. } = self.identifier(start);
                Ok(Token {
                    kind: Kind::MetricIdentifier,
                    text,
                    start,
                })
            }
            '=' => match self.peek() {
                Some('=') => {
                    self.position += 1;
                    Ok(self.token(Kind::Operator, start))
                }
                Some('~') => Err(self.error(start, "unexpected character after '=': '~'")),
                _ => Ok(self.token(Kind::Equal, start)),
            },
            '!' if self.peek() == Some('=') => {
                self.position += 1;
                Ok(self.token(Kind::NotEqual, start))
            }
            '!' => {
                let next = quote_char(self.peek().unwrap_or(char::REPLACEMENT_CHARACTER));
                Err(self.error(start, format!("unexpected character after '!': {next}")))
            }
            '+' | '-' | '*' | '/' | '%' | '^' | '<' | '>' | '@' => {
                if matches!(first, '<' | '>') && self.peek() == Some('=') {
                    self.position += 1;
                }
                Ok(self.token(Kind::Operator, start))
            }
            '(' | '[' | ']' => Ok(self.token(Kind::Bracket, start)),
            ')' => Err(self.error(start, "unexpected right parenthesis ')'")),
            digit if digit.is_ascii_digit() || digit == '.' => {
                while matches!(self.peek(), Some(next) if next.is_ascii_alphanumeric() || next == '.')
                {
                    self.position += 1;
                }
                Ok(self.token(Kind::Number, start))
            }
            other => Err(self.error(
                start,
                format!("unexpected character: {}", quote_char(other)),
            )),
        }
    }

    /// An identifier, or outside of braces a keyword.
    fn word(&mut self, start: usize) -> Token<'a> {
        let mut token = self.identifier(start);
        if !self.inside_braces && token.kind == Kind::Identifier && keyword(token.text).is_some() {
            let may_name_metric = may_name_metric(token.text);
            token.kind = Kind::Keyword { may_name_metric };
        }
        token
    }

    fn identifier(&mut self, start: usize) -> Token<'a> {
        let colons = !self.inside_braces;
        let mut kind = Kind::Identifier;
        while let Some(next) = self.peek() {
            match next {
                ':' if colons => kind = Kind::MetricIdentifier,
                next if next.is_ascii_alphanumeric() || next == '_' => {}
                _ => break,
            }
            self.position += 1;
        }
        self.token(kind, start)
    }

    fn quoted(&mut self, quote: char, start: usize) -> Result<Token<'a>, SelectorError> {
        loop {
            match self.bump() {
                Some('\\') => self.escape(quote, start)?,
                Some(char::REPLACEMENT_CHARACTER) => {
                    return Err(self.error(start, "invalid UTF-8 rune"));
                }
                None | Some('\n') => return Err(self.error(start, "unterminated quoted string")),
                Some(next) if next == quote => return Ok(self.token(Kind::String, start)),
                Some(_) => {}
            }
        }
    }

    fn raw(&mut self, start: usize) -> Result<Token<'a>, SelectorError> {
        loop {
            match self.bump() {
                Some(char::REPLACEMENT_CHARACTER) => {
                    return Err(self.error(start, "invalid UTF-8 rune"));
                }
                None => return Err(self.error(start, "unterminated raw string")),
                Some('`') => return Ok(self.token(Kind::String, start)),
                Some(_) => {}
            }
        }
    }

    /// Checks one escape of Go's string literals, its backslash read already.
    fn escape(&mut self, quote: char, start: usize) -> Result<(), SelectorError> {
        let unterminated = "escape sequence not terminated";
        let (digits, base, maximum, mut first) = match self.bump() {
            None => return Err(self.error(start, unterminated)),
            Some('a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\') => return Ok(()),
            Some(next) if next == quote => return Ok(()),
            Some(next @ '0'..='7') => (3, 8, 0xff, Some(next)),
            Some('x') => (2, 16, 0xff, None),
            Some('u') => (4, 16, 0x0010_ffff, None),
            Some('U') => (8, 16, 0x0010_ffff, None),
            Some(other) => {
                return Err(self.error(
                    start,
                    format!("unknown escape sequence {}", code_point(other)),
                ));
            }
        };
        let mut value = 0_u64;
        for _ in 0..digits {
            let next = match first.take() {
                Some(next) => next,
                None => self.bump().ok_or_else(|| self.error(start, unterminated))?,
            };
            let digit = next.to_digit(base).ok_or_else(|| {
                self.error(
                    start,
                    format!("illegal character {} in escape sequence", code_point(next)),
                )
            })?;
            value = value * u64::from(base) + u64::from(digit);
        }
        if value > maximum || (0xd800..0xe000).contains(&value) {
            return Err(self.error(start, "escape sequence is an invalid Unicode code point"));
        }
        Ok(())
    }
}

/// A character in single quotes, as Go's `%q` prints it.
fn quote_char(c: char) -> String {
    match c {
        '\'' => "'\\''".to_owned(),
        '"' => "'\"'".to_owned(),
        other => {
            let quoted = quote(other.encode_utf8(&mut [0; 4]));
            format!("'{}'", quoted.trim_matches('"'))
        }
    }
}

fn code_point(c: char) -> String {
    format!("U+{:04X} '{c}'", u32::from(c))
}
