//! Histograms whose buckets are series.

/// Differences between buckets that rounding makes, relative to what they differ from.
const SMALL_DIFFERENCE: f64 = 1e-12;

/// A bucket with all observations up to its bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassicBucket {
    /// Greatest value, from the label `le`.
    pub upper_bound: f64,
    /// Observations up to it.
    pub count: f64,
}

/// Counts that fell from a bucket to the next, where they can only rise; they were taken to stay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ForcedMonotonicity {
    /// Bound of the first bucket that was changed.
    pub min_bucket: f64,
    /// Bound of the last one.
    pub max_bucket: f64,
    /// The most that a bucket was changed by.
    pub max_difference: f64,
}

/// The value that a share `q` of all observations does not exceed, spread evenly within buckets,
/// and what had to be repaired to tell. Sorts and repairs the buckets. Infinite for `q` outside of 0
/// to 1; NaN for NaN, without a bucket of infinity, with less than two buckets and without
/// observations.
pub fn bucket_quantile(
    q: f64,
    buckets: &mut Vec<ClassicBucket>,
) -> (f64, Option<ForcedMonotonicity>) {
    if q.is_nan() {
        return (f64::NAN, None);
    }
    if q < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if q > 1.0 {
        return (f64::INFINITY, None);
    }
    if !sort_and_join(buckets) {
        return (f64::NAN, None);
    }
    let forced = ensure_monotonic(buckets);
    (
        quantile_of_monotonic(q, buckets).unwrap_or(f64::NAN),
        forced,
    )
}

fn quantile_of_monotonic(q: f64, buckets: &[ClassicBucket]) -> Option<f64> {
    let (last, bounded) = buckets.split_last()?;
    let second_last = bounded.last()?;
    if last.count == 0.0 {
        return None;
    }
    let rank = q * last.count;
    let place = bounded.partition_point(|bucket| {
        let reached = bucket.count >= rank;
        !reached
    });
    let Some(bucket) = bounded.get(place) else {
        return Some(second_last.upper_bound);
    };
    match place.checked_sub(1).and_then(|before| bounded.get(before)) {
        None if bucket.upper_bound <= 0.0 => Some(bucket.upper_bound),
        None => Some(bucket.upper_bound * (rank / bucket.count)),
        Some(before) => {
            let share = (rank - before.count) / (bucket.count - before.count);
            let width = bucket.upper_bound - before.upper_bound;
            Some(before.upper_bound + width * share)
        }
    }
}

/// Share of all observations between two values, spread evenly within buckets. Sorts the buckets.
/// NaN when a value is, without a bucket of infinity and without observations.
pub fn bucket_fraction(lower: f64, upper: f64, buckets: &mut Vec<ClassicBucket>) -> f64 {
    if !sort_and_join(buckets) {
        return f64::NAN;
    }
    let (first, count) = match (buckets.first(), buckets.last()) {
        (Some(first), Some(last)) => (first.upper_bound, last.count),
        _ => return f64::NAN,
    };
    if count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let mut below = match first <= 0.0 {
        true => f64::NEG_INFINITY,
        false => 0.0,
    };
    let mut rank = 0.0;
    let mut ranks = [None; 2];
    for bucket in buckets.iter() {
        for (value, found) in [lower, upper].into_iter().zip(&mut ranks) {
            *found = found.or_else(|| rank_within(bucket, below, rank, value));
        }
        rank = bucket.count;
        below = bucket.upper_bound;
    }
    let [lower, upper] = ranks.map(|rank| match rank {
        Some(rank) if rank > count => count,
        Some(rank) => rank,
        None => count,
    });
    (upper - lower) / count
}

fn rank_within(bucket: &ClassicBucket, below: f64, rank: f64, value: f64) -> Option<f64> {
    if below >= value {
        return Some(rank);
    }
    if !(below < value && bucket.upper_bound > value) {
        return None;
    }
    if below == f64::NEG_INFINITY {
        return Some(bucket.count);
    }
    Some(rank + (bucket.count - rank) * (value - below) / (bucket.upper_bound - below))
}

/// Sorts buckets by bound and joins those of one bound. Tells whether one of infinity is there.
fn sort_and_join(buckets: &mut Vec<ClassicBucket>) -> bool {
    buckets.sort_by(|left, right| left.upper_bound.total_cmp(&right.upper_bound));
    if buckets
        .last()
        .is_none_or(|last| last.upper_bound != f64::INFINITY)
    {
        return false;
    }
    buckets.dedup_by(|bucket, kept| {
        let same = bucket.upper_bound == kept.upper_bound;
        if same {
            kept.count += bucket.count;
        }
        same
    });
    true
}

/// Takes small differences away, whichever their direction, and then all falls.
fn ensure_monotonic(buckets: &mut [ClassicBucket]) -> Option<ForcedMonotonicity> {
    let mut forced: Option<ForcedMonotonicity> = None;
    let mut before = buckets.first()?.count;
    for bucket in buckets.iter_mut().skip(1) {
        let count = bucket.count;
        if count == before {
            continue;
        }
        if nearly_equal(before, count) {
            bucket.count = before;
        } else if count < before {
            bucket.count = before;
            let difference = before - count;
            let forced = forced.get_or_insert(ForcedMonotonicity {
                min_bucket: bucket.upper_bound,
                max_bucket: bucket.upper_bound,
                max_difference: difference,
            });
            forced.max_bucket = bucket.upper_bound;
            forced.max_difference = forced.max_difference.max(difference);
        } else {
            before = count;
        }
    }
    forced
}

fn nearly_equal(left: f64, right: f64) -> bool {
    if left.is_nan() && right.is_nan() {
        return true;
    }
    let (sum, difference) = (left.abs() + right.abs(), (left - right).abs());
    if left == 0.0 || right == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < SMALL_DIFFERENCE * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < SMALL_DIFFERENCE
}
