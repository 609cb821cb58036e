//! Parts of a resource: `_summary` and `_elements`. Source: FHIR R4 search.html#summary, #elements.
//!
//! A part is marked with the tag `SUBSETTED`, so that nobody writes it back by mistake. Elements
//! that R4 makes mandatory stay, whatever was asked for.

use super::node::Node;
use crate::error::{Error, Kind, Result};
use crate::fhir::definitions::schema::Node as SchemaNode;
use crate::fhir::model::json;
use crate::fhir::model::value::{Object, Text, Value};
use crate::fhir::search::{Query, Summary};

/// Which part is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subset {
    pub summary: Summary,
    pub elements: Vec<Text>,
}

impl Subset {
    pub fn of(query: &Query) -> Self {
        Self {
            summary: query.summary,
            elements: query.elements.clone(),
        }
    }

    /// Reads `_summary` and `_elements` of a request that is no search.
    ///
    /// # Errors
    /// `Invalid` for another summary than R4 has, and for `_elements` that names none.
    pub fn read(pairs: &[(String, String)]) -> Result<Self> {
        let mut subset = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "_summary" => {
                    subset.summary = Summary::parse(value)
                        .ok_or_else(|| wrong("true, false, text, data or count as _summary"))?;
                }
                "_elements" => {
                    let named = value.split(',').map(str::trim).filter(|e| !e.is_empty());
                    let before = subset.elements.len();
                    subset.elements.extend(named.map(Text::new));
                    if subset.elements.len() == before {
                        return Err(wrong("names of elements as _elements"));
                    }
                }
                _ => {}
            }
        }
        Ok(subset)
    }

    /// Whether the whole resource is wanted.
    pub fn is_whole(&self) -> bool {
        self.elements.is_empty() && matches!(self.summary, Summary::False | Summary::Count)
    }
}

fn wrong(expected: &str) -> Error {
    Error::new(
        Kind::Invalid,
        "value",
        format!("expected {expected}, found another value"),
    )
}

/// The part of a resource that is wanted, as JSON.
pub fn apply(node: &Node, json: Vec<u8>, subset: &Subset) -> Result<Vec<u8>> {
    if subset.is_whole() {
        return Ok(json);
    }
    let mut tree = json::parse(&json, &node.choices.limits)?;
    let schema = tree
        .str_at("resourceType")
        .and_then(|name| node.definitions.schema(name));
    let (Some(root), Some(object)) = (
        schema.and_then(|schema| schema.root()),
        tree.as_object_mut(),
    ) else {
        return Ok(json);
    };
    object.retain(|name, _| keeps(root, subset, name));
    mark(object);
    Ok(json::to_vec(&tree))
}

fn keeps(root: &SchemaNode, subset: &Subset, member: &str) -> bool {
    let name = member.strip_prefix('_').unwrap_or(member);
    if matches!(name, "resourceType" | "id" | "meta") {
        return true;
    }
    let Some((field, _)) = root.member(name) else {
        return false;
    };
    let mandatory = field.min > 0;
    if !subset.elements.is_empty() {
        return mandatory
            || subset
                .elements
                .iter()
                .any(|wanted| *wanted == field.name || wanted == name);
    }
    match subset.summary {
        Summary::True => field.summary || mandatory,
        Summary::Text => name == "text" || mandatory,
        Summary::Data => name != "text",
        Summary::False | Summary::Count => true,
    }
}

/// Adds the tag that says the resource is not whole.
fn mark(object: &mut Object) {
    let mut tag = Object::with_capacity(2);
    tag.push(
        "system",
        "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    );
    tag.push("code", "SUBSETTED");
    let mut meta = object
        .get("meta")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let mut tags = meta
        .get("tag")
        .and_then(Value::as_array)
        .map(<[Value]>::to_vec)
        .unwrap_or_default();
    tags.push(Value::Object(tag));
    meta.set("tag", tags);
    object.set("meta", meta);
}
