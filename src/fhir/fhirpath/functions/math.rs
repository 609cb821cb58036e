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
];

/// The one number of the input.
fn input_number<'a>(
    args: &Args<'_, 'a>,
    input: Vec<Item<'a>>,
) -> Result<Option<Decimal>, FhirPathError> {
    let Some(item) = args.single(input)? else {
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
    let Some(item) = args.single(input)? else {
        return Ok(Vec::new());
    };
    let result = match item.to_system() {
        Item::Integer(value) => value.checked_abs().map(Item::Integer),
        Item::Decimal(value) => value.abs().map(Item::Decimal),
        Item::Quantity(quantity) => quantity.value.abs().map(|value| {
            Item::Quantity(Box::new(Quantity {
                value,
                unit: quantity.unit.clone(),
            }))
        }),
        other => return Err(wrong_type("a number for abs()", &other)),
    };
    Ok(result.into_iter().collect())
}

fn ceiling<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    whole(input_number(args, input)?.and_then(Decimal::ceiling))
}

fn floor<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    whole(input_number(args, input)?.and_then(Decimal::floor))
}

fn truncate<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    whole(input_number(args, input)?.and_then(|value| value.truncated(0)))
}

fn round<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let value = input_number(args, input)?;
    let decimals = match args.integer(0)? {
        None => 0,
        Some(decimals) => u32::try_from(decimals).map_err(|_| {
            FhirPathError::execution("expected no negative number of decimals for round()")
        })?,
    };
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
    let exponent = args.single(args.value(0)?)?.map(|item| item.to_system());
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

/// Digits as written: of a decimal those after the point and before, of a date all.
fn precision<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let Some(item) = args.single(input)? else {
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
