//! Sizes and durations as people write them on a command line.

use std::time::Duration;

/// Parses a size in bytes: `1073741824`, `512MiB`, `2GB`, `1.5GiB`.
///
/// # Errors
/// Text that says what is not a size.
pub fn size_of(text: &str) -> Result<u64, String> {
    let (number, unit) = split_unit(text);
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "mb" => 1000_u64.pow(2),
        "gb" => 1000_u64.pow(3),
        "tb" => 1000_u64.pow(4),
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        _ => {
            return Err(format!(
                "unit {unit:?} of size {text:?} is none of B, KiB, MiB, GiB, TiB, KB, MB, GB, TB"
            ));
        }
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole
            .checked_mul(factor)
            .ok_or_else(|| format!("size {text:?} is more than 64 bits hold"));
    }
    let parsed: f64 = number
        .parse()
        .map_err(|_| format!("size {text:?} does not start with a number"))?;
    Duration::try_from_secs_f64(parsed)
        .ok()
        .and_then(|exact| exact.as_nanos().checked_mul(u128::from(factor)))
        .and_then(|nanos| u64::try_from(nanos / 1_000_000_000).ok())
        .ok_or_else(|| format!("size {text:?} is out of range"))
}

/// Parses a duration of Prometheus' kind or Go's: `90s`, `1h30m`, `500ms`, `30d`, `2w`, `1y`, `1.5h`.
///
/// # Errors
/// Text that says what is not a duration, or not one of whole milliseconds.
pub fn duration_of(text: &str) -> Result<Duration, String> {
    let mut rest = text;
    let mut total_ms = 0_u64;
    if rest.is_empty() {
        return Err("a duration is empty: write 90s, 15m, 12h or 30d".to_owned());
    }
    while !rest.is_empty() {
        let is_number = |c: char| c.is_ascii_digit() || c == '.';
        let digits = rest.find(|c| !is_number(c)).unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(is_number).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let unit_ms: u64 = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 7 * 86_400_000,
            "y" => 365 * 86_400_000,
            _ => {
                return Err(format!(
                    "unit {unit:?} of duration {text:?} is none of ms, s, m, h, d, w, y"
                ));
            }
        };
        total_ms = times(number, unit_ms)
            .ok_or_else(|| format!("duration {text:?} needs a number before {unit:?}"))?
            .ok_or_else(|| format!("duration {text:?} is not one of whole milliseconds"))?
            .checked_add(total_ms)
            .ok_or_else(|| format!("duration {text:?} is out of range"))?;
        rest = tail;
    }
    Ok(Duration::from_millis(total_ms))
}

/// A duration that is longer than nothing.
///
/// # Errors
/// Text that says what is not a duration, or that it is none that lasts.
pub(crate) fn positive_duration_of(text: &str) -> Result<Duration, String> {
    match duration_of(text)? {
        Duration::ZERO => Err("it must be longer than nothing".to_owned()),
        duration => Ok(duration),
    }
}

/// A decimal number of units. `None` when it is no number, `Some(None)` when the product is not whole
/// or too large.
fn times(number: &str, unit: u64) -> Option<Option<u64>> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let digits = format!("{whole}{fraction}");
    let product = digits
        .parse::<u128>()
        .ok()
        .and_then(|number| number.checked_mul(u128::from(unit)));
    let scale = u32::try_from(fraction.len())
        .ok()
        .and_then(|places| 10_u128.checked_pow(places));
    let (Some(product), Some(scale)) = (product, scale) else {
        return Some(None);
    };
    let is_whole = product.is_multiple_of(scale);
    Some(
        is_whole
            .then_some(product / scale)
            .and_then(|ms| u64::try_from(ms).ok()),
    )
}

/// A duration as [`duration_of`] reads it, in the fewest units: `1d12h`.
#[must_use]
pub fn duration_text(duration: Duration) -> String {
    let mut rest_ms = duration.as_millis();
    let units = [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1000),
        ("ms", 1),
    ];
    let mut text = String::new();
    for (unit, unit_ms) in units {
        let count = rest_ms / unit_ms;
        if count > 0 {
            text.push_str(&format!("{count}{unit}"));
        }
        rest_ms %= unit_ms;
    }
    match text.is_empty() {
        true => "0s".to_owned(),
        false => text,
    }
}

fn split_unit(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(size_of("17"), Ok(17));
        assert_eq!(size_of("512MiB"), Ok(512 << 20));
        assert_eq!(size_of("512 mib"), Ok(512 << 20));
        assert_eq!(size_of("2GB"), Ok(2_000_000_000));
        assert_eq!(size_of("1.5GiB"), Ok(3 << 29));
        assert_eq!(size_of("18446744073709551615"), Ok(u64::MAX));
        for wrong in [
            "",
            "x",
            "12XB",
            "-1",
            "99999999999999999999",
            "18446744073709551615k",
            "1e400GB",
            ".",
        ] {
            assert!(size_of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!(duration_of("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration_of("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration_of("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!(duration_of("0s"), Ok(Duration::ZERO));
        assert_eq!(duration_of("48h0m0s"), Ok(Duration::from_secs(172_800)));
        assert_eq!(duration_of("1.5h"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration_of("0.25s.5s"), Ok(Duration::from_millis(750)));
        assert_eq!(duration_of("2.000s"), Ok(Duration::from_secs(2)));
        for text in ["0s", "1d12h", "30d", "90d1ms", "1m30s"] {
            assert_eq!(duration_of(text).map(duration_text).as_deref(), Ok(text));
        }
        for wrong in [
            "",
            "5",
            "m",
            "1x",
            ".h",
            "1..5h",
            "1.2.3h",
            "0.0001s",
            "1.00000000000000000000000000000000000000001h",
            "-1h",
            "99999999999999999999d",
            "9999999999999999y",
        ] {
            assert!(duration_of(wrong).is_err(), "{wrong}");
        }
    }
}
