//! Points in time of CDA (`TS`), as FHIR writes them.
//!
//! Source: HL7 v3 data types R1, `TS`: `YYYYMMDDHHMMSS.UUUU[+|-]ZZzz`, cut anywhere;
//! FHIR R4 *dateTime*: a time needs seconds and an offset.

use chrono::{DateTime, NaiveDate};

use crate::fhir::model::value::Text;

/// A point in time with its precision and offset, in the form of a FHIR `dateTime`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timestamp(Text);

/// A reading that loses something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    Nothing,
    /// A time without offset: only the day is certain.
    NoOffset,
    /// A time without minutes, which FHIR cannot express.
    HourOnly,
}

impl Loss {
    pub(super) fn text(self) -> Option<&'static str> {
        match self {
            Loss::Nothing => None,
            Loss::NoOffset => Some("the time has no offset from UTC: only the day is kept"),
            Loss::HourOnly => Some("the time has no minutes: only the day is kept"),
        }
    }
}

impl Timestamp {
    /// Reads a `TS`. Seconds that are not given become zero, as FHIR has it.
    ///
    /// # Errors
    /// What was expected, when the text is no point in time or the calendar lacks it.
    pub fn parse(text: &str) -> Result<(Self, Loss), &'static str> {
        let text = text.trim();
        let (local, offset) = match text.find(['+', '-']) {
            Some(position) => (
                text.get(..position).unwrap_or_default(),
                text.get(position..),
            ),
            None => (text, None),
        };
        let (digits, fraction) = match local.split_once('.') {
            Some((digits, fraction)) => (digits, Some(fraction)),
            None => (local, None),
        };
        if !digits.bytes().all(|b| b.is_ascii_digit())
            || !matches!(digits.len(), 4 | 6 | 8 | 10 | 12 | 14)
        {
            return Err("expected YYYYMMDDHHMMSS, cut after any pair, found something else");
        }
        if let Some(fraction) = fraction
            && (digits.len() != 14
                || !matches!(fraction.len(), 1..=9)
                || !fraction.bytes().all(|b| b.is_ascii_digit()))
        {
            return Err("expected 1 to 9 digits as fraction of a second");
        }
        let offset = offset.map(read_offset).transpose()?;
        let part = |from: usize| digits.get(from..from.saturating_add(2));
        let year = digits.get(..4).unwrap_or_default();
        check_calendar(year, part(4), part(6))?;
        let mut out = Text::new(year);
        for part in [part(4), part(6)].into_iter().flatten() {
            out.push('-');
            out.push_str(part);
        }
        let Some(hour) = part(8) else {
            return Ok((Self(out), Loss::Nothing));
        };
        check_range(hour, 23)?;
        let Some(minute) = part(10) else {
            return Ok((Self(out), Loss::HourOnly));
        };
        check_range(minute, 59)?;
        let second = part(12).unwrap_or("00");
        check_range(second, 60)?;
        let Some(offset) = offset else {
            return Ok((Self(out), Loss::NoOffset));
        };
        for (mark, piece) in [('T', hour), (':', minute), (':', second)] {
            out.push(mark);
            out.push_str(piece);
        }
        if let Some(fraction) = fraction {
            out.push('.');
            out.push_str(fraction);
        }
        out.push_str(&offset);
        Ok((Self(out), Loss::Nothing))
    }

    /// The FHIR `dateTime`.
    pub fn date_time(&self) -> &str {
        &self.0
    }

    /// The FHIR `date`: what comes before the time.
    pub fn date(&self) -> &str {
        self.0.get(..10).unwrap_or(&self.0)
    }

    /// Whether the time of day is known, and so the instant.
    pub fn has_time(&self) -> bool {
        self.0.len() > 10
    }

    /// Whether this is certainly later than the other.
    pub fn is_after(&self, other: &Self) -> bool {
        let instant = |t: &Self| DateTime::parse_from_rfc3339(&t.0).ok();
        match (instant(self), instant(other)) {
            (Some(a), Some(b)) => a > b,
            // Of different precision: compare as far as both are known, in their own days.
            _ => {
                let (a, b) = (self.date(), other.date());
                let common = a.len().min(b.len());
                a.get(..common) > b.get(..common)
            }
        }
    }
}

