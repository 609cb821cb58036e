//! Which types a search is over, and what must hold of each.

use crate::error::{Error, Issue, Kind, Result};
use crate::fhir::model::key::ResourceKey;
use crate::fhir::search::{Handling, Plan, Query, parse};
use crate::interactions::dispatch::Reach;
use crate::interactions::node::Node;
use crate::storage::Selection;

/// One type of a search.
pub struct Part {
    pub resource_type: String,
    pub selection: Selection,
}

/// A search over all its types.
pub struct Parts {
    pub parts: Vec<Part>,
    /// As read for the first type; what concerns the result is the same for all.
    pub query: Query,
    pub warnings: Vec<Issue>,
}

/// Reads a search for each type it is over.
pub fn parts(
    node: &Node,
    reach: &Reach,
    pairs: &[(String, String)],
    handling: Handling,
) -> Result<Parts> {
    let (types, pairs) = types(node, reach, pairs)?;
    let mut found = Parts {
        parts: Vec::with_capacity(types.len()),
        query: Query::default(),
        warnings: Vec::new(),
    };
    let vocabulary = node.vocabulary();
    for (index, name) in types.into_iter().enumerate() {
        let (mut query, warnings) = parse(&name, &pairs, handling, &vocabulary)?;
        if let Reach::Compartment(key, _) = reach {
            query.terms.push(membership(node, key, &name)?);
        }
        found.parts.push(Part {
            selection: node.selection(&name, &query.terms)?,
            resource_type: name,
        });
        if index == 0 {
            found.query = query;
            found.warnings = warnings;
        }
    }
    Ok(found)
}

/// Parameters that bound nothing.
const RESULT: [&str; 11] = [
    "_format",
    "_pretty",
    "_cursor",
    "_count",
    "_total",
    "_summary",
    "_elements",
    "_sort",
    "_include",
    "_revinclude",
    "_contained",
];

type Pairs = Vec<(String, String)>;

/// The types, and the parameters without `_type`.
fn types(node: &Node, reach: &Reach, pairs: &[(String, String)]) -> Result<(Vec<String>, Pairs)> {
    let all: Vec<String> = match reach {
        Reach::Type(name) => {
            node.check_type(name)?;
            return Ok((vec![name.clone()], pairs.to_vec()));
        }
        Reach::Compartment(key, Some(name)) => {
            compartment(node, key)?;
            node.check_type(name)?;
            return Ok((vec![name.clone()], pairs.to_vec()));
        }
        Reach::Compartment(key, None) => {
            let compartment = compartment(node, key)?;
            let mut names: Vec<String> = compartment.resource_types().map(str::to_owned).collect();
            if !names.contains(&key.resource_type.to_string()) {
                names.push(key.resource_type.to_string());
                names.sort_unstable();
            }
            names
        }
        Reach::System => {
            let names = node.definitions.resource_types().iter();
            names.map(ToString::to_string).collect()
        }
    };
    let (wanted, rest): (Pairs, Pairs) =
        pairs.iter().cloned().partition(|(name, _)| name == "_type");
    if wanted.is_empty() {
        let asks = |name: &str| !RESULT.iter().any(|other| name.starts_with(other));
        if *reach == Reach::System && !rest.iter().any(|(name, _)| asks(name)) {
            return Err(Error::of(
                Kind::TooCostly,
                "expected _type or another parameter in a search across all types, found none",
            ));
        }
        return Ok((all, rest));
    }
    let mut names = Vec::new();
    for name in wanted.iter().flat_map(|(_, list)| list.split(',')) {
        if !all.iter().any(|other| other == name) {
            let shown: String = name.chars().take(40).collect();
            return Err(Error::new(
                Kind::Invalid,
                "value",
                format!("expected resource types of this search as _type, found ‘{shown}’"),
            ));
        }
        names.push(name.to_owned());
    }
    names.sort_unstable();
    names.dedup();
    Ok((names, rest))
}

fn compartment<'a>(
    node: &'a Node,
    key: &ResourceKey,
) -> Result<&'a crate::fhir::definitions::Compartment> {
    node.definitions
        .compartment(&key.resource_type)
        .ok_or_else(|| {
            Error::new(
                Kind::NotFound,
                "not-supported",
                "expected a compartment of FHIR R4 (Patient, Encounter, Practitioner, RelatedPerson, Device), found another type",
            )
        })
}

/// That a resource is in the compartment.
fn membership(node: &Node, key: &ResourceKey, resource_type: &str) -> Result<Plan> {
    let mut ways: Vec<Plan> = compartment(node, key)?
        .parameters(resource_type)
        .iter()
        .map(|code| Plan::Value {
            code: code.clone(),
            any_of: vec![key.to_string()],
        })
        .collect();
    if *key.resource_type == *resource_type {
        ways.push(Plan::Id(vec![key.id.to_string()]));
    }
    Ok(Plan::any(ways))
}
