//! The code systems that an element of the datatype `code` implies.
//!
//! Source: FHIR R4 search.html#token: `[parameter]=[system]|[code]` also finds a code whose system is
//! given by the binding of its element (`gender=http://hl7.org/fhir/administrative-gender|male`).

use super::extract::{own_part, union_members};
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
    let mut names = path.split('.');
    let Some(schema) = names.next().and_then(|name| definitions.schema(name)) else {
        return false;
    };
    let mut node = schema.root();
    let mut code = false;
    for name in names {
        let Some(field) = node.and_then(|node| node.field(name)) else {
            return false;
        };
        let [kind] = field.types.as_slice() else {
            return false;
        };
        code = kind.code == "code";
        node = match kind.target {
            crate::fhir::definitions::schema::Target::Node(index) => schema.node(index),
            _ => None,
        };
    }
    code
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
