//! Durations as Go writes and reads them, and M3 with it: `48h0m0s`.

/// Nanoseconds of a unit. Days and more are ours: people write them, and Go refuses them.
fn unit_nanos(unit: &str) -> Option<i128> {
    Some(match unit {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60 * 1_000_000_000,
        "h" => 3600 * 1_000_000_000,
        "d" => 86_400 * 1_000_000_000,
        "w" => 7 * 86_400 * 1_000_000_000,
        "y" => 365 * 86_400 * 1_000_000_000,
        _ => return None,
    })
}

/// Nanoseconds of a duration: `48h`, `1h30m`, `1.5s`, `-2m`, and, other than in Go, `2d`, `1w`, `1y`.
///
/// # Errors
/// Text that says what is not a duration.
pub fn parse_go_duration(text: &str) -> Result<i64, String> {
    let wrong = |why: &str| format!("duration {text:?} {why}: write 90s, 1h30m or 2d");
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(wrong("is empty"));
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(|| wrong("has no unit"))?;
        let (number, tail) = rest.split_at(end);
        let end = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let nanos = unit_nanos(unit)
            .ok_or_else(|| wrong("has a unit that is none of ns, us, ms, s, m, h, d, w, y"))?;
        let part = times(number, nanos).ok_or_else(|| wrong("has a number that cannot be"))?;
        total = total
            .checked_add(part)
            .filter(|total| i64::try_from(*total).is_ok())
            .ok_or_else(|| wrong("is longer than 292 years"))?;
        rest = tail;
    }
    i64::try_from(sign * total).map_err(|_| wrong("is longer than 292 years"))
}

/// A decimal number of so many nanoseconds; digits below a nanosecond are dropped.
fn times(number: &str, nanos: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let digits = |text: &str| match text {
        "" => Some(0),
        text => text.parse::<u64>().ok().map(i128::from),
    };
    // More digits than nanoseconds of a year have say nothing.
    let fraction = fraction.get(..fraction.len().min(17))?;
    let scale = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
    let whole = digits(whole)?.checked_mul(nanos)?;
    whole.checked_add(digits(fraction)?.checked_mul(nanos)? / scale)
}

/// The duration as Go prints it: `48h0m0s`, `1.5s`, `300ms`, `0s`.
#[must_use]
pub fn go_duration_text(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    let text = match nanos {
        0 => "0s".to_owned(),
        1..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => format!("{}\u{b5}s", decimal(nanos, 1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", decimal(nanos, 1_000_000)),
        _ => {
            let minutes = nanos / 60_000_000_000;
            let seconds = decimal(nanos % 60_000_000_000, 1_000_000_000);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{seconds}s"),
                (0, minutes) => format!("{minutes}m{seconds}s"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
            }
        }
    };
    format!("{sign}{text}")
}

/// `value / unit` with as many digits as it takes.
fn decimal(value: u64, unit: u64) -> String {
    let digits = usize::try_from(unit.ilog10()).unwrap_or(0);
    let fraction = format!("{:0digits$}", value % unit);
    match fraction.trim_end_matches('0') {
        "" => (value / unit).to_string(),
        fraction => format!("{}.{fraction}", value / unit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn what_go_prints_is_read_back() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1\u{b5}s"),
            (300_000_000, "300ms"),
            (SECOND, "1s"),
            (SECOND * 3 / 2, "1.5s"),
            (192 * SECOND, "3m12s"),
            (172_800 * SECOND, "48h0m0s"),
            (90_000 * SECOND, "25h0m0s"),
            (-120 * SECOND, "-2m0s"),
            (i64::MAX, "2562047h47m16.854775807s"),
        ] {
            assert_eq!(go_duration_text(nanos), text);
            assert_eq!(parse_go_duration(text), Ok(nanos), "{text}");
        }
    }

    #[test]
    fn days_and_fractions_are_read() {
        for (text, nanos) in [
            ("2d", 172_800 * SECOND),
            ("40d", 40 * 86_400 * SECOND),
            ("1w", 7 * 86_400 * SECOND),
            ("1y", 365 * 86_400 * SECOND),
            ("1.5h", 5400 * SECOND),
            (".5s", SECOND / 2),
            ("1h30m", 5400 * SECOND),
            ("10us", 10_000),
            ("0", 0),
            ("+5s", 5 * SECOND),
            ("0.33333333333333333333s", 333_333_333),
        ] {
            assert_eq!(parse_go_duration(text), Ok(nanos), "{text}");
        }
    }

    #[test]
    fn what_is_none_is_refused_with_its_text() {
        for text in [
            "",
            "-",
            "5",
            "h",
            ".h",
            "1.2.3s",
            "1 h",
            "1x",
            "9999999999h",
            "300y",
            "5m-3s",
            "99999999999999999999999s",
            "1\u{e9}s",
        ] {
            let error = parse_go_duration(text).expect_err(text);
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
    }
}
