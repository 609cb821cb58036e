//! Quantities: a number and a unit, calendar durations among them.
//!
//! Source: FHIRPath N1 *Quantity*, *Time-valued Quantities*. Units convert as UCUM says; a calendar month or
//! year compares with its like only.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use super::decimal::Decimal;
use super::temporal::CalendarUnit;
use crate::fhir::model::value::{Object, Value};
use crate::fhir::ucum::{self, Number};

/// What follows the number.
#[derive(Clone, Debug, PartialEq)]
pub enum Unit<'a> {
    /// `day`, `years`: a word of the grammar.
    Calendar(CalendarUnit),
    /// A UCUM code.
    Ucum(Cow<'a, str>),
    /// `a` or `mo` of a FHIR Quantity: a unit of UCUM beside units of UCUM, a calendar year or month
    /// beside these and dates. Source: FHIR R4 *FHIRPath*, "Use of FHIR Quantity".
    Either(CalendarUnit),
}

/// The units of UCUM that no calendar duration compares with, because a calendar year or month has no
/// definite length.
const LONG: [&str; 8] = ["a", "a_t", "a_j", "a_g", "mo", "mo_s", "mo_j", "mo_g"];

impl Unit<'_> {
    /// As it is beside another unit.
    fn beside(&self, other: &Unit<'_>) -> Self {
        match (self, other) {
            (Unit::Either(unit), Unit::Calendar(_)) => Unit::Calendar(*unit),
            (Unit::Either(CalendarUnit::Month), _) => Unit::Ucum(Cow::Borrowed("mo")),
            (Unit::Either(_), _) => Unit::Ucum(Cow::Borrowed("a")),
            (own, _) => own.clone(),
        }
    }
}

