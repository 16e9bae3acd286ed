//! Texts as Go writes them.

use tsdb_core::Labels;
use tsdb_core::model::{is_legacy_label_name, write_quoted};

use crate::eval::Date;
use crate::number::GeneralNumber;

/// In quotes, as `%q`.
pub(crate) fn go_quoted(text: &str) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write_quoted(&mut out, text);
    out
}

/// All labels in braces, the name among them, as errors have them.
pub(crate) fn go_labels(labels: &Labels) -> String {
    let all = labels.iter().map(|label| {
        let name = match is_legacy_label_name(label.name) {
            true => label.name.to_owned(),
            false => go_quoted(label.name),
        };
        format!("{name}={}", go_quoted(label.value))
    });
    format!("{{{}}}", all.collect::<Vec<_>>().join(", "))
}

/// As `%.2g`.
pub(crate) fn go_two_digits(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        return GeneralNumber(value).to_string();
    }
    let text = format!("{value:.1e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let number: i32 = exponent.parse().unwrap_or(0);
    if (-4..2).contains(&number) {
        let rounded: f64 = text.parse().unwrap_or(value);
        return rounded.to_string();
    }
    let sign = if number < 0 { '-' } else { '+' };
    let mantissa = mantissa.strip_suffix(".0").unwrap_or(mantissa);
    format!("{mantissa}e{sign}{:02}", number.unsigned_abs())
}

/// A time in RFC 3339, to the millisecond.
pub(crate) fn utc_millis(millis: i64) -> String {
    let seconds = utc_seconds(millis);
    let seconds = seconds.trim_end_matches('Z');
    format!("{seconds}.{:03}Z", millis.rem_euclid(1000))
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
            (0.123, "0.12"),
            (12.3, "12"),
            (123.0, "1.2e+02"),
            (1e-7, "1e-07"),
        ] {
            assert_eq!(go_two_digits(value), text);
        }
        assert_eq!(go_quoted("a\"b"), "\"a\\\"b\"");
        assert_eq!(utc_seconds(1_456_790_399_000), "2016-02-29T23:59:59Z");
        assert_eq!(utc_millis(1_456_790_399_007), "2016-02-29T23:59:59.007Z");
        assert_eq!(utc_millis(-4_999), "1969-12-31T23:59:55.001Z");
    }
}
