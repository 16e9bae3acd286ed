//! Block sizes as M3 chooses them for who gives none.

const MINUTE: i64 = 60_000_000_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Samples of a series that a block should hold.
const IDEAL_POINTS: i64 = 720;

/// By retention: the longest for which a block size is right, in rising order.
const BY_RETENTION: &[(i64, i64)] = &[
    (12 * HOUR, 30 * MINUTE),
    (DAY, HOUR),
    (7 * DAY, 2 * HOUR),
    (30 * DAY, 12 * HOUR),
];

/// The block size for a retention, both in nanoseconds.
pub(crate) fn recommended_block_size(retention_nanos: i64) -> i64 {
    let fitting = BY_RETENTION
        .iter()
        .find(|(longest, _)| retention_nanos <= *longest);
    fitting.map_or(DAY, |(_, block)| *block)
}

/// The block size for so many samples of a series in an hour, which are more than none.
pub(crate) fn block_size_for_points(points_per_hour: i64) -> i64 {
    const STEP: i64 = 5 * MINUTE;
    let exact = IDEAL_POINTS * HOUR / points_per_hour.max(1);
    // Five minutes down, as M3 does in effect.
    (exact - exact % STEP).clamp(30 * MINUTE, DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_sizes_follow_the_retention() {
        for (retention, block) in [
            (HOUR, 30 * MINUTE),
            (12 * HOUR, 30 * MINUTE),
            (12 * HOUR + 1, HOUR),
            (DAY, HOUR),
            (7 * DAY, 2 * HOUR),
            (30 * DAY, 12 * HOUR),
            (31 * DAY, DAY),
            (i64::MAX, DAY),
        ] {
            assert_eq!(recommended_block_size(retention), block, "{retention}");
        }
    }

    #[test]
    fn block_sizes_follow_the_rate_of_samples() {
        for (points, block) in [
            (240, 3 * HOUR),
            (60, 12 * HOUR),
            (1, DAY),
            (i64::MAX, 30 * MINUTE),
            // 35.1 and 39.9 minutes.
            (1230, 35 * MINUTE),
            (1082, 35 * MINUTE),
        ] {
            assert_eq!(block_size_for_points(points), block, "{points}");
        }
    }
}
