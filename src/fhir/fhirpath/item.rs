//! What an expression yields: nodes of a resource, and values made by evaluation.
//!
//! A node borrows the resource; nothing of it is copied. A primitive of FHIR is two things in
//! JSON, its value and the `_sibling` object with id and extensions; a node carries both.
//!
//! Source: FHIR R4 *FHIRPath* (types), *JSON representation* of primitives.

use std::borrow::Cow;

use super::decimal::Decimal;
use super::quantity::Quantity;
use super::temporal::{Temporal, TemporalKind};
use crate::fhir::definitions::Definitions;
use crate::fhir::definitions::schema::{FieldType, Target, TypeKind, TypeSchema};
use crate::fhir::model::value::Value;

/// The value of a primitive that has extensions only.
pub(super) static NULL: Value = Value::Null;

/// One item of a collection.
#[derive(Clone, Debug)]
pub enum Item<'a> {
    /// An element of a resource.
    Node(Node<'a>),
    /// A resource known only by a reference to it: what `resolve()` finds without an outside.
    Target(&'a str),
    Boolean(bool),
    Integer(i64),
    Decimal(Decimal),
    String(Cow<'a, str>),
    /// A date, a date-time or a time.
    Temporal(Temporal),
    Quantity(Box<Quantity<'a>>),
    /// What `type()` gives.
    Type {
        namespace: &'static str,
        name: Cow<'a, str>,
    },
}

/// An element of a resource.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    /// Null for a primitive without a value.
    pub value: &'a Value,
    /// The `_name` object of a primitive.
    pub sibling: Option<&'a Value>,
    pub shape: Shape<'a>,
}

/// The declared type of a node.
#[derive(Clone, Copy, Debug)]
pub enum Shape<'a> {
    /// An object: a resource, a complex datatype or a backbone element of either.
    Structure {
        schema: &'a TypeSchema,
        node: u16,
        /// `Patient`, `HumanName`, `BackboneElement`.
        code: &'a str,
    },
    /// A primitive datatype by name.
    Primitive(&'a str),
    Xhtml,
    /// Not described by any definition at hand.
    Unknown,
}

impl<'a> Item<'a> {
    /// A text made by evaluation.
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Item::String(text.into())
    }

    /// A whole resource.
    pub fn resource(value: &'a Value, definitions: &'a Definitions) -> Self {
        Item::Node(Node::resource(value, definitions))
    }

    /// The value as JSON: of an element as it stands, a Quantity as that of FHIR, dates as text.
    pub fn to_json(&self) -> Value {
        match self {
            Item::Node(node) => node.value.clone(),
            Item::Target(name) => Value::from(*name),
            Item::Boolean(value) => Value::Bool(*value),
            Item::Integer(value) => Value::from(*value),
            Item::Decimal(value) => Value::Number(value.to_string().into()),
            Item::String(text) => Value::from(text.as_ref()),
            Item::Temporal(value) => Value::from(value.to_string()),
            Item::Quantity(quantity) => quantity.to_fhir(),
            Item::Type { namespace, name } => Value::from(format!("{namespace}.{name}")),
        }
    }

    /// The node, if it is one.
    pub fn node(&self) -> Option<&Node<'a>> {
        match self {
            Item::Node(node) => Some(node),
            _ => None,
        }
    }

    /// Whether it is a primitive that has extensions only: it counts as an item, and operators and
    /// functions of values find nothing in it.
    pub(super) fn is_without_value(&self) -> bool {
        matches!(self, Item::Node(node) if matches!(node.value, Value::Null))
    }

    /// Namespace and name of the type, as `type()` tells them.
    pub fn type_name(&self) -> (&'static str, &str) {
        match self {
            Item::Node(node) => match (node.shape, node.value) {
                (Shape::Unknown, Value::Bool(_)) => ("System", "Boolean"),
                (Shape::Unknown, Value::String(_)) => ("System", "String"),
                (Shape::Unknown, Value::Number(text)) if text.contains(['.', 'e', 'E']) => {
                    ("System", "Decimal")
                }
                (Shape::Unknown, Value::Number(_)) => ("System", "Integer"),
                _ => ("FHIR", node.type_name()),
            },
            Item::Target(name) => ("FHIR", name),
            Item::Boolean(_) => ("System", "Boolean"),
            Item::Integer(_) => ("System", "Integer"),
            Item::Decimal(_) => ("System", "Decimal"),
            Item::String(_) => ("System", "String"),
            Item::Temporal(value) => match value.kind() {
                TemporalKind::Date => ("System", "Date"),
                TemporalKind::DateTime => ("System", "DateTime"),
                TemporalKind::Time => ("System", "Time"),
            },
            Item::Quantity(_) => ("System", "Quantity"),
            Item::Type { .. } => ("System", "TypeInfo"),
        }
    }

    /// The value that operators and functions work on: a primitive node becomes a system value
    /// and a Quantity node a quantity; all else stays what it is.
    pub fn to_system(&self) -> Item<'a> {
        match self {
            Item::Node(node) => node.system_value().unwrap_or(Item::Node(*node)),
            other => other.clone(),
        }
    }
}

