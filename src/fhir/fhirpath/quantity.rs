//! Quantities: a number and a unit, calendar durations among them.
//!
//! Source: FHIRPath N1 *Quantity*, *Time-valued Quantities*. Units convert as UCUM says; a calendar month or
//! year compares with its like only.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use super::decimal::Decimal;
use super::temporal::CalendarUnit;
use crate::fhir::model::value::Value;
use crate::fhir::ucum::{self, Number};

/// What follows the number.
#[derive(Clone, Debug, PartialEq)]
pub enum Unit<'a> {
    /// `day`, `years`: a word of the grammar.
    Calendar(CalendarUnit),
    /// A UCUM code.
    Ucum(Cow<'a, str>),
}

#[derive(Clone, Debug)]
pub struct Quantity<'a> {
    pub value: Decimal,
    pub unit: Unit<'a>,
}

impl<'a> Quantity<'a> {
    /// A number without a unit, as `toQuantity()` reads it.
    pub fn unity(value: Decimal) -> Self {
        Self {
            value,
            unit: Unit::Ucum(Cow::Borrowed("1")),
        }
    }

    /// The FHIR datatype Quantity; `None` without a readable number, or with a comparator.
    pub fn from_fhir(value: &'a Value) -> Option<Self> {
        let Some(Value::Number(number)) = value.get("value") else {
            return None;
        };
        if value.get("comparator").is_some() {
            return None;
        }
        let code = value
            .str_at("code")
            .or_else(|| value.str_at("unit"))
            .unwrap_or("1");
        Some(Self {
            value: Decimal::parse(number)?,
            unit: Unit::Ucum(Cow::Borrowed(code)),
        })
    }

