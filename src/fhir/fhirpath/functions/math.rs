//! FHIRPath N1 *Math*. What has no exact result is computed in binary and rounded to 15 digits.

use super::super::decimal::Decimal;
use super::super::error::FhirPathError;
use super::super::evaluator::Outcome;
use super::super::item::Item;
use super::super::operators::{number, wrong_type};
use super::super::quantity::Quantity;
use super::{Args, Function, function};

pub(super) const MATH: &[Function] = &[
    function("abs", (0, 0), abs),
    function("ceiling", (0, 0), ceiling),
    function("exp", (0, 0), exp),
    function("floor", (0, 0), floor),
    function("ln", (0, 0), ln),
    function("log", (1, 1), log),
    function("power", (1, 1), power),
    function("round", (0, 1), round),
    function("sqrt", (0, 0), sqrt),
    function("truncate", (0, 0), truncate),
    function("precision", (0, 0), precision),
    function("lowBoundary", (0, 1), |a, i| boundary(a, i, false)),
    function("highBoundary", (0, 1), |a, i| boundary(a, i, true)),
];

/// The one number of the input.
fn input_number<'a>(
    args: &Args<'_, 'a>,
    input: Vec<Item<'a>>,
) -> Result<Option<Decimal>, FhirPathError> {
    let Some(item) = args.valued(input)? else {
        return Ok(None);
    };
    let item = item.to_system();
    let name = args.call.function.name;
    number(&item)
        .map(Some)
        .ok_or_else(|| wrong_type(&format!("a number for {name}()"), &item))
}

fn decimal<'a>(value: Option<Decimal>) -> Outcome<'a> {
    Ok(value.map(Item::Decimal).into_iter().collect())
}

fn whole<'a>(value: Option<Decimal>) -> Outcome<'a> {
    Ok(value
        .and_then(Decimal::to_integer)
        .map(Item::Integer)
        .into_iter()
        .collect())
}

fn abs<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let Some(item) = args.valued(input)? else {
        return Ok(Vec::new());
    };
    let result = match item.to_system() {
        Item::Integer(value) => value.checked_abs().map(Item::Integer),
        Item::Decimal(value) => value.abs().map(Item::Decimal),
        Item::Quantity(quantity) => of_quantity(&quantity, Decimal::abs),
        other => return Err(wrong_type("a number for abs()", &other)),
    };
    Ok(result.into_iter().collect())
}

/// A quantity of the same unit with another number.
fn of_quantity<'a>(
    quantity: &Quantity<'a>,
    change: impl Fn(Decimal) -> Option<Decimal>,
) -> Option<Item<'a>> {
    Some(Item::Quantity(Box::new(Quantity {
        value: change(quantity.value)?,
        unit: quantity.unit.clone(),
    })))
}

/// A quantity keeps its unit; a number becomes an integer.
fn to_whole<'a>(
    args: &Args<'_, 'a>,
    input: Vec<Item<'a>>,
    change: impl Fn(Decimal) -> Option<Decimal>,
) -> Outcome<'a> {
    if let [item] = input.as_slice()
        && let Item::Quantity(quantity) = item.to_system()
    {
        return Ok(of_quantity(&quantity, change).into_iter().collect());
    }
    whole(input_number(args, input)?.and_then(change))
}

fn ceiling<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    to_whole(args, input, Decimal::ceiling)
}

fn floor<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    to_whole(args, input, Decimal::floor)
}

fn truncate<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    to_whole(args, input, |value| value.truncated(0))
}

fn round<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let quantity = match input.as_slice() {
        [item] => match item.to_system() {
            Item::Quantity(quantity) => Some(quantity),
            _ => None,
        },
        _ => None,
    };
    let value = match quantity {
        Some(_) => None,
        None => input_number(args, input)?,
    };
    let decimals = match args.integer(0)? {
        None => 0,
        Some(decimals) => u32::try_from(decimals).map_err(|_| {
            FhirPathError::execution("expected no negative number of decimals for round()")
        })?,
    };
    if let Some(quantity) = quantity {
        let rounded = of_quantity(&quantity, |value| value.rounded(decimals));
        return Ok(rounded.into_iter().collect());
    }
    decimal(value.and_then(|value| value.rounded(decimals)))
}

/// A function of binary numbers; empty where it has no value.
fn binary<'a>(
    args: &Args<'_, 'a>,
    input: Vec<Item<'a>>,
    compute: impl Fn(f64) -> f64,
) -> Outcome<'a> {
    let value = input_number(args, input)?;
    decimal(value.and_then(|value| Decimal::from_f64(compute(value.to_f64()))))
}

fn exp<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    binary(args, input, f64::exp)
}

fn ln<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    binary(args, input, f64::ln)
}

fn sqrt<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    binary(args, input, f64::sqrt)
}

fn log<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    match input_number(args, args.value(0)?)? {
        Some(base) => binary(args, input, |value| value.log(base.to_f64())),
        None => Ok(Vec::new()),
    }
}

fn power<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let exponent = args.valued(args.value(0)?)?.map(|item| item.to_system());
    let base = input.first().map(Item::to_system);
    if let (Some(Item::Integer(base)), Some(Item::Integer(exponent))) = (base, &exponent)
        && let Ok(exponent) = u32::try_from(*exponent)
        && input.len() == 1
    {
        let result = base.checked_pow(exponent).map(Item::Integer);
        return Ok(result.into_iter().collect());
    }
    match exponent.as_ref().map(number) {
        Some(Some(exponent)) => binary(args, input, |value| value.powf(exponent.to_f64())),
        Some(None) => Err(FhirPathError::execution(
            "expected a number as the exponent of power()",
        )),
        None => Ok(Vec::new()),
    }
}

/// Decimals of a boundary if none are asked for.
const BOUNDARY_DECIMALS: i64 = 8;

/// The least or the greatest value that one of some precision may stand for.
fn boundary<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>, high: bool) -> Outcome<'a> {
    let Some(item) = args.valued(input)? else {
        return Ok(Vec::new());
    };
    let digits = args.integer(0)?;
    let decimals = u32::try_from(digits.unwrap_or(BOUNDARY_DECIMALS));
    let bound = |value: Decimal| value.boundary(decimals.ok()?, high);
    let found = match item.to_system() {
        Item::Temporal(value) => value.boundary(digits, high).map(Item::Temporal),
        Item::Integer(value) => bound(Decimal::from_integer(value)).map(Item::Decimal),
        Item::Decimal(value) => bound(value).map(Item::Decimal),
        Item::Quantity(quantity) => of_quantity(&quantity, bound),
        other => {
            let name = args.call.function.name;
            return Err(wrong_type(
                &format!("a number or a date for {name}()"),
                &other,
            ));
        }
    };
    Ok(found.into_iter().collect())
}

/// Digits as written: of a decimal those after the point and before, of a date all.
fn precision<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let Some(item) = args.valued(input)? else {
        return Ok(Vec::new());
    };
    let digits = match item.to_system() {
        Item::Temporal(value) => value.digits(),
        Item::Decimal(value) => value.scale(),
        Item::Integer(_) => 0,
        other => return Err(wrong_type("a decimal or a date for precision()", &other)),
    };
    Ok(vec![Item::Integer(i64::from(digits))])
}
