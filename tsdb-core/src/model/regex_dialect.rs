//! Regular expressions as Go writes them (RE2), told in the dialect of the `regex` crate.
//!
//! Captures and lazy repetition, which do not change whether a whole text matches, are checked and
//! left out where only that is asked. What differs and is translated: `\d \w \s \b`
//! are ASCII in Go, `{` that begins no repetition is a literal, classes know no set operations,
//! escapes and flags are fewer, repetitions do not stack.

/// A pattern that is no RE2 expression.
#[derive(Debug)]
pub(super) struct DialectError {
    /// The words of Go's regexp package.
    pub(super) message: &'static str,
    /// Offset in the pattern where the fragment begins.
    pub(super) position: usize,
    /// The part of the pattern that is wrong.
    pub(super) fragment: String,
}

/// How deep groups may nest. Keeps the recursion of the compiler that follows bounded.
const MAX_GROUP_DEPTH: usize = 250;
/// The highest count of a repetition in RE2.
const MAX_REPEAT: u32 = 1000;

/// What a translated pattern is to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Whether a whole text matches.
    Match,
    /// Which parts of it the groups matched as well.
    Captures,
}

/// Rewrites an RE2 pattern for the `regex` crate.
pub(super) fn translate(pattern: &str, answer: Answer) -> Result<String, DialectError> {
    let mut translator = Translator {
        pattern,
        captures: answer == Answer::Captures,
        names: Vec::new(),
        at: 0,
        out: String::with_capacity(pattern.len() + 16),
        open_groups: 0,
        before: Before::Nothing,
    };
    translator.run()?;
    Ok(translator.out)
}

/// What stands before the present position, as far as a repetition wants to know.
#[derive(Clone, Copy)]
enum Before {
    Nothing,
    /// Something to repeat, which ends at this offset of the output: flags may follow it.
    Atom(usize),
    /// A repetition, which begins at this offset.
    Repetition(usize),
}

struct Translator<'p> {
    pattern: &'p str,
    captures: bool,
    /// Those of groups so far.
    names: Vec<&'p str>,
    at: usize,
    out: String,
    open_groups: usize,
    before: Before,
}

type Step<T = ()> = Result<T, DialectError>;

impl<'p> Translator<'p> {
    fn run(&mut self) -> Step {
        while let Some(char) = self.peek() {
            let start = self.at;
            self.at += char.len_utf8();
            match char {
                '(' => self.group(start)?,
                ')' => {
                    if self.open_groups == 0 {
                        return Err(self.error("unexpected )", 0, self.pattern.len()));
                    }
                    self.open_groups -= 1;
                    self.atom(")");
                }
                '|' => {
                    self.out.push('|');
                    self.before = Before::Nothing;
                }
                '*' => self.repetition(start, "*")?,
                '+' => self.repetition(start, "+")?,
                '?' => self.repetition(start, "?")?,
                '{' => self.counted_repetition(start)?,
                '^' => self.atom("(?:^)"),
                '$' => self.atom("(?:$)"),
                '.' => self.atom("."),
                '[' => self.class(start)?,
                '\\' => self.escape(start)?,
                _ => self.literal(char),
            }
        }
        if self.open_groups > 0 {
            return Err(self.error("missing closing )", 0, self.pattern.len()));
        }
        Ok(())
    }

