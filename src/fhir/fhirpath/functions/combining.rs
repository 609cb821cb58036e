//! FHIRPath N1 *Combining*.

use super::super::evaluator::Outcome;
use super::super::item::Item;
use super::{Args, Function, function};

pub(super) const COMBINING: &[Function] = &[
    function("union", (1, 1), union),
    function("combine", (1, 1), combine),
];

fn union<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let other = args.value(0)?;
    let mut all = Vec::new();
    args.evaluator.push_distinct(&mut all, input)?;
    args.evaluator.push_distinct(&mut all, other)?;
    Ok(all)
}

fn combine<'a>(args: &Args<'_, 'a>, mut input: Vec<Item<'a>>) -> Outcome<'a> {
    input.append(&mut args.value(0)?);
    Ok(input)
}
