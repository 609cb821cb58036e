//! FHIRPath N1 *Utility functions*, `iif` and `type`.

use super::super::error::FhirPathError;
use super::super::evaluator::Outcome;
use super::super::item::Item;
use super::super::operators::{boolean, number, wrong_type};
use super::super::quantity::Quantity;
use super::super::temporal::Temporal;
use super::{Args, Function, function};

pub(super) const UTILITY: &[Function] = &[
    function("iif", (2, 3), iif),
    function("trace", (1, 2), trace),
    // The evaluator keeps the variable; the input goes on as it is.
    Function {
        defines: true,
        ..function("defineVariable", (1, 2), |_, input| Ok(input))
    },
    function("now", (0, 0), now),
    function("today", (0, 0), today),
    function("timeOfDay", (0, 0), time_of_day),
    function("type", (0, 0), type_),
    function("comparable", (1, 1), comparable),
];

/// Evaluates only the branch that is taken. `$this` is the input where that is one item.
fn iif<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let eval = |index: usize| match (input.as_slice(), args.scope.this) {
        ([item], Some(_)) => match args.scope.index {
            Some(position) => args.lambda(index, item, position),
            None => args.lambda(index, item, 0),
        },
        _ => args.value(index),
    };
    let criterion = eval(0)?;
    match boolean(&criterion)? {
        Some(true) => eval(1),
        _ => eval(2),
    }
}

/// The input as it is. What it tells is kept only for whoever asked for it: a server keeps no trace of
/// data.
fn trace<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let name = args.text(0)?;
    if !args.evaluator.env.tracing {
        return Ok(input);
    }
    let name = name.unwrap_or_default();
    if args.given() == 1 {
        args.evaluator.keep_trace(&name, &input)?;
        return Ok(input);
    }
    let mut told = Vec::new();
    for (position, item) in input.iter().enumerate() {
        told.append(&mut args.lambda(1, item, position)?);
    }
    args.evaluator.keep_trace(&name, &told)?;
    Ok(input)
}

fn moment<'a>(args: &Args<'_, 'a>, part: fn(Temporal) -> Option<Temporal>) -> Outcome<'a> {
    let now = args.evaluator.env.now.ok_or_else(|| {
        FhirPathError::execution(format!(
            "expected a moment of evaluation for {}(), found none",
            args.call.function.name
        ))
    })?;
    Ok(part(now).map(Item::Temporal).into_iter().collect())
}

fn now<'a>(args: &Args<'_, 'a>, _: Vec<Item<'a>>) -> Outcome<'a> {
    moment(args, Some)
}

fn today<'a>(args: &Args<'_, 'a>, _: Vec<Item<'a>>) -> Outcome<'a> {
    moment(args, Temporal::to_date)
}

fn time_of_day<'a>(args: &Args<'_, 'a>, _: Vec<Item<'a>>) -> Outcome<'a> {
    moment(args, Temporal::to_time)
}

fn type_<'a>(_: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    Ok(input
        .iter()
        .map(|item| {
            let (namespace, name) = item.type_name();
            Item::Type {
                namespace,
                name: name.to_owned().into(),
            }
        })
        .collect())
}

fn comparable<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let (Some(a), Some(b)) = (args.valued(input)?, args.valued(args.value(0)?)?) else {
        return Ok(Vec::new());
    };
    let read = |item: &Item<'a>| match item.to_system() {
        Item::Quantity(quantity) => Ok(*quantity),
        other => number(&other)
            .map(Quantity::unity)
            .ok_or_else(|| wrong_type("two quantities for comparable()", &other)),
    };
    Ok(vec![Item::Boolean(read(&a)?.comparable(&read(&b)?))])
}
