//! FHIRPath N1 *Filtering and projection*, *Aggregates*, and the type functions.

use super::super::error::FhirPathError;
use super::super::evaluator::Outcome;
use super::super::item::Item;
use super::super::operators::boolean;
use super::{Args, Function, function, of_type as with_type};

pub(super) const FILTERING: &[Function] = &[
    function("where", (1, 1), where_),
    function("select", (1, 1), select),
    function("repeat", (1, 1), repeat),
    function("aggregate", (1, 2), aggregate),
    with_type("ofType", of_type),
    with_type("is", is),
    with_type("as", as_),
];

fn where_<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let mut kept = Vec::new();
    for (position, item) in input.into_iter().enumerate() {
        if boolean(&args.lambda(0, &item, position)?)? == Some(true) {
            kept.push(item);
        }
    }
    Ok(kept)
}

fn select<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let mut all = Vec::new();
    for (position, item) in input.iter().enumerate() {
        all.append(&mut args.lambda(0, item, position)?);
        args.evaluator.check_size(all.len())?;
    }
    Ok(all)
}

fn repeat<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let mut all: Vec<Item<'a>> = Vec::new();
    let mut round = input;
    while !round.is_empty() {
        let mut next = Vec::new();
        for (position, item) in round.iter().enumerate() {
            for found in args.lambda(0, item, position)? {
                if !contains_same(args, &all, &found)? {
                    all.push(found.clone());
                    next.push(found);
                }
            }
        }
        args.evaluator.check_size(all.len())?;
        round = next;
    }
    Ok(all)
}

/// Elements are the same where they stand at the same place: a tree has no loops, so that finding
/// equal content twice is no reason to leave out the second. Values are the same where they are equal.
fn contains_same<'a>(
    args: &Args<'_, 'a>,
    all: &[Item<'a>],
    item: &Item<'a>,
) -> Result<bool, FhirPathError> {
    match item {
        Item::Node(node) if !node.has_value() => {
            // Comparing places is cheaper than comparing content.
            args.evaluator.spend_text(all.len())?;
            Ok(all.iter().any(|other| {
                other.node().is_some_and(|other| {
                    std::ptr::eq(other.value, node.value)
                        && other.sibling.is_some() == node.sibling.is_some()
                })
            }))
        }
        _ => args.evaluator.contains(all, item),
    }
}

fn aggregate<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let mut total = args.value(1)?;
    for (position, item) in input.iter().enumerate() {
        total = args.lambda_with(0, item, position, Some(&total))?;
        args.evaluator.check_size(total.len())?;
    }
    Ok(total)
}

/// The parser gives each of these functions its type.
fn missing_type() -> FhirPathError {
    FhirPathError::execution("expected the name of a type, found none")
}

fn of_type<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let of = args.call.of.as_ref().ok_or_else(missing_type)?;
    args.evaluator.of_type(input, of)
}

fn is<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let of = args.call.of.as_ref().ok_or_else(missing_type)?;
    args.evaluator.is(&input, of)
}

fn as_<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let of = args.call.of.as_ref().ok_or_else(missing_type)?;
    args.evaluator.cast(input, of)
}
