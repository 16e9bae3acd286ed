//! One value, bit for bit.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use serde::ser::{Serialize, Serializer};
use tsdb_core::model::STALE_NAN_BITS;
use tsdb_formats::number::{ORDINARY_NAN_BITS, append, write_number};

/// Appends `value` to `out`.
pub(crate) fn write_value(out: &mut Vec<u8>, value: f64) {
    match text_of(value) {
        Some(text) => append(out, format_args!("\"{text}\"")),
        None => write_number(out, value),
    }
}

/// A value on its way in.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SampleValue(pub(super) f64);

/// By the bits.
impl PartialEq for SampleValue {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Serialize for SampleValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match text_of(self.0) {
            Some(text) => serializer.serialize_str(&text),
            None => serializer.serialize_f64(self.0),
        }
    }
}

/// The text of a value that JSON has no number for.
fn text_of(value: f64) -> Option<Cow<'static, str>> {
    if value.is_nan() {
        return Some(match value.to_bits() {
            STALE_NAN_BITS => "stale".into(),
            ORDINARY_NAN_BITS => "NaN".into(),
            bits => format!("NaN:{bits:#018x}").into(),
        });
    }
    let infinite = if value > 0.0 { "+Inf" } else { "-Inf" };
    value.is_infinite().then(|| infinite.into())
}

impl<'de> Deserialize<'de> for SampleValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl Visitor<'_> for ValueVisitor {
    type Value = SampleValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a number, \"NaN\", \"+Inf\", \"-Inf\", \"stale\", \"NaN:0x<16 hex digits>\" or null",
        )
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<SampleValue, E> {
        Ok(SampleValue(value))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "rounding to the nearest float is what reading a number means"
    )]
    fn visit_u64<E: Error>(self, value: u64) -> Result<SampleValue, E> {
        Ok(SampleValue(value as f64))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "rounding to the nearest float is what reading a number means"
    )]
    fn visit_i64<E: Error>(self, value: i64) -> Result<SampleValue, E> {
        Ok(SampleValue(value as f64))
    }

    fn visit_unit<E: Error>(self) -> Result<SampleValue, E> {
        Ok(SampleValue(f64::from_bits(STALE_NAN_BITS)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SampleValue, E> {
        let value = match text {
            "NaN" => f64::from_bits(ORDINARY_NAN_BITS),
            "+Inf" | "Inf" | "Infinity" => f64::INFINITY,
            "-Inf" | "-Infinity" => f64::NEG_INFINITY,
            "stale" => f64::from_bits(STALE_NAN_BITS),
            other => nan_with_bits(other)
                .ok_or_else(|| E::invalid_value(Unexpected::Str(other), &self))?,
        };
        Ok(SampleValue(value))
    }
}

fn nan_with_bits(text: &str) -> Option<f64> {
    let digits = text.strip_prefix("NaN:0x")?;
    if digits.len() != 16 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let value = f64::from_bits(u64::from_str_radix(digits, 16).ok()?);
    value.is_nan().then_some(value)
}
