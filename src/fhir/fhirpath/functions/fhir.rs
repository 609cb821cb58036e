//! The functions FHIR adds that look at the element alone. Source: FHIR R4 *FHIRPath*, "Additional
//! functions".

use super::super::error::FhirPathError;
use super::super::evaluator::Outcome;
use super::super::item::{Item, Shape};
use super::{Args, Function, function};
use crate::fhir::model::value::Value;

pub(super) const FHIR: &[Function] = &[
    function("extension", (1, 1), extension),
    function("hasValue", (0, 0), has_value),
    function("getValue", (0, 0), get_value),
    function("checkModifiers", (0, usize::MAX), check_modifiers),
    function("htmlChecks", (0, 0), html_checks),
];

fn extension<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let Some(url) = args.text(0)? else {
        return Ok(Vec::new());
    };
    let mut all = Vec::new();
    for item in &input {
        args.evaluator.push_members(item, "extension", &mut all);
    }
    args.evaluator.spend_steps(all.len())?;
    all.retain(|item| {
        item.node()
            .is_some_and(|node| node.value.str_at("url") == Some(url.as_ref()))
    });
    Ok(all)
}

fn has_value<'a>(_: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let found = match input.as_slice() {
        [Item::Node(node)] => node.has_value(),
        [Item::Quantity(_) | Item::Type { .. } | Item::Target(_)] => false,
        [_] => true,
        _ => false,
    };
    Ok(vec![Item::Boolean(found)])
}

fn get_value<'a>(_: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    match input.as_slice() {
        [Item::Node(node)] if node.has_value() => Ok(vec![Item::Node(*node).to_system()]),
        [Item::Node(_)] | [] => Ok(Vec::new()),
        [_] => Ok(input),
        _ => Ok(Vec::new()),
    }
}

/// The input, unless an element of it has a modifier extension that the arguments do not name.
fn check_modifiers<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let mut known = Vec::with_capacity(args.given());
    for index in 0..args.given() {
        known.extend(args.text(index)?);
    }
    let mut extensions = Vec::new();
    for item in &input {
        let evaluator = args.evaluator;
        evaluator.push_members(item, "modifierExtension", &mut extensions);
    }
    args.evaluator.spend_steps(extensions.len())?;
    for extension in &extensions {
        let url = extension.node().and_then(|node| node.value.str_at("url"));
        if !url.is_some_and(|url| known.iter().any(|known| known == url)) {
            return Err(FhirPathError::execution(
                "expected modifier extensions that are named in checkModifiers(), found another",
            ));
        }
    }
    Ok(input)
}

/// Whether a narrative keeps the rules; nothing for what is no XHTML.
fn html_checks<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let text = match input.as_slice() {
        [Item::Node(node)] => match (node.shape, node.value) {
            (Shape::Xhtml, Value::String(text)) => text,
            _ => return Ok(Vec::new()),
        },
        _ => return Ok(Vec::new()),
    };
    args.evaluator.spend_text(text.len())?;
    let ports = &args.evaluator.env.ports;
    let is_safe = ports.narrative.ok_or_else(|| args.no_port("XHTML"))?;
    Ok(vec![Item::Boolean(is_safe(text))])
}
