//! What the columns mean.

use std::str::FromStr;

use tsdb_core::model::METRIC_NAME;

use crate::number::parse_seconds;
use crate::rfc3339::parse_rfc3339;

/// Highest number of a column.
const COLUMNS_MAX: usize = 65_536;

/// How a column writes times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeFormat {
    /// Seconds since the epoch, with or without a fraction.
    Seconds,
    /// Whole milliseconds.
    Milliseconds,
    /// Whole microseconds.
    Microseconds,
    /// Whole nanoseconds.
    Nanoseconds,
    /// `2015-07-01T20:10:51.781Z`.
    Rfc3339,
}

impl TimeFormat {
    /// All, by the names that formats call them.
    pub const NAMES: [(&str, Self); 5] = [
        ("unix_s", Self::Seconds),
        ("unix_ms", Self::Milliseconds),
        ("unix_us", Self::Microseconds),
        ("unix_ns", Self::Nanoseconds),
        ("rfc3339", Self::Rfc3339),
    ];

    /// Its name in a format.
    #[must_use]
    pub fn name(self) -> &'static str {
        let named = Self::NAMES.iter().find(|(_, format)| *format == self);
        named.map_or("", |(name, _)| name)
    }

    /// Milliseconds since the epoch; finer parts are cut off.
    pub(super) fn parse(self, text: &str) -> Option<i64> {
        let whole = |divisor| Some(text.parse::<i64>().ok()?.div_euclid(divisor));
        match self {
            Self::Seconds => parse_seconds(text),
            Self::Milliseconds => whole(1),
            Self::Microseconds => whole(1_000),
            Self::Nanoseconds => whole(1_000_000),
            Self::Rfc3339 => parse_rfc3339(text),
        }
    }
}

/// What a column is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Time(TimeFormat),
    /// Values of the label of this name.
    Label(String),
    /// Values of the metric of this name.
    Metric(String),
}

/// Which columns are read, and as what; others are passed over. Written as
/// `NUMBER:time:FORMAT`, `NUMBER:label:NAME` and `NUMBER:metric:NAME`, with commas between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// By their places, from 0.
    pub(super) columns: Vec<(usize, Role)>,
}

/// What is wrong with a format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct FormatError {
    /// What is wrong, and with which column.
    pub reason: String,
}

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        let mut columns: Vec<(usize, Role)> = Vec::new();
        for part in text.split(',') {
            let wrong = |reason: String| FormatError {
                reason: format!("{part:?}: {reason}"),
            };
            let (place, role) = column(part).map_err(wrong)?;
            if columns.iter().any(|(other, _)| *other == place) {
                return Err(wrong(format!("column {} is named twice", place + 1)));
            }
            let twice = columns.iter().any(|(_, other)| match (other, &role) {
                (Role::Time(_), Role::Time(_)) => true,
                (other, role) => other == role,
            });
            if twice {
                return Err(wrong("another column is that already".to_owned()));
            }
            columns.push((place, role));
        }
        if !columns
            .iter()
            .any(|(_, role)| matches!(role, Role::Metric(_)))
        {
            let reason = "no column is a metric: name one as NUMBER:metric:NAME".to_owned();
            return Err(FormatError { reason });
        }
        Ok(Self { columns })
    }
}

/// Reads one column of a format; its place counts from 0.
fn column(part: &str) -> Result<(usize, Role), String> {
    let mut pieces = part.splitn(3, ':');
    let (Some(number), Some(kind), Some(name)) = (pieces.next(), pieces.next(), pieces.next())
    else {
        return Err(
            "a column is NUMBER:time:FORMAT, NUMBER:label:NAME or NUMBER:metric:NAME".to_owned(),
        );
    };
    let place = number.trim().parse::<usize>();
    let place = place
        .ok()
        .filter(|number| (1..=COLUMNS_MAX).contains(number));
    let place = place.ok_or_else(|| format!("the number of a column is 1 to {COLUMNS_MAX}"))?;
    if name.is_empty() {
        return Err(format!("the {kind} has no name"));
    }
    let role = match kind {
        "time" => {
            let named = TimeFormat::NAMES.iter().find(|(known, _)| *known == name);
            Role::Time(named.ok_or_else(|| unknown_time(name))?.1)
        }
        "label" if name == METRIC_NAME => {
            return Err(format!("{METRIC_NAME} is what NUMBER:metric:NAME says"));
        }
        "label" => Role::Label(name.to_owned()),
        "metric" => Role::Metric(name.to_owned()),
        other => return Err(format!("{other:?} is none of time, label and metric")),
    };
    Ok((place - 1, role))
}

fn unknown_time(name: &str) -> String {
    let names = TimeFormat::NAMES.map(|(name, _)| name).join(", ");
    match name.split(':').next() {
        Some("custom") => format!("custom formats of times are not read: write {names}"),
        _ => format!("the format of times is none of {names}"),
    }
}
