//! Fractions that may be absent.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A fraction or `null`; whole ones are printed without a point, as Go does.
pub(crate) mod optional_double {
    use super::*;

    /// Up to here every whole number is a fraction of its own.
    const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

    pub(crate) fn serialize<S: Serializer>(value: &Option<f64>, to: S) -> Result<S::Ok, S::Error> {
        match *value {
            #[expect(clippy::cast_possible_truncation, reason = "whole, and small enough")]
            Some(whole) if whole.fract() == 0.0 && whole.abs() < WHOLE_MAX => {
                (whole as i64).serialize(to)
            }
            other => other.serialize(to),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
        f64::deserialize(from).map(Some)
    }
}
