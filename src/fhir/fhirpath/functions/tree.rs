//! FHIRPath N1 *Tree navigation*.

use super::super::evaluator::Outcome;
use super::super::item::Item;
use super::{Args, Function, function};

pub(super) const TREE: &[Function] = &[
    function("children", (0, 0), children),
    function("descendants", (0, 0), descendants),
];

fn push_children<'a>(args: &Args<'_, 'a>, item: &Item<'a>, out: &mut Vec<Item<'a>>) {
    if let Item::Node(node) = item {
        node.push_children(args.evaluator.env.definitions, out);
    }
}

fn children<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let mut all = Vec::new();
    for item in &input {
        push_children(args, item, &mut all);
    }
    args.evaluator.spend_steps(all.len())?;
    Ok(all)
}

/// Level by level, as `repeat(children())`.
fn descendants<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let mut all = Vec::new();
    for item in &input {
        push_children(args, item, &mut all);
    }
    let mut place = 0usize;
    while let Some(item) = all.get(place).cloned() {
        push_children(args, &item, &mut all);
        args.evaluator.spend_steps(1)?;
        args.evaluator.check_size(all.len())?;
        place = place.saturating_add(1);
    }
    Ok(all)
}
