//! Times and values as Prometheus' API writes them.

use std::io::Write;

use tsdb_promql::{PlainNumber, SampleNumber};

use crate::http::html_safe::html_safe;
use crate::sample_json::write_string;

/// Appends a value.
pub(super) fn write_value(out: &mut Vec<u8>, value: f64) {
    // Writing to a vector cannot fail.
    let _written = write!(out, "{}", SampleNumber(value));
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

/// Appends a text.
pub(super) fn write_text(out: &mut Vec<u8>, text: &str) {
    let start = out.len();
    write_string(text, out);
    html_safe(out, start);
}

/// Appends the value of a scalar, which has all its digits, unlike that of a sample.
pub(super) fn write_scalar(out: &mut Vec<u8>, value: f64) {
    // Writing to a vector cannot fail.
    let _written = write!(out, "\"{}\"", PlainNumber(value));
}

/// Appends the time of a scalar or string, which has no zeros at its end, unlike that of a sample.
pub(super) fn write_short_timestamp(out: &mut Vec<u8>, ms: i64) {
    write_timestamp(out, ms);
    while ms % 1000 != 0 && out.ends_with(b"0") {
        out.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let mut out = Vec::new();
            write_timestamp(&mut out, ms);
            assert_eq!(String::from_utf8_lossy(&out), expected);
        }
    }

    #[test]
    fn scalars_have_short_times_and_long_numbers() {
        for (ms, expected) in [
            (1000, "1"),
            (10_500, "10.5"),
            (10, "0.01"),
            (-1_500, "-1.5"),
        ] {
            let mut out = Vec::new();
            write_short_timestamp(&mut out, ms);
            assert_eq!(String::from_utf8_lossy(&out), expected);
        }
        for (value, expected) in [
            (1e21, "\"1000000000000000000000\""),
            (1e-7, "\"0.0000001\""),
        ] {
            let mut out = Vec::new();
            write_scalar(&mut out, value);
            assert_eq!(String::from_utf8_lossy(&out), expected);
        }
    }
}
