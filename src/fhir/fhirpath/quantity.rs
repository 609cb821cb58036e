//! Quantities: a number and a unit, calendar durations among them.
//!
//! Source: FHIRPath N1 *Quantity*, *Time-valued Quantities*. Units convert within the metric
//! prefixes of a few base units and among the durations of definite length; other units compare
//! only with themselves.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use super::decimal::Decimal;
use super::temporal::CalendarUnit;
use crate::fhir::model::value::Value;

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

    /// The value in this unit's base, and the base; `None` where the unit is not known here.
    fn canonical(&self) -> Option<(Decimal, &'static str)> {
        let duration = match &self.unit {
            Unit::Calendar(unit) => Some(*unit),
            Unit::Ucum(code) => CalendarUnit::from_ucum(code),
        };
        let (factor, base) = match duration {
            Some(CalendarUnit::Year) => ("12", "month"),
            Some(CalendarUnit::Month) => ("1", "month"),
            Some(CalendarUnit::Week) => ("604800", "s"),
            Some(CalendarUnit::Day) => ("86400", "s"),
            Some(CalendarUnit::Hour) => ("3600", "s"),
            Some(CalendarUnit::Minute) => ("60", "s"),
            Some(CalendarUnit::Second) => ("1", "s"),
            Some(CalendarUnit::Millisecond) => ("0.001", "s"),
            None => match &self.unit {
                Unit::Ucum(code) => metric(code)?,
                Unit::Calendar(_) => return None,
            },
        };
        Some((self.value.times(Decimal::parse(factor)?)?, base))
    }

    /// Both values in one unit; `None` where no conversion is known.
    fn aligned(&self, other: &Self) -> Option<(Decimal, Decimal)> {
        if self.unit == other.unit {
            return Some((self.value, other.value));
        }
        let ((a, base_a), (b, base_b)) = (self.canonical()?, other.canonical()?);
        (base_a == base_b).then_some((a, b))
    }

    /// `None` where the units do not convert.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        self.aligned(other).map(|(a, b)| a.cmp(&b))
    }

    /// Equal to the precision of the less precise one.
    pub fn equivalent(&self, other: &Self) -> bool {
        let Some((a, b)) = self.aligned(other) else {
            return false;
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
        self.aligned(other).is_some()
    }

    /// Sum in the unit of the first, where the units are the same or convert.
    pub fn plus(&self, other: &Self) -> Option<Self> {
        if self.unit == other.unit {
            return Some(Self {
                value: self.value.plus(other.value)?,
                unit: self.unit.clone(),
            });
        }
        let (a, b) = self.aligned(other)?;
        let factor = if self.value.is_zero() {
            return None;
        } else {
            a.divided_by(self.value)?
        };
        Some(Self {
            value: self.value.plus(b.divided_by(factor)?)?,
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

/// Factor and base of a metric unit: gram, metre, litre or mole with a common prefix.
fn metric(code: &str) -> Option<(&'static str, &'static str)> {
    let (base, prefix) = [
        ("mol", "mol"),
        ("g", "g"),
        ("m", "m"),
        ("L", "L"),
        ("l", "L"),
    ]
    .iter()
    .find_map(|(suffix, base)| Some((*base, code.strip_suffix(suffix)?)))?;
    let factor = match prefix {
        "" => "1",
        "k" => "1000",
        "d" => "0.1",
        "c" => "0.01",
        "m" => "0.001",
        "u" => "0.000001",
        "n" => "0.000000001",
        _ => return None,
    };
    Some((factor, base))
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
        check("185 '[lb_av]'", "200 '[lb_av]'", Some(Ordering::Less));
        let (a, b) = (Quantity::parse("4 'g'"), Quantity::parse("4040 'mg'"));
        assert!(a.unwrap().equivalent(&b.unwrap()));
        for bad in ["1 wk", "1.a", "", "1 ''", "x"] {
            assert!(Quantity::parse(bad).is_none(), "{bad}");
        }
    }
}
