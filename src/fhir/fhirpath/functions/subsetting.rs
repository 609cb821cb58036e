//! FHIRPath N1 *Subsetting*.

use super::super::evaluator::Outcome;
use super::super::item::Item;
use super::{Args, Function, function};

pub(super) const SUBSETTING: &[Function] = &[
    function("single", (0, 0), single),
    function("first", (0, 0), first),
    function("last", (0, 0), last),
    function("tail", (0, 0), tail),
    function("skip", (1, 1), skip),
    function("take", (1, 1), take),
    function("intersect", (1, 1), intersect),
    function("exclude", (1, 1), exclude),
];

fn single<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    Ok(args.single(input)?.into_iter().collect())
}

fn first<'a>(_: &Args<'_, 'a>, mut input: Vec<Item<'a>>) -> Outcome<'a> {
    input.truncate(1);
    Ok(input)
}

fn last<'a>(_: &Args<'_, 'a>, mut input: Vec<Item<'a>>) -> Outcome<'a> {
    Ok(input.pop().into_iter().collect())
}

fn tail<'a>(_: &Args<'_, 'a>, mut input: Vec<Item<'a>>) -> Outcome<'a> {
    if !input.is_empty() {
        input.remove(0);
    }
    Ok(input)
}

/// An argument that counts items: what is negative counts as zero.
fn number<'a>(args: &Args<'_, 'a>) -> Result<Option<usize>, super::FhirPathError> {
    Ok(args
        .integer(0)?
        .map(|count| usize::try_from(count.max(0)).unwrap_or(usize::MAX)))
}

fn skip<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let count = number(args)?.unwrap_or(0);
    Ok(input.into_iter().skip(count).collect())
}

fn take<'a>(args: &Args<'_, 'a>, mut input: Vec<Item<'a>>) -> Outcome<'a> {
    input.truncate(number(args)?.unwrap_or(0));
    Ok(input)
}

fn intersect<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let other = args.value(0)?;
    let mut kept = Vec::new();
    for item in input {
        if args.evaluator.contains(&other, &item)? && !args.evaluator.contains(&kept, &item)? {
            kept.push(item);
        }
    }
    Ok(kept)
}

fn exclude<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let other = args.value(0)?;
    let mut kept = Vec::new();
    for item in input {
        if !args.evaluator.contains(&other, &item)? {
            kept.push(item);
        }
    }
    Ok(kept)
}
