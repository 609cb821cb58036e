//! FHIR dates of any precision, and the time they cover.
//!
//! Source: FHIR R4 *Data Types* (date, dateTime, instant) and *Search* (date).
//! A value such as `2025-03` is not an instant but a stretch of time, and search compares
//! stretches. Clock and local time zone are deliberately absent: a value without offset is read in
//! the zone the caller passes in.

use std::fmt;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Timelike, Utc};

use super::primitive::form_of;

const SECOND: i64 = 1_000_000;
/// The last microsecond of the year 9999, the first of the year 1.
const LAST: i64 = 253_402_300_799_999_999;
const FIRST: i64 = -62_135_596_800_000_000;

/// A half-open stretch of time, `[low, high)`, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    pub low: i64,
    pub high: i64,
}

/// Why a text is no date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DateError {
    /// Not of the form; `found` is the form of the text with its letters and digits masked.
    Shape {
        expected: &'static str,
        found: String,
    },
    /// Well formed, but the calendar lacks the day.
    NoSuchDay,
    /// Well formed, but no clock shows the time, or no zone has the offset.
    NoSuchTime,
}

impl fmt::Display for DateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape { expected, found } => write!(f, "expected {expected}, found {found}"),
            Self::NoSuchDay => f.write_str("expected a day of the calendar, found one it lacks"),
            Self::NoSuchTime => f.write_str(
                "expected a time of the day and an offset of at most 14:00, found neither",
            ),
        }
    }
}

impl std::error::Error for DateError {}

/// A date as it was written, with what was left out absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartialDate {
    /// 1 to 9999.
    pub year: u16,
    pub month: Option<u8>,
    pub day: Option<u8>,
    pub time: Option<PartialTime>,
    /// Minutes east of UTC.
    pub offset: Option<i16>,
}

/// The time of a day as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartialTime {
    pub hour: u8,
    pub minute: u8,
    /// Absent only in search values; 60 is a leap second.
    pub second: Option<u8>,
    /// Microseconds; further digits are cut off.
    pub micros: u32,
    /// How many digits the fraction was written with; 0 for none.
    pub digits: u8,
}

/// The three datatypes and the form that search allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateKind {
    /// `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
    Date,
    /// A date, or a date with a time to the second and an offset.
    DateTime,
    /// A date with a time to the second and an offset.
    Instant,
    /// A dateTime that may end at the minute and lack the offset.
    Search,
}

impl DateKind {
    fn expected(self) -> &'static str {
        match self {
            Self::Date => "YYYY, YYYY-MM or YYYY-MM-DD",
            Self::DateTime => "YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss+zz:zz",
            Self::Instant => "YYYY-MM-DDThh:mm:ss.sss+zz:zz",
            Self::Search => "YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm[:ss][+zz:zz]",
        }
    }
}

/// Reads a date of one kind.
///
/// # Errors
/// `Shape` if `text` is none of its forms; `NoSuchDay`, `NoSuchTime` if it names none.
pub fn parse(text: &str, kind: DateKind) -> Result<PartialDate, DateError> {
    let shape = || DateError::Shape {
        expected: kind.expected(),
        found: form_of(text),
    };
    let date = scan(text).ok_or_else(shape)?;
    let fits = match kind {
        DateKind::Date => date.time.is_none(),
        DateKind::DateTime => date.time.is_none() || is_exact(&date),
        DateKind::Instant => date.time.is_some() && is_exact(&date),
        DateKind::Search => true,
    };
    if !fits {
        return Err(shape());
    }
    let (month, day) = (date.month.unwrap_or(1), date.day.unwrap_or(1));
    if date.year == 0 || first_day(date.year, month, day).is_none() {
        return Err(DateError::NoSuchDay);
    }
    let time_exists = date.time.is_none_or(|time| time.exists());
    let offset_exists = date
        .offset
        .is_none_or(|offset| (-14 * 60..=14 * 60).contains(&offset));
    if !time_exists || !offset_exists {
        return Err(DateError::NoSuchTime);
    }
    Ok(date)
}