/// A year or month of the calendar.
fn is_long(unit: CalendarUnit) -> bool {
    matches!(unit, CalendarUnit::Year | CalendarUnit::Month)
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
        // What another system calls a unit is not read as one of UCUM.
        if value
            .str_at("system")
            .is_some_and(|url| url != ucum::SYSTEM)
        {
            return None;
        }
        let code = value
            .str_at("code")
            .or_else(|| value.str_at("unit"))
            .unwrap_or("1");
        let unit = match code {
            "a" => Unit::Either(CalendarUnit::Year),
            "mo" => Unit::Either(CalendarUnit::Month),
            code => Unit::Ucum(Cow::Borrowed(code)),
        };
        Some(Self {
            value: Decimal::parse(number)?,
            unit,
        })
    }

    /// The FHIR datatype Quantity: a duration of the calendar by its word, which is no unit of UCUM.
    pub fn to_fhir(&self) -> Value {
        let unit: &str = match &self.unit {
            Unit::Ucum(code) => code,
            Unit::Either(CalendarUnit::Month) => "mo",
            Unit::Either(_) => "a",
            Unit::Calendar(unit) => unit.word(),
        };
        let mut object = Object::new();
        object.push("value", Value::Number(self.value.to_string().into()));
        object.push("unit", unit);
        if !matches!(self.unit, Unit::Calendar(_)) {
            object.push("system", ucum::SYSTEM);
            object.push("code", unit);
        }
        Value::Object(object)
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
            Unit::Either(CalendarUnit::Month) => "mo",
            Unit::Either(_) => "a",
        })
    }

    /// The value in base units, and these; `None` where the unit is none.
    fn canonical(&self) -> Option<(Number, String)> {
        let value = Number::parse(&self.value.to_string())?;
        let canonical = ucum::canonical(self.code()?)?;
        Some((canonical.value(value)?, canonical.unit))
    }

    /// Both as they are beside each other.
    fn paired(&self, other: &Self) -> (Self, Self) {
        let own = Self {
            value: self.value,
            unit: self.unit.beside(&other.unit),
        };
        let other = Self {
            value: other.value,
            unit: other.unit.beside(&self.unit),
        };
        (own, other)
    }

    /// Both values in one unit; `None` where no conversion is known.
    fn aligned(&self, other: &Self) -> Option<(Number, Number)> {
        let (a, b) = self.paired(other);
        if let (Unit::Calendar(x), Unit::Calendar(y)) = (&a.unit, &b.unit) {
            let number = |value: Decimal, unit: CalendarUnit| {
                let factor = if is_long(*x) && is_long(*y) {
                    unit.months()
                } else {
                    unit.millis()
                };
                Number::parse(&value.to_string())?.times(Number::new(i128::from(factor), 0)?)
            };
            return Some((number(a.value, *x)?, number(b.value, *y)?));
        }
        if a.is_apart(&b) {
            return None;
        }
        let ((a, base_a), (b, base_b)) = (a.canonical()?, b.canonical()?);
        (base_a == base_b).then_some((a, b))
    }

    /// Whether one is a duration of the calendar and the other one of UCUM that it does not compare with.
    pub fn is_apart(&self, other: &Self) -> bool {
        let (a, b) = self.paired(other);
        let apart = |a: &Self, b: &Self| match (&a.unit, &b.unit) {
            (Unit::Calendar(unit), Unit::Ucum(code)) => {
                let code: &str = code;
                (is_long(*unit) && ucum::comparable(code, "s")) || LONG.contains(&code)
            }
            _ => false,
        };
        apart(&a, &b) || apart(&b, &a)
    }

    /// The value of the other in the unit of this.
    fn of_other(&self, other: &Self) -> Option<Decimal> {
        if self.unit == other.unit {
            return Some(other.value);
        }
        if let (Unit::Calendar(own), Unit::Calendar(unit)) = (&self.unit, &other.unit) {
            let (from, to) = if is_long(*own) && is_long(*unit) {
                (unit.months(), own.months())
            } else {
                (unit.millis(), own.millis())
            };
            let value = other.value.times(Decimal::from_integer(from))?;
            return value.divided_by(Decimal::from_integer(to));
        }
        if self.is_apart(other) {
            return None;
        }
        let value = Number::parse(&other.value.to_string())?;
        let (own, code) = (self.code()?, other.code()?);
        // On a scale with a zero of its own a sum means nothing.
        ucum::canonical(own)?.factor()?;
        ucum::canonical(code)?.factor()?;
        Decimal::parse(&ucum::convert(value, code, own)?.to_string())
    }

    /// The same quantity in another unit: a code of UCUM or a word of the calendar.
    pub fn in_unit(&self, unit: &str) -> Option<Quantity<'static>> {
        let unit = match CalendarUnit::from_word(unit) {
            Some(unit) => Unit::Calendar(unit),
            None => Unit::Ucum(Cow::Owned(unit.to_owned())),
        };
        let wanted = Quantity {
            value: Decimal::ZERO,
            unit,
        };
        let own = Quantity {
            value: self.value,
            unit: self.unit.beside(&wanted.unit),
        };
        let value = if own.unit == wanted.unit {
            own.value
        } else if let (Unit::Ucum(from), Unit::Ucum(to)) = (&own.unit, &wanted.unit) {
            let value = Number::parse(&own.value.to_string())?;
            Decimal::parse(&ucum::convert(value, from, to)?.to_string())?
        } else {
            wanted.of_other(&Quantity {
                value: own.value,
                unit: match own.unit {
                    Unit::Ucum(code) => Unit::Ucum(Cow::Owned(code.into_owned())),
                    Unit::Calendar(unit) | Unit::Either(unit) => Unit::Calendar(unit),
                },
            })?
        };
        Some(Quantity {
            value,
            unit: wanted.unit,
        })
    }

    /// The number, where the unit is none: `1`, `kg/kg`.
    fn plain(&self) -> Option<Decimal> {
        match &self.unit {
            Unit::Ucum(code) if code == "1" => Some(self.value),
            Unit::Ucum(code) => {
                let value = Number::parse(&self.value.to_string())?;
                Decimal::parse(&ucum::convert(value, code, "1")?.to_string())
            }
            _ => None,
        }
    }

    /// Whether the unit is a scale with a zero of its own, such as Celsius or bel: a sum or a multiple of
    /// such values means nothing.
    fn is_scale(&self) -> bool {
        let Unit::Ucum(code) = &self.unit else {
            return false;
        };
        ucum::canonical(code).is_some_and(|canonical| canonical.factor().is_none())
    }

    /// The quantity times a number, or divided by it.
    pub fn scaled(&self, number: Decimal, divide: bool) -> Option<Self> {
        if self.is_scale() {
            return None;
        }
        let value = if divide {
            self.value.divided_by(number)?
        } else {
            self.value.times(number)?
        };
        Some(Self {
            value,
            unit: self.unit.clone(),
        })
    }

    /// The product, or the quotient, in the unit that results. Durations of the calendar are multiplied
    /// and divided by numbers only.
    pub fn combined(&self, other: &Self, divide: bool) -> Option<Self> {
        let apply = |a: Decimal, b: Decimal| {
            if divide { a.divided_by(b) } else { a.times(b) }
        };
        if !matches!(self.unit, Unit::Ucum(_))
            && let Some(number) = other.plain()
        {
            return self.scaled(number, divide);
        }
        if !divide
            && !matches!(other.unit, Unit::Ucum(_))
            && let Some(number) = self.plain()
        {
            return other.scaled(number, false);
        }
        let (a, b) = self.paired(other);
        let (Unit::Ucum(x), Unit::Ucum(y)) = (&a.unit, &b.unit) else {
            return None;
        };
        let unit = if divide && x == y {
            "1".to_owned()
        } else {
            ucum::combined(x, y, divide)?
        };
        Some(Self {
            value: apply(a.value, b.value)?,
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
        // A year is equivalent to a year, whoever measures it.
        if self.is_apart(other) {
            let of_calendar = |of: &Self| {
                let unit = match &of.unit {
                    Unit::Ucum(code) if code == "a" => Unit::Calendar(CalendarUnit::Year),
                    Unit::Ucum(code) if code == "mo" => Unit::Calendar(CalendarUnit::Month),
                    Unit::Ucum(code) => Unit::Calendar(CalendarUnit::from_ucum(code)?),
                    unit => unit.clone(),
                };
                let value = of.value;
                Some(Self { value, unit })
            };
            return match (of_calendar(self), of_calendar(other)) {
                (Some(a), Some(b)) => !a.is_apart(&b) && a.equivalent(&b),
                _ => false,
            };
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

    /// Sum in the finer of the two units, where they are the same or convert.
    pub fn plus(&self, other: &Self) -> Option<Self> {
        let (a, b) = self.paired(other);
        if a.is_scale() || b.is_scale() {
            return None;
        }
        let one = |of: &Self| Self {
            value: Decimal::from_integer(1),
            unit: of.unit.clone(),
        };
        let (fine, coarse) = match one(&a).compare(&one(&b)) {
            Some(Ordering::Greater) => (b, a),
            _ => (a, b),
        };
        Some(Self {
            value: fine.value.plus(fine.of_other(&coarse)?)?,
            unit: fine.unit,
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
            Unit::Calendar(unit) | Unit::Either(unit) => Some(*unit),
            Unit::Ucum(code) => CalendarUnit::from_ucum(code),
        }
    }
}

impl fmt::Display for Quantity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.unit {
            Unit::Ucum(code) => write!(f, "{} '{code}'", self.value),
            Unit::Either(CalendarUnit::Month) => write!(f, "{} 'mo'", self.value),
            Unit::Either(_) => write!(f, "{} 'a'", self.value),
            Unit::Calendar(unit) => {
                let plural = if self.value == Decimal::from_integer(1) {
                    ""
                } else {
                    "s"
                };
                write!(f, "{} {}{plural}", self.value, unit.word())
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
        check("1 month", "30 days", Some(Ordering::Equal));
        check("1 year", "1 'a'", None);
        check("1 day", "1 'a'", None);
        check("1 month", "30 'd'", None);
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
                "602 'mg/dL'",
                "12 'g/L.(mg/dL)'",
                "3 'g/L/(mg/dL)'",
            ),
            ("6 'g'", "2 '1'", "", "12 'g'", "3 'g'"),
            ("1 year", "6 months", "18 months", "", ""),
            ("1 'Cel'", "1 'K'", "", "", ""),
            ("1 day", "12 hours", "36 hours", "", ""),
            ("1 year", "2 '1'", "", "2 years", "0.5 years"),
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
        assert_eq!(
            shown(q("1 year").in_unit("seconds")),
            Some("31536000 seconds".to_owned())
        );
        assert_eq!(
            shown(q("1 'wk'").in_unit("days")),
            Some("7 days".to_owned())
        );
        for (quantity, unit) in [
            ("5 'g'", "m"),
            ("1 year", "a"),
            ("1 'a'", "year"),
            ("30 days", "mo"),
        ] {
            assert_eq!(
                shown(q(quantity).in_unit(unit)),
                None,
                "{quantity} in {unit}"
            );
        }
        let equivalent = |a: &str, b: &str| q(a).equivalent(&q(b));
        assert!(equivalent("1 year", "1 'a'") && equivalent("12 months", "1 'a'"));
        assert!(!equivalent("1 year", "1 'mo'") && !equivalent("1 year", "1 'g'"));
        assert_eq!(shown(q("1 'g'").combined(&q("0 'g'"), true)), None);
    }
}
