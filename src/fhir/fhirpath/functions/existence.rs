//! FHIRPath N1 *Existence*.

use super::super::evaluator::Outcome;
use super::super::item::Item;
use super::super::operators::{boolean, truth, wrong_type};
use super::{Args, Function, function};

pub(super) const EXISTENCE: &[Function] = &[
    function("empty", (0, 0), empty),
    function("exists", (0, 1), exists),
    function("all", (1, 1), all),
    function("allTrue", (0, 0), all_true),
    function("anyTrue", (0, 0), any_true),
    function("allFalse", (0, 0), all_false),
    function("anyFalse", (0, 0), any_false),
    function("subsetOf", (1, 1), subset_of),
    function("supersetOf", (1, 1), superset_of),
    function("count", (0, 0), count),
    function("distinct", (0, 0), distinct),
    function("isDistinct", (0, 0), is_distinct),
    function("not", (0, 0), not),
];

fn empty<'a>(_: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    Ok(truth(Some(input.is_empty())))
}

fn exists<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    if args.given() == 0 {
        return Ok(truth(Some(!input.is_empty())));
    }
    for (position, item) in input.iter().enumerate() {
        if boolean(&args.lambda(0, item, position)?)? == Some(true) {
            return Ok(truth(Some(true)));
        }
    }
    Ok(truth(Some(false)))
}

fn all<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    for (position, item) in input.iter().enumerate() {
        if boolean(&args.lambda(0, item, position)?)? != Some(true) {
            return Ok(truth(Some(false)));
        }
    }
    Ok(truth(Some(true)))
}

/// Whether some item of a collection of booleans is `wanted`.
fn any<'a>(
    args: &Args<'_, 'a>,
    input: &[Item<'a>],
    wanted: bool,
) -> Result<bool, super::FhirPathError> {
    let mut found = false;
    for item in input {
        match item.to_system() {
            Item::Boolean(value) => found = found || value == wanted,
            other => {
                let name = args.call.function.name;
                return Err(wrong_type(&format!("booleans for {name}()"), &other));
            }
        }
    }
    Ok(found)
}

fn all_true<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    Ok(truth(Some(!any(args, &input, false)?)))
}

fn any_true<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    Ok(truth(Some(any(args, &input, true)?)))
}

fn all_false<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    Ok(truth(Some(!any(args, &input, true)?)))
}

fn any_false<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    Ok(truth(Some(any(args, &input, false)?)))
}

fn within<'a>(args: &Args<'_, 'a>, small: &[Item<'a>], large: &[Item<'a>]) -> Outcome<'a> {
    for item in small {
        if !args.evaluator.contains(large, item)? {
            return Ok(truth(Some(false)));
        }
    }
    Ok(truth(Some(true)))
}

fn subset_of<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    within(args, &input, &args.value(0)?)
}

fn superset_of<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    within(args, &args.value(0)?, &input)
}

fn count<'a>(_: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    Ok(i64::try_from(input.len())
        .map(Item::Integer)
        .into_iter()
        .collect())
}

fn distinct<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let mut all = Vec::new();
    args.evaluator.push_distinct(&mut all, input)?;
    Ok(all)
}

fn is_distinct<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let before = input.len();
    let after = distinct(args, input)?.len();
    Ok(truth(Some(before == after)))
}

fn not<'a>(_: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    Ok(truth(boolean(&input)?.map(|value| !value)))
}
