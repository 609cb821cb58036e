//! Dates, numbers and quantities as closed intervals of integers.
//!
//! Source: FHIR R4 search.html#date, #number, #quantity, #prefix. A date is the time it covers, in
//! microseconds; a number is a point, in an order-preserving form of its binary value.

use chrono::Utc;

use super::values;
use crate::fhir::fhirpath::Item;
use crate::fhir::model::date;
use crate::fhir::model::value::Value;
use crate::fhir::ucum::{self, Canonical};

/// What an interval is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Class {
    /// A time that is not longer than that of this number in [`LENGTHS`].
    Time(usize),
    /// A number, whatever its unit.
    Number,
    /// A range of numbers, whatever their unit.
    Wide,
    /// A number of one unit.
    Unit(String),
    /// A range of numbers of one unit.
    WideUnit(String),
    /// Of a position two axes, which are no interval: `near`.
    Plane,
    /// Of a position the third axis.
    Axis,
}

/// The number of [`Class::Plane`].
pub const PLANE: i64 = 32;
/// The number of [`Class::Axis`].
pub const AXIS: i64 = 33;

const DAY: i64 = 86_400_000_000;
/// Lengths of times, so that the ones that reach into a period are found near its beginning.
pub const LENGTHS: [i64; 4] = [DAY, 32 * DAY, 366 * DAY, i64::MAX];

impl Class {
    /// The number kept in the index; `hash` makes one of a unit.
    pub fn number(&self, hash: impl Fn(&str) -> i64) -> i64 {
        match self {
            Class::Time(index) => i64::try_from(*index).unwrap_or(0),
            Class::Number => 16,
            Class::Wide => 17,
            Class::Plane => PLANE,
            Class::Axis => AXIS,
            Class::Unit(unit) => hash(&format!("u|{unit}")),
            Class::WideUnit(unit) => hash(&format!("w|{unit}")),
        }
    }

    /// The greatest length of its intervals.
    pub fn length(&self) -> i64 {
        match self {
            Class::Time(index) => LENGTHS.get(*index).copied().unwrap_or(i64::MAX),
            Class::Number | Class::Unit(_) | Class::Axis => 0,
            Class::Wide | Class::WideUnit(_) | Class::Plane => i64::MAX,
        }
    }
}

/// An interval to be found by; both ends belong to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundInterval {
    pub class: Class,
    pub low: i64,
    pub high: i64,
}

/// The classes of times.
pub fn times() -> Vec<Class> {
    (0..LENGTHS.len()).map(Class::Time).collect()
}

fn time(low: i64, high: i64) -> FoundInterval {
    let length = high.saturating_sub(low);
    let class = LENGTHS
        .iter()
        .position(|longest| length <= *longest)
        .unwrap_or(LENGTHS.len().saturating_sub(1));
    FoundInterval {
        class: Class::Time(class),
        low,
        high,
    }
}

/// The time that a date, dateTime or instant covers, both ends included.
pub fn covered(text: &str) -> Option<(i64, i64)> {
    let range = date::range(text, &Utc).ok()?;
    Some((range.low, range.high.saturating_sub(1)))
}

/// The times of an item: of a date, dateTime, instant, Period or Timing.
pub fn dates(item: &Item<'_>, out: &mut Vec<FoundInterval>) {
    let text = |text: &str, out: &mut Vec<FoundInterval>| {
        if let Some((low, high)) = covered(text) {
            out.push(time(low, high));
        }
    };
    match item {
        Item::String(value) => text(value, out),
        Item::Node(node) => match node.value {
            Value::String(value) => text(value, out),
            value @ Value::Object(_) => {
                period(value, out);
                timing(value, out);
            }
            _ => {}
        },
        _ => {}
    }
}

/// Of a Timing the outer limits count.
fn timing(value: &Value, out: &mut Vec<FoundInterval>) {
    let mut found = Vec::new();
    for event in value.items_at("event").iter().filter_map(Value::as_str) {
        found.extend(covered(event).map(|(low, high)| time(low, high)));
    }
    let repeat = value.get("repeat");
    if let Some(bounds) = repeat.and_then(|repeat| repeat.get("boundsPeriod")) {
        period(bounds, &mut found);
    }
    let low = found.iter().map(|time| time.low).min();
    let high = found.iter().map(|time| time.high).max();
    if let (Some(low), Some(high)) = (low, high) {
        out.push(time(low, high));
    }
}

/// An end that is missing is open.
fn period(value: &Value, out: &mut Vec<FoundInterval>) {
    let (start, end) = (value.str_at("start"), value.str_at("end"));
    if start.is_none() && end.is_none() {
        return;
    }
    let low = start.map_or(Some(i64::MIN), |text| covered(text).map(|range| range.0));
    let high = end.map_or(Some(i64::MAX), |text| covered(text).map(|range| range.1));
    if let (Some(low), Some(high)) = (low, high)
        && low <= high
    {
        out.push(time(low, high));
    }
}

