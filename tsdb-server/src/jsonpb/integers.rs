//! Whole numbers: those of 64 bits are printed as texts, and all may be read from texts.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserializer, Visitor};

use crate::go_duration::parse_go_duration;

/// How a text that is no number is read.
type Otherwise = fn(&str) -> Result<i64, String>;

struct Number<T> {
    otherwise: Otherwise,
    kind: PhantomData<T>,
}

impl<T: TryFrom<i64>> Number<T> {
    fn fit<E: de::Error>(value: i64) -> Result<T, E> {
        T::try_from(value)
            .map_err(|_| E::custom(format!("{value} is out of range for this number")))
    }
}

impl<T: TryFrom<i64>> Visitor<'_> for Number<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number, as a number or a text")
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<T, E> {
        Self::fit(value)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<T, E> {
        let value = i64::try_from(value)
            .map_err(|_| E::custom(format!("{value} is out of range for this number")))?;
        Self::fit(value)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        let value = match text.parse() {
            Ok(value) => value,
            Err(_) => (self.otherwise)(text).map_err(E::custom)?,
        };
        Self::fit(value)
    }
}

fn no_number(text: &str) -> Result<i64, String> {
    Err(format!("{text:?} is no whole number of 64 bits"))
}

/// A number that is printed as one.
pub(crate) fn number<'de, D: Deserializer<'de>, T: TryFrom<i64>>(from: D) -> Result<T, D::Error> {
    from.deserialize_any(Number {
        otherwise: no_number,
        kind: PhantomData,
    })
}

/// A number of 64 bits: printed as a text.
pub(crate) mod int64 {
    use serde::{Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &i64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
        super::number(from)
    }
}

/// Nanoseconds: printed as [`int64`], read from a duration as well.
pub(crate) mod nanos {
    use std::marker::PhantomData;

    use serde::Deserializer;

    pub(crate) use super::int64::serialize;

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
        from.deserialize_any(super::Number {
            otherwise: super::parse_go_duration,
            kind: PhantomData,
        })
    }
}
