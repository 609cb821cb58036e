//! FHIRPath N1 *Conversion*: `toX()` gives the value or nothing, `convertsToX()` tells which.

use super::super::decimal::Decimal;
use super::super::evaluator::Outcome;
use super::super::item::Item;
use super::super::quantity::{Quantity, Unit};
use super::super::temporal::{Temporal, TemporalKind};
use super::{Args, Function, function};

pub(super) const CONVERSION: &[Function] = &[
    function("toBoolean", (0, 0), |a, i| convert(a, i, boolean)),
    function("convertsToBoolean", (0, 0), |a, i| converts(a, i, boolean)),
    function("toInteger", (0, 0), |a, i| convert(a, i, integer)),
    function("convertsToInteger", (0, 0), |a, i| converts(a, i, integer)),
    function("toDecimal", (0, 0), |a, i| convert(a, i, decimal)),
    function("convertsToDecimal", (0, 0), |a, i| converts(a, i, decimal)),
    function("toString", (0, 0), |a, i| convert(a, i, string)),
    function("convertsToString", (0, 0), |a, i| converts(a, i, string)),
    function("toDate", (0, 0), |a, i| convert(a, i, date)),
    function("convertsToDate", (0, 0), |a, i| converts(a, i, date)),
    function("toDateTime", (0, 0), |a, i| convert(a, i, date_time)),
    function("convertsToDateTime", (0, 0), |a, i| {
        converts(a, i, date_time)
    }),
    function("toTime", (0, 0), |a, i| convert(a, i, time)),
    function("convertsToTime", (0, 0), |a, i| converts(a, i, time)),
    function("toQuantity", (0, 1), |a, i| convert(a, i, quantity)),
    function("convertsToQuantity", (0, 1), |a, i| {
        converts(a, i, quantity)
    }),
];

type Conversion = for<'a> fn(&Item<'a>) -> Option<Item<'a>>;

fn convert<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>, to: Conversion) -> Outcome<'a> {
    let item = args.single(input)?;
    let result = item.and_then(|item| to(&item.to_system()));
    let unit = args.text(0)?;
    let result = result.and_then(|item| match (item, &unit) {
        // `toQuantity('mg')` asks for a unit.
        (Item::Quantity(quantity), Some(unit)) => {
            // The same unit needs no table of units.
            if matches!(&quantity.unit, Unit::Ucum(own) if own == unit) {
                return Some(Item::Quantity(quantity));
            }
            quantity
                .in_unit(unit)
                .map(|found| Item::Quantity(Box::new(found)))
        }
        (item, _) => Some(item),
    });
    Ok(result.into_iter().collect())
}

fn converts<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>, to: Conversion) -> Outcome<'a> {
    if input.is_empty() {
        return Ok(Vec::new());
    }
    let found = !convert(args, input, to)?.is_empty();
    Ok(vec![Item::Boolean(found)])
}

fn boolean<'a>(item: &Item<'a>) -> Option<Item<'a>> {
    let value = match item {
        Item::Boolean(value) => *value,
        Item::Integer(1) => true,
        Item::Integer(0) => false,
        Item::Decimal(value) if *value == Decimal::from_integer(1) => true,
        Item::Decimal(value) if value.is_zero() => false,
        Item::String(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "1" | "1.0" => true,
            "false" | "f" | "no" | "n" | "0" | "0.0" => false,
            _ => return None,
        },
        _ => return None,
    };
    Some(Item::Boolean(value))
}

fn integer<'a>(item: &Item<'a>) -> Option<Item<'a>> {
    let value = match item {
        Item::Boolean(value) => i64::from(*value),
        Item::Integer(value) => *value,
        Item::String(text) => text.parse().ok()?,
        _ => return None,
    };
    Some(Item::Integer(value))
}

fn decimal<'a>(item: &Item<'a>) -> Option<Item<'a>> {
    let value = match item {
        Item::Boolean(value) => Decimal::from_integer(i64::from(*value)),
        Item::Integer(value) => Decimal::from_integer(*value),
        Item::Decimal(value) => *value,
        Item::String(text) if !text.contains(['e', 'E']) => Decimal::parse(text)?,
        _ => return None,
    };
    Some(Item::Decimal(value))
}

fn string<'a>(item: &Item<'a>) -> Option<Item<'a>> {
    Some(match item {
        Item::Boolean(value) => Item::text(value.to_string()),
        Item::Integer(value) => Item::text(value.to_string()),
        Item::Decimal(value) => Item::text(value.to_string()),
        Item::String(text) => Item::String(text.clone()),
        Item::Temporal(value) => Item::text(value.to_string()),
        Item::Quantity(value) => Item::text(value.to_string()),
        _ => return None,
    })
}

fn temporal<'a>(item: &Item<'a>, kind: TemporalKind) -> Option<Temporal> {
    match item {
        Item::Temporal(value) => Some(*value),
        Item::String(text) => Temporal::parse(kind, text)
            .or_else(|| Temporal::parse(TemporalKind::DateTime, text))
            .or_else(|| Temporal::parse(TemporalKind::Date, text)),
        _ => None,
    }
}

fn date<'a>(item: &Item<'a>) -> Option<Item<'a>> {
    temporal(item, TemporalKind::Date)?
        .to_date()
        .map(Item::Temporal)
}

fn date_time<'a>(item: &Item<'a>) -> Option<Item<'a>> {
    temporal(item, TemporalKind::DateTime)?
        .to_date_time()
        .map(Item::Temporal)
}

fn time<'a>(item: &Item<'a>) -> Option<Item<'a>> {
    let value = match item {
        Item::Temporal(value) => *value,
        // Literals of FHIRPath begin with it, values of FHIR do not.
        Item::String(text) => {
            let plain = text.strip_prefix('T').unwrap_or(text);
            Temporal::parse(TemporalKind::Time, plain)?
        }
        _ => return None,
    };
    (value.kind() == TemporalKind::Time).then_some(Item::Temporal(value))
}

fn quantity<'a>(item: &Item<'a>) -> Option<Item<'a>> {
    let value = match item {
        Item::Boolean(value) => Quantity::unity(Decimal::from_integer(i64::from(*value))),
        Item::Integer(value) => Quantity::unity(Decimal::from_integer(*value)),
        Item::Decimal(value) => Quantity::unity(*value),
        Item::Quantity(value) => (**value).clone(),
        Item::String(text) => Quantity::parse(text)?,
        _ => return None,
    };
    Some(Item::Quantity(Box::new(value)))
}