/// A binary number in an integer that keeps its order.
pub fn ordered(number: f64) -> i64 {
    // Both zeros are one.
    let bits = i64::from_be_bytes((number + 0.0).to_bits().to_be_bytes());
    if bits < 0 { bits ^ i64::MAX } else { bits }
}

/// The numbers of an item.
pub fn numbers(item: &Item<'_>, out: &mut Vec<FoundInterval>) {
    match item {
        Item::Integer(value) => point(&value.to_string(), &[], out),
        Item::Decimal(value) => out.push(FoundInterval {
            class: Class::Number,
            low: ordered(value.to_f64()),
            high: ordered(value.to_f64()),
        }),
        Item::Node(node) => match node.value {
            Value::Number(text) => point(text, &[], out),
            value @ Value::Object(_) => range(value, out),
            _ => {}
        },
        _ => {}
    }
}

/// The numbers of a Quantity, Money or Range, with and without their units.
pub fn quantities(item: &Item<'_>, out: &mut Vec<FoundInterval>) {
    let Item::Node(node) = item else {
        return numbers(item, out);
    };
    match node.value {
        Value::Number(text) => point(text, &[], out),
        value @ Value::Object(_) => {
            if let Some(Value::Number(text)) = value.get("value") {
                point(text, &units(value), out);
            } else {
                range(value, out);
            }
        }
        _ => {}
    }
}

fn point(text: &str, units: &[Unit], out: &mut Vec<FoundInterval>) {
    let mut push = |class, number| {
        let at = ordered(number);
        out.push(FoundInterval {
            class,
            low: at,
            high: at,
        });
    };
    let Some(number) = finite(text) else {
        return;
    };
    push(Class::Number, number);
    for unit in units {
        if let Some(number) = unit.place(text) {
            push(Class::Unit(unit.key.clone()), number);
        }
    }
}

/// A Range or SampledData-like object with `low` and `high`.
fn range(value: &Value, out: &mut Vec<FoundInterval>) {
    let end = |name: &str| {
        let end = value.get(name)?;
        match end.get("value") {
            Some(Value::Number(text)) => Some((end, text.as_str())),
            _ => None,
        }
    };
    let (low, high) = (end("low"), end("high"));
    let Some((first, _)) = low.or(high) else {
        return;
    };
    let mut push = |class, low: Option<f64>, high: Option<f64>| {
        let from = low.map_or(i64::MIN, ordered);
        let to = high.map_or(i64::MAX, ordered);
        if from <= to {
            out.push(FoundInterval {
                class,
                low: from,
                high: to,
            });
        }
    };
    let plain = |end: Option<(&Value, &str)>| end.and_then(|(_, text)| finite(text));
    push(Class::Wide, plain(low), plain(high));
    for unit in units(first) {
        // Each end in its own unit, as long as both measure the same.
        let place = |end: Option<(&Value, &str)>| match end {
            None => Some(None),
            Some((end, text)) => {
                let own = units(end).into_iter().find(|own| own.key == unit.key)?;
                own.place(text).map(Some)
            }
        };
        if let (Some(low), Some(high)) = (place(low), place(high)) {
            push(Class::WideUnit(unit.key.clone()), low, high);
        }
    }
}

fn finite(text: &str) -> Option<f64> {
    // What is too large for a binary number is at its end (IN-10).
    let number: f64 = text.parse().ok()?;
    (!number.is_nan()).then(|| number.clamp(f64::MIN, f64::MAX))
}

const CURRENCIES: &str = "urn:iso:std:iso:4217";

/// What a number is compared within: the unit as it is written, or for units of UCUM the base units it
/// is made of.
#[derive(Clone, Debug)]
pub struct Unit {
    /// The normalised form; of base units when there are such.
    pub key: String,
    canonical: Option<Canonical>,
}

impl Unit {
    /// A unit as it is written, whatever its system.
    pub fn printed(code: &str) -> Self {
        Self {
            key: values::code(code),
            canonical: None,
        }
    }

    /// A unit of a system.
    pub fn coded(system: &str, code: &str) -> Self {
        let canonical = (system == ucum::SYSTEM)
            .then(|| ucum::canonical(code))
            .flatten();
        let code = canonical.as_ref().map_or(code, |found| found.unit.as_str());
        Self {
            key: values::coded(system, code),
            canonical,
        }
    }

    /// No unit, beside another value of the element.
    pub fn joined(key: String) -> Self {
        Self {
            key,
            canonical: None,
        }
    }

    /// The same unit beside another value of its element.
    pub fn beside(&self, key: impl FnOnce(&str) -> String) -> Self {
        Self {
            key: key(&self.key),
            canonical: self.canonical.clone(),
        }
    }

    /// Where a number of this unit stands.
    fn place(&self, text: &str) -> Option<f64> {
        match &self.canonical {
            None => finite(text),
            Some(canonical) => canonical.value(ucum::Number::parse(text)?)?.to_f64(),
        }
    }
}

