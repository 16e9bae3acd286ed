//! Numbers as texts, byte by byte as Prometheus writes and reads them.

use std::fmt;

/// A sample in an answer: all digits up to 1e21, `1e+21` from there on and below 1e-6; `NaN`,
/// `+Inf`, `-Inf`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampleNumber(pub f64);

/// All digits and no exponent, as `count_values` makes labels of values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlainNumber(pub f64);

/// With an exponent below 1e-4 and from 1e6 on, as texts and histograms have numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GeneralNumber(pub f64);

impl fmt::Display for SampleNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.abs();
        if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
            return write_exponent(self.0, f);
        }
        write_plain(self.0, f)
    }
}

impl fmt::Display for PlainNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_plain(self.0, f)
    }
}

impl fmt::Display for GeneralNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.abs();
        if magnitude != 0.0 && !(1e-4..1e6).contains(&magnitude) {
            return write_exponent(self.0, f);
        }
        write_plain(self.0, f)
    }
}

fn write_plain(value: f64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match named(value) {
        Some(name) => f.write_str(name),
        None => write!(f, "{value}"),
    }
}

fn write_exponent(value: f64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if let Some(name) = named(value) {
        return f.write_str(name);
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    write!(f, "{digits}e{sign}{exponent:0>2}")
}

fn named(value: f64) -> Option<&'static str> {
    if value.is_nan() {
        Some("NaN")
    } else if value == f64::INFINITY {
        Some("+Inf")
    } else if value == f64::NEG_INFINITY {
        Some("-Inf")
    } else {
        None
    }
}

/// The number that a text is, as Go's `strconv.ParseFloat` reads it: decimal or hexadecimal with a
/// `p` exponent, digits apart by `_`, `inf`, `infinity` and `nan` in any case. `None` for other
/// texts and for what is greater than any number.
#[must_use]
pub fn parse_float(text: &str) -> Option<f64> {
    let (sign, unsigned) = match text.as_bytes().first()? {
        b'-' => (-1.0, text.get(1..)?),
        b'+' => (1.0, text.get(1..)?),
        _ => (1.0, text),
    };
    if unsigned.eq_ignore_ascii_case("inf") || unsigned.eq_ignore_ascii_case("infinity") {
        return Some(sign * f64::INFINITY);
    }
    if text.eq_ignore_ascii_case("nan") {
        return Some(f64::NAN);
    }
    let hexadecimal = unsigned
        .get(..2)
        .filter(|prefix| prefix.eq_ignore_ascii_case("0x"))
        .and_then(|_| unsigned.get(2..));
    let digits = without_underscores(hexadecimal.unwrap_or(unsigned), hexadecimal.is_some())?;
    let magnitude = match hexadecimal {
        Some(_) => parse_hexadecimal(&digits)?,
        None => parse_decimal(&digits)?,
    };
    Some(sign * magnitude)
}

/// The text without underscores, each of which has a digit on both sides; the prefix of a
/// hexadecimal number is as good as a digit.
fn without_underscores(text: &str, hexadecimal: bool) -> Option<String> {
    let is_digit = |byte: u8| match hexadecimal {
        true => byte.is_ascii_hexdigit(),
        false => byte.is_ascii_digit(),
    };
    let mut after_digit = hexadecimal;
    let mut after_underscore = false;
    for byte in text.bytes() {
        if byte == b'_' {
            if !after_digit {
                return None;
            }
            (after_digit, after_underscore) = (false, true);
            continue;
        }
        let digit = is_digit(byte);
        if after_underscore && !digit {
            return None;
        }
        (after_digit, after_underscore) = (digit, false);
    }
    (!after_underscore).then(|| text.replace('_', ""))
}

