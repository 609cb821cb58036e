//! From the JSON tree of a resource to FHIR XML.
//!
//! Elements come in the order of the definitions; `id` and `url` of extensions become attributes,
//! `_name` siblings the attributes and children of the primitive. Source: FHIR R4 *XML
//! representation of resources*.

use super::narrative::{self, Div, XHTML_NAMESPACE};
use super::tree::escape_attribute;
use super::{DEPTH, FHIR_NAMESPACE};
use crate::error::{Error, Kind, Result};
use crate::fhir::definitions::Definitions;
use crate::fhir::definitions::schema::{Field, FieldType, Node, Target, TypeSchema};
use crate::fhir::model::element_path::ElementPath;
use crate::fhir::model::value::{Object, Value};

/// Writes a resource as FHIR XML, without white space between elements.
///
/// # Errors
/// `Unprocessable` when the resource has not the shape of its type; `NotAcceptable` when it holds a
/// character that XML cannot.
pub fn to_xml(resource: &Value, definitions: &Definitions) -> Result<Vec<u8>> {
    write(resource, definitions, false)
}

/// Writes a resource as FHIR XML with one element per line.
///
/// # Errors
/// As [`to_xml`].
pub fn to_xml_pretty(resource: &Value, definitions: &Definitions) -> Result<Vec<u8>> {
    write(resource, definitions, true)
}

fn write(resource: &Value, definitions: &Definitions, pretty: bool) -> Result<Vec<u8>> {
    let mut writer = Writer {
        definitions,
        out: String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>"),
        pretty,
        depth: 0,
    };
    if !pretty {
        writer.out.push('\n');
    }
    let place = ElementPath::root(resource.str_at("resourceType").unwrap_or("Resource"));
    writer.resource(resource, &place)?;
    if pretty {
        writer.out.push('\n');
    }
    // XML has no way to write these two, not even as references.
    if writer.out.contains(['\u{FFFE}', '\u{FFFF}']) {
        return Err(Error::of(
            Kind::NotAcceptable,
            "the resource holds a character that XML cannot represent",
        ));
    }
    Ok(writer.out.into_bytes())
}

struct Writer<'d> {
    definitions: &'d Definitions,
    out: String,
    pretty: bool,
    depth: usize,
}

/// A member of an object under its element.
struct Member<'v> {
    field: u16,
    kind: u16,
    value: Option<&'v Value>,
    sibling: Option<&'v Value>,
}

fn refused(place: &ElementPath<'_>, text: &str) -> Error {
    Error::new(Kind::Unprocessable, "structure", text).at(place.to_string())
}

