//! Numbers as texts of metrics write them.

use std::io::Write;

/// The NaN that Prometheus keeps for "not a number", as Go's `math.NaN()`.
pub const ORDINARY_NAN_BITS: u64 = 0x7ff8_0000_0000_0001;

/// Reads a decimal number, an infinity or `NaN` (the ordinary one), rounded to the nearest float.
/// `None` when it is none, or too large for a float.
#[must_use]
pub fn parse_value(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let value: f64 = text.parse().ok()?;
    if value.is_finite() {
        return Some(value);
    }
    let spelled = unsigned.starts_with(['i', 'I']);
    if value.is_nan() {
        return (unsigned.len() == text.len()).then(|| f64::from_bits(ORDINARY_NAN_BITS));
    }
    spelled.then_some(value)
}

/// Reads decimal seconds (`1700000000.123`, `-0.5`, `1.7e9`) as milliseconds. Finer parts are cut off,
/// as Prometheus does. `None` when it is no number, or out of range.
#[must_use]
pub fn parse_seconds(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        all => (false, all),
    };
    let whole_len = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    let (whole, rest) = digits.split_at_checked(whole_len)?;
    let fraction = match rest {
        [] => rest,
        [b'.', fraction @ ..] if fraction.iter().all(u8::is_ascii_digit) => fraction,
        _ => return seconds_of_float(text),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let fraction = fraction.iter().chain(b"000").take(3);
    let mut ms: i64 = 0;
    for digit in whole.iter().chain(fraction) {
        let digit = i64::from(digit.checked_sub(b'0')?);
        // Downwards, as the smallest number has no counterpart.
        ms = ms.checked_mul(10)?.checked_sub(digit)?;
    }
    if negative { Some(ms) } else { ms.checked_neg() }
}

/// Seconds with an exponent.
fn seconds_of_float(text: &str) -> Option<i64> {
    let ms = parse_value(text).filter(|value| value.is_finite())? * 1000.0;
    #[expect(
        clippy::cast_precision_loss,
        reason = "the bounds only keep out what saturates"
    )]
    let within = ms > i64::MIN as f64 && ms < i64::MAX as f64;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it is within the range, and its fraction is to be cut off"
    )]
    within.then_some(ms as i64)
}

/// Appends milliseconds as decimal seconds, `1700000000.123`: exactly, and so that a reader that goes by
/// a float and cuts off what is finer than a millisecond, as Prometheus does, gets the same.
pub fn write_seconds(out: &mut Vec<u8>, ms: i64) {
    #[expect(clippy::cast_precision_loss, reason = "checked below")]
    let seconds = ms as f64 / 1000.0;
    #[expect(clippy::cast_possible_truncation, reason = "that is what is checked")]
    let reads_right = |seconds: f64| (seconds * 1000.0) as i64 == ms;
    let outwards = match ms < 0 {
        true => seconds.next_down(),
        false => seconds.next_up(),
    };
    // Further out floats are no finer than milliseconds themselves.
    let fine = ms.unsigned_abs() < 1 << 50;
    if fine && !reads_right(seconds) && reads_right(outwards) {
        return append(out, format_args!("{outwards}"));
    }
    let (sign, size) = (if ms < 0 { "-" } else { "" }, ms.unsigned_abs());
    match (size / 1000, size % 1000) {
        (whole, 0) => append(out, format_args!("{sign}{whole}")),
        (whole, fraction) => append(out, format_args!("{sign}{whole}.{fraction:03}")),
    }
}

/// Appends a finite number in the shortest form that reads back to the same bits.
pub fn write_number(out: &mut Vec<u8>, value: f64) {
    let magnitude = value.abs();
    if magnitude == 0.0 || (1e-5..1e17).contains(&magnitude) {
        append(out, format_args!("{value}"));
    } else {
        append(out, format_args!("{value:e}"));
    }
}

/// Appends formatted text; writing to a `Vec` cannot fail.
pub fn append(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    let written = out.write_fmt(text);
    debug_assert!(written.is_ok(), "writing to a Vec failed");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values() {
        let bits = |text| parse_value(text).map(f64::to_bits);
        assert_eq!(bits("1"), Some(1f64.to_bits()));
        assert_eq!(bits("-0"), Some((-0f64).to_bits()));
        assert_eq!(bits("+.5e1"), Some(5f64.to_bits()));
        assert_eq!(bits("NaN"), Some(ORDINARY_NAN_BITS));
        assert_eq!(bits("nan"), Some(ORDINARY_NAN_BITS));
        assert_eq!(bits("+Inf"), Some(f64::INFINITY.to_bits()));
        assert_eq!(bits("-infinity"), Some(f64::NEG_INFINITY.to_bits()));
        for text in [
            "", "1e999", "-1e999", "+NaN", "-nan", "0x1p3", "1_0", "1 ", "e5", ".",
        ] {
            assert_eq!(parse_value(text), None, "{text}");
        }
    }

    #[test]
    fn seconds() {
        let cases = [
            ("0", 0),
            ("123.123", 123_123),
            ("1520879607.789", 1_520_879_607_789),
            ("1520879607.7899999", 1_520_879_607_789),
            ("-0.0059", -5),
            ("-5", -5000),
            (".5", 500),
            ("5.", 5000),
            ("1.7e9", 1_700_000_000_000),
            ("-1e-3", -1),
            ("9223372036854775.807", i64::MAX),
            ("-9223372036854775.808", i64::MIN),
        ];
        for (text, ms) in cases {
            assert_eq!(parse_seconds(text), Some(ms), "{text}");
        }
        for text in [
            "",
            "-",
            ".",
            "NaN",
            "1e300",
            "inf",
            "1x",
            "9223372036854775.808",
            "1.5.5",
            "0x5",
        ] {
            assert_eq!(parse_seconds(text), None, "{text}");
        }
    }

    fn written(ms: i64) -> String {
        let mut out = Vec::new();
        write_seconds(&mut out, ms);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn seconds_look_like_this() {
        assert_eq!(written(1_700_000_000_123), "1700000000.123");
        assert_eq!(written(-5), "-0.005");
        assert_eq!(written(i64::MIN), "-9223372036854775.808");
        assert_eq!(written(2000), "2");
        // The float nearest to 1.001 is below it, and so is a thousand of it.
        assert_eq!(written(1001), "1.0010000000000001");
    }

    proptest! {
        #[test]
        fn seconds_are_exact(ms in any::<i64>(), shift in 0..50_u32) {
            let ms = ms >> shift;
            prop_assert_eq!(parse_seconds(&written(ms)), Some(ms));
        }

        #[test]
        fn seconds_are_exact_for_readers_by_float(ms in -4_000_000_000_000_i64..4_000_000_000_000, small in -10_000_000_i64..10_000_000) {
            for ms in [ms, small] {
                let float: f64 = written(ms).parse().expect("a number");
                #[expect(clippy::cast_possible_truncation, reason = "as Prometheus does")]
                let read = (float * 1000.0) as i64;
                prop_assert_eq!(read, ms);
            }
        }

        #[test]
        fn numbers_keep_their_bits(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            let mut out = Vec::new();
            write_number(&mut out, value);
            let text = String::from_utf8(out).expect("ASCII");
            prop_assert_eq!(parse_value(&text).map(f64::to_bits), Some(bits), "{}", text);
        }
    }
}
