//! Dates, numbers and quantities as closed intervals of integers.
//!
//! Source: FHIR R4 search.html#date, #number, #quantity, #prefix. A date is the time it covers, in
//! microseconds; a number is a point, in an order-preserving form of its binary value.

use chrono::Utc;

use super::values;
use crate::fhir::fhirpath::Item;
use crate::fhir::model::date;
use crate::fhir::model::value::Value;

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

fn point(text: &str, units: &[String], out: &mut Vec<FoundInterval>) {
    let Some(number) = finite(text) else {
        return;
    };
    let at = ordered(number);
    let classes = units.iter().cloned().map(Class::Unit);
    for class in std::iter::once(Class::Number).chain(classes) {
        out.push(FoundInterval {
            class,
            low: at,
            high: at,
        });
    }
}

/// A Range or SampledData-like object with `low` and `high`.
fn range(value: &Value, out: &mut Vec<FoundInterval>) {
    let end = |name: &str| value.get(name);
    let number = |end: Option<&Value>| match end.and_then(|end| end.get("value")) {
        Some(Value::Number(text)) => finite(text),
        _ => None,
    };
    let (low, high) = (number(end("low")), number(end("high")));
    if low.is_none() && high.is_none() {
        return;
    }
    let (from, to) = (
        low.map_or(i64::MIN, ordered),
        high.map_or(i64::MAX, ordered),
    );
    if from > to {
        return;
    }
    let units = end("low").or(end("high")).map(units).unwrap_or_default();
    let classes = units.into_iter().map(Class::WideUnit);
    for class in std::iter::once(Class::Wide).chain(classes) {
        out.push(FoundInterval {
            class,
            low: from,
            high: to,
        });
    }
}

fn finite(text: &str) -> Option<f64> {
    // What is too large for a binary number is at its end (IN-10).
    let number: f64 = text.parse().ok()?;
    (!number.is_nan()).then(|| number.clamp(f64::MIN, f64::MAX))
}

const CURRENCIES: &str = "urn:iso:std:iso:4217";

/// The units by which a quantity is found: code with system, code alone, and the printed unit.
fn units(value: &Value) -> Vec<String> {
    if let Some(currency) = value.str_at("currency") {
        return vec![values::coded(CURRENCIES, currency), values::code(currency)];
    }
    let mut found = Vec::new();
    if let Some(code) = value.str_at("code") {
        found.push(values::coded(value.str_at("system").unwrap_or(""), code));
        found.push(values::code(code));
    }
    if let Some(unit) = value.str_at("unit") {
        let unit = values::code(unit);
        if !found.contains(&unit) {
            found.push(unit);
        }
    }
    found
}

/// A number as a client wrote it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number {
    pub value: f64,
    /// What is equal to it by its significant figures: `5.4` covers 5.35 up to, not including, 5.45.
    pub covers: (i64, i64),
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
        finite(&format!(
            "{}e{scale}",
            whole.checked_mul(sign)?.checked_add(tenths)?
        ))
    };
    Some(Number {
        value: at(0)?,
        covers: (ordered(at(-5)?), ordered(at(5)?).saturating_sub(1)),
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
            let found = number(text).unwrap();
            for value in inside {
                let at = ordered(value);
                assert!(
                    found.covers.0 <= at && at <= found.covers.1,
                    "{text}: {value}"
                );
            }
            for value in outside {
                let at = ordered(value);
                assert!(
                    at < found.covers.0 || at > found.covers.1,
                    "{text}: {value}"
                );
            }
        }
        for text in [
            "", "-", "a", "1.", ".5", "1e999", "NaN", "inf", "+1", "1 ", "1e",
        ] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