impl<'a> Node<'a> {
    /// A whole resource, typed by its `resourceType`.
    pub fn resource(value: &'a Value, definitions: &'a Definitions) -> Self {
        let shape = value
            .str_at("resourceType")
            .and_then(|name| definitions.schema(name))
            .map_or(Shape::Unknown, Shape::root);
        Self {
            value,
            sibling: None,
            shape,
        }
    }

    /// An element of a known type, such as `HumanName` or `date`.
    pub fn of_type(value: &'a Value, type_name: &str, definitions: &'a Definitions) -> Self {
        Self {
            value,
            sibling: None,
            shape: definitions
                .schema(type_name)
                .map_or(Shape::Unknown, Shape::root),
        }
    }

    /// The declared type; for an unknown shape, what the JSON form suggests.
    pub fn type_name(&self) -> &'a str {
        match self.shape {
            Shape::Structure { code, .. } => code,
            Shape::Primitive(name) => name,
            Shape::Xhtml => "xhtml",
            Shape::Unknown => match self.value {
                Value::Bool(_) => "boolean",
                Value::Number(_) => "decimal",
                Value::String(_) => "string",
                _ => "Element",
            },
        }
    }

    /// Whether it is a primitive with a value.
    pub fn has_value(&self) -> bool {
        matches!(
            self.value,
            Value::Bool(_) | Value::Number(_) | Value::String(_)
        )
    }

    fn system_value(&self) -> Option<Item<'a>> {
        match self.value {
            Value::Bool(value) => Some(Item::Boolean(*value)),
            Value::Number(text) => {
                let integer = match self.shape {
                    Shape::Primitive(name) => name != "decimal",
                    _ => !text.contains(['.', 'e', 'E']),
                };
                match text.parse() {
                    Ok(value) if integer => Some(Item::Integer(value)),
                    _ => Decimal::parse(text).map(Item::Decimal),
                }
            }
            Value::String(text) => {
                let kind = match self.shape {
                    Shape::Primitive("date") => Some(TemporalKind::Date),
                    Shape::Primitive("dateTime" | "instant") => Some(TemporalKind::DateTime),
                    Shape::Primitive("time") => Some(TemporalKind::Time),
                    _ => None,
                };
                let temporal = kind.and_then(|kind| {
                    let value = Temporal::parse(kind, text);
                    // A dateTime may be as short as a date.
                    value.or_else(|| Temporal::parse(TemporalKind::Date, text)?.to_date_time())
                });
                Some(temporal.map_or(Item::text(text.as_str()), Item::Temporal))
            }
            Value::Object(_) if self.is_quantity() => {
                Quantity::from_fhir(self.value).map(|quantity| Item::Quantity(Box::new(quantity)))
            }
            _ => None,
        }
    }

    fn is_quantity(&self) -> bool {
        matches!(
            self.shape,
            Shape::Structure {
                node: 0,
                code: "Quantity"
                    | "Age"
                    | "Count"
                    | "Distance"
                    | "Duration"
                    | "SimpleQuantity"
                    | "MoneyQuantity",
                ..
            }
        )
    }

    /// Appends the children called `name`: an element name, for a choice without its type.
    pub(super) fn push_members(
        &self,
        name: &str,
        definitions: &'a Definitions,
        out: &mut Vec<Item<'a>>,
    ) {
        let Value::Object(object) = self.value else {
            // A primitive: its id and extensions stand in the sibling.
            if let Some(sibling) = self.sibling {
                let element = || definitions.schema("Element").map(Shape::root);
                let child = Node {
                    value: sibling,
                    sibling: None,
                    shape: match self.shape {
                        Shape::Unknown => Shape::Unknown,
                        _ => element().unwrap_or(Shape::Unknown),
                    },
                };
                if matches!(sibling, Value::Object(_)) {
                    child.push_members(name, definitions, out);
                }
            }
            return;
        };
        let Shape::Structure { schema, node, .. } = self.shape else {
            let (value, sibling) = (object.get(name), sibling_of(self.value, name));
            if value.is_some() || sibling.is_some() {
                let value = value.unwrap_or(&NULL);
                push_values(value, sibling, Shape::Unknown, definitions, out);
            }
            return;
        };
        let Some(described) = schema.node(node) else {
            return;
        };
        if let Some((_, kind)) = described.member(name).filter(|(field, _)| !field.choice) {
            self.push_typed(name, kind, schema, definitions, out);
        } else if let Some(field) = described.field(name).filter(|field| field.choice) {
            for kind in &field.types {
                self.push_typed(&kind.json_name, kind, schema, definitions, out);
            }
        }
    }

    /// Appends all children, in the order in which they are written.
    pub(super) fn push_children(&self, definitions: &'a Definitions, out: &mut Vec<Item<'a>>) {
        let (object, described, schema) = match (self.value, self.shape) {
            (Value::Object(object), Shape::Structure { schema, node, .. }) => {
                (object, schema.node(node), Some(schema))
            }
            (Value::Object(object), _) => (object, None, None),
            (_, _) => {
                for name in ["id", "extension"] {
                    self.push_members(name, definitions, out);
                }
                return;
            }
        };
        for (name, value) in object.iter() {
            let (name, value) = match name.strip_prefix('_') {
                Some(base) if object.contains(base) => continue,
                Some(base) => (base, &NULL),
                None if name == "resourceType" => continue,
                None => (name, value),
            };
            match (described.and_then(|node| node.member(name)), schema) {
                (Some((_, kind)), Some(schema)) => {
                    self.push_typed(name, kind, schema, definitions, out);
                }
                _ => {
                    let sibling = sibling_of(self.value, name);
                    push_values(value, sibling, Shape::Unknown, definitions, out);
                }
            }
        }
    }

    fn push_typed(
        &self,
        json_name: &str,
        kind: &'a FieldType,
        schema: &'a TypeSchema,
        definitions: &'a Definitions,
        out: &mut Vec<Item<'a>>,
    ) {
        let value = self.value.get(json_name);
        let shape = match &kind.target {
            Target::Primitive(name) => {
                let sibling = sibling_of(self.value, json_name);
                if value.is_some() || sibling.is_some() {
                    let value = value.unwrap_or(&NULL);
                    push_values(value, sibling, Shape::Primitive(name), definitions, out);
                }
                return;
            }
            _ if value.is_none() => return,
            Target::Node(node) => Shape::Structure {
                schema,
                node: *node,
                code: &kind.code,
            },
            Target::Complex(name) => definitions.schema(name).map_or(Shape::Unknown, Shape::root),
            // Told by each resource itself.
            Target::Resource => Shape::Unknown,
            Target::Xhtml => Shape::Xhtml,
        };
        if let Some(value) = value {
            push_values(value, None, shape, definitions, out);
        }
    }
}