/// Returns the time covered by a `date`, `dateTime`, `instant` or date of a search.
///
/// The width is that of the precision of `text`: a year, month, day, minute, second or fraction of
/// a second. Without an offset the value is read in `zone`; a day is then 23 or 25 hours long when
/// the zone changes its clocks.
///
/// # Errors
/// As [`parse`] of [`DateKind::Search`].
///
/// ```
/// # use fascicolo::fhir::model::date::range;
/// let march = range("2025-03", &chrono::Utc).unwrap();
/// assert_eq!(march.high - march.low, 31 * 86_400_000_000);
/// ```
pub fn range<Z: TimeZone>(text: &str, zone: &Z) -> Result<TimeRange, DateError> {
    parse(text, DateKind::Search)?
        .range(zone)
        .ok_or(DateError::NoSuchTime)
}

/// Reads an `instant`, in microseconds since 1970-01-01T00:00:00Z; further digits are cut off.
///
/// # Errors
/// As [`parse`] of [`DateKind::Instant`].
pub fn parse_instant(text: &str) -> Result<i64, DateError> {
    parse(text, DateKind::Instant)?
        .range(&Utc)
        .map(|range| range.low)
        .ok_or(DateError::NoSuchTime)
}

/// Writes an instant with six digits of fraction: `2026-01-10T09:00:00.000000Z`.
///
/// What is outside the years 0001–9999 becomes the first or last instant within.
pub fn format_instant(micros: i64) -> String {
    let micros = micros.clamp(FIRST, LAST);
    let moment = DateTime::<Utc>::from_timestamp_micros(micros).unwrap_or_default();
    let mut text = String::with_capacity(27);
    digits(&mut text, u32::try_from(moment.year()).unwrap_or(1), 1000);
    for (mark, number) in [
        ('-', moment.month()),
        ('-', moment.day()),
        ('T', moment.hour()),
        (':', moment.minute()),
        (':', moment.second()),
    ] {
        text.push(mark);
        digits(&mut text, number, 10);
    }
    text.push('.');
    digits(&mut text, moment.timestamp_subsec_micros(), 100_000);
    text.push('Z');
    text
}

/// Checks a `time`: `hh:mm:ss` with or without a fraction.
///
/// # Errors
/// `Shape` or `NoSuchTime`.
pub fn check_time(text: &str) -> Result<(), DateError> {
    let mut scan = Scan(text.as_bytes());
    let time = scan
        .time()
        .filter(|time| scan.0.is_empty() && time.second.is_some())
        .ok_or_else(|| DateError::Shape {
            expected: "hh:mm:ss",
            found: form_of(text),
        })?;
    if time.exists() {
        Ok(())
    } else {
        Err(DateError::NoSuchTime)
    }
}

impl PartialTime {
    fn exists(&self) -> bool {
        self.hour < 24 && self.minute < 60 && self.second.unwrap_or(0) <= 60
    }
}

impl PartialDate {
    /// The time covered; `None` only where the calendar ends.
    pub fn range<Z: TimeZone>(&self, zone: &Z) -> Option<TimeRange> {
        let day = first_day(self.year, self.month.unwrap_or(1), self.day.unwrap_or(1))?;
        let Some(time) = self.time else {
            let after = match (self.month, self.day) {
                (None, _) => NaiveDate::from_ymd_opt(day.year().checked_add(1)?, 1, 1),
                (Some(_), None) => day.checked_add_months(chrono::Months::new(1)),
                _ => day.succ_opt(),
            }?;
            return Some(TimeRange {
                low: in_zone(day.and_hms_opt(0, 0, 0)?, self.offset, zone)?,
                high: in_zone(after.and_hms_opt(0, 0, 0)?, self.offset, zone)?,
            });
        };
        // A leap second is the first second of the next minute, as chrono has none.
        let minute = day.and_hms_opt(u32::from(time.hour), u32::from(time.minute), 0)?;
        let second = i64::from(time.second.unwrap_or(0));
        let low = in_zone(minute, self.offset, zone)?
            .checked_add(second.checked_mul(SECOND)?)?
            .checked_add(i64::from(time.micros))?;
        let width = match (time.second, time.digits) {
            (None, _) => 60 * SECOND,
            (Some(_), 0) => SECOND,
            (Some(_), digits) => 10i64.pow(6u32.saturating_sub(u32::from(digits))),
        };
        Some(TimeRange {
            low,
            high: low.checked_add(width)?,
        })
    }
}

