//! `sum()`, `min()`, `max()`, `avg()`. Source: FHIRPath draft, *Aggregates*.

use std::cmp::Ordering;

use super::super::evaluator::Outcome;
use super::super::item::Item;
use super::super::operators::{arithmetic, order};
use super::super::tree::Operator;
use super::{Args, Function, function};

pub(super) const AGGREGATES: &[Function] = &[
    function("sum", (0, 0), sum),
    function("avg", (0, 0), avg),
    function("min", (0, 0), |a, i| extreme(a, &i, Ordering::Less)),
    function("max", (0, 0), |a, i| extreme(a, &i, Ordering::Greater)),
];

fn sum<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let mut total: Option<Item<'a>> = None;
    for item in &input {
        args.evaluator.spend_steps(1)?;
        if item.is_without_value() {
            return Ok(Vec::new());
        }
        let item = item.to_system();
        total = match total {
            None => Some(item),
            Some(total) => {
                let sum = arithmetic(args.evaluator, Operator::Plus, &total, &item)?;
                match sum.into_iter().next() {
                    Some(sum) => Some(sum),
                    None => return Ok(Vec::new()),
                }
            }
        };
    }
    Ok(total.into_iter().collect())
}

fn avg<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let count = i64::try_from(input.len()).unwrap_or(i64::MAX);
    match sum(args, input)?.into_iter().next() {
        Some(total) => arithmetic(
            args.evaluator,
            Operator::Divide,
            &total,
            &Item::Integer(count),
        ),
        None => Ok(Vec::new()),
    }
}

/// The first of those that no other precedes; nothing where two have no order.
fn extreme<'a>(args: &Args<'_, 'a>, input: &[Item<'a>], wanted: Ordering) -> Outcome<'a> {
    let mut best: Option<&Item<'a>> = None;
    for item in input {
        args.evaluator.spend_steps(1)?;
        if item.is_without_value() {
            return Ok(Vec::new());
        }
        match best {
            None => best = Some(item),
            Some(found) => match order(item, found)? {
                Some(order) if order == wanted => best = Some(item),
                Some(_) => {}
                None => return Ok(Vec::new()),
            },
        }
    }
    Ok(best.map(Item::to_system).into_iter().collect())
}
