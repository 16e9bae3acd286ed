//! Bounds of buckets.

use tsdb_core::model::CUSTOM_BUCKETS_SCHEMA;

use crate::number;

use super::fractions::FRACTIONS;

/// The finest schema whose bounds are listed.
const FINEST: i32 = 8;

/// Upper bound of a bucket of positive values: from the list for custom buckets, else a power of
/// two. Every index and every schema has one.
pub(super) fn upper_bound(index: i32, schema: i32, custom_values: &[f64]) -> f64 {
    if schema != CUSTOM_BUCKETS_SCHEMA {
        return exponential_bound(index, schema);
    }
    match usize::try_from(index) {
        Ok(index) => custom_values.get(index).copied().unwrap_or(f64::INFINITY),
        Err(_) => f64::NEG_INFINITY,
    }
}

fn exponential_bound(index: i32, schema: i32) -> f64 {
    let Ok(steps) = u32::try_from(schema) else {
        return scaled(1.0, i64::from(index) << schema.unsigned_abs().min(31));
    };
    let steps = steps.min(30);
    let exponent = i64::from(index >> steps) + 1;
    let within = index & ((1_i32 << steps) - 1);
    let finer = i32::try_from(steps).unwrap_or(FINEST) - FINEST;
    let listed = match finer {
        ..=0 => usize::try_from(within << finer.unsigned_abs()).ok(),
        _ => None,
    };
    let fraction = listed
        .and_then(|place| FRACTIONS.get(place).copied())
        .unwrap_or_else(|| (f64::from(within) / f64::from(1_u32 << steps) - 1.0).exp2());
    scaled(fraction, exponent)
}

/// What is exactly one step above the greatest number is
/// that number: the bucket after it holds what is infinite.
fn scaled(fraction: f64, exponent: i64) -> f64 {
    if (fraction == 0.5 && exponent == 1025) || (fraction == 1.0 && exponent == 1024) {
        return f64::MAX;
    }
    number::scaled(fraction, exponent)
}