/// `+HHMM`, `-HHMM` or `+HH` → `+HH:MM`, with hours up to 14.
fn read_offset(text: &str) -> Result<String, &'static str> {
    const FORM: &str = "expected an offset as +HHMM or -HHMM, up to 1400";
    let (sign, digits) = text.split_at_checked(1).ok_or(FORM)?;
    if !digits.bytes().all(|b| b.is_ascii_digit()) || !matches!(digits.len(), 2 | 4) {
        return Err(FORM);
    }
    let hours = digits.get(..2).ok_or(FORM)?;
    let minutes = digits.get(2..4).unwrap_or("00");
    if hours > "14" || minutes > "59" || (hours == "14" && minutes != "00") {
        return Err(FORM);
    }
    Ok(format!("{sign}{hours}:{minutes}"))
}

fn check_calendar(year: &str, month: Option<&str>, day: Option<&str>) -> Result<(), &'static str> {
    let number = |text: Option<&str>| text.map_or(Some(1), |text| text.parse::<u32>().ok());
    let year = year.parse::<i32>().ok().filter(|year| *year > 0);
    year.zip(number(month))
        .zip(number(day))
        .and_then(|((year, month), day)| NaiveDate::from_ymd_opt(year, month, day))
        .map(|_| ())
        .ok_or("expected a day of the calendar, found none that exists")
}

fn check_range(text: &str, most: u32) -> Result<(), &'static str> {
    match text.parse::<u32>() {
        Ok(number) if number <= most => Ok(()),
        _ => Err("expected a time of day, found none that exists"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str, loss: Loss) {
        let (time, found) = Timestamp::parse(text).unwrap();
        assert_eq!((time.date_time(), found), (expected, loss), "{text}");
    }

    #[test]
    fn offset_and_precision_are_kept() {
        check(
            "20220330112426+0100",
            "2022-03-30T11:24:26+01:00",
            Loss::Nothing,
        );
        check(
            "20220330112426.5-0330",
            "2022-03-30T11:24:26.5-03:30",
            Loss::Nothing,
        );
        check(
            "202203301124+0100",
            "2022-03-30T11:24:00+01:00",
            Loss::Nothing,
        );
        check(
            "20220330112460+00",
            "2022-03-30T11:24:60+00:00",
            Loss::Nothing,
        );
        check("19930619", "1993-06-19", Loss::Nothing);
        check("199306", "1993-06", Loss::Nothing);
        check("1993", "1993", Loss::Nothing);
        check("20220330+0100", "2022-03-30", Loss::Nothing);
    }

    #[test]
    fn what_fhir_cannot_say_is_cut_to_the_day() {
        check("20220330112426", "2022-03-30", Loss::NoOffset);
        check("2022033011+0100", "2022-03-30", Loss::HourOnly);
    }

    #[test]
    fn refused() {
        for bad in [
            "",
            "x",
            "202",
            "20223",
            "20220231",
            "20221301",
            "00000101",
            "20220330250000+0100",
            "20220330116000+0100",
            "20220330112461+0100",
            "20220330112426+1500",
            "20220330112426+01000",
            "20220330112426.+0100",
            "202203301124.5+0100",
            "2022-03-30",
            "+0100",
        ] {
            assert!(Timestamp::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn order() {
        let time = |text| Timestamp::parse(text).unwrap().0;
        assert!(time("20220330120000+0100").is_after(&time("20220330120000+0200")));
        assert!(!time("20220330").is_after(&time("20220330120000+0200")));
        assert!(time("202204").is_after(&time("20220330")));
        assert!(!time("2022").is_after(&time("20220330")));
    }
}
