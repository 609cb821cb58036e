//! Whether a resource has the shape that the base definitions give its type.
//!
//! Members, JSON kinds, `_` siblings, choices, maximum cardinality, formats of primitives,
//! contained resources. Minimum cardinality, slicing, bindings and invariants are other steps.
//! Source: FHIR R4 *JSON representation of resources*.
//!
//! On a resource without faults nothing is allocated: paths are built when a finding needs one.

use crate::error::Issue;
use crate::fhir::definitions::Definitions;
use crate::fhir::definitions::schema::{Field, FieldType, Node, Target, TypeSchema};
use crate::fhir::model::element_path::ElementPath;
use crate::fhir::model::primitive;
use crate::fhir::model::value::{Object, Value};
use crate::fhir::xml::narrative;

/// Findings reported one by one; of the others only their number is told.
const REPORTED: usize = 100;
/// Objects inside each other; the readers stop earlier.
const DEPTH: usize = 128;

/// Checks a resource; all findings, at most 100 and then one that tells how many more there are.
///
/// Issue codes are `structure` for the shape and `value` for formats of primitives.
pub fn check(resource: &Value, definitions: &Definitions) -> Vec<Issue> {
    let mut walk = Walk {
        definitions,
        findings: Vec::new(),
        more: 0,
    };
    let name = resource.str_at("resourceType").unwrap_or("Resource");
    let place = ElementPath::root(name);
    walk.resource(resource, &place, false, 0);
    if walk.more > 0 {
        walk.findings.push(Issue::error(
            "structure",
            format!("{} more findings of this kind are not listed", walk.more),
        ));
    }
    walk.findings
}

struct Walk<'d> {
    definitions: &'d Definitions,
    findings: Vec<Issue>,
    more: usize,
}

