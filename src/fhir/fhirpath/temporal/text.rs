//! Dates and times as text: reading and writing.
//!
//! Source: FHIRPath N1 *Date*, *DateTime*, *Time* literals; FHIR R4 *Data Types* (date, dateTime,
//! instant, time).

use std::fmt;

use chrono::{Datelike, NaiveDate};

use super::{Precision, Temporal, TemporalKind};

impl Temporal {
    /// The literal after `@`, and its length in bytes.
    pub(in crate::fhir::fhirpath) fn scan_literal(body: &str) -> Option<(Self, usize)> {
        let mut scan = Scan {
            bytes: body.as_bytes(),
            place: 0,
        };
        let value = if scan.accept(b'T') {
            scan.time(Self::empty(TemporalKind::Time))?
        } else {
            scan.date_time(TemporalKind::Date)?
        };
        Some((value, scan.place))
    }

    /// Reads `2015-02-04`, `2015-02-04T14:34:28.123+10:00` or `14:34` whole, as the kind asked.
    pub fn parse(kind: TemporalKind, text: &str) -> Option<Self> {
        let mut scan = Scan {
            bytes: text.as_bytes(),
            place: 0,
        };
        let value = match kind {
            TemporalKind::Time => scan.time(Self::empty(kind))?,
            _ => scan.date_time(kind)?,
        };
        (scan.place == text.len() && value.kind == kind).then_some(value)
    }
}

struct Scan<'t> {
    bytes: &'t [u8],
    place: usize,
}

impl Scan<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.place.saturating_add(ahead)).copied()
    }

    fn accept(&mut self, byte: u8) -> bool {
        let found = self.peek(0) == Some(byte);
        if found {
            self.place = self.place.saturating_add(1);
        }
        found
    }

    /// Whether `byte` and then `count` digits follow.
    fn follows(&self, byte: u8, count: usize) -> bool {
        self.peek(0) == Some(byte)
            && (1..=count).all(|ahead| self.peek(ahead).is_some_and(|b| b.is_ascii_digit()))
    }

    fn number(&mut self, count: usize, low: u32, high: u32) -> Option<u32> {
        let mut value: u32 = 0;
        for _ in 0..count {
            let digit = self.peek(0).filter(u8::is_ascii_digit)?.checked_sub(b'0')?;
            value = value.checked_mul(10)?.checked_add(u32::from(digit))?;
            self.place = self.place.saturating_add(1);
        }
        (low..=high).contains(&value).then_some(value)
    }

    fn date_time(&mut self, kind: TemporalKind) -> Option<Temporal> {
        let year = self.number(4, 1, 9999)?;
        let (mut month, mut day) = (1, 1);
        let mut precision = Precision::Year;
        if self.follows(b'-', 2) {
            self.accept(b'-');
            month = self.number(2, 1, 12)?;
            precision = Precision::Month;
            if self.follows(b'-', 2) {
                self.accept(b'-');
                day = self.number(2, 1, 31)?;
                precision = Precision::Day;
            }
        }
        let value = Temporal {
            precision,
            date: NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?,
            ..Temporal::empty(kind)
        };
        if !self.accept(b'T') {
            return Some(value);
        }
        let value = Temporal {
            kind: TemporalKind::DateTime,
            ..value
        };
        if precision < Precision::Day || !self.peek(0).is_some_and(|b| b.is_ascii_digit()) {
            return Some(value);
        }
        let value = self.time(value)?;
        Some(Temporal {
            offset: self.offset()?,
            ..value
        })
    }

    fn time(&mut self, value: Temporal) -> Option<Temporal> {
        let mut value = Temporal {
            hour: self.number(2, 0, 23)?,
            precision: Precision::Hour,
            ..value
        };
        if !self.follows(b':', 2) {
            return Some(value);
        }
        self.accept(b':');
        value.minute = self.number(2, 0, 59)?;
        value.precision = Precision::Minute;
        if !self.follows(b':', 2) {
            return Some(value);
        }
        self.accept(b':');
        // A leap second is read as the last second of its minute.
        value.second = self.number(2, 0, 60)?.min(59);
        value.precision = Precision::Second;
        if self.follows(b'.', 1) {
            self.accept(b'.');
            let mut unit = 100_000_000u32;
            while let Some(digit) = self.peek(0).filter(u8::is_ascii_digit) {
                let digit = u32::from(digit.saturating_sub(b'0'));
                value.nanos = value.nanos.saturating_add(digit.saturating_mul(unit));
                unit /= 10;
                value.digits = value.digits.saturating_add(1).min(9);
                self.place = self.place.saturating_add(1);
            }
        }
        Some(value)
    }

    /// `Some(None)` where no offset stands, `None` where it is malformed.
    fn offset(&mut self) -> Option<Option<i16>> {
        if self.accept(b'Z') {
            return Some(Some(0));
        }
        let negative = self.follows(b'-', 2);
        if !negative && !self.follows(b'+', 2) {
            return Some(None);
        }
        self.place = self.place.saturating_add(1);
        let hours = self.number(2, 0, 14)?;
        if !self.accept(b':') {
            return None;
        }
        let most = if hours == 14 { 0 } else { 59 };
        let minutes = hours
            .checked_mul(60)?
            .checked_add(self.number(2, 0, most)?)?;
        let minutes = i16::try_from(minutes).ok()?;
        Some(Some(if negative {
            minutes.checked_neg()?
        } else {
            minutes
        }))
    }
}

impl fmt::Display for Temporal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind != TemporalKind::Time {
            write!(f, "{:04}", self.date.year())?;
            if self.precision >= Precision::Month {
                write!(f, "-{:02}", self.date.month())?;
            }
            if self.precision >= Precision::Day {
                write!(f, "-{:02}", self.date.day())?;
            }
            if self.precision >= Precision::Hour {
                f.write_str("T")?;
            }
        }
        if self.precision >= Precision::Hour {
            write!(f, "{:02}", self.hour)?;
        }
        if self.precision >= Precision::Minute {
            write!(f, ":{:02}", self.minute)?;
        }
        if self.precision >= Precision::Second {
            write!(f, ":{:02}", self.second)?;
            let fraction = format!("{:09}", self.nanos);
            if self.digits > 0 {
                let digits = fraction
                    .get(..usize::from(self.digits))
                    .unwrap_or(&fraction);
                write!(f, ".{digits}")?;
            }
        }
        match self.offset {
            Some(0) => f.write_str("Z"),
            Some(offset) => {
                let sign = if offset < 0 { '-' } else { '+' };
                let minutes = offset.unsigned_abs();
                write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
            None => Ok(()),
        }
    }
}
