//! What terminology says about codes: `memberOf()`, `subsumes()`, `subsumedBy()`.
//!
//! Source: FHIR R4 *FHIRPath*, "Additional functions".

use super::super::environment::Codes;
use super::super::error::FhirPathError;
use super::super::evaluator::Outcome;
use super::super::item::{Item, Shape};
use super::super::operators::wrong_type;
use super::{Args, Function, function};
use crate::fhir::model::value::Value;

/// Steps that a question to terminology costs.
const QUESTION: usize = 20;

pub(super) const TERMINOLOGY: &[Function] = &[
    function("memberOf", (1, 1), member_of),
    function("subsumes", (1, 1), subsumes),
    function("subsumedBy", (1, 1), subsumed_by),
];

fn port<'a>(args: &Args<'_, 'a>) -> Result<&'a dyn Codes, FhirPathError> {
    args.evaluator.spend_steps(QUESTION)?;
    let codes = args.evaluator.env.ports.codes;
    codes.ok_or_else(|| args.no_port("terminology"))
}

/// A code, and the system it is of.
type Coding<'a> = (Option<&'a str>, &'a str);

/// The codings of a Coding or a CodeableConcept; `None` for what is neither.
fn codings<'a>(item: &Item<'a>) -> Option<Vec<Coding<'a>>> {
    let Item::Node(node) = item else {
        return None;
    };
    let coding = |value: &'a Value| Some((value.str_at("system"), value.str_at("code")?));
    match (node.value, node.shape, node.type_name()) {
        (Value::Object(_), _, "Coding") => Some(coding(node.value).into_iter().collect()),
        (Value::Object(_), _, "CodeableConcept") => {
            let list = node.value.items_at("coding");
            Some(list.iter().filter_map(coding).collect())
        }
        (Value::Object(_), Shape::Unknown, _) => match node.value.get("coding") {
            Some(Value::Array(list)) => Some(list.iter().filter_map(coding).collect()),
            _ => Some(vec![coding(node.value)?]),
        },
        _ => None,
    }
}

fn member_of<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let (Some(item), Some(value_set)) = (args.single(input)?, args.text(0)?) else {
        return Ok(Vec::new());
    };
    let outside = |why: String| args.unanswered(why);
    if let Some(codings) = codings(&item) {
        let mut unknown = None;
        for (system, code) in codings {
            let Some(system) = system else {
                continue;
            };
            // One code that is in it is enough, even where another cannot be told.
            match port(args)?.member_of(&value_set, system, code) {
                Ok(true) => return Ok(vec![Item::Boolean(true)]),
                Ok(false) => {}
                Err(why) => unknown = unknown.or(Some(why)),
            }
        }
        return match unknown {
            Some(why) => Err(outside(why)),
            None => Ok(vec![Item::Boolean(false)]),
        };
    }
    let is_code = matches!(&item, Item::Node(node) if node.type_name() == "code");
    let Some(code) = args.text_of(std::slice::from_ref(&item))? else {
        return Ok(Vec::new());
    };
    let systems = port(args)?.systems(&value_set).map_err(outside)?;
    // A text says nothing of its system: a value set of several would make it a guess.
    if !is_code && systems.len() != 1 {
        return Err(FhirPathError::execution(format!(
            "expected a value set of one code system for a string, found one of {}",
            systems.len()
        )));
    }
    for system in &systems {
        let answer = port(args)?.member_of(&value_set, system, &code);
        if answer.map_err(outside)? {
            return Ok(vec![Item::Boolean(true)]);
        }
    }
    Ok(vec![Item::Boolean(false)])
}

fn subsumes<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let other = args.value(0)?;
    related(args, input, other)
}

fn subsumed_by<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let other = args.value(0)?;
    related(args, other, input)
}

/// Whether some coding of the first is the same as one of the second, or above it.
fn related<'a>(args: &Args<'_, 'a>, above: Vec<Item<'a>>, below: Vec<Item<'a>>) -> Outcome<'a> {
    let (Some(above), Some(below)) = (args.single(above)?, args.single(below)?) else {
        return Ok(Vec::new());
    };
    let read = |item: &Item<'a>| {
        codings(item).ok_or_else(|| {
            let name = args.call.function.name;
            wrong_type(&format!("a Coding or CodeableConcept for {name}()"), item)
        })
    };
    let (above, below) = (read(&above)?, read(&below)?);
    let mut unknown = None;
    for (system, ancestor) in &above {
        for (other, code) in &below {
            args.evaluator.spend_steps(1)?;
            if system == other && ancestor == code {
                return Ok(vec![Item::Boolean(true)]);
            }
            let why = match (system, other) {
                (Some(system), Some(other)) if system == other => {
                    match port(args)?.subsumes(system, ancestor, code) {
                        Ok(true) => return Ok(vec![Item::Boolean(true)]),
                        Ok(false) => continue,
                        Err(why) => why,
                    }
                }
                // Of one pair an answer is owed; among the many of two concepts others may match.
                _ if above.len() == 1 && below.len() == 1 => {
                    "expected codes of one system, found two".to_owned()
                }
                _ => continue,
            };
            unknown = unknown.or(Some(why));
        }
    }
    match unknown {
        Some(why) => Err(args.unanswered(why)),
        None => Ok(vec![Item::Boolean(false)]),
    }
}