impl<'d> Walk<'d> {
    fn add(&mut self, code: &'static str, place: &ElementPath<'_>, text: impl FnOnce() -> String) {
        if self.findings.len() < REPORTED {
            self.findings
                .push(Issue::error(code, text()).at(place.to_string()));
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    fn structure(&mut self, place: &ElementPath<'_>, text: impl FnOnce() -> String) {
        self.add("structure", place, text);
    }

    /// An object where one is expected and not empty.
    fn object<'v>(&mut self, value: &'v Value, place: &ElementPath<'_>) -> Option<&'v Object> {
        match value {
            Value::Object(object) if object.is_empty() => {
                self.structure(place, || {
                    "expected an object with members, found an empty one".to_owned()
                });
                None
            }
            Value::Object(object) => Some(object),
            _ => {
                self.structure(place, || {
                    format!("expected an object, found {}", value.describe())
                });
                None
            }
        }
    }

    fn resource(&mut self, value: &Value, place: &ElementPath<'_>, contained: bool, depth: usize) {
        let Some(object) = self.object(value, place) else {
            return;
        };
        let name = match object.get("resourceType") {
            Some(Value::String(name)) => name,
            found => {
                self.structure(place, || match found {
                    None => "expected the member resourceType, found none".to_owned(),
                    Some(found) => format!(
                        "expected the name of a resource type in resourceType, found {}",
                        found.describe()
                    ),
                });
                return;
            }
        };
        let known = self.definitions.is_resource_type(name);
        let Some(schema) = self.definitions.schema(name).filter(|_| known) else {
            self.structure(place, || {
                format!(
                    "expected a resource type of FHIR R4, found {}",
                    primitive::form_of(name)
                )
            });
            return;
        };
        self.node(
            object,
            schema,
            0,
            place,
            Inside {
                contained,
                resource: true,
                depth,
            },
        );
    }

    fn node(
        &mut self,
        object: &Object,
        schema: &TypeSchema,
        node: u16,
        place: &ElementPath<'_>,
        inside: Inside,
    ) {
        let Some(node) = schema.node(node) else {
            return;
        };
        if inside.depth >= DEPTH {
            self.structure(place, || {
                format!("expected at most {DEPTH} objects inside each other, found more")
            });
            return;
        }
        for (name, value) in object.iter() {
            if inside.resource && name == "resourceType" {
                continue;
            }
            let (bare, sibling) = match name.strip_prefix('_') {
                Some(bare) => (bare, true),
                None => (name, false),
            };
            let known = node
                .member(bare)
                .filter(|(_, kind)| !sibling || matches!(kind.target, Target::Primitive(_)));
            let Some((field, kind)) = known else {
                self.structure(&place.member(name), || {
                    format!("{} has no such element", node.path)
                });
                continue;
            };
            let mut here = place.member(&field.name);
            if field.choice {
                here = here.of_type(&kind.code);
                self.only_choice(object, node, field, name, bare, place);
            }
            if sibling {
                self.sibling(object.get(bare), value, field, &here, inside);
            } else {
                self.field(object, value, schema, field, kind, &here, inside);
            }
        }
    }

    /// A choice may occur with one type only; told at the second.
    fn only_choice(
        &mut self,
        object: &Object,
        node: &Node,
        field: &Field,
        name: &str,
        bare: &str,
        place: &ElementPath<'_>,
    ) {
        let other = object
            .iter()
            .take_while(|(earlier, _)| *earlier != name)
            .map(|(earlier, _)| earlier.strip_prefix('_').unwrap_or(earlier))
            .filter(|earlier| earlier.starts_with(field.name.as_str()) && *earlier != bare)
            .find(|earlier| {
                node.member(earlier)
                    .is_some_and(|(found, _)| std::ptr::eq(found, field))
            });
        if let Some(other) = other {
            self.structure(&place.member(&field.name), || {
                format!(
                    "expected one type of {}[x], found {other} and {bare}",
                    field.name
                )
            });
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one call, and all of it is the element"
    )]
    fn field(
        &mut self,
        object: &Object,
        value: &Value,
        schema: &TypeSchema,
        field: &Field,
        kind: &FieldType,
        here: &ElementPath<'_>,
        inside: Inside,
    ) {
        let Some(items) = self.items(value, field, here) else {
            if !field.array && !matches!(value, Value::Array(_)) {
                self.value(value, schema, field, kind, here, inside);
            }
            return;
        };
        for (index, item) in items.iter().enumerate() {
            let here = here.item(index);
            if matches!(item, Value::Null) && matches!(kind.target, Target::Primitive(_)) {
                if !sibling_has(object, &kind.json_name, index) {
                    self.structure(&here, || {
                        format!(
                            "expected a value, or extensions in _{}, found null",
                            kind.json_name
                        )
                    });
                }
            } else {
                self.value(item, schema, field, kind, &here, inside);
            }
        }
    }

    /// The items where an array is expected and found; otherwise `None`, with the fault told.
    fn items<'v>(
        &mut self,
        value: &'v Value,
        field: &Field,
        here: &ElementPath<'_>,
    ) -> Option<&'v [Value]> {
        match value {
            Value::Array(items) if field.array => {
                if items.is_empty() {
                    self.structure(here, || {
                        "expected an array with items, found an empty one".to_owned()
                    });
                }
                if let Some(max) = field.max
                    && usize::try_from(max).is_ok_and(|max| items.len() > max)
                {
                    self.structure(here, || {
                        format!("expected at most {max} items, found {}", items.len())
                    });
                }
                Some(items)
            }
            Value::Array(_) => {
                self.structure(here, || {
                    "expected a single value, found an array".to_owned()
                });
                None
            }
            _ if field.array => {
                self.structure(here, || {
                    format!("expected an array, found {}", value.describe())
                });
                None
            }
            _ => None,
        }
    }

    fn value(
        &mut self,
        value: &Value,
        schema: &TypeSchema,
        field: &Field,
        kind: &FieldType,
        here: &ElementPath<'_>,
        inside: Inside,
    ) {
        let deeper = Inside {
            resource: false,
            depth: inside.depth.saturating_add(1),
            ..inside
        };
        match &kind.target {
            Target::Primitive(code) => self.primitive(code, value, here),
            Target::Node(node) => {
                if let Some(object) = self.object(value, here) {
                    self.node(object, schema, *node, here, deeper);
                }
            }
            Target::Complex(name) => {
                if let Some(object) = self.object(value, here)
                    && let Some(schema) = self.definitions.schema(name)
                {
                    self.node(object, schema, 0, here, deeper);
                }
            }
            Target::Resource => {
                let contained = field.name == "contained";
                if contained && inside.contained {
                    self.structure(here, || {
                        "expected no contained resource inside a contained one".to_owned()
                    });
                } else {
                    self.resource(value, here, contained || inside.contained, deeper.depth);
                }
            }
            Target::Xhtml => self.narrative(value, here),
        }
    }