impl<'a> Shape<'a> {
    pub(super) fn root(schema: &'a TypeSchema) -> Self {
        match schema.kind {
            TypeKind::Primitive => Shape::Primitive(&schema.name),
            _ => Shape::Structure {
                schema,
                node: 0,
                code: &schema.name,
            },
        }
    }
}

fn push_values<'a>(
    value: &'a Value,
    sibling: Option<&'a Value>,
    shape: Shape<'a>,
    definitions: &'a Definitions,
    out: &mut Vec<Item<'a>>,
) {
    let siblings = sibling.and_then(Value::as_array);
    let mut push = |value: &'a Value, sibling: Option<&'a Value>| {
        let sibling = sibling.filter(|sibling| matches!(sibling, Value::Object(_)));
        if matches!(value, Value::Null) && sibling.is_none() {
            return;
        }
        let node = match shape {
            Shape::Unknown if value.str_at("resourceType").is_some() => {
                Node::resource(value, definitions)
            }
            _ => Node {
                value,
                sibling,
                shape,
            },
        };
        out.push(Item::Node(node));
    };
    match (value, siblings) {
        (Value::Array(items), siblings) => {
            let siblings = siblings.unwrap_or(&[]);
            for (index, item) in items.iter().enumerate() {
                push(item, siblings.get(index));
            }
            for extra in siblings.iter().skip(items.len()) {
                push(&NULL, Some(extra));
            }
        }
        (Value::Null, Some(siblings)) => {
            for extra in siblings {
                push(&NULL, Some(extra));
            }
        }
        (value, _) => push(value, sibling),
    }
}

/// The member `_name` of an object, found without building the name.
fn sibling_of<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value
        .as_object()?
        .iter()
        .find(|(member, _)| member.strip_prefix('_') == Some(name))
        .map(|(_, value)| value)
}
