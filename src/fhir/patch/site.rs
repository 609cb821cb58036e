//! Places in a resource that can be changed, and what the definitions say of them.

use super::unfit;
use crate::error::Result;
use crate::fhir::definitions::Definitions;
use crate::fhir::definitions::schema::{Field, FieldType, Node, Target, TypeSchema};
use crate::fhir::fhirpath::{Location, Segment};
use crate::fhir::model::value::Value;

/// The type of an object in a resource: a node of a schema.
#[derive(Clone, Copy)]
pub(super) struct ObjectType<'d> {
    pub schema: &'d TypeSchema,
    pub node: u16,
}

impl<'d> ObjectType<'d> {
    pub(super) fn named(name: &str, definitions: &'d Definitions) -> Result<Self> {
        definitions
            .schema(name)
            .map(|schema| Self { schema, node: 0 })
            .ok_or_else(|| unfit(format!("expected a known type, found {name}")))
    }

    fn described(&self) -> Option<&'d Node> {
        self.schema.node(self.node)
    }

    /// The element called `name`. A choice is named with its type (`valueString`), or without
    /// where `suffix` tells the type (`String`).
    pub(super) fn element(
        &self,
        name: &str,
        suffix: Option<&str>,
    ) -> Result<(&'d Field, &'d FieldType)> {
        let node = self.described();
        let typed = node.and_then(|node| node.member(name));
        let choice = || {
            let field = node?.field(name).filter(|field| field.choice)?;
            let kind = field
                .types
                .iter()
                .find(|kind| kind.json_name.strip_prefix(field.name.as_str()) == suffix)?;
            Some((field, kind))
        };
        typed.or_else(choice).ok_or_else(|| {
            let path = node.map_or("", |node| node.path.as_str());
            unfit(format!("Element {name} not found at {path}"))
        })
    }

    /// The type of the objects in an element; `None` for primitives.
    pub(super) fn inside(
        &self,
        kind: &FieldType,
        value: Option<&Value>,
        definitions: &'d Definitions,
    ) -> Option<Self> {
        match &kind.target {
            Target::Node(node) => Some(Self {
                schema: self.schema,
                node: *node,
            }),
            Target::Complex(name) => Self::named(name, definitions).ok(),
            Target::Resource => Self::named(value?.str_at("resourceType")?, definitions).ok(),
            Target::Primitive(_) | Target::Xhtml => None,
        }
    }
}

/// The type of the object at a location; `Element` for the sibling of a primitive.
pub(super) fn type_at<'d>(
    root: &Value,
    location: &[Segment],
    definitions: &'d Definitions,
) -> Result<ObjectType<'d>> {
    let name = root.str_at("resourceType").unwrap_or("");
    let mut current = ObjectType::named(name, definitions)?;
    let mut value = root;
    for segment in location {
        match segment {
            Segment::Index(index) => {
                value = value
                    .as_array()
                    .and_then(|items| items.get(*index))
                    .unwrap_or(&Value::Null);
            }
            Segment::Member(name) => {
                value = value.get(name).unwrap_or(&Value::Null);
                if name.starts_with('_') {
                    current = ObjectType::named("Element", definitions)?;
                    continue;
                }
                let (_, kind) = current.element(name, None)?;
                if let Target::Resource = kind.target {
                    // A list of resources tells its type only behind the index.
                    let resource = match value.as_array() {
                        Some(items) => position_of(location, segment)
                            .and_then(|index| items.get(index))
                            .unwrap_or(&Value::Null),
                        None => value,
                    };
                    if let Some(found) = current.inside(kind, Some(resource), definitions) {
                        current = found;
                    }
                } else if let Some(found) = current.inside(kind, None, definitions) {
                    current = found;
                } else {
                    current = ObjectType::named("Element", definitions)?;
                }
            }
        }
    }
    Ok(current)
}

/// The index that stands behind a segment.
fn position_of(location: &[Segment], segment: &Segment) -> Option<usize> {
    let place = location
        .iter()
        .position(|other| std::ptr::eq(other, segment))?;
    match location.get(place.checked_add(1)?)? {
        Segment::Index(index) => Some(*index),
        Segment::Member(_) => None,
    }
}

/// The value at a location, to be changed.
pub(super) fn value_mut<'v>(root: &'v mut Value, location: &[Segment]) -> Option<&'v mut Value> {
    location
        .iter()
        .try_fold(root, |value, segment| match (segment, value) {
            (Segment::Member(name), Value::Object(object)) => object.get_mut(name),
            (Segment::Index(index), Value::Array(items)) => items.get_mut(*index),
            _ => None,
        })
}

/// A location split into the object that holds the element, the member, and the index in it.
pub(super) struct Place<'l> {
    pub parent: &'l [Segment],
    pub member: &'l str,
    pub index: Option<usize>,
}

impl<'l> Place<'l> {
    pub(super) fn of(location: &'l Location) -> Option<Self> {
        let (last, before) = location.0.split_last()?;
        match last {
            Segment::Member(name) => Some(Self {
                parent: before,
                member: name,
                index: None,
            }),
            Segment::Index(index) => {
                let (member, parent) = before.split_last()?;
                match member {
                    Segment::Member(name) => Some(Self {
                        parent,
                        member: name,
                        index: Some(*index),
                    }),
                    Segment::Index(_) => None,
                }
            }
        }
    }
}
