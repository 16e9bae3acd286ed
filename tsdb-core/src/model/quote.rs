//! Names and values as Prometheus prints them: legacy names bare, all else quoted as Go does.

use std::fmt::{self, Write};
use std::sync::OnceLock;

/// Whether `name` can stand unquoted as a label name: `[a-zA-Z_][a-zA-Z0-9_]*`.
#[must_use]
pub fn is_legacy_label_name(name: &str) -> bool {
    is_legacy(name, false)
}

/// Whether `name` can stand unquoted as a metric name: `[a-zA-Z_:][a-zA-Z0-9_:]*`.
#[must_use]
pub fn is_legacy_metric_name(name: &str) -> bool {
    is_legacy(name, true)
}

fn is_legacy(name: &str, colon: bool) -> bool {
    let start = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || (colon && byte == b':');
    match name.as_bytes() {
        [first, rest @ ..] => {
            start(*first)
                && rest
                    .iter()
                    .all(|&byte| start(byte) || byte.is_ascii_digit())
        }
        [] => false,
    }
}

/// Writes `text` in double quotes, escaped as Go's `strconv.Quote` does.
///
/// # Errors
/// Those of `out`.
pub fn write_quoted(out: &mut impl Write, text: &str) -> fmt::Result {
    out.write_char('"')?;
    write_escaped(out, text)?;
    out.write_char('"')
}

/// [`write_quoted`] without the quotes around it.
pub(super) fn write_escaped(out: &mut impl Write, text: &str) -> fmt::Result {
    let mut plain = 0;
    for (at, char) in text.char_indices() {
        if char != '"' && char != '\\' && is_printable(char) {
            continue;
        }
        out.write_str(text.get(plain..at).unwrap_or_default())?;
        plain = at + char.len_utf8();
        match char {
            '"' | '\\' => write!(out, "\\{char}")?,
            '\x07' => out.write_str("\\a")?,
            '\x08' => out.write_str("\\b")?,
            '\x0c' => out.write_str("\\f")?,
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            '\x0b' => out.write_str("\\v")?,
            '\0'..='\x7f' => write!(out, "\\x{:02x}", u32::from(char))?,
            '\u{80}'..='\u{ffff}' => write!(out, "\\u{:04x}", u32::from(char))?,
            _ => write!(out, "\\U{:08x}", u32::from(char))?,
        }
    }
    out.write_str(text.get(plain..).unwrap_or_default())
}

/// Go's `strconv.IsPrint`: letters, marks, numbers, punctuation, symbols and the ASCII space.
fn is_printable(char: char) -> bool {
    if char.is_ascii() {
        return (' '..='~').contains(&char);
    }
    static RANGES: OnceLock<Vec<(char, char)>> = OnceLock::new();
    let ranges = RANGES.get_or_init(printable_ranges);
    let after = ranges.partition_point(|&(start, _)| start <= char);
    after
        .checked_sub(1)
        .and_then(|at| ranges.get(at))
        .is_some_and(|&(_, end)| char <= end)
}

fn printable_ranges() -> Vec<(char, char)> {
    use regex_syntax::hir::{Class, HirKind};
    match regex_syntax::parse(r"[\pL\pM\pN\pP\pS]").map(|hir| hir.into_kind()) {
        Ok(HirKind::Class(Class::Unicode(class))) => class
            .ranges()
            .iter()
            .map(|range| (range.start(), range.end()))
            .collect(),
        // The pattern is a constant; without its table everything outside ASCII is escaped.
        _ => Vec::new(),
    }
}
