//! Dates, date-times and times of any precision.
//!
//! Source: FHIRPath N1 *Date*, *DateTime*, *Time*, *Date/Time Arithmetic*, *Comparison*.
//! Two values of different precision may be incomparable; the answer is then `None`.
//! Seconds and fractions count as one precision.

use std::cmp::Ordering;

use chrono::{Datelike, Months, NaiveDate, Timelike};

use super::decimal::Decimal;
use crate::clock::Instant;

mod boundary;
mod text;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemporalKind {
    Date,
    DateTime,
    Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
}

/// A point in time as precise as it was written. Fields beyond the precision are zero or one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Temporal {
    kind: TemporalKind,
    precision: Precision,
    date: NaiveDate,
    hour: u32,
    minute: u32,
    second: u32,
    nanos: u32,
    /// Digits of the fraction as written.
    digits: u8,
    /// Minutes east of UTC.
    offset: Option<i16>,
}

/// The units of date arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalendarUnit {
    Year,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
}

impl CalendarUnit {
    /// Reads `day`, `days` and so on: the words of the grammar.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "year" | "years" => Self::Year,
            "month" | "months" => Self::Month,
            "week" | "weeks" => Self::Week,
            "day" | "days" => Self::Day,
            "hour" | "hours" => Self::Hour,
            "minute" | "minutes" => Self::Minute,
            "second" | "seconds" => Self::Second,
            "millisecond" | "milliseconds" => Self::Millisecond,
            _ => return None,
        })
    }

    /// The word of the grammar, in the singular.
    pub fn word(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Month => "month",
            Self::Week => "week",
            Self::Day => "day",
            Self::Hour => "hour",
            Self::Minute => "minute",
            Self::Second => "second",
            Self::Millisecond => "millisecond",
        }
    }

    /// The UCUM units of definite duration: a UCUM year or month is no calendar one.
    pub fn from_ucum(code: &str) -> Option<Self> {
        Some(match code {
            "wk" => Self::Week,
            "d" => Self::Day,
            "h" => Self::Hour,
            "min" => Self::Minute,
            "s" => Self::Second,
            "ms" => Self::Millisecond,
            _ => return None,
        })
    }

    /// Months of a year or month; none of what is shorter.
    pub(super) fn months(self) -> i64 {
        match self {
            Self::Year => 12,
            Self::Month => 1,
            _ => 0,
        }
    }

    /// As the calendar counts roughly: a year has 365 days, a month 30.
    pub(super) fn millis(self) -> i64 {
        match self {
            Self::Year => 365 * 86_400_000,
            Self::Month => 30 * 86_400_000,
            Self::Week => 7 * 86_400_000,
            Self::Day => 86_400_000,
            Self::Hour => 3_600_000,
            Self::Minute => 60_000,
            Self::Second => 1_000,
            Self::Millisecond => 1,
        }
    }
}

const DAY_NANOS: i128 = 86_400_000_000_000;

impl Temporal {
    /// The moment as a date-time in UTC, to the millisecond.
    pub fn from_instant(instant: Instant) -> Option<Self> {
        let moment = chrono::DateTime::from_timestamp_micros(instant)?.naive_utc();
        Some(Self {
            kind: TemporalKind::DateTime,
            precision: Precision::Second,
            date: moment.date(),
            hour: moment.hour(),
            minute: moment.minute(),
            second: moment.second(),
            nanos: (moment.nanosecond() / 1_000_000).saturating_mul(1_000_000),
            digits: 3,
            offset: Some(0),
        })
    }

    pub fn kind(&self) -> TemporalKind {
        self.kind
    }

    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The date of a date-time; a date stays as it is.
    pub fn to_date(self) -> Option<Self> {
        match self.kind {
            TemporalKind::Time => None,
            _ => Some(Self {
                kind: TemporalKind::Date,
                precision: self.precision.min(Precision::Day),
                offset: None,
                ..self.without_time()
            }),
        }
    }

    /// The same moment as a date-time; `None` for a time of day.
    pub fn to_date_time(self) -> Option<Self> {
        (self.kind != TemporalKind::Time).then_some(Self {
            kind: TemporalKind::DateTime,
            ..self
        })
    }

