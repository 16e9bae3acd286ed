//! The units in which times are given and wanted. Here times have milliseconds.

use tsdb_core::model::TimeRange;

use super::BodyError;
use super::fields::Fields;

/// A unit of times since the epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeUnit {
    /// `UNIX_SECONDS`
    #[default]
    Seconds,
    /// `UNIX_MILLISECONDS`
    Milliseconds,
    /// `UNIX_MICROSECONDS`
    Microseconds,
    /// `UNIX_NANOSECONDS`
    Nanoseconds,
}

impl TimeUnit {
    const NAMES: [(&str, Self); 4] = [
        ("UNIX_SECONDS", Self::Seconds),
        ("UNIX_MILLISECONDS", Self::Milliseconds),
        ("UNIX_MICROSECONDS", Self::Microseconds),
        ("UNIX_NANOSECONDS", Self::Nanoseconds),
    ];

    /// The field `name`; seconds when it is left out.
    pub(super) fn of_field(fields: &Fields<'_>, name: &str) -> Result<Self, BodyError> {
        let Some(value) = fields.get(name) else {
            return Ok(Self::default());
        };
        let text = value.text()?;
        let found = Self::NAMES.iter().find(|(known, _)| *known == text);
        found.map(|(_, unit)| *unit).ok_or_else(|| {
            let names = Self::NAMES.map(|(known, _)| known).join(", ");
            BodyError::new(&value.at, format!("{text:?} is none of {names}"))
        })
    }

    /// Units in a millisecond; for seconds, milliseconds in the unit.
    fn per_ms(self) -> i64 {
        match self {
            Self::Seconds | Self::Milliseconds => 1,
            Self::Microseconds => 1_000,
            Self::Nanoseconds => 1_000_000,
        }
    }

    /// The millisecond that a time falls into.
    #[must_use]
    pub fn to_ms(self, time: i64) -> i64 {
        match self {
            Self::Seconds => time.saturating_mul(1000),
            _ => time.div_euclid(self.per_ms()),
        }
    }

    /// A time of so many milliseconds, rounded down to the unit.
    #[must_use]
    pub fn of_ms(self, ms: i64) -> i64 {
        match self {
            Self::Seconds => ms.div_euclid(1000),
            _ => ms.saturating_mul(self.per_ms()),
        }
    }

    /// The first millisecond that is not before a time.
    fn not_before(self, time: i64) -> i64 {
        let ms = self.to_ms(time);
        if self.of_ms(ms) < time && self != Self::Seconds {
            return ms.saturating_add(1);
        }
        ms
    }

    /// From `start` up to, and not including, `end`; `None` when no time lies between.
    #[must_use]
    pub fn range(self, start: i64, end: i64) -> Option<TimeRange> {
        TimeRange::new(self.not_before(start), self.not_before(end)).ok()
    }
}
