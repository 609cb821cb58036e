//! What the embedded file leaves out of a definition because it can be told, and putting it back.
//!
//! Three things repeat in every snapshot: an element `id` equal to its path, a `base` equal to path
//! and cardinality, and the invariants that every element or resource inherits. The first two are
//! left out; an inherited invariant is written as its bare key. The `id` of a definition that is
//! the last step of its URL is left out too. Leaving out and putting back stand side by side here,
//! so that they stay each other's inverse. Source: FHIR R4 *ElementDefinition*.

use std::collections::HashMap;

use crate::fhir::model::value::{Object, Text, Value};

/// Where the invariants that everything inherits are defined. These three keep them in full.
pub const COMMON_SOURCES: [&str; 3] = [
    "http://hl7.org/fhir/StructureDefinition/Element",
    "http://hl7.org/fhir/StructureDefinition/Extension",
    "http://hl7.org/fhir/StructureDefinition/DomainResource",
];

/// The invariants that everything inherits, by key, each with its `source`.
#[derive(Debug, Default)]
pub struct CommonConstraints(HashMap<Text, Value>);

impl CommonConstraints {
    /// Takes the invariants from the root elements of the definitions in [`COMMON_SOURCES`].
    pub fn from_definitions<'a>(definitions: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut common = HashMap::new();
        for definition in definitions {
            let url = definition.str_at("url").unwrap_or_default();
            let root = elements(definition).first();
            for constraint in root.map_or(&[][..], |root| root.items_at("constraint")) {
                let Some(key) = constraint.str_at("key") else {
                    continue;
                };
                let mut constraint = constraint.clone();
                if let Value::Object(members) = &mut constraint
                    && !members.contains("source")
                {
                    members.push("source", url);
                }
                common.entry(Text::new(key)).or_insert(constraint);
            }
        }
        Self(common)
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }
}

/// The elements of the snapshot.
pub fn elements(definition: &Value) -> &[Value] {
    definition
        .get("snapshot")
        .map_or(&[], |snapshot| snapshot.items_at("element"))
}

/// Leaves out what [`restore`] can put back.
pub fn abbreviate(definition: &mut Value, common: &CommonConstraints) {
    let keeps_constraints = definition
        .str_at("url")
        .is_some_and(|url| COMMON_SOURCES.contains(&url));
    for element in elements_mut(definition) {
        let path = element.str_at("path").map(Text::new);
        if element.str_at("id") == path.as_deref() {
            element.remove("id");
        }
        if element.get("base") == Some(&own_base(element)) {
            element.remove("base");
        }
        if keeps_constraints {
            continue;
        }
        if let Some(Value::Array(constraints)) = element.get_mut("constraint") {
            for constraint in constraints {
                let Some(key) = constraint.str_at("key") else {
                    continue;
                };
                if common.get(key).is_some_and(|known| same(known, constraint)) {
                    *constraint = Value::String(Text::new(key));
                }
            }
        }
    }
    if let Value::Object(members) = definition
        && members.str_at("id") == members.str_at("url").and_then(last_step)
    {
        members.remove("id");
    }
}

/// Puts back what [`abbreviate`] left out. Definitions in full pass through unchanged.
pub fn restore(definition: &mut Value, common: &CommonConstraints) {
    for element in elements_mut(definition) {
        if !element.contains("id")
            && let Some(path) = element.str_at("path").map(Text::new)
        {
            element.insert_at(0, "id", path);
        }
        if !element.contains("base") && element.contains("max") {
            let base = own_base(element);
            element.push("base", base);
        }
        if let Some(Value::Array(constraints)) = element.get_mut("constraint") {
            for constraint in constraints {
                if let Some(known) = constraint.as_str().and_then(|key| common.get(key)) {
                    *constraint = known.clone();
                }
            }
        }
    }
    if let Value::Object(members) = definition
        && !members.contains("id")
        && let Some(id) = members.str_at("url").and_then(last_step).map(Text::new)
    {
        members.insert_at(1, "id", id);
    }
}

/// The `base` of an element that no ancestor defines.
fn own_base(element: &Object) -> Value {
    ["path", "min", "max"]
        .into_iter()
        .filter_map(|name| Some((Text::new(name), element.get(name)?.clone())))
        .collect::<Object>()
        .into()
}

/// Whether two constraints are one, members in any order.
fn same(one: &Value, other: &Value) -> bool {
    match (one.as_object(), other.as_object()) {
        (Some(one), Some(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, value)| other.get(name) == Some(value))
        }
        _ => false,
    }
}

fn last_step(url: &str) -> Option<&str> {
    url.rsplit('/').next().filter(|step| !step.is_empty())
}

fn elements_mut(definition: &mut Value) -> impl Iterator<Item = &mut Object> {
    let elements = match definition {
        Value::Object(members) => match members.get_mut("snapshot") {
            Some(Value::Object(snapshot)) => snapshot.get_mut("element"),
            _ => None,
        },
        _ => None,
    };
    let elements: &mut [Value] = match elements {
        Some(Value::Array(elements)) => elements,
        _ => &mut [],
    };
    elements.iter_mut().filter_map(Value::as_object_mut)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::model::json::{self, Limits};

    fn value(text: &str) -> Value {
        json::parse(text.as_bytes(), &Limits::default()).unwrap()
    }

    #[test]
    fn restore_is_the_inverse_of_abbreviate() {
        let element = value(
            r#"{"resourceType":"StructureDefinition","url":"http://hl7.org/fhir/StructureDefinition/Element",
                "snapshot":{"element":[{"path":"Element","min":0,"max":"*",
                  "constraint":[{"key":"ele-1","severity":"error","human":"h","expression":"e"}]}]}}"#,
        );
        let common = CommonConstraints::from_definitions([&element]);
        let full = value(
            r#"{"resourceType":"StructureDefinition","id":"X","url":"http://e/StructureDefinition/X",
                "snapshot":{"element":[
                 {"id":"X","path":"X","min":0,"max":"*","base":{"path":"X","min":0,"max":"*"}},
                 {"id":"X.a:s","path":"X.a","min":0,"max":"1","base":{"path":"Y.a","min":0,"max":"*"},
                  "constraint":[{"key":"ele-1","severity":"error","human":"h","expression":"e","source":"http://hl7.org/fhir/StructureDefinition/Element"},
                                {"key":"x-1","severity":"error","human":"h","expression":"e"}]}]}}"#,
        );
        let mut short = full.clone();
        abbreviate(&mut short, &common);
        assert_eq!(
            String::from_utf8(json::to_vec(&short)).unwrap(),
            r#"{"resourceType":"StructureDefinition","url":"http://e/StructureDefinition/X","snapshot":{"element":[{"path":"X","min":0,"max":"*"},{"id":"X.a:s","path":"X.a","min":0,"max":"1","base":{"path":"Y.a","min":0,"max":"*"},"constraint":["ele-1",{"key":"x-1","severity":"error","human":"h","expression":"e"}]}]}}"#
        );
        restore(&mut short, &common);
        assert_eq!(json::to_vec(&short), json::to_vec(&full));
    }
}