impl Writer<'_> {
    fn resource(&mut self, value: &Value, place: &ElementPath<'_>) -> Result<()> {
        let object = as_object(value, place)?;
        let schema = object
            .str_at("resourceType")
            .filter(|name| self.definitions.is_resource_type(name))
            .and_then(|name| self.definitions.schema(name))
            .ok_or_else(|| refused(place, "expected a known resourceType"))?;
        let outermost = self.depth == 0;
        self.open(&schema.name);
        if outermost {
            self.out.push_str(" xmlns=\"");
            self.out.push_str(FHIR_NAMESPACE);
            self.out.push('"');
        }
        self.node(&schema.name, object, schema, 0, true, place)
    }

    /// Begins a start tag: line, indentation, name.
    fn open(&mut self, name: &str) {
        self.line();
        self.out.push('<');
        self.out.push_str(name);
    }

    fn line(&mut self) {
        if self.pretty {
            self.out.push('\n');
            for _ in 0..self.depth {
                self.out.push_str("  ");
            }
        }
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.out.push(' ');
        self.out.push_str(name);
        self.out.push_str("=\"");
        escape_attribute(&mut self.out, value);
        self.out.push('"');
    }

    fn close(&mut self, name: &str) {
        self.line();
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    /// Writes attributes, children and end tag of an element whose start tag is open.
    fn node(
        &mut self,
        element: &str,
        object: &Object,
        schema: &TypeSchema,
        node: u16,
        is_resource: bool,
        place: &ElementPath<'_>,
    ) -> Result<()> {
        let node = schema
            .node(node)
            .ok_or_else(|| Error::internal("a schema lacks one of its nodes"))?;
        if self.depth >= DEPTH {
            return Err(refused(place, "the resource is nested too deeply"));
        }
        let members = members(object, node, is_resource, place)?;
        let (attributes, children): (Vec<_>, Vec<_>) = members
            .into_iter()
            .filter_map(|member| {
                let field = node.fields.get(usize::from(member.field))?;
                let kind = field.types.get(usize::from(member.kind))?;
                Some((field, kind, member))
            })
            .partition(|(field, ..)| field.xml_attribute);
        for (field, kind, member) in attributes {
            let place = place.member(&field.name);
            let text = member
                .value
                .and_then(primitive_text)
                .filter(|_| member.sibling.is_none())
                .ok_or_else(|| refused(&place, "expected a string without extensions"))?;
            self.attribute(&kind.json_name, text);
        }
        if children.is_empty() {
            self.out.push_str("/>");
            return Ok(());
        }
        self.out.push('>');
        self.depth = self.depth.saturating_add(1);
        for (field, kind, member) in children {
            let mut place = place.member(&field.name);
            if field.choice {
                place = place.of_type(&kind.code);
            }
            self.field(schema, field, kind, &member, &place)?;
        }
        self.depth = self.depth.saturating_sub(1);
        self.close(element);
        Ok(())
    }

    fn field(
        &mut self,
        schema: &TypeSchema,
        field: &Field,
        kind: &FieldType,
        member: &Member<'_>,
        place: &ElementPath<'_>,
    ) -> Result<()> {
        if !field.array {
            return self.item(schema, kind, member.value, member.sibling, place);
        }
        let values = as_items(member.value, place)?;
        let siblings = as_items(member.sibling, place)?;
        for index in 0..values.len().max(siblings.len()) {
            let place = place.item(index);
            self.item(schema, kind, values.get(index), siblings.get(index), &place)?;
        }
        Ok(())
    }

    fn item(
        &mut self,
        schema: &TypeSchema,
        kind: &FieldType,
        value: Option<&Value>,
        sibling: Option<&Value>,
        place: &ElementPath<'_>,
    ) -> Result<()> {
        let value = value.filter(|value| !matches!(value, Value::Null));
        let sibling = sibling.filter(|sibling| !matches!(sibling, Value::Null));
        let name = kind.json_name.as_str();
        if let Target::Primitive(_) = kind.target {
            return self.primitive(name, value, sibling, place);
        }
        let value = value.ok_or_else(|| refused(place, "expected an object, found null"))?;
        match &kind.target {
            Target::Xhtml => self.narrative(value, place),
            Target::Resource => {
                self.open(name);
                self.out.push('>');
                self.depth = self.depth.saturating_add(1);
                self.resource(value, place)?;
                self.depth = self.depth.saturating_sub(1);
                self.close(name);
                Ok(())
            }
            Target::Node(node) => {
                self.open(name);
                self.node(name, as_object(value, place)?, schema, *node, false, place)
            }
            Target::Complex(type_name) => {
                let schema = self
                    .definitions
                    .schema(type_name)
                    .ok_or_else(|| Error::internal(format!("no definition of {type_name}")))?;
                self.open(name);
                self.node(name, as_object(value, place)?, schema, 0, false, place)
            }
            Target::Primitive(_) => Ok(()),
        }
    }

    fn primitive(
        &mut self,
        name: &str,
        value: Option<&Value>,
        sibling: Option<&Value>,
        place: &ElementPath<'_>,
    ) -> Result<()> {
        self.open(name);
        let mut extensions: &[Value] = &[];
        if let Some(sibling) = sibling {
            for (member, value) in as_object(sibling, place)?.iter() {
                match member {
                    "id" => {
                        let id = value
                            .as_str()
                            .ok_or_else(|| refused(place, "expected a string as id"))?;
                        self.attribute("id", id);
                    }
                    "extension" => extensions = as_items(Some(value), place)?,
                    _ => return Err(refused(place, "expected only id and extension")),
                }
            }
        }
        if let Some(value) = value {
            let text = primitive_text(value)
                .ok_or_else(|| refused(place, "expected a primitive value"))?;
            self.attribute("value", text);
        }
        if extensions.is_empty() {
            self.out.push_str("/>");
            return Ok(());
        }
        let schema = self
            .definitions
            .schema("Extension")
            .ok_or_else(|| Error::internal("no definition of Extension"))?;
        self.out.push('>');
        self.depth = self.depth.saturating_add(1);
        for (index, extension) in extensions.iter().enumerate() {
            let place = place.member("extension").item(index);
            self.open("extension");
            let object = as_object(extension, &place)?;
            self.node("extension", object, schema, 0, false, &place)?;
        }
        self.depth = self.depth.saturating_sub(1);
        self.close(name);
        Ok(())
    }

    fn narrative(&mut self, value: &Value, place: &ElementPath<'_>) -> Result<()> {
        let text = value
            .as_str()
            .ok_or_else(|| refused(place, "expected a string"))?;
        self.line();
        match narrative::check(text) {
            Ok(Div::Complete) => self.out.push_str(text),
            Ok(Div::WithoutNamespace(offset)) => {
                self.out.push_str(text.get(..offset).unwrap_or(""));
                self.out.push_str(" xmlns=\"");
                self.out.push_str(XHTML_NAMESPACE);
                self.out.push('"');
                self.out.push_str(text.get(offset..).unwrap_or(""));
            }
            Err(fault) => return Err(refused(place, &fault.to_string())),
        }
        Ok(())
    }
}

