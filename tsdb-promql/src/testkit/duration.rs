//! Durations as Prometheus writes them: `1d12h`, `5m`, `0`.

use super::cursor::Cursor;

/// Units, the longest first, in milliseconds.
const UNITS: [(&str, i64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// The milliseconds of a duration.
pub(super) fn parse(text: &str) -> Result<i64, String> {
    if text == "0" {
        return Ok(0);
    }
    let bad = || format!("{text:?} is no duration");
    let mut cursor = Cursor::new(text);
    let mut units = UNITS.iter();
    let mut total = 0_i64;
    if cursor.is_at_end() {
        return Err(bad());
    }
    while !cursor.is_at_end() {
        let digits = cursor.take_while(|c| c.is_ascii_digit());
        let number: i64 = digits.parse().map_err(|_| bad())?;
        let unit = cursor.take_while(|c| c.is_ascii_alphabetic());
        let (_, length) = units.find(|(name, _)| *name == unit).ok_or_else(bad)?;
        let part = number.checked_mul(*length);
        total = part
            .and_then(|part| total.checked_add(part))
            .ok_or_else(bad)?;
    }
    Ok(total)
}

/// The milliseconds of a duration at the start of what is left, with or without sign.
pub(super) fn signed(cursor: &mut Cursor<'_>) -> Result<i64, String> {
    let sign = match (cursor.eat("-"), cursor.eat("+")) {
        (true, _) => -1,
        (false, _) => 1,
    };
    let start = cursor.rest();
    cursor.take_while(|c| c.is_ascii_digit());
    cursor.take_while(|c| c.is_ascii_alphabetic() && c != 'x');
    let taken = start.len() - cursor.rest().len();
    Ok(sign * parse(start.get(..taken).unwrap_or(""))?)
}

#[cfg(test)]
mod tests {
    use super::{Cursor, parse, signed};

    #[test]
    fn units_add_up_in_order() {
        assert_eq!(parse("1d12h"), Ok(36 * 3_600_000));
        assert_eq!(parse("1m30s5ms"), Ok(90_005));
        assert_eq!(parse("0"), Ok(0));
        for bad in ["", "5", "m", "1s1m", "1m1m", "-1m", "1m ", "99999999999y"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_sign_and_what_follows() {
        let mut cursor = Cursor::new("-59999msx15");
        assert_eq!(signed(&mut cursor), Ok(-59_999));
        assert_eq!(cursor.rest(), "x15");
    }
}