    fn primitive(&mut self, code: &str, value: &Value, here: &ElementPath<'_>) {
        if let Err(text) = primitive::check(code, value) {
            let issue = if primitive::is_of_kind(code, value) {
                "value"
            } else {
                "structure"
            };
            self.add(issue, here, || text);
        }
    }

    fn narrative(&mut self, value: &Value, here: &ElementPath<'_>) {
        match value {
            Value::String(text) => {
                if let Err(fault) = narrative::check(text) {
                    self.add("value", here, || fault.to_string());
                }
            }
            _ => self.structure(here, || {
                format!("expected a string, found {}", value.describe())
            }),
        }
    }

    /// `_name` beside `name`.
    fn sibling(
        &mut self,
        beside: Option<&Value>,
        value: &Value,
        field: &Field,
        here: &ElementPath<'_>,
        inside: Inside,
    ) {
        let Some(items) = self.items(value, field, here) else {
            if !field.array && !matches!(value, Value::Array(_)) {
                self.extensions(value, here, inside);
            }
            return;
        };
        let values = beside.and_then(Value::as_array);
        if let Some(values) = values.filter(|values| values.len() != items.len()) {
            self.structure(here, || {
                format!(
                    "expected as many items as there are values ({}), found {}",
                    values.len(),
                    items.len()
                )
            });
        }
        for (index, item) in items.iter().enumerate() {
            let here = here.item(index);
            if !matches!(item, Value::Null) {
                self.extensions(item, &here, inside);
            } else if values.and_then(|values| values.get(index)).is_none() {
                // Null on both sides is told at the value.
                self.structure(&here, || {
                    "expected an object with id or extension, found null".to_owned()
                });
            }
        }
    }

    /// What a primitive has beside its value: `id` and `extension`.
    fn extensions(&mut self, value: &Value, here: &ElementPath<'_>, inside: Inside) {
        let Some(object) = self.object(value, here) else {
            return;
        };
        let deeper = Inside {
            resource: false,
            depth: inside.depth.saturating_add(1),
            ..inside
        };
        for (name, value) in object.iter() {
            let here = here.member(name);
            match name {
                "id" => self.primitive("string", value, &here),
                "extension" => {
                    let Value::Array(items) = value else {
                        self.structure(&here, || {
                            format!("expected an array, found {}", value.describe())
                        });
                        continue;
                    };
                    if items.is_empty() {
                        self.structure(&here, || {
                            "expected an array with items, found an empty one".to_owned()
                        });
                    }
                    for (index, item) in items.iter().enumerate() {
                        let here = here.item(index);
                        if let Some(object) = self.object(item, &here)
                            && let Some(schema) = self.definitions.schema("Extension")
                        {
                            self.node(object, schema, 0, &here, deeper);
                        }
                    }
                }
                _ => self.structure(&here, || {
                    "a primitive has no members but id and extension".to_owned()
                }),
            }
        }
    }
}

/// Where the walk is.
#[derive(Clone, Copy)]
struct Inside {
    /// In a contained resource.
    contained: bool,
    /// At the root of a resource, where `resourceType` stands.
    resource: bool,
    depth: usize,
}

/// Whether `_name` has something for the item.
fn sibling_has(object: &Object, json_name: &str, index: usize) -> bool {
    object
        .iter()
        .find(|(name, _)| name.strip_prefix('_') == Some(json_name))
        .and_then(|(_, sibling)| sibling.as_array()?.get(index))
        .is_some_and(|item| matches!(item, Value::Object(_)))
}

#[cfg(test)]
#[path = "shape_tests.rs"]
mod tests;
