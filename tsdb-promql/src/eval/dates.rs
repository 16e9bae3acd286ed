//! Parts of dates, in UTC. Days to dates after H. Hinnant, "chrono-Compatible Low-Level Date
//! Algorithms".

use crate::plan::DateField;

const DAY_SECONDS: i64 = 86_400;

/// A day of the proleptic Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Date {
    pub(crate) year: i64,
    /// From 1.
    pub(crate) month: i64,
    /// From 1.
    pub(crate) day: i64,
}

impl Date {
    /// The day that is so many after 1970-01-01.
    pub(crate) fn of_days(days: i64) -> Self {
        // Years are counted from March, so that leap days come last; eras have 400 years.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let month = if from_march < 10 {
            from_march + 3
        } else {
            from_march - 9
        };
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * from_march + 2) / 5 + 1,
        }
    }

    fn is_leap(self) -> bool {
        self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0)
    }

    fn days_in_month(self) -> i64 {
        match self.month {
            2 => 28 + i64::from(self.is_leap()),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    fn day_of_year(self) -> i64 {
        let months = 1..self.month;
        let before = months.map(|month| {
            Self {
                month,
                day: 1,
                ..self
            }
            .days_in_month()
        });
        before.sum::<i64>() + self.day
    }
}

/// A part of the date that lies `seconds` after 1970.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "seconds are cut as Go cuts them; parts are small"
)]
pub(super) fn date_part(field: DateField, seconds: f64) -> f64 {
    // What Go makes of numbers that are no time.
    let seconds = match seconds.is_finite() {
        true => seconds as i64,
        false => i64::MIN,
    };
    // Far beyond any calendar, and far from overflow.
    let seconds = seconds.clamp(-1 << 55, 1 << 55);
    let days = seconds.div_euclid(DAY_SECONDS);
    let of_day = seconds.rem_euclid(DAY_SECONDS);
    let date = Date::of_days(days);
    let part = match field {
        DateField::DayOfMonth => date.day,
        // 1970-01-01 was a Thursday.
        DateField::DayOfWeek => (days + 4).rem_euclid(7),
        DateField::DayOfYear => date.day_of_year(),
        DateField::DaysInMonth => date.days_in_month(),
        DateField::Hour => of_day / 3600,
        DateField::Minute => of_day / 60 % 60,
        DateField::Month => date.month,
        DateField::Year => date.year,
    };
    part as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates_of_the_calendar() {
        let date = |year, month, day| Date { year, month, day };
        for (days, expected) in [
            (0, date(1970, 1, 1)),
            (-1, date(1969, 12, 31)),
            (11_016, date(2000, 2, 29)),
            (11_017, date(2000, 3, 1)),
            (-719_468, date(0, 3, 1)),
            (-25_509, date(1900, 2, 28)),
            (-25_508, date(1900, 3, 1)),
            (20_787, date(2026, 11, 30)),
        ] {
            assert_eq!(Date::of_days(days), expected, "{days}");
        }
    }

    #[test]
    fn parts_are_those_of_utc() {
        let at = |field| date_part(field, 1_456_790_399.0);
        assert_eq!(at(DateField::Year), 2016.0);
        assert_eq!(at(DateField::Month), 2.0);
        assert_eq!(at(DateField::DayOfMonth), 29.0);
        assert_eq!(at(DateField::DayOfYear), 60.0);
        assert_eq!(at(DateField::DaysInMonth), 29.0);
        assert_eq!(at(DateField::DayOfWeek), 1.0);
        assert_eq!(at(DateField::Hour), 23.0);
        assert_eq!(at(DateField::Minute), 59.0);
        assert_eq!(date_part(DateField::Hour, -1.0), 23.0);
    }
}