    fn rest(&self) -> &'p str {
        self.pattern.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let char = self.peek()?;
        self.at += char.len_utf8();
        Some(char)
    }

    /// Steps over `text` if it comes next.
    fn accept(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn error(&self, message: &'static str, from: usize, to: usize) -> DialectError {
        let fragment = self.pattern.get(from..to).unwrap_or_default().to_owned();
        DialectError {
            message,
            position: from,
            fragment,
        }
    }

    fn error_here(&self, message: &'static str, from: usize) -> DialectError {
        self.error(message, from, self.at)
    }

    fn atom(&mut self, text: &str) {
        self.out.push_str(text);
        self.before = Before::Atom(self.out.len());
    }

    fn literal(&mut self, char: char) {
        if regex_syntax::is_meta_character(char) {
            self.out.push('\\');
        }
        self.out.push(char);
        self.before = Before::Atom(self.out.len());
    }

    fn repetition(&mut self, start: usize, operator: &str) -> Step {
        let lazy = if self.accept("?") && self.captures {
            "?"
        } else {
            ""
        };
        match self.before {
            Before::Nothing => {
                Err(self.error_here("missing argument to repetition operator", start))
            }
            Before::Repetition(first) => {
                Err(self.error_here("invalid nested repetition operator", first))
            }
            Before::Atom(end) => {
                self.out.insert_str(end, lazy);
                self.out.insert_str(end, operator);
                self.before = Before::Repetition(start);
                Ok(())
            }
        }
    }

    /// `{n}`, `{n,}` and `{n,m}`; any other `{` is a literal.
    fn counted_repetition(&mut self, start: usize) -> Step {
        let Some((min, max)) = self.bounds() else {
            self.at = start + 1;
            self.literal('{');
            return Ok(());
        };
        let top = max.unwrap_or(min);
        if min > MAX_REPEAT || top > MAX_REPEAT || min > top {
            return Err(self.error_here("invalid repeat count", start));
        }
        let operator = match max {
            Some(max) => format!("{{{min},{max}}}"),
            None => format!("{{{min},}}"),
        };
        self.repetition(start, &operator)
    }

    fn bounds(&mut self) -> Option<(u32, Option<u32>)> {
        let min = self.number()?;
        let max = if !self.accept(",") {
            Some(min)
        } else if self.rest().starts_with('}') {
            None
        } else {
            Some(self.number()?)
        };
        self.accept("}").then_some((min, max))
    }

    /// A decimal number without leading zeros; too large ones stay too large.
    fn number(&mut self) -> Option<u32> {
        let rest = self.rest();
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let text = rest.get(..digits)?;
        if text.is_empty() || (digits > 1 && text.starts_with('0')) {
            return None;
        }
        self.at += digits;
        Some(text.parse().unwrap_or(u32::MAX))
    }

    fn group(&mut self, start: usize) -> Step {
        if self.accept("?") {
            if self.accept("P<") || self.accept("<") {
                let opening = self.group_name(start)?;
                return self.open_group(start, &opening);
            }
            return self.flags(start);
        }
        self.open_group(start, if self.captures { "(" } else { "(?:" })
    }

    fn open_group(&mut self, start: usize, opening: &str) -> Step {
        self.open_groups += 1;
        if self.open_groups > MAX_GROUP_DEPTH {
            return Err(self.error("expression nests too deeply", start, self.pattern.len()));
        }
        self.out.push_str(opening);
        self.before = Before::Nothing;
        Ok(())
    }

    /// What opens a group of the name that comes next. A name that stands for a group before, or
    /// begins with a digit, is left out: groups still count.
    fn group_name(&mut self, start: usize) -> Step<String> {
        let Some(len) = self.rest().find('>') else {
            return Err(self.error("invalid named capture", start, self.pattern.len()));
        };
        let name = self.rest().get(..len).unwrap_or_default();
        self.at += len + 1;
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || !name.bytes().all(word) {
            return Err(self.error_here("invalid named capture", start));
        }
        if !self.captures {
            return Ok("(?:".to_owned());
        }
        if name.starts_with(|char: char| char.is_ascii_digit()) || self.names.contains(&name) {
            return Ok("(".to_owned());
        }
        self.names.push(name);
        Ok(format!("(?P<{name}>"))
    }

    /// `(?flags)` and `(?flags:`; of a flag given twice the last counts.
    fn flags(&mut self, start: usize) -> Step {
        let mut set = [('i', None), ('m', None), ('s', None), ('U', None)];
        let (mut on, mut seen) = (true, true);
        loop {
            let char = self.next();
            match char {
                Some('-') if on => (on, seen) = (false, false),
                Some(end @ (':' | ')')) if seen => {
                    let flags = flag_text(&set, self.captures);
                    if end == ':' {
                        return self.open_group(start, &format!("(?{flags}:"));
                    }
                    if !flags.is_empty() {
                        self.out.push_str(&format!("(?{flags})"));
                    }
                    if matches!(self.before, Before::Repetition(_)) {
                        self.before = Before::Nothing;
                    }
                    return Ok(());
                }
                Some(char) => match set.iter_mut().find(|flag| flag.0 == char) {
                    Some(flag) => (flag.1, seen) = (Some(on), true),
                    None => {
                        return Err(self.error_here("invalid or unsupported Perl syntax", start));
                    }
                },
                None => return Err(self.error_here("invalid or unsupported Perl syntax", start)),
            }
        }
    }

    /// An escape outside of a class.
    fn escape(&mut self, start: usize) -> Step {
        let Some(char) = self.peek() else {
            return Err(self.error("trailing backslash at end of expression", start, start));
        };
        match char {
            'A' => self.verbatim("(?:\\A)"),
            'z' => self.verbatim("(?:\\z)"),
            'b' => self.verbatim("(?-u:\\b)"),
            'B' => self.verbatim("(?-u:\\B)"),
            'Q' => {
                self.at += 1;
                let Some((quoted, _)) = self.rest().split_once("\\E") else {
                    // It would swallow what closes the anchored group.
                    return Err(self.error("missing closing )", 0, self.pattern.len()));
                };
                quoted.chars().for_each(|char| self.literal(char));
                self.at += quoted.len() + 2;
            }
            _ => {
                if let Some(class) = self.class_escape(start)? {
                    self.atom(&class);
                } else {
                    let char = self.char_escape(start)?;
                    self.literal(char);
                }
            }
        }
        Ok(())
    }

    fn verbatim(&mut self, text: &str) {
        self.at += 1;
        self.atom(text);
    }

    /// `\d \s \w \p{..}` and their negations, behind the backslash at `start`.
    fn class_escape(&mut self, start: usize) -> Step<Option<String>> {
        let perl = match self.peek() {
            Some('d') => "[0-9]",
            Some('D') => "[^0-9]",
            Some('s') => "[\\t\\n\\f\\r\\x20]",
            Some('S') => "[^\\t\\n\\f\\r\\x20]",
            Some('w') => "[0-9A-Za-z_]",
            Some('W') => "[^0-9A-Za-z_]",
            Some('p' | 'P') => return self.unicode_class(start).map(Some),
            _ => return Ok(None),
        };
        self.at += 1;
        Ok(Some(perl.to_owned()))
    }

    fn unicode_class(&mut self, start: usize) -> Step<String> {
        let mut negated = self.next() == Some('P');
        let name_start = self.at;
        let mut name = match self.next() {
            Some('{') => {
                let Some(len) = self.rest().find('}') else {
                    let end = self.pattern.len();
                    return Err(self.error("invalid character class range", start, end));
                };
                let name = self.rest().get(..len).unwrap_or_default();
                self.at += len + 1;
                name
            }
            _ => self.pattern.get(name_start..self.at).unwrap_or_default(),
        };
        if let Some(rest) = name.strip_prefix('^') {
            (name, negated) = (rest, !negated);
        }
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let class = format!("\\{}{{{name}}}", if negated { 'P' } else { 'p' });
        if !name.bytes().all(word) || regex_syntax::parse(&class).is_err() {
            return Err(self.error_here("invalid character class range", start));
        }
        Ok(class)
    }

    /// An escape that stands for one character, behind the backslash at `start`.
    fn char_escape(&mut self, start: usize) -> Step<char> {
        let Some(char) = self.next() else {
            return Err(self.error("trailing backslash at end of expression", start, start));
        };
        let digit = |translator: &Self| translator.peek().and_then(|char| char.to_digit(8));
        let code = match char {
            'a' => Some(0x07),
            'f' => Some(0x0c),
            'n' => Some(0x0a),
            'r' => Some(0x0d),
            't' => Some(0x09),
            'v' => Some(0x0b),
            'x' => self.hexadecimal(),
            // A single digit other than 0 would be a back reference.
            '0'..='7' if char == '0' || digit(self).is_some() => {
                let mut code = char.to_digit(8).unwrap_or_default();
                for _ in 0..2 {
                    let Some(low) = digit(self) else { break };
                    code = code * 8 + low;
                    self.at += 1;
                }
                Some(code)
            }
            _ if char.is_ascii() && !char.is_ascii_alphanumeric() => Some(u32::from(char)),
            _ => None,
        };
        code.and_then(char::from_u32)
            .ok_or_else(|| self.error_here("invalid escape sequence", start))
    }

    /// The digits of `\xHH` or `\x{H..}`.
    fn hexadecimal(&mut self) -> Option<u32> {
        let rest = self.rest();
        let digits = if self.accept("{") {
            let digits = rest.get(1..)?.split_once('}')?.0;
            self.at += digits.len() + 1;
            digits
        } else {
            let digits = rest.get(..2)?;
            self.at += 2;
            digits
        };
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        u32::from_str_radix(digits, 16).ok()
    }

    /// A bracketed class, whose `[` stands at `start`.
    fn class(&mut self, start: usize) -> Step {
        let mut class = String::from(if self.accept("^") { "[^" } else { "[" });
        let mut first = true;
        loop {
            let item = self.at;
            match self.peek() {
                None => {
                    return Err(self.error("missing closing ]", start, self.pattern.len()));
                }
                Some(']') if !first => break,
                Some('[') if self.posix_class(&mut class)? => {}
                Some('\\') => {
                    self.at += 1;
                    match self.class_escape(item)? {
                        Some(nested) => class.push_str(&nested),
                        None => {
                            self.at = item;
                            self.class_range(start, &mut class)?;
                        }
                    }
                }
                Some(_) => self.class_range(start, &mut class)?,
            }
            first = false;
        }
        self.at += 1;
        class.push(']');
        self.atom(&class);
        Ok(())
    }

    /// `[:name:]` or `[:^name:]`, which are ASCII in both dialects.
    fn posix_class(&mut self, class: &mut String) -> Step<bool> {
        const NAMES: [&str; 14] = [
            "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print",
            "punct", "space", "upper", "word", "xdigit",
        ];
        let Some(inner) = self.rest().strip_prefix("[:") else {
            return Ok(false);
        };
        let Some((name, _)) = inner.split_once(":]") else {
            return Ok(false);
        };
        let start = self.at;
        self.at += name.len() + 4;
        if !NAMES.contains(&name.strip_prefix('^').unwrap_or(name)) {
            return Err(self.error_here("invalid character class range", start));
        }
        class.push_str(&format!("[:{name}:]"));
        Ok(true)
    }

    /// One character of a class, or a range of them.
    fn class_range(&mut self, class_start: usize, class: &mut String) -> Step {
        let start = self.at;
        let low = self.class_char(class_start)?;
        let mut after = self.rest().chars();
        let ranged = after.next() == Some('-') && after.next().is_some_and(|char| char != ']');
        push_class_char(class, low);
        if ranged {
            self.at += 1;
            let high = self.class_char(class_start)?;
            if high < low {
                return Err(self.error_here("invalid character class range", start));
            }
            class.push('-');
            push_class_char(class, high);
        }
        Ok(())
    }

    fn class_char(&mut self, class_start: usize) -> Step<char> {
        let start = self.at;
        match self.next() {
            Some('\\') => self.char_escape(start),
            Some(char) => Ok(char),
            None => Err(self.error("missing closing ]", class_start, self.pattern.len())),
        }
    }
}

/// Anything but ASCII letters and digits by number: no character means something there.
fn push_class_char(class: &mut String, char: char) {
    if char.is_ascii_alphanumeric() {
        class.push(char);
    } else {
        class.push_str(&format!("\\x{{{:x}}}", u32::from(char)));
    }
}

/// The flags as the `regex` crate wants them; `U` only decides what is captured.
fn flag_text(set: &[(char, Option<bool>)], captures: bool) -> String {
    let having = |wanted| {
        set.iter()
            .filter(move |flag| (captures || flag.0 != 'U') && flag.1 == Some(wanted))
            .map(|flag| flag.0)
    };
    let mut text: String = having(true).collect();
    if having(false).next().is_some() {
        text.push('-');
        text.extend(having(false));
    }
    text
}