    /// The number of a part: `Year` of a date, `Second` of a time; `None` where it is not that precise.
    pub fn part(&self, part: Precision) -> Option<i64> {
        let of_date = part <= Precision::Day;
        if part > self.precision || (of_date && self.kind == TemporalKind::Time) {
            return None;
        }
        Some(match part {
            Precision::Year => i64::from(self.date.year()),
            Precision::Month => i64::from(self.date.month()),
            Precision::Day => i64::from(self.date.day()),
            Precision::Hour => i64::from(self.hour),
            Precision::Minute => i64::from(self.minute),
            Precision::Second => i64::from(self.second),
        })
    }

    /// Milliseconds, where they were written.
    pub fn millisecond(&self) -> Option<i64> {
        (self.precision == Precision::Second && self.digits > 0)
            .then(|| i64::from(self.nanos / 1_000_000))
    }

    /// Minutes east of UTC, where they were written.
    pub fn offset(&self) -> Option<i64> {
        self.offset.map(i64::from)
    }

    /// The time of day of a date-time.
    pub fn to_time(self) -> Option<Self> {
        (self.precision >= Precision::Hour).then_some(Self {
            kind: TemporalKind::Time,
            date: NaiveDate::default(),
            offset: None,
            ..self
        })
    }

    /// Digits written, as the function `precision()` counts them.
    pub fn digits(&self) -> u32 {
        let date = match self.precision {
            Precision::Year => 4,
            Precision::Month => 6,
            Precision::Day => 8,
            Precision::Hour => 10,
            Precision::Minute => 12,
            Precision::Second => 14u32.saturating_add(u32::from(self.digits)),
        };
        match self.kind {
            TemporalKind::Time => date.saturating_sub(8),
            _ => date,
        }
    }

