//! The code systems that an element of the datatype `code` implies.
//!
//! Source: FHIR R4 search.html#token: `[parameter]=[system]|[code]` also finds a code whose system is
//! given by the binding of its element (`gender=http://hl7.org/fhir/administrative-gender|male`).

use super::extract::{own_part, union_members};
use crate::fhir::definitions::schema::{Field, Target};
use crate::fhir::definitions::{Definitions, SearchParameter};
use crate::fhir::model::value::Value;

/// The systems of the value sets that the elements of a parameter are bound to; empty when an element
/// has a system of its own.
pub fn systems(
    definitions: &Definitions,
    resource_type: &str,
    parameter: &SearchParameter,
) -> Vec<String> {
    let Some(own) = own_part(&parameter.expression, resource_type) else {
        return Vec::new();
    };
    let paths = union_members(&own);
    if !paths.iter().all(|path| is_code(definitions, path)) {
        return Vec::new();
    }
    let url = format!("http://hl7.org/fhir/StructureDefinition/{resource_type}");
    let Some(definition) = definitions.resolve(&url) else {
        return Vec::new();
    };
    let elements = definition
        .get("snapshot")
        .map_or(&[][..], |snapshot| snapshot.items_at("element"));
    let mut found = Vec::new();
    for element in elements {
        if !element
            .str_at("path")
            .is_some_and(|path| paths.contains(&path))
        {
            continue;
        }
        let value_set = element
            .get("binding")
            .and_then(|binding| binding.str_at("valueSet"))
            .and_then(|canonical| definitions.resolve(canonical));
        if let Some(value_set) = value_set {
            found.extend(included(&value_set));
        }
    }
    found
}

/// Whether a path leads to an element of the datatype `code`.
fn is_code(definitions: &Definitions, path: &str) -> bool {
    let fields = fields(definitions, path);
    let last = fields.as_ref().and_then(|fields| fields.last());
    last.is_some_and(|field| matches!(field.types.as_slice(), [kind] if kind.code == "code"))
}

/// Whether a resource of the type has at most one value of the parameter.
pub fn is_single(
    definitions: &Definitions,
    resource_type: &str,
    parameter: &SearchParameter,
) -> bool {
    let own = own_part(&parameter.expression, resource_type).unwrap_or_default();
    let members = union_members(&own);
    let [member] = members.as_slice() else {
        return false;
    };
    // `(Observation.value as CodeableConcept)`
    let path = member.strip_prefix('(').unwrap_or(member);
    let path = path.split_once(" as ").map_or(path, |(path, _)| path);
    fields(definitions, path).is_some_and(|fields| fields.iter().all(|field| field.max == Some(1)))
}

/// Whether an element is never missing where its parent is.
pub fn is_required(definitions: &Definitions, path: &str) -> bool {
    let fields = fields(definitions, path);
    fields.is_some_and(|fields| fields.last().is_some_and(|field| field.min > 0))
}

/// The elements that a path from a resource leads through; `None` when it is no such path.
fn fields<'a>(definitions: &'a Definitions, path: &str) -> Option<Vec<&'a Field>> {
    let mut names = path.split('.');
    let schema = definitions.schema(names.next()?)?;
    let mut node = schema.root();
    let mut found = Vec::new();
    for name in names {
        let field = node?.field(name)?;
        found.push(field);
        node = match field.types.as_slice() {
            [kind] => match kind.target {
                Target::Node(index) => schema.node(index),
                _ => None,
            },
            _ => None,
        };
    }
    Some(found)
}

fn included(value_set: &Value) -> Vec<String> {
    let compose = value_set.get("compose");
    let includes = compose.map_or(&[][..], |compose| compose.items_at("include"));
    includes
        .iter()
        .filter_map(|include| include.str_at("system"))
        .map(str::to_owned)
        .collect()
}
