//! String literals in Go's three quote styles.

/// The bytes a literal stands for. The lexer has checked its escapes, so whatever cannot
/// be read here is kept as it stands. Not always UTF-8: `"\xff"` is one byte.
pub(super) fn unquote(literal: &str) -> Vec<u8> {
    let mut chars = literal.chars();
    let quote = chars.next();
    chars.next_back();
    let body = chars.as_str();
    if quote == Some('`') {
        return body.as_bytes().to_vec();
    }
    let mut bytes = Vec::with_capacity(body.len());
    let mut rest = body.chars();
    while let Some(next) = rest.next() {
        if next == '\\' {
            unescape(&mut rest, &mut bytes);
        } else {
            push(&mut bytes, next);
        }
    }
    bytes
}

fn push(bytes: &mut Vec<u8>, c: char) {
    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

fn unescape(rest: &mut std::str::Chars<'_>, bytes: &mut Vec<u8>) {
    let Some(kind) = rest.next() else { return };
    let mut number = |first: u32, digits: usize, base: u32| {
        let mut value = first;
        for _ in 0..digits {
            let digit = rest.next().and_then(|c| c.to_digit(base)).unwrap_or(0);
            value = value.wrapping_mul(base).wrapping_add(digit);
        }
        value
    };
    match kind {
        'a' => bytes.push(0x07),
        'b' => bytes.push(0x08),
        'f' => bytes.push(0x0c),
        'n' => bytes.push(b'\n'),
        'r' => bytes.push(b'\r'),
        't' => bytes.push(b'\t'),
        'v' => bytes.push(0x0b),
        'x' => bytes.push(number(0, 2, 16).to_le_bytes()[0]),
        'u' => push(
            bytes,
            char::from_u32(number(0, 4, 16)).unwrap_or(char::REPLACEMENT_CHARACTER),
        ),
        'U' => push(
            bytes,
            char::from_u32(number(0, 8, 16)).unwrap_or(char::REPLACEMENT_CHARACTER),
        ),
        octal @ '0'..='7' => {
            bytes.push(number(octal.to_digit(8).unwrap_or(0), 2, 8).to_le_bytes()[0])
        }
        other => push(bytes, other),
    }
}

/// `text` in double quotes, as Go's `%q` prints it.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{b}' => quoted.push_str("\\v"),
            '\u{c}' => quoted.push_str("\\f"),
            c if c.is_ascii_control() => quoted.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
