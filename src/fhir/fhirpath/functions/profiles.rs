//! What profiles say about an element: `conformsTo()`, `elementDefinition()`, `slice()`.
//!
//! Source: FHIR R4 *FHIRPath*, "Additional functions". Whoever validates answers, through a port.

use super::super::environment::Profiles;
use super::super::error::FhirPathError;
use super::super::evaluator::Outcome;
use super::super::item::{Item, Node};
use super::{Args, Function, function};

/// Steps that a question to whoever validates costs.
const QUESTION: usize = 100;

pub(super) const PROFILES: &[Function] = &[
    function("conformsTo", (1, 1), conforms_to),
    function("elementDefinition", (0, 0), element_definition),
    function("slice", (2, 2), slice),
];

fn port<'a>(args: &Args<'_, 'a>) -> Result<&'a dyn Profiles, FhirPathError> {
    args.evaluator.spend_steps(QUESTION)?;
    let profiles = args.evaluator.env.ports.profiles;
    profiles.ok_or_else(|| args.no_port("a validator"))
}

fn conforms_to<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let (Some(item), Some(profile)) = (args.single(input)?, args.text(0)?) else {
        return Ok(Vec::new());
    };
    let Item::Node(node) = item else {
        return Ok(vec![Item::Boolean(false)]);
    };
    let answer = port(args)?.conforms(&node, &profile);
    let conforms = answer.map_err(|why| args.unanswered(why))?;
    Ok(vec![Item::Boolean(conforms)])
}

fn element_definition<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let mut found = Vec::new();
    for node in input.iter().filter_map(Item::node) {
        let answer = port(args)?.definition_of(node);
        let definition = answer.map_err(|why| args.unanswered(why))?;
        found.extend(definition.map(|value| {
            let definitions = args.evaluator.env.definitions;
            Item::Node(Node::of_type(value, "ElementDefinition", definitions))
        }));
    }
    Ok(found)
}

fn slice<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let (Some(structure), Some(name)) = (args.text(0)?, args.text(1)?) else {
        return Ok(Vec::new());
    };
    let mut kept = Vec::new();
    for item in input {
        let Item::Node(node) = &item else {
            continue;
        };
        let answer = port(args)?.is_in_slice(node, &structure, &name);
        if answer.map_err(|why| args.unanswered(why))? {
            kept.push(item);
        }
    }
    Ok(kept)
}