    /// Order, or `None` where precision or a missing offset leaves it open. A time of day and
    /// a date have no order: callers keep them apart.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        let timed = self.precision >= Precision::Hour && other.precision >= Precision::Hour;
        match (self.offset, other.offset) {
            (Some(_), Some(_)) if timed => self.in_utc().compare_fields(&other.in_utc()),
            (Some(_), None) | (None, Some(_)) if timed && self.kind != TemporalKind::Time => {
                // A local time lies within 14 hours of the same reading in UTC.
                let here = self.in_utc().nanos_of_era();
                let distance = here.saturating_sub(other.in_utc().nanos_of_era());
                if distance.abs() > 14 * 3_600_000_000_000 {
                    Some(distance.cmp(&0))
                } else {
                    None
                }
            }
            _ => self.compare_fields(other),
        }
    }

    /// Adds (or with a negative amount takes away) a calendar duration, cut to whole units.
    /// `None` when the result leaves the calendar.
    pub fn plus(self, amount: Decimal, unit: CalendarUnit) -> Option<Self> {
        let amount = amount.truncated(0)?.to_integer()?;
        if self.kind == TemporalKind::Time {
            let millis = amount.checked_mul(unit.millis())?;
            return Some(
                self.plus_nanos(i128::from(millis).checked_mul(1_000_000)?)?
                    .0,
            );
        }
        if matches!(unit, CalendarUnit::Year | CalendarUnit::Month) {
            let months = match unit {
                CalendarUnit::Year => amount.checked_mul(12)?,
                _ => amount,
            };
            return self.plus_months(months);
        }
        let millis = amount.checked_mul(unit.millis())?;
        match self.precision {
            Precision::Year => self.plus_months((millis / (365 * 86_400_000)).checked_mul(12)?),
            Precision::Month => self.plus_months(millis / (30 * 86_400_000)),
            _ => {
                let step = match self.precision {
                    Precision::Day => 86_400_000,
                    Precision::Hour => 3_600_000,
                    Precision::Minute => 60_000,
                    _ => 1,
                };
                let millis = millis.checked_div(step)?.checked_mul(step)?;
                let nanos = i128::from(millis).checked_mul(1_000_000)?;
                let (moved, days) = self.plus_nanos(nanos)?;
                let days = chrono::Duration::try_days(days)?;
                let date = in_range(moved.date.checked_add_signed(days)?)?;
                Some(Self { date, ..moved })
            }
        }
    }

    fn plus_months(self, months: i64) -> Option<Self> {
        let months = match self.precision {
            Precision::Year => (months / 12).checked_mul(12)?,
            _ => months,
        };
        let count = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
        let date = if months < 0 {
            self.date.checked_sub_months(count)?
        } else {
            self.date.checked_add_months(count)?
        };
        Some(Self {
            date: in_range(date)?,
            ..self
        })
    }

    /// Moves the time of day; also tells by how many days it wrapped.
    fn plus_nanos(self, nanos: i128) -> Option<(Self, i64)> {
        let sum = self.nanos_of_day().checked_add(nanos)?;
        let days = i64::try_from(sum.div_euclid(DAY_NANOS)).ok()?;
        let rest = u64::try_from(sum.rem_euclid(DAY_NANOS)).ok()?;
        let seconds = u32::try_from(rest / 1_000_000_000).ok()?;
        let nanos = u32::try_from(rest % 1_000_000_000).ok()?;
        let moved = Self {
            hour: seconds / 3600,
            minute: seconds / 60 % 60,
            second: seconds % 60,
            nanos,
            digits: if nanos > 0 && self.digits == 0 {
                3
            } else {
                self.digits
            },
            ..self
        };
        Some((moved, days))
    }

    fn nanos_of_day(&self) -> i128 {
        let minutes = (self.hour.saturating_mul(60)).saturating_add(self.minute);
        let seconds = (minutes.saturating_mul(60)).saturating_add(self.second);
        let nanos = i128::from(seconds).saturating_mul(1_000_000_000);
        nanos.saturating_add(self.nanos.into())
    }

    fn nanos_of_era(&self) -> i128 {
        let days = i128::from(self.date.num_days_from_ce());
        days.saturating_mul(DAY_NANOS)
            .saturating_add(self.nanos_of_day())
    }

    fn in_utc(&self) -> Self {
        let Some(offset) = self.offset else {
            return *self;
        };
        let nanos = i128::from(offset).saturating_mul(-60_000_000_000);
        self.plus_nanos(nanos)
            .and_then(|(moved, days)| {
                let days = chrono::Duration::try_days(days)?;
                let date = moved.date.checked_add_signed(days)?;
                Some(Self { date, ..moved })
            })
            .unwrap_or(*self)
    }

    fn compare_fields(&self, other: &Self) -> Option<Ordering> {
        let fields = |value: &Self| {
            [
                (Precision::Year, i64::from(value.date.year())),
                (Precision::Month, i64::from(value.date.month())),
                (Precision::Day, i64::from(value.date.day())),
                (Precision::Hour, i64::from(value.hour)),
                (Precision::Minute, i64::from(value.minute)),
                (
                    Precision::Second,
                    i64::from(value.second)
                        .saturating_mul(1_000_000_000)
                        .saturating_add(value.nanos.into()),
                ),
            ]
        };
        let shared = self.precision.min(other.precision);
        for ((precision, a), (_, b)) in fields(self).into_iter().zip(fields(other)) {
            if precision > shared {
                break;
            }
            if a != b {
                return Some(a.cmp(&b));
            }
        }
        (self.precision == other.precision).then_some(Ordering::Equal)
    }

    fn without_time(self) -> Self {
        Self {
            hour: 0,
            minute: 0,
            second: 0,
            nanos: 0,
            digits: 0,
            ..self
        }
    }

    fn empty(kind: TemporalKind) -> Self {
        Self {
            kind,
            precision: Precision::Year,
            date: NaiveDate::default(),
            hour: 0,
            minute: 0,
            second: 0,
            nanos: 0,
            digits: 0,
            offset: None,
        }
    }
}

/// FHIR knows the years 0001 to 9999.
fn in_range(date: NaiveDate) -> Option<NaiveDate> {
    (1..=9999).contains(&date.year()).then_some(date)
}
