//! The first and the last moment that a value of some precision may stand for.
//!
//! Source: FHIRPath N1 draft *Boundaries*.

use chrono::{Datelike, NaiveDate};

use super::{Precision, Temporal, TemporalKind};

/// The farthest that a place on earth is from UTC, in minutes: what a time without an offset may mean.
const EAST: i16 = 14 * 60;
const WEST: i16 = -12 * 60;

impl Temporal {
    /// The boundary with so many digits: 4 to 8 for a date, 4 to 17 for a date-time, 2 to 9 for a time;
    /// as many as the kind has if `digits` is `None`. A number of digits that no precision has gives `None`.
    pub fn boundary(self, digits: Option<i64>, high: bool) -> Option<Self> {
        let most = match self.kind {
            TemporalKind::Date => 8,
            TemporalKind::DateTime => 17,
            TemporalKind::Time => 9,
        };
        let digits = digits.unwrap_or(most);
        if digits > most {
            return None;
        }
        let of_day = match self.kind {
            TemporalKind::Time => digits.checked_add(8)?,
            _ => digits,
        };
        let precision = match of_day {
            4 => Precision::Year,
            6 => Precision::Month,
            8 => Precision::Day,
            10 => Precision::Hour,
            12 => Precision::Minute,
            14 | 17 => Precision::Second,
            _ => return None,
        };
        let filled = self.filled(high)?;
        let timed = precision >= Precision::Hour && self.kind == TemporalKind::DateTime;
        let open = if high { WEST } else { EAST };
        Some(Self {
            precision,
            digits: if of_day == 17 { 3 } else { 0 },
            offset: timed.then(|| self.offset.unwrap_or(open)),
            ..filled
        })
    }

    /// With the fields beyond the precision at their least or their most.
    fn filled(self, high: bool) -> Option<Self> {
        if !high {
            return Some(self);
        }
        let known = |part: Precision| self.precision >= part;
        let month = if known(Precision::Month) {
            self.date.month()
        } else {
            12
        };
        let day = if known(Precision::Day) || self.kind == TemporalKind::Time {
            self.date.day()
        } else {
            last_day(self.date.year(), month)?
        };
        let date = match self.kind {
            TemporalKind::Time => self.date,
            _ => NaiveDate::from_ymd_opt(self.date.year(), month, day)?,
        };
        let second = known(Precision::Second);
        // Digits of the fraction that were not written are nines.
        let rest = match (second, self.digits) {
            (true, 0) | (false, _) => 999_000_000,
            (true, 1) => 99_000_000,
            (true, 2) => 9_000_000,
            _ => 0,
        };
        Some(Self {
            date,
            hour: if known(Precision::Hour) {
                self.hour
            } else {
                23
            },
            minute: if known(Precision::Minute) {
                self.minute
            } else {
                59
            },
            second: if second { self.second } else { 59 },
            nanos: self.nanos.checked_add(rest)?,
            ..self
        })
    }
}

fn last_day(year: i32, month: u32) -> Option<u32> {
    (28..=31)
        .rev()
        .find(|day| NaiveDate::from_ymd_opt(year, month, *day).is_some())
}