/// A local time in microseconds UTC. What occurs twice is taken at its first occurrence; what the
/// zone skips is moved to the end of the gap.
fn in_zone<Z: TimeZone>(local: NaiveDateTime, offset: Option<i16>, zone: &Z) -> Option<i64> {
    if let Some(offset) = offset {
        let utc = local.checked_sub_signed(TimeDelta::minutes(i64::from(offset)))?;
        return Some(utc.and_utc().timestamp_micros());
    }
    // Gaps are at most a day (Samoa, 2011), nearly always an hour.
    (0i64..=24 * 60).step_by(30).find_map(|minutes| {
        let moved = local.checked_add_signed(TimeDelta::minutes(minutes))?;
        let found = zone.from_local_datetime(&moved).earliest()?;
        Some(found.timestamp_micros())
    })
}

fn first_day(year: u16, month: u8, day: u8) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(i32::from(year), u32::from(month), u32::from(day))
}

/// A time to the second, with an offset.
fn is_exact(date: &PartialDate) -> bool {
    date.time.is_some_and(|time| time.second.is_some()) && date.offset.is_some()
}

/// Reads the form; whether day and time exist is for the caller to say.
fn scan(text: &str) -> Option<PartialDate> {
    let mut scan = Scan(text.as_bytes());
    let mut date = PartialDate {
        year: scan.number(4)?,
        month: None,
        day: None,
        time: None,
        offset: None,
    };
    if scan.eat(b'-') {
        date.month = Some(scan.two()?);
        if scan.eat(b'-') {
            date.day = Some(scan.two()?);
            if scan.eat(b'T') {
                date.time = Some(scan.time()?);
                date.offset = scan.offset()?;
            }
        }
    }
    scan.0.is_empty().then_some(date)
}

/// The bytes that are still to be read.
struct Scan<'a>(&'a [u8]);

impl Scan<'_> {
    fn eat(&mut self, byte: u8) -> bool {
        match self.0.split_first() {
            Some((first, rest)) if *first == byte => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn digit(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        let digit = first.checked_sub(b'0').filter(|digit| *digit < 10)?;
        self.0 = rest;
        Some(digit)
    }

    /// A number of exactly `width` digits, at most 4.
    fn number(&mut self, width: usize) -> Option<u16> {
        let mut number = 0u16;
        for _ in 0..width {
            number = number
                .checked_mul(10)?
                .checked_add(u16::from(self.digit()?))?;
        }
        Some(number)
    }

    fn two(&mut self) -> Option<u8> {
        u8::try_from(self.number(2)?).ok()
    }

    fn time(&mut self) -> Option<PartialTime> {
        let hour = self.two()?;
        if !self.eat(b':') {
            return None;
        }
        let mut time = PartialTime {
            hour,
            minute: self.two()?,
            second: None,
            micros: 0,
            digits: 0,
        };
        if self.eat(b':') {
            time.second = Some(self.two()?);
            if self.eat(b'.') {
                let mut place = 100_000u32;
                while let Some(digit) = self.digit() {
                    time.micros = time
                        .micros
                        .saturating_add(u32::from(digit).saturating_mul(place));
                    place /= 10;
                    time.digits = time.digits.saturating_add(1);
                }
                if time.digits == 0 {
                    return None;
                }
            }
        }
        Some(time)
    }

    /// `Z`, `+hh:mm`, `-hh:mm`, or nothing. A part that no clock has makes it too large to pass.
    fn offset(&mut self) -> Option<Option<i16>> {
        if self.0.is_empty() {
            return Some(None);
        }
        if self.eat(b'Z') {
            return Some(Some(0));
        }
        let west = self.eat(b'-');
        if !west && !self.eat(b'+') {
            return None;
        }
        let hours = i16::from(self.two()?);
        if !self.eat(b':') {
            return None;
        }
        let minutes = i16::from(self.two()?);
        let total = if minutes < 60 {
            hours.saturating_mul(60).saturating_add(minutes)
        } else {
            i16::MAX
        };
        Some(Some(if west { total.saturating_neg() } else { total }))
    }
}

/// Appends a number with leading zeros; `place` is the value of the first digit.
fn digits(text: &mut String, number: u32, mut place: u32) {
    // Ends when no place is left.
    while let Some(upper) = number.checked_div(place) {
        text.push(char::from_digit(upper % 10, 10).unwrap_or('0'));
        place /= 10;
    }
}

#[cfg(test)]
#[path = "date_tests.rs"]
mod tests;
