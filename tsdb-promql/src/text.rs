//! Texts as Go writes them.

use tsdb_core::model::write_quoted;

use crate::eval::Date;

/// In quotes, as `%q`.
pub(crate) fn go_quoted(text: &str) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write_quoted(&mut out, text);
    out
}

/// As `%g`: the shortest, with an exponent below 1e-4 and from 1e21 on.
pub(crate) fn go_general(value: f64) -> String {
    let magnitude = value.abs();
    match value {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        _ if value.is_nan() => "NaN".to_owned(),
        _ if magnitude == 0.0 || (1e-4..1e21).contains(&magnitude) => value.to_string(),
        _ => with_exponent(&format!("{value:e}")),
    }
}

/// As `%.2g`.
pub(crate) fn go_two_digits(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        return go_general(value);
    }
    let text = format!("{value:.1e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let number: i32 = exponent.parse().unwrap_or(0);
    if (-4..2).contains(&number) {
        let rounded: f64 = text.parse().unwrap_or(value);
        return rounded.to_string();
    }
    let mantissa = mantissa.strip_suffix(".0").unwrap_or(mantissa);
    with_exponent(&format!("{mantissa}e{exponent}"))
}

/// An exponent with its sign and two digits at least.
fn with_exponent(text: &str) -> String {
    let Some((mantissa, exponent)) = text.split_once('e') else {
        return text.to_owned();
    };
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}

/// A time in RFC 3339.
pub(crate) fn utc_seconds(millis: i64) -> String {
    let seconds = millis.div_euclid(1000);
    let date = Date::of_days(seconds.div_euclid(86_400));
    let of_day = seconds.rem_euclid(86_400);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        date.year,
        date.month,
        date.day,
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_go_writes_them() {
        for (value, text) in [
            (0.0, "0"),
            (0.1, "0.1"),
            (-1.5, "-1.5"),
            (1e-5, "1e-05"),
            (1e20, "100000000000000000000"),
            (1.25e21, "1.25e+21"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
        ] {
            assert_eq!(go_general(value), text);
        }
        for (value, text) in [(0.123, "0.12"), (12.3, "12"), (123.0, "1.2e+02"), (1e-7, "1e-07")] {
            assert_eq!(go_two_digits(value), text);
        }
        assert_eq!(go_quoted("a\"b"), "\"a\\\"b\"");
        assert_eq!(utc_seconds(1_456_790_399_000), "2016-02-29T23:59:59Z");
    }
}