fn parse_decimal(text: &str) -> Option<f64> {
    let known = |byte: u8| byte.is_ascii_digit() || b".eE+-".contains(&byte);
    let starts = text.starts_with(|first: char| first.is_ascii_digit() || first == '.');
    if !starts || !text.bytes().all(known) {
        return None;
    }
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

fn parse_hexadecimal(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let exponent = exponent.strip_prefix('+').unwrap_or(exponent);
    let magnitude = exponent.strip_prefix('-').unwrap_or(exponent);
    if magnitude.is_empty() || !magnitude.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if text.contains("p+-") || text.contains("P+-") {
        return None;
    }
    // Exponents that no number has are as good as any other of them.
    let mut exponent = exponent
        .parse::<i64>()
        .unwrap_or(if exponent.starts_with('-') {
            i64::MIN / 4
        } else {
            i64::MAX / 4
        })
        .clamp(-1 << 40, 1 << 40);
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && part.is_empty() {
        return None;
    }
    let mut bits = 0_u64;
    let digits = whole.chars().map(|digit| (digit, 0));
    for (digit, weight) in digits.chain(part.chars().map(|digit| (digit, -4))) {
        let digit = u64::from(digit.to_digit(16)?);
        exponent += weight;
        if bits >> 60 == 0 {
            bits = bits << 4 | digit;
        } else {
            // Of digits beyond all precision it matters only whether they are there.
            bits |= u64::from(digit != 0);
            exponent += 4;
        }
    }
    rounded(bits, exponent)
}

/// `bits * 2^exponent`, rounded to the nearest number, half to even.
fn rounded(bits: u64, exponent: i64) -> Option<f64> {
    if bits == 0 {
        return Some(0.0);
    }
    let shift = bits.leading_zeros();
    let bits = bits << shift;
    let exponent = exponent - i64::from(shift);
    let leading = exponent + 63;
    if leading > 1023 {
        return None;
    }
    // Below the least normal number there is less precision.
    let dropped = u32::try_from((11 + (-1022 - leading).max(0)).min(66)).unwrap_or(66);
    let wide = u128::from(bits);
    let (kept, rest) = (wide >> dropped, wide & ((1 << dropped) - 1));
    let half = 1_u128 << (dropped - 1);
    let up = rest > half || (rest == half && kept & 1 == 1);
    let kept = (kept + u128::from(up)) as f64;
    let value = scaled(kept, exponent + i64::from(dropped));
    value.is_finite().then_some(value)
}

/// `value * 2^exponent`, rounded once.
pub(crate) fn scaled(value: f64, exponent: i64) -> f64 {
    let exponent = exponent.clamp(-1200, 1200);
    let half = exponent / 2;
    value * power_of_two(half) * power_of_two(exponent - half)
}

fn power_of_two(exponent: i64) -> f64 {
    f64::from_bits(u64::try_from(exponent + 1023).unwrap_or_default() << 52)
}

#[cfg(test)]
mod tests {
    use super::{GeneralNumber, PlainNumber, SampleNumber, parse_float};

    #[test]
    fn samples_have_exponents_at_the_ends() {
        let cases = [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (0.1, "0.1"),
            (123456789.0, "123456789"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (-1.5e300, "-1.5e+300"),
            (1e-6, "0.000001"),
            (9.99e-7, "9.99e-07"),
            (5e-324, "5e-324"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ];
        for (value, text) in cases {
            assert_eq!(SampleNumber(value).to_string(), text);
        }
    }

    #[test]
    fn plain_numbers_have_all_digits() {
        assert_eq!(PlainNumber(1e22).to_string(), "10000000000000000000000");
        assert_eq!(PlainNumber(1e-7).to_string(), "0.0000001");
        assert_eq!(PlainNumber(f64::NEG_INFINITY).to_string(), "-Inf");
    }

    #[test]
    fn general_numbers_are_short() {
        let cases = [
            (100000.0, "100000"),
            (1e6, "1e+06"),
            (1234567.0, "1.234567e+06"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-0.0, "-0"),
            (2.938735877055719e-39, "2.938735877055719e-39"),
            (f64::INFINITY, "+Inf"),
        ];
        for (value, text) in cases {
            assert_eq!(GeneralNumber(value).to_string(), text);
        }
    }

    #[test]
    fn go_reads_these() {
        let cases = [
            ("1", 1.0),
            ("+1.5", 1.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("-1e-3", -0.001),
            ("1E5", 1e5),
            ("1_23.50_0_0e+1_2", 1.235e14),
            ("inf", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("+INF", f64::INFINITY),
            ("0x1p-2", 0.25),
            ("-0X1.8P1", -3.0),
            ("0x.8p0", 0.5),
            ("0x_1_2.3_4_5p+1_2", 74565.0),
            ("0x1.fffffffffffffp1023", f64::MAX),
            ("0x1p-1074", 5e-324),
            ("0x1p-1075", 0.0),
            ("0x1.8p-1075", 5e-324),
            ("0x1.00000000000008p0", 1.0),
            ("0x1.000000000000080000000001p0", 1.0000000000000002),
            ("0x0p99999999999999999999", 0.0),
            ("0x1p-99999999999999999999", 0.0),
        ];
        for (text, value) in cases {
            assert_eq!(parse_float(text), Some(value), "{text}");
        }
        assert!(parse_float("NaN").unwrap().is_nan());
        assert!(parse_float("-0").unwrap().is_sign_negative());
    }

    #[test]
    fn go_does_not_read_these() {
        let cases = [
            "",
            "+",
            ".",
            "e5",
            "1e",
            "1e+",
            "+nan",
            "-NaN",
            "++1",
            "+-1",
            " 1",
            "1 ",
            "0x1",
            "0x",
            "0xp1",
            "0x.p1",
            "0x1p",
            "0x1p+",
            "0x1p+-1",
            "0x1p++1",
            "0x1g1p1",
            "1e999",
            "-1e309",
            "0x1p1024",
            "0x1.fffffffffffff8p1023",
            "_1",
            "1_",
            "1__2",
            "1_.5",
            "1._5",
            "1_e5",
            "1e_5",
            "1e5_",
            "0_x1p1",
            "in",
            "infin",
            "nano",
            "1f",
            "0b1",
            "\u{661}",
            "-",
        ];
        for text in cases {
            assert_eq!(parse_float(text), None, "{text}");
        }
    }
}
