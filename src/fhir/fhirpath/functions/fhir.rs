//! The functions FHIR adds. Source: FHIR R4 *FHIRPath*, "Additional functions".
//!
//! `resolve()` reads nothing from outside: it finds contained resources, and of any other
//! reference tells the type it names. That is what `where(resolve() is Patient)` asks.

use super::super::evaluator::Outcome;
use super::super::item::{Item, Node};
use super::{Args, Function, function};
use crate::fhir::model::key::is_type_name;
use crate::fhir::model::value::Value;

pub(super) const FHIR: &[Function] = &[
    function("extension", (1, 1), extension),
    function("hasValue", (0, 0), has_value),
    function("getValue", (0, 0), get_value),
    function("resolve", (0, 0), resolve),
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

fn resolve<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let mut found = Vec::new();
    for item in &input {
        let (reference, declared) = match item {
            Item::Node(Node {
                value: Value::String(text),
                ..
            }) => (Some(text.as_str()), None),
            Item::Node(node) => (node.value.str_at("reference"), node.value.str_at("type")),
            _ => continue,
        };
        if let Some(id) = reference.and_then(|text| text.strip_prefix('#')) {
            found.extend(contained(args, id));
            continue;
        }
        let named = reference
            .and_then(type_in_reference)
            .filter(|name| args.evaluator.env.definitions.schema(name).is_some());
        // `type` may be a canonical of a type's definition.
        let declared = declared.and_then(|text| text.rsplit('/').next());
        found.extend(named.or(declared).map(Item::Target));
    }
    Ok(found)
}

/// A resource contained in `%resource`, or the container itself for `#`.
fn contained<'a>(args: &Args<'_, 'a>, id: &str) -> Option<Item<'a>> {
    let env = args.evaluator.env;
    let container = env
        .root_resource
        .or(env.resource)
        .or(args.evaluator.focus())?;
    if id.is_empty() {
        return Some(Item::Node(container));
    }
    container
        .value
        .items_at("contained")
        .iter()
        .find(|resource| resource.str_at("id") == Some(id))
        .map(|resource| Item::Node(Node::resource(resource, env.definitions)))
}

/// `Patient` of `Patient/1`, `http://example.org/fhir/Patient/1` and `Patient/1/_history/2`;
/// `None` of a `urn:`.
fn type_in_reference(reference: &str) -> Option<&str> {
    let path = reference.split(['?', '#']).next()?;
    let path = path.split("/_history/").next()?;
    let mut parts = path.rsplit('/');
    parts.next().filter(|id| !id.is_empty())?;
    parts.next().filter(|name| is_type_name(name))
}

#[cfg(test)]
mod tests {
    use super::type_in_reference;

    #[test]
    fn types_of_references() {
        for (reference, expected) in [
            ("Patient/1", Some("Patient")),
            ("http://example.org/fhir/Patient/1", Some("Patient")),
            ("Patient/1/_history/2", Some("Patient")),
            ("urn:uuid:79a14950-442c-11ed-b878-0242ac120002", None),
            ("1", None),
            ("", None),
            ("http://example.org/other", None),
        ] {
            assert_eq!(type_in_reference(reference), expected, "{reference}");
        }
    }
}
