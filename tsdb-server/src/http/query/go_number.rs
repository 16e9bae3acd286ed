//! Numbers as Prometheus' API prints them.

use std::io::Write;

/// Appends a float as Go prints it: in full, but very small and very large ones with an exponent.
pub(in crate::http) fn write_go_float(out: &mut Vec<u8>, value: f64) {
    let magnitude = value.abs();
    // Writing to a vector cannot fail.
    if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    } else if magnitude == 0.0 || (1e-6..1e21).contains(&magnitude) {
        let _written = write!(out, "{value}");
    } else {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(exponent) => ('-', exponent),
            None => ('+', exponent),
        };
        let _written = write!(out, "{digits}e{sign}{exponent:0>2}");
    }
}

/// Appends milliseconds since the epoch as seconds, whole ones without a fraction.
pub(in crate::http) fn write_timestamp(out: &mut Vec<u8>, ms: i64) {
    let sign = if ms < 0 { "-" } else { "" };
    let (seconds, fraction) = (ms.unsigned_abs() / 1000, ms.unsigned_abs() % 1000);
    // Writing to a vector cannot fail.
    let _written = match fraction {
        0 => write!(out, "{sign}{seconds}"),
        _ => write!(out, "{sign}{seconds}.{fraction:03}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn floats_are_printed_as_go_does() {
        let cases = [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (0.25, "0.25"),
            (-1e-6, "-0.000001"),
            (9.9e-7, "9.9e-07"),
            (1e-100, "1e-100"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (-1.5e300, "-1.5e+300"),
            (f64::from_bits(1), "5e-324"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ];
        for (value, expected) in cases {
            assert_eq!(text(|out| write_go_float(out, value)), expected);
        }
    }

    #[test]
    fn times_have_three_digits_of_a_fraction_or_none() {
        let cases = [
            (0, "0"),
            (1, "0.001"),
            (100, "0.100"),
            (1_435_781_430_781, "1435781430.781"),
            (1_435_781_430_000, "1435781430"),
            (-1500, "-1.500"),
            (i64::MIN, "-9223372036854775.808"),
        ];
        for (ms, expected) in cases {
            assert_eq!(text(|out| write_timestamp(out, ms)), expected);
        }
    }
}