/// The members of an object in the order of the definition, values beside their siblings.
fn members<'v>(
    object: &'v Object,
    node: &Node,
    is_resource: bool,
    place: &ElementPath<'_>,
) -> Result<Vec<Member<'v>>> {
    let mut members: Vec<Member<'v>> = Vec::with_capacity(object.len());
    for (name, value) in object.iter() {
        if is_resource && name == "resourceType" {
            continue;
        }
        let bare = name.strip_prefix('_');
        let Some((field, kind)) = node.by_name.get(bare.unwrap_or(name)).copied() else {
            return Err(refused(&place.member(name), "expected a defined element"));
        };
        let known = members
            .iter_mut()
            .find(|member| member.field == field && member.kind == kind);
        let member = match known {
            Some(member) => member,
            None => {
                members.push(Member {
                    field,
                    kind,
                    value: None,
                    sibling: None,
                });
                match members.last_mut() {
                    Some(member) => member,
                    None => continue,
                }
            }
        };
        match bare {
            Some(_) => member.sibling = Some(value),
            None => member.value = Some(value),
        }
    }
    members.sort_by_key(|member| (member.field, member.kind));
    Ok(members)
}

fn primitive_text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) | Value::Number(text) => Some(text),
        Value::Bool(true) => Some("true"),
        Value::Bool(false) => Some("false"),
        _ => None,
    }
}

fn as_object<'v>(value: &'v Value, place: &ElementPath<'_>) -> Result<&'v Object> {
    value
        .as_object()
        .ok_or_else(|| refused(place, "expected an object"))
}

fn as_items<'v>(value: Option<&'v Value>, place: &ElementPath<'_>) -> Result<&'v [Value]> {
    match value {
        None => Ok(&[]),
        Some(value) => value
            .as_array()
            .ok_or_else(|| refused(place, "expected an array")),
    }
}
