//! JSON as Go writes it, which may stand in a page: without what has a meaning in HTML or JavaScript.

/// Escapes in what stands in `out` from `start` on, which is JSON: such characters are in strings alone.
pub(super) fn html_safe(out: &mut Vec<u8>, start: usize) {
    let written = out.get(start..).unwrap_or_default();
    if !written
        .iter()
        .any(|byte| matches!(byte, b'<' | b'>' | b'&' | 0xe2))
    {
        return;
    }
    for byte in out.split_off(start.min(out.len())) {
        match byte {
            b'<' => out.extend_from_slice(b"\\u003c"),
            b'>' => out.extend_from_slice(b"\\u003e"),
            b'&' => out.extend_from_slice(b"\\u0026"),
            // U+2028 and U+2029, which end lines in JavaScript.
            0xa8 | 0xa9 if out.ends_with(b"\xe2\x80") => {
                out.truncate(out.len() - 2);
                out.extend_from_slice(match byte {
                    0xa8 => b"\\u2028",
                    _ => b"\\u2029",
                });
            }
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_html_knows_is_escaped() {
        let cases = [
            ("\"a\"", "\"a\""),
            ("\"<&>\"", "\"\\u003c\\u0026\\u003e\""),
            (
                "\"\u{2027}\u{2028}\u{2029}\u{20ac}\"",
                "\"\u{2027}\\u2028\\u2029\u{20ac}\"",
            ),
        ];
        for (text, expected) in cases {
            let mut out = b"<".to_vec();
            out.extend_from_slice(text.as_bytes());
            html_safe(&mut out, 1);
            assert_eq!(String::from_utf8_lossy(&out), format!("<{expected}"));
        }
    }
}