/// The units by which a quantity is found: code with system, code alone, and the printed unit.
fn units(value: &Value) -> Vec<Unit> {
    if let Some(currency) = value.str_at("currency") {
        return vec![Unit::coded(CURRENCIES, currency), Unit::printed(currency)];
    }
    let mut found = Vec::new();
    if let Some(code) = value.str_at("code") {
        found.push(Unit::coded(value.str_at("system").unwrap_or(""), code));
        found.push(Unit::printed(code));
    }
    if let Some(unit) = value.str_at("unit") {
        let unit = Unit::printed(unit);
        if !found.iter().any(|other| other.key == unit.key) {
            found.push(unit);
        }
    }
    found
}

/// A number as a client wrote it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number {
    value: ucum::Number,
    /// Half a unit of the last figure away on both sides: `5.4` is equal to 5.35 up to, not including,
    /// 5.45.
    around: (ucum::Number, ucum::Number),
}

impl Number {
    /// Where the number stands, and what is equal to it by its significant figures, in base units where it
    /// is of a unit.
    pub fn bounds(&self, unit: Option<&Unit>) -> Option<(i64, (i64, i64))> {
        let (low, high) = self.around;
        let covers = (place(low, unit)?, place(high, unit)?.saturating_sub(1));
        Some((place(self.value, unit)?, covers))
    }

    /// What is a tenth of the number away at most.
    pub fn nearly(&self, unit: Option<&Unit>) -> Option<(i64, i64)> {
        let (mantissa, exponent) = self.value.parts();
        let tenth = ucum::Number::new(mantissa.checked_abs()?, exponent.checked_sub(1)?)?;
        let low = self.value.plus(tenth.negated()?)?;
        Some((place(low, unit)?, place(self.value.plus(tenth)?, unit)?))
    }
}

fn place(number: ucum::Number, unit: Option<&Unit>) -> Option<i64> {
    let number = match unit.and_then(|unit| unit.canonical.as_ref()) {
        None => finite(&number.to_string())?,
        Some(canonical) => canonical.value(number)?.to_f64()?,
    };
    Some(ordered(number))
}

/// Reads a number of a search value; `None` when it is none.
pub fn number(text: &str) -> Option<Number> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    if !(-300..=300).contains(&exponent) || text.len() > 64 {
        return None;
    }
    let (negative, digits) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all(whole) || !all(fraction) || digits.ends_with('.') {
        return None;
    }
    // 5.4 is 54 tenths; its neighbours half a tenth away are 535 and 545 hundredths.
    // R4 takes one figure more where there is none behind the point: `1e2` covers 95 up to 105.
    let scientific = fraction.is_empty() && text.contains(['e', 'E']);
    let figures = if scientific { "00" } else { "0" };
    let whole: i128 = format!("{whole}{fraction}{figures}").parse().ok()?;
    let scale = exponent
        .checked_sub(i32::try_from(fraction.len()).ok()?)?
        .checked_sub(i32::try_from(figures.len()).ok()?)?;
    let sign = if negative { -1 } else { 1 };
    let at = |tenths: i128| {
        let mantissa = whole.checked_mul(sign)?.checked_add(tenths)?;
        ucum::Number::new(mantissa, scale)
    };
    Some(Number {
        value: at(0)?,
        around: (at(-5)?, at(5)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept() {
        let numbers = [-1e300, -2.0, -0.5, -0.0, 0.0, 1e-300, 0.5, 2.0, 1e300];
        for pair in numbers.windows(2) {
            assert!(ordered(pair[0]) <= ordered(pair[1]), "{pair:?}");
        }
        assert_eq!(ordered(-0.0), ordered(0.0));
        assert!(ordered(-2.0) < ordered(-0.5));
    }

    #[test]
    fn significant_figures() {
        for (text, inside, outside) in [
            ("100", vec![99.5, 100.4], vec![99.4, 100.5]),
            ("100.00", vec![99.995, 100.004], vec![99.99, 100.005]),
            ("1e2", vec![95.0, 104.9], vec![94.9, 105.0]),
            ("5.4", vec![5.35, 5.449], vec![5.45, 5.34]),
            ("-5.4", vec![-5.449, -5.45], vec![-5.35, -5.46]),
            ("0", vec![-0.5, 0.4], vec![0.5, -0.6]),
        ] {
            let (_, (low, high)) = number(text).unwrap().bounds(None).unwrap();
            for value in inside {
                let at = ordered(value);
                assert!(low <= at && at <= high, "{text}: {value}");
            }
            for value in outside {
                let at = ordered(value);
                assert!(at < low || at > high, "{text}: {value}");
            }
        }
        for text in [
            "", "-", "a", "1.", ".5", "1e999", "NaN", "inf", "+1", "1 ", "1e",
        ] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
