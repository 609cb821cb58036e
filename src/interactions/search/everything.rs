//! `Patient/[id]/$everything` and `Encounter/[id]/$everything`.
//!
//! Source: FHIR R4 patient-operation-everything.html, encounter-operation-everything.html: the
//! compartment, and what it refers to. Given in pages, so that a long record takes no more memory than
//! a short one.

use super::{Asked, Kept, answer};
use crate::error::{Error, Kind, Result};
use crate::fhir::definitions::SearchKind;
use crate::fhir::model::key::ResourceKey;
use crate::fhir::model::value::Text;
use crate::fhir::search::{Bounds, DATE, Handling, Plan, covered, times};
use crate::interactions::dispatch::Reach;
use crate::interactions::node::Node;
use crate::interactions::read::current;

/// Matches of a page when the client does not say.
const COUNT: &str = "200";

/// A page of everything about a patient or an encounter.
///
/// # Errors
/// `NotFound` and `Gone` as a read of the resource, `Invalid` for a parameter the operation lacks.
pub fn everything(node: &Node, key: &ResourceKey, pairs: &[(String, String)]) -> Result<Vec<u8>> {
    if !matches!(&*key.resource_type, "Patient" | "Encounter") {
        return Err(Error::of(
            Kind::NotSupported,
            "$everything is offered on Patient and Encounter",
        ));
    }
    current(node, key)?;
    let (mut search, mut applied) = (Vec::new(), Vec::new());
    let (mut from, mut to) = (i64::MIN, i64::MAX);
    let mut kept = Kept::default();
    let patient = key.resource_type == "Patient";
    for (name, value) in pairs {
        let day = || {
            covered(value).ok_or_else(|| {
                Error::new(
                    Kind::Invalid,
                    "value",
                    format!("expected a date as {name}, found another value"),
                )
            })
        };
        match name.as_str() {
            "_format" | "_pretty" => continue,
            "_cursor" => {
                search.push((name.clone(), value.clone()));
                continue;
            }
            "start" if patient => from = day()?.0,
            "end" if patient => to = day()?.1,
            "_since" => {
                kept.since = Some(day()?.0);
                search.push(("_lastUpdated".to_owned(), format!("ge{value}")));
            }
            "_type" => kept.types.extend(value.split(',').map(str::to_owned)),
            "_count" => search.push((name.clone(), value.clone())),
            _ => {
                let shown: String = name.chars().take(40).collect();
                return Err(Error::new(
                    Kind::Invalid,
                    "not-supported",
                    format!(
                        "expected a parameter of $everything (start, end, _since, _type, _count), found ‘{shown}’"
                    ),
                ));
            }
        }
        applied.push((name.clone(), value.clone()));
    }
    if let Some(name) = kept
        .types
        .iter()
        .find(|name| !node.definitions.is_resource_type(name))
    {
        let shown: String = name.chars().take(40).collect();
        return Err(Error::new(
            Kind::Invalid,
            "value",
            format!("expected resource types of FHIR R4 as _type, found ‘{shown}’"),
        ));
    }
    if !search.iter().any(|(name, _)| name == "_count") {
        search.push(("_count".to_owned(), COUNT.to_owned()));
    }
    search.push(("_include".to_owned(), "*".to_owned()));

    // A type outside of the compartment is what its resources refer to: all of them are looked at.
    let own = |name: &String| *name == *key.resource_type || is_member(node, key, name);
    if !kept.types.is_empty() && kept.types.iter().all(own) {
        search.push(("_type".to_owned(), kept.types.join(",")));
    }
    let reach = Reach::Compartment(key.clone(), None);
    let mut parts = super::reach::parts(node, &reach, &search, Handling::Strict)?;
    if (from, to) != (i64::MIN, i64::MAX) {
        for part in &mut parts.parts {
            let dated = node
                .definitions
                .search_parameter(&part.resource_type, DATE)
                .is_some_and(|parameter| parameter.kind == SearchKind::Date);
            if dated {
                let within = within(from, to);
                part.selection = node.narrowed(&part.selection, &part.resource_type, within)?;
            }
        }
    }
    answer(
        node,
        &Asked {
            path: format!("/{key}/$everything"),
            applied,
            parts,
            kept,
        },
    )
}

/// Whether a compartment has resources of a type.
fn is_member(node: &Node, key: &ResourceKey, resource_type: &str) -> bool {
    let compartment = node.definitions.compartment(&key.resource_type);
    compartment.is_some_and(|found| !found.parameters(resource_type).is_empty())
}

/// Care within some time; what has no date is always part of the record.
fn within(from: i64, to: i64) -> Plan {
    let code = Text::new(DATE);
    Plan::Any(vec![
        Plan::Interval {
            code: code.clone(),
            bounds: Bounds {
                classes: times(),
                low: (i64::MIN, to),
                high: (from, i64::MAX),
            },
        },
        Plan::Not(Box::new(Plan::Present { code })),
    ])
}
