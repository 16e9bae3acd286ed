//! What literals stand for: numbers, durations and strings as Go reads them.

use super::token::quoted;

/// A number, as Go's `ParseInt` of any base or else its `ParseFloat` reads it.
pub(super) fn number(text: &str) -> Result<f64, String> {
    if let Some(integer) = integer(text) {
        return Ok(integer);
    }
    let wrong = |what| {
        let text = quoted(text);
        format!("error parsing number: strconv.ParseFloat: parsing {text}: {what}")
    };
    let digits = without_underscores(text).ok_or_else(|| wrong("invalid syntax"))?;
    let value: f64 = digits.parse().map_err(|_| wrong("invalid syntax"))?;
    let overflows = value.is_infinite() && text.bytes().any(|byte| byte.is_ascii_digit());
    match overflows {
        true => Err(wrong("value out of range")),
        false => Ok(value),
    }
}

/// Go's `ParseInt(text, 0, 64)`: hexadecimal behind `0x`, octal behind `0`, with underscores
/// between digits.
fn integer(text: &str) -> Option<f64> {
    let lower = text.to_ascii_lowercase();
    let (digits, base) = match lower.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None if lower.len() > 1 && lower.starts_with('0') => (lower.get(1..)?, 8),
        None => (lower.as_str(), 10),
    };
    // One underscore may follow a prefix.
    let inner = match base {
        10 => digits,
        _ => digits.strip_prefix('_').unwrap_or(digits),
    };
    let well_placed = !inner.starts_with('_') && !inner.ends_with('_') && !inner.contains("__");
    if !well_placed {
        return None;
    }
    let value = i64::from_str_radix(&inner.replace('_', ""), base).ok()?;
    Some(value as f64)
}

/// A decimal number without its underscores, each of which stands between two digits.
fn without_underscores(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split('_').collect();
    let digit = |char: Option<char>| char.is_some_and(|char| char.is_ascii_digit());
    let between = |pair: &[&str]| match pair {
        [left, right] => digit(left.chars().next_back()) && digit(right.chars().next()),
        _ => true,
    };
    parts.windows(2).all(between).then(|| parts.concat())
}

/// Nanoseconds of a unit, from the longest to the shortest.
const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 24 * 3_600_000_000_000),
    ("w", 7 * 24 * 3_600_000_000_000),
    ("d", 24 * 3_600_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
];

/// Seconds of a duration: `1h30m`, its units from the longest to the shortest, each once.
pub(super) fn duration(text: &str) -> Result<f64, String> {
    let invalid = || format!("not a valid duration string: {}", quoted(text));
    let too_long = || "duration out of range".to_owned();
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut nanoseconds = 0_u64;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (count, behind) = rest.split_at_checked(digits).ok_or_else(invalid)?;
        let count: u64 = count.parse().map_err(|_| invalid())?;
        let unit_end = behind
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(behind.len());
        let (unit, behind) = behind.split_at_checked(unit_end).ok_or_else(invalid)?;
        if unit.is_empty() {
            return Err(invalid());
        }
        if !UNITS.iter().any(|(name, _)| *name == unit) {
            let (unit, text) = (quoted(unit), quoted(text));
            return Err(format!("unknown unit {unit} in duration {text}"));
        }
        let (_, factor) = units.find(|(name, _)| *name == unit).ok_or_else(invalid)?;
        let part = count.checked_mul(*factor).ok_or_else(too_long)?;
        nanoseconds = nanoseconds.checked_add(part).ok_or_else(too_long)?;
        if i64::try_from(nanoseconds).is_err() {
            return Err(too_long());
        }
        rest = behind;
    }
    let (seconds, below) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
    Ok(seconds as f64 + below as f64 / 1e9)
}

/// The text a string literal stands for. The lexer has checked its escapes.
///
/// # Errors
/// The bytes it stands for where they are no UTF-8: `"\xff"` is one byte.
pub(super) fn string(literal: &str) -> Result<String, Vec<u8>> {
    let mut chars = literal.chars();
    let quote = chars.next();
    chars.next_back();
    let body = chars.as_str();
    if quote == Some('`') || !body.contains('\\') {
        return Ok(body.to_owned());
    }
    let mut bytes = Vec::with_capacity(body.len());
    let mut rest = body.chars();
    while let Some(next) = rest.next() {
        match next {
            '\\' => unescape(&mut rest, &mut bytes),
            other => push(&mut bytes, other),
        }
    }
    String::from_utf8(bytes).map_err(std::string::FromUtf8Error::into_bytes)
}

fn push(bytes: &mut Vec<u8>, char: char) {
    bytes.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
}

fn unescape(rest: &mut std::str::Chars<'_>, bytes: &mut Vec<u8>) {
    let Some(kind) = rest.next() else { return };
    let mut number = |first: u32, digits: usize, base: u32| {
        (0..digits).fold(first, |value, _| {
            let digit = rest.next().and_then(|char| char.to_digit(base));
            value.wrapping_mul(base).wrapping_add(digit.unwrap_or(0))
        })
    };
    let scalar = |number| char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER);
    match kind {
        'a' => bytes.push(0x07),
        'b' => bytes.push(0x08),
        'f' => bytes.push(0x0c),
        'n' => bytes.push(b'\n'),
        'r' => bytes.push(b'\r'),
        't' => bytes.push(b'\t'),
        'v' => bytes.push(0x0b),
        'x' => bytes.push(number(0, 2, 16).to_le_bytes()[0]),
        'u' => push(bytes, scalar(number(0, 4, 16))),
        'U' => push(bytes, scalar(number(0, 8, 16))),
        octal @ '0'..='7' => {
            let first = octal.to_digit(8).unwrap_or(0);
            bytes.push(number(first, 2, 8).to_le_bytes()[0]);
        }
        other => push(bytes, other),
    }
}