    /// Reads `4 days`, `1.5 'mg'` and `7`.
    pub fn parse(text: &str) -> Option<Quantity<'static>> {
        let text = text.trim();
        let end = text
            .find(|c: char| !matches!(c, '0'..='9' | '.' | '+' | '-'))
            .unwrap_or(text.len());
        let value = Decimal::parse(text.get(..end)?)?;
        let rest = text.get(end..)?.trim();
        if rest.is_empty() {
            return Some(Quantity::unity(value));
        }
        let unit = match rest
            .strip_prefix('\'')
            .and_then(|rest| rest.strip_suffix('\''))
        {
            Some(code) if !code.is_empty() => Unit::Ucum(Cow::Owned(code.to_owned())),
            Some(_) => return None,
            None => Unit::Calendar(CalendarUnit::from_word(rest)?),
        };
        Some(Quantity { value, unit })
    }

    /// The code of UCUM; a calendar month or year has none, because it has no definite length.
    fn code(&self) -> Option<&str> {
        Some(match &self.unit {
            Unit::Ucum(code) => code,
            Unit::Calendar(CalendarUnit::Week) => "wk",
            Unit::Calendar(CalendarUnit::Day) => "d",
            Unit::Calendar(CalendarUnit::Hour) => "h",
            Unit::Calendar(CalendarUnit::Minute) => "min",
            Unit::Calendar(CalendarUnit::Second) => "s",
            Unit::Calendar(CalendarUnit::Millisecond) => "ms",
            Unit::Calendar(CalendarUnit::Year | CalendarUnit::Month) => return None,
        })
    }

    /// The value in base units, and these; `None` where the unit is none.
    fn canonical(&self) -> Option<(Number, String)> {
        let value = Number::parse(&self.value.to_string())?;
        let months = match self.unit {
            Unit::Calendar(CalendarUnit::Year) => 12,
            Unit::Calendar(CalendarUnit::Month) => 1,
            _ => {
                let canonical = ucum::canonical(self.code()?)?;
                return Some((canonical.value(value)?, canonical.unit));
            }
        };
        Some((value.times(Number::new(months, 0)?)?, "month".to_owned()))
    }

    /// Both values in base units; `None` where no conversion is known.
    fn aligned(&self, other: &Self) -> Option<(Number, Number)> {
        let ((a, base_a), (b, base_b)) = (self.canonical()?, other.canonical()?);
        (base_a == base_b).then_some((a, b))
    }

    /// The value of the other in the unit of this.
    fn of_other(&self, other: &Self) -> Option<Decimal> {
        if self.unit == other.unit {
            return Some(other.value);
        }
        let value = Number::parse(&other.value.to_string())?;
        let found = match (&self.unit, &other.unit) {
            (Unit::Calendar(CalendarUnit::Month), Unit::Calendar(CalendarUnit::Year)) => {
                value.times(Number::new(12, 0)?)?
            }
            (Unit::Calendar(CalendarUnit::Year), Unit::Calendar(CalendarUnit::Month)) => {
                value.divided_by(Number::new(12, 0)?)?
            }
            _ => {
                let (own, code) = (self.code()?, other.code()?);
                // On a scale with a zero of its own a sum means nothing.
                ucum::canonical(own)?.factor()?;
                ucum::canonical(code)?.factor()?;
                ucum::convert(value, code, own)?
            }
        };
        Decimal::parse(&found.to_string())
    }

    /// The same quantity in a unit of UCUM.
    pub fn in_unit(&self, code: &str) -> Option<Quantity<'static>> {
        let value = Number::parse(&self.value.to_string())?;
        let found = ucum::convert(value, self.code()?, code)?;
        Some(Quantity {
            value: Decimal::parse(&found.to_string())?,
            unit: Unit::Ucum(Cow::Owned(code.to_owned())),
        })
    }

    /// The product, or the quotient, in the unit that results.
    pub fn combined(&self, other: &Self, divide: bool) -> Option<Self> {
        let value = if divide {
            self.value.divided_by(other.value)?
        } else {
            self.value.times(other.value)?
        };
        let unit = if divide && self.unit == other.unit {
            "1".to_owned()
        } else {
            ucum::combined(self.code()?, other.code()?, divide)?
        };
        Some(Self {
            value,
            unit: Unit::Ucum(Cow::Owned(unit)),
        })
    }

    /// `None` where the units do not convert.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        if self.unit == other.unit {
            return Some(self.value.cmp(&other.value));
        }
        let (a, b) = self.aligned(other)?;
        a.compare(b)
    }

    /// Equal to the precision of the less precise one.
    pub fn equivalent(&self, other: &Self) -> bool {
        if self.unit == other.unit {
            return self.value == other.value || self.value.equivalent(other.value);
        }
        let decimal = |number: Number| Decimal::parse(&number.to_string());
        let aligned = self.aligned(other);
        let Some((a, b)) = aligned.and_then(|(a, b)| Some((decimal(a)?, decimal(b)?))) else {
            return self.compare(other) == Some(Ordering::Equal);
        };
        // The precision of a converted value is that of its digits, counted in the larger unit.
        a == b || {
            let ratio = |x: Decimal, own: Decimal| x.divided_by(own);
            match (ratio(a, self.value), ratio(b, other.value)) {
                (Some(unit_a), Some(unit_b)) => {
                    let unit = unit_a.max(unit_b);
                    match (a.divided_by(unit), b.divided_by(unit)) {
                        (Some(a), Some(b)) => a.equivalent(b),
                        _ => false,
                    }
                }
                _ => false,
            }
        }
    }

    /// Whether the two can be compared at all.
    pub fn comparable(&self, other: &Self) -> bool {
        self.unit == other.unit || self.aligned(other).is_some()
    }

    /// Sum in the unit of the first, where the units are the same or convert.
    pub fn plus(&self, other: &Self) -> Option<Self> {
        Some(Self {
            value: self.value.plus(self.of_other(other)?)?,
            unit: self.unit.clone(),
        })
    }

    /// The same quantity with the other sign.
    pub fn negated(&self) -> Option<Self> {
        Some(Self {
            value: self.value.negated()?,
            unit: self.unit.clone(),
        })
    }

    /// The calendar unit for date arithmetic; `None` for units of no definite duration.
    pub fn calendar_unit(&self) -> Option<CalendarUnit> {
        match &self.unit {
            Unit::Calendar(unit) => Some(*unit),
            Unit::Ucum(code) => CalendarUnit::from_ucum(code),
        }
    }
}

