//! Times as RFC 3339 writes them, in milliseconds since the epoch.

const MS_PER_DAY: i64 = 86_400_000;

/// Reads `2015-07-01T20:10:51.781Z` or `2015-07-01T22:10:51+02:00`; finer parts than a millisecond are rounded to
/// the nearest. `None` when it is no such time.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to)?;
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        digits.parse().ok()
    };
    let at = |index: usize, wanted: &[u8]| bytes.get(index).is_some_and(|b| wanted.contains(b));
    if !(at(4, b"-") && at(7, b"-") && at(10, b"T") && at(13, b":") && at(16, b":")) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut rest = text.get(19..)?;
    let mut fraction_ms = 0;
    if let Some(behind) = rest.strip_prefix('.') {
        let length = behind
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(behind.len());
        let (digits, tail) = behind.split_at(length);
        if digits.is_empty() {
            return None;
        }
        fraction_ms = rounded_ms(digits);
        rest = tail;
    }
    let offset_minutes = offset_minutes(rest)?;
    let day_ms = days_from_civil(year, month, day) * MS_PER_DAY;
    let in_day_ms = ((hour * 60 + minute) * 60 + second) * 1000 + fraction_ms;
    Some(day_ms + in_day_ms - offset_minutes * 60_000)
}

fn rounded_ms(digits: &str) -> i64 {
    let mut thousandths = digits
        .bytes()
        .chain(*b"000")
        .take(3)
        .fold(0, |ms, digit| ms * 10 + i64::from(digit - b'0'));
    if digits.as_bytes().get(3).is_some_and(|digit| *digit >= b'5') {
        thousandths += 1;
    }
    thousandths
}

fn offset_minutes(text: &str) -> Option<i64> {
    if text == "Z" {
        return Some(0);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    if hours.len() != 2
        || minutes.len() != 2
        || !(hours.bytes().chain(minutes.bytes())).all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01, counted in years that begin in March so that a leap day ends one.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let before_month = (153 * month_from_march + 2) / 5;
    365 * year + year.div_euclid(4) - year.div_euclid(100)
        + year.div_euclid(400)
        + before_month
        + day
        - 1
        - 719_468
}

/// Prints milliseconds since the epoch as RFC 3339 in UTC, `2015-07-01T20:10:51.781Z`.
#[must_use]
pub fn format_rfc3339(ms: i64) -> String {
    let (days, in_day_ms) = (ms.div_euclid(MS_PER_DAY), ms.rem_euclid(MS_PER_DAY));
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let (seconds, millis) = (in_day_ms / 1000, in_day_ms % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_with_zones_and_fractions() {
        let cases = [
            ("2015-07-01T20:10:51.781Z", 1_435_781_451_781),
            ("2015-07-01T22:10:51.781+02:00", 1_435_781_451_781),
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59.9996Z", 0),
            ("2000-02-29T00:00:00-00:30", 951_784_200_000),
        ];
        for (text, ms) in cases {
            assert_eq!(parse_rfc3339(text), Some(ms), "{text}");
        }
    }

    #[test]
    fn no_times() {
        let wrong = [
            "",
            "0",
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
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read(ms in -62_135_596_800_000_i64..253_402_300_800_000) {
            prop_assert_eq!(parse_rfc3339(&format_rfc3339(ms)), Some(ms));
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = parse_rfc3339(&text);
        }
    }
}
