//! Times as Prometheus' API takes them: float seconds or RFC 3339. Kept as milliseconds since the epoch.

pub use tsdb_formats::rfc3339::format_rfc3339;
use tsdb_formats::rfc3339::parse_rfc3339;

/// The first time the API knows; earlier samples are met by leaving the bound out.
pub const EARLIEST_MS: i64 = i64::MIN;
/// The last time the API knows.
pub const LATEST_MS: i64 = i64::MAX;

/// Parses `1435781430.781`, `-5`, `2015-07-01T20:10:51.781Z` or `2015-07-01T22:10:51+02:00`
/// into milliseconds since the epoch; finer parts are rounded to the nearest.
/// `None` when it is neither, or out of range. Float seconds past the range stand for its end.
#[must_use]
pub fn parse_time(text: &str) -> Option<i64> {
    match text {
        // The ends of time as Go prints them, which some clients send for "no bound".
        "-292273086-05-16T16:47:06Z" => return Some(EARLIEST_MS),
        "+292277025-08-18T07:12:54.999999999Z" => return Some(LATEST_MS),
        _ => {}
    }
    if let Ok(seconds) = text.parse::<f64>() {
        if !seconds.is_finite() {
            return None;
        }
        return Some(seconds_to_ms(seconds));
    }
    parse_rfc3339(text)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a float cast saturates, which is what is wanted"
)]
fn seconds_to_ms(seconds: f64) -> i64 {
    let whole = seconds.trunc();
    let fraction = ((seconds - whole) * 1000.0).round();
    (whole as i64)
        .saturating_mul(1000)
        .saturating_add(fraction as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn float_seconds() {
        assert_eq!(parse_time("0"), Some(0));
        assert_eq!(parse_time("1435781430.781"), Some(1_435_781_430_781));
        assert_eq!(parse_time("-1.5"), Some(-1500));
        assert_eq!(parse_time("1e3"), Some(1_000_000));
        assert_eq!(parse_time("1.0006"), Some(1001));
        assert_eq!(parse_time("1e300"), Some(i64::MAX));
        assert_eq!(parse_time("-9223372036854775.808"), Some(i64::MIN));
    }

    #[test]
    fn rfc3339() {
        assert_eq!(
            parse_time("2015-07-01T20:10:51.781Z"),
            Some(1_435_781_451_781)
        );
        assert_eq!(
            parse_time("2015-07-01T22:10:51.781+02:00"),
            Some(1_435_781_451_781)
        );
        assert_eq!(parse_time("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(parse_time("1969-12-31T23:59:59.9996Z"), Some(0));
        assert_eq!(
            parse_time("2000-02-29T00:00:00-00:30"),
            Some(951_784_200_000)
        );
    }

    #[test]
    fn the_ends_of_time() {
        assert_eq!(parse_time("-292273086-05-16T16:47:06Z"), Some(EARLIEST_MS));
        assert_eq!(
            parse_time("+292277025-08-18T07:12:54.999999999Z"),
            Some(LATEST_MS)
        );
    }

    #[test]
    fn neither() {
        let wrong = [
            "",
            "x",
            "NaN",
            "inf",
            "2015-07-01",
            "2015-07-01T20:10:51",
            "2015-13-01T00:00:00Z",
            "2015-02-29T00:00:00Z",
            "2015-07-01T24:00:00Z",
            "2015-07-01T20:10:51.Z",
            "2015-07-01T20:10:51+2:00",
            "2015-07-01 20:10:51Z",
            "2015-07-01T20:10:51+\u{e9}:00",
            "+015-07-01T20:10:51Z",
        ];
        for text in wrong {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_parsed(ms in -62_135_596_800_000_i64..253_402_300_800_000) {
            prop_assert_eq!(parse_time(&format_rfc3339(ms)), Some(ms));
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = parse_time(&text);
        }
    }
}