impl fmt::Display for Quantity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.unit {
            Unit::Ucum(code) => write!(f, "{} '{code}'", self.value),
            Unit::Calendar(unit) => {
                let word = match unit {
                    CalendarUnit::Year => "year",
                    CalendarUnit::Month => "month",
                    CalendarUnit::Week => "week",
                    CalendarUnit::Day => "day",
                    CalendarUnit::Hour => "hour",
                    CalendarUnit::Minute => "minute",
                    CalendarUnit::Second => "second",
                    CalendarUnit::Millisecond => "millisecond",
                };
                let plural = if self.value == Decimal::from_integer(1) {
                    ""
                } else {
                    "s"
                };
                write!(f, "{} {word}{plural}", self.value)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(a: &str, b: &str, expected: Option<Ordering>) {
        let (a, b) = (Quantity::parse(a).unwrap(), Quantity::parse(b).unwrap());
        assert_eq!(a.compare(&b), expected, "{a} against {b}");
    }

    #[test]
    fn units_convert_where_known() {
        check("4 'g'", "4000 'mg'", Some(Ordering::Equal));
        check("7 days", "1 'wk'", Some(Ordering::Equal));
        check("1 year", "12 months", Some(Ordering::Equal));
        check("1 year", "1 'a'", None);
        check("1 'cm'", "1 's'", None);
        check("1 'cm'", "1 '[in_i]'", Some(Ordering::Less));
        check("98.6 '[degF]'", "37 'Cel'", Some(Ordering::Equal));
        check("1 'mmol/L'", "1000 'umol/L'", Some(Ordering::Equal));
        check("1 'nonsense'", "1 'nonsense'", Some(Ordering::Equal));
        check("1 'nonsense'", "1 'g'", None);
        check("185 '[lb_av]'", "200 '[lb_av]'", Some(Ordering::Less));
        let (a, b) = (Quantity::parse("4 'g'"), Quantity::parse("4040 'mg'"));
        assert!(a.unwrap().equivalent(&b.unwrap()));
        for bad in ["1 wk", "1.a", "", "1 ''", "x"] {
            assert!(Quantity::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn quantities_combine() {
        let q = |text: &str| Quantity::parse(text).unwrap();
        let shown = |found: Option<Quantity<'_>>| found.map(|found| found.to_string());
        for (a, b, sum, product, quotient) in [
            ("2 'cm'", "2 'm'", "202 'cm'", "4 'cm.m'", "1 'cm/m'"),
            ("6 'g'", "2 'g'", "8 'g'", "12 'g.g'", "3 '1'"),
            (
                "6 'g/L'",
                "2 'mg/dL'",
                "6.02 'g/L'",
                "12 'g/L.(mg/dL)'",
                "3 'g/L/(mg/dL)'",
            ),
            ("6 'g'", "2 '1'", "", "12 'g'", "3 'g'"),
            ("1 year", "6 months", "1.5 years", "", ""),
            ("1 'Cel'", "1 'K'", "", "", ""),
            (
                "1 day",
                "12 hours",
                "1.5 days",
                "12 'd.h'",
                "0.08333333333333333333 'd/h'",
            ),
        ] {
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            let (x, y) = (q(a), q(b));
            assert_eq!(shown(x.plus(&y)), some(sum), "{a} + {b}");
            assert_eq!(shown(x.combined(&y, false)), some(product), "{a} * {b}");
            assert_eq!(shown(x.combined(&y, true)), some(quotient), "{a} / {b}");
        }
        assert_eq!(
            shown(q("5 'g'").in_unit("mg")),
            Some("5000 'mg'".to_owned())
        );
        assert_eq!(
            shown(q("37 'Cel'").in_unit("K")),
            Some("310.15 'K'".to_owned())
        );
        assert_eq!(shown(q("5 'g'").in_unit("m")), None);
        assert_eq!(shown(q("1 'g'").combined(&q("0 'g'"), true)), None);
    }
}
