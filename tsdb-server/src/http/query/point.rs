//! Times and values as Prometheus' API writes them.

use std::io::Write;

use tsdb_promql::SampleNumber;

/// Appends a value.
pub(in crate::http) fn write_value(out: &mut Vec<u8>, value: f64) {
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
}
