//! From FHIR XML to the JSON tree of a resource.
//!
//! The document is read as a stream of events, so that a large Bundle is never held as an XML tree.
//! Formats are checked where text becomes a number or a boolean; everything else that is wrong with
//! a resource is for the shape check, as with JSON.
//! Source: FHIR R4 *XML representation of resources*.

use super::events::{Events, StartTag, XmlEvent, XmlLimits};
use super::narrative::{self, Div, XHTML_NAMESPACE};
use super::tree::{read_element, write_document};
use super::{FHIR_NAMESPACE, XSI_NAMESPACE};
use crate::error::{Error, Kind, Result};
use crate::fhir::definitions::Definitions;
use crate::fhir::definitions::schema::{FieldType, Node, Target, TypeSchema};
use crate::fhir::model::element_path::ElementPath;
use crate::fhir::model::json::Limits;
use crate::fhir::model::primitive;
use crate::fhir::model::value::{Object, Text, Value};

/// Reads a resource from FHIR XML, within the usual limits.
///
/// # Errors
/// `Invalid` when the document is not well formed, over a limit, or has an element, attribute or
/// value that the definitions do not know.
pub fn from_xml(bytes: &[u8], definitions: &Definitions) -> Result<Value> {
    from_xml_within(bytes, definitions, &XmlLimits::default())
}

/// Reads a resource from FHIR XML, within given limits. The nodes of a Bundle are counted anew for
/// each of its entries.
///
/// # Errors
/// As [`from_xml`].
pub fn from_xml_within(
    bytes: &[u8],
    definitions: &Definitions,
    limits: &XmlLimits,
) -> Result<Value> {
    let mut reader = Reader {
        definitions,
        events: Events::open(bytes, limits)?,
        json: Limits::default(),
        level: 1,
        values: 0,
    };
    let mut resource = None;
    while let Some(event) = reader.events.next_event()? {
        if let XmlEvent::Start(mut tag) = event {
            // A hint for other programs; nothing is fetched from it.
            tag.attributes.retain(|attribute| {
                attribute.namespace != XSI_NAMESPACE || attribute.name != "schemaLocation"
            });
            let place = ElementPath::root(tag.name);
            resource = Some(reader.resource(&tag, &place)?);
        }
    }
    resource.ok_or_else(|| Error::internal("an XML document without a root was read"))
}

struct Reader<'a, 'd> {
    definitions: &'d Definitions,
    events: Events<'a>,
    /// What the JSON reader allows: the resource must be readable again once it is stored.
    json: Limits,
    /// Objects and arrays of the JSON form that are open.
    level: usize,
    /// Values of the JSON form, in a Bundle those of the entry.
    values: usize,
}

/// The elements of one name, while their parent is read.
struct Member<'d> {
    kind: &'d FieldType,
    array: bool,
    /// Null where a primitive has extensions only.
    values: Vec<Value>,
    /// As long as `values`; null where there is neither id nor extension.
    siblings: Vec<Value>,
}

impl<'a, 'd> Reader<'a, 'd> {
    /// An error with its place in the document and in the resource.
    fn refused(
        &self,
        code: &'static str,
        offset: usize,
        place: &ElementPath<'_>,
        text: &str,
    ) -> Error {
        let (line, column) = self.events.line_and_column(offset);
        let text = format!("line {line}, column {column}: {text}");
        Error::new(Kind::Invalid, code, text).at(place.to_string())
    }

    /// Accounts for values of the JSON form that stand `deeper` objects and arrays further in.
    fn account(
        &mut self,
        values: usize,
        deeper: usize,
        offset: usize,
        place: &ElementPath<'_>,
    ) -> Result<()> {
        self.values = self.values.saturating_add(values);
        let over = if self.values > self.json.nodes {
            format!("expected at most {} values, found more", self.json.nodes)
        } else if self.level.saturating_add(deeper) > self.json.depth {
            format!("expected at most {} levels, found more", self.json.depth)
        } else {
            return Ok(());
        };
        Err(self.refused("too-long", offset, place, &over))
    }

    /// Refuses a string that the JSON reader would not take; attachment data may be of any length.
    fn bounded(
        &self,
        text: &str,
        name: &str,
        offset: usize,
        place: &ElementPath<'_>,
    ) -> Result<()> {
        if text.len() <= self.json.string || name == "data" {
            return Ok(());
        }
        let over = format!("expected at most {} bytes, found more", self.json.string);
        Err(self.refused("too-long", offset, place, &over))
    }

    fn resource(&mut self, tag: &StartTag<'a>, place: &ElementPath<'_>) -> Result<Value> {
        if tag.namespace != FHIR_NAMESPACE {
            let text = "expected an element in the namespace http://hl7.org/fhir";
            return Err(self.refused("structure", tag.start, place, text));
        }
        let schema = match self.definitions.schema(tag.name) {
            Some(schema) if self.definitions.is_resource_type(tag.name) => schema,
            _ => {
                let text = "expected a resource type of FHIR R4, found another element";
                return Err(self.refused("structure", tag.start, place, text));
            }
        };
        let mut object = Object::with_capacity(8);
        object.push("resourceType", schema.name.clone());
        self.node(tag, schema, 0, place, &mut object)?;
        Ok(Value::Object(object))
    }

    /// Reads attributes and children of an element into an object.
    fn node(
        &mut self,
        tag: &StartTag<'a>,
        schema: &'d TypeSchema,
        node: u16,
        place: &ElementPath<'_>,
        object: &mut Object,
    ) -> Result<()> {
        let node = schema
            .node(node)
            .ok_or_else(|| Error::internal("a schema lacks one of its nodes"))?;
        for attribute in &tag.attributes {
            let known = node
                .member(&attribute.name)
                .filter(|(field, _)| field.xml_attribute && attribute.namespace.is_empty());
            if known.is_none() {
                let place = place.member(&attribute.name);
                let text = "expected a defined attribute, found another";
                return Err(self.refused("structure", tag.start, &place, text));
            }
            self.bounded(&attribute.value, &attribute.name, tag.start, place)?;
            object.push(attribute.name.clone(), attribute.value.clone());
        }
        self.account(object.len(), 0, tag.start, place)?;
        let is_bundle = schema.name == "Bundle" && self.events.depth() == 1;
        let mut members: Vec<Member<'d>> = Vec::new();
        while let Some(child) = self.next_child(place)? {
            if is_bundle {
                self.events.restart_count();
                self.values = 0;
            }
            self.child(child, schema, node, place, &mut members)?;
        }
        for member in members {
            member.put(object);
        }
        Ok(())
    }

    /// Reads one child element and puts it beside those of its name.
    fn child(
        &mut self,
        tag: StartTag<'a>,
        schema: &'d TypeSchema,
        node: &'d Node,
        place: &ElementPath<'_>,
        members: &mut Vec<Member<'d>>,
    ) -> Result<()> {
        let known = node
            .member(tag.name)
            .filter(|(field, kind)| !field.xml_attribute && tag.namespace == namespace_of(kind));
        let Some((field, kind)) = known else {
            let place = place.member(tag.name);
            let text = "expected a defined element, found another";
            return Err(self.refused("structure", tag.start, &place, text));
        };
        let mut place = place.member(&field.name);
        if field.choice {
            place = place.of_type(&kind.code);
        }
        let position = members
            .iter()
            .rposition(|member| std::ptr::eq(member.kind, kind));
        let count = position
            .and_then(|position| members.get(position))
            .map_or(0, |member| member.values.len());
        if field.array {
            place = place.item(count);
        } else if count > 0 {
            let text = "expected the element once, found it again";
            return Err(self.refused("structure", tag.start, &place, text));
        }
        let is_object = !matches!(kind.target, Target::Primitive(_) | Target::Xhtml);
        let deeper = usize::from(field.array).saturating_add(usize::from(is_object));
        self.account(1, deeper, tag.start, &place)?;
        let outside = self.level;
        self.level = outside.saturating_add(deeper);
        let (value, sibling) = self.element(tag, schema, kind, &place)?;
        self.level = outside;
        match position.and_then(|position| members.get_mut(position)) {
            Some(member) => {
                member.values.push(value);
                member.siblings.push(sibling);
            }
            None => members.push(Member {
                kind,
                array: field.array,
                values: vec![value],
                siblings: vec![sibling],
            }),
        }
        Ok(())
    }

    /// The start tag of the next child; `None` at the end of the element.
    fn next_child(&mut self, place: &ElementPath<'_>) -> Result<Option<StartTag<'a>>> {
        loop {
            let start = self.events.position();
            match self.events.next_event()? {
                Some(XmlEvent::Start(tag)) => return Ok(Some(tag)),
                Some(XmlEvent::End { .. }) | None => return Ok(None),
                Some(XmlEvent::Text(text)) => {
                    if !text.bytes().all(|b| b.is_ascii_whitespace()) {
                        let text = "expected elements, found text between them";
                        return Err(self.refused("structure", start, place, text));
                    }
                }
            }
        }
    }

    /// The JSON value of an element and that of its `_` sibling; null where there is none.
    fn element(
        &mut self,
        tag: StartTag<'a>,
        schema: &'d TypeSchema,
        kind: &'d FieldType,
        place: &ElementPath<'_>,
    ) -> Result<(Value, Value)> {
        let mut object = Object::new();
        match &kind.target {
            Target::Primitive(code) => return self.primitive(&tag, code, &kind.json_name, place),
            Target::Xhtml => return Ok((Value::String(self.narrative(tag, place)?), Value::Null)),
            Target::Resource => return Ok((self.wrapped(&tag, place)?, Value::Null)),
            Target::Node(node) => self.node(&tag, schema, *node, place, &mut object)?,
            Target::Complex(name) => {
                let schema = self
                    .definitions
                    .schema(name)
                    .ok_or_else(|| Error::internal(format!("no definition of {name}")))?;
                self.node(&tag, schema, 0, place, &mut object)?;
            }
        }
        Ok((Value::Object(object), Value::Null))
    }

    fn primitive(
        &mut self,
        tag: &StartTag<'a>,
        code: &str,
        name: &str,
        place: &ElementPath<'_>,
    ) -> Result<(Value, Value)> {
        let mut value = Value::Null;
        let mut sibling = Object::new();
        for attribute in &tag.attributes {
            match (attribute.namespace.as_str(), attribute.name.as_str()) {
                ("", "value") => {
                    self.bounded(&attribute.value, name, tag.start, place)?;
                    value = primitive::from_text(code, &attribute.value)
                        .map_err(|text| self.refused("value", tag.start, place, &text))?;
                }
                ("", "id") => {
                    self.bounded(&attribute.value, "id", tag.start, place)?;
                    self.account(2, 1, tag.start, place)?;
                    sibling.push("id", attribute.value.clone());
                }
                _ => {
                    let text = "expected the attributes value and id, found another";
                    return Err(self.refused("structure", tag.start, place, text));
                }
            }
        }
        let mut extensions = Vec::new();
        while let Some(child) = self.next_child(place)? {
            let here = place.member(child.name);
            let schema = self.definitions.schema("Extension");
            let is_extension = child.name == "extension" && child.namespace == FHIR_NAMESPACE;
            let Some(schema) = schema.filter(|_| is_extension) else {
                let text = "expected extensions in a primitive, found another element";
                return Err(self.refused("structure", child.start, &here, text));
            };
            let here = here.item(extensions.len());
            // The sibling, its list of extensions and the extension.
            self.account(1, 3, child.start, &here)?;
            let outside = self.level;
            self.level = outside.saturating_add(3);
            let mut object = Object::with_capacity(2);
            self.node(&child, schema, 0, &here, &mut object)?;
            self.level = outside;
            extensions.push(Value::Object(object));
        }
        if !extensions.is_empty() {
            sibling.push("extension", extensions);
        }
        if !sibling.is_empty() {
            return Ok((value, Value::Object(sibling)));
        }
        if value == Value::Null {
            let text = "expected the attribute value or extensions, found neither";
            return Err(self.refused("structure", tag.start, place, text));
        }
        Ok((value, Value::Null))
    }

    /// The resource inside of `contained` or `resource`.
    fn wrapped(&mut self, tag: &StartTag<'a>, place: &ElementPath<'_>) -> Result<Value> {
        let text = "expected one resource and nothing else in the element";
        if !tag.attributes.is_empty() {
            return Err(self.refused("structure", tag.start, place, text));
        }
        let Some(child) = self.next_child(place)? else {
            return Err(self.refused("structure", tag.start, place, text));
        };
        let resource = self.resource(&child, place)?;
        match self.next_child(place)? {
            Some(second) => Err(self.refused("structure", second.start, place, text)),
            None => Ok(resource),
        }
    }

    /// The source of the `div`, unless it needs declarations from outside of it.
    fn narrative(&mut self, tag: StartTag<'a>, place: &ElementPath<'_>) -> Result<Text> {
        let element = read_element(&mut self.events, tag)?;
        let source = self.events.source().get(element.start..element.end);
        let text = match source {
            Some(source) if narrative::check(source) == Ok(Div::Complete) => Text::new(source),
            _ => Text::from(write_document(&element)),
        };
        self.bounded(&text, "div", element.start, place)?;
        Ok(text)
    }
}

impl Member<'_> {
    /// Adds the member, and its `_` sibling where there is one, to the object.
    fn put(mut self, object: &mut Object) {
        let is_something = |value: &Value| *value != Value::Null;
        let has_values = self.values.iter().any(is_something);
        let has_siblings = self.siblings.iter().any(is_something);
        let name = self.kind.json_name.clone();
        let sibling_name = has_siblings.then(|| format!("_{name}"));
        if self.array {
            if has_values {
                object.push(name, self.values);
            }
            if let Some(sibling_name) = sibling_name {
                object.push(sibling_name, self.siblings);
            }
            return;
        }
        if let Some(value) = self.values.pop().filter(is_something) {
            object.push(name, value);
        }
        if let (Some(sibling_name), Some(sibling)) = (sibling_name, self.siblings.pop()) {
            object.push(sibling_name, sibling);
        }
    }
}

/// The namespace in which an element of a type is written.
fn namespace_of(kind: &FieldType) -> &'static str {
    match kind.target {
        Target::Xhtml => XHTML_NAMESPACE,
        _ => FHIR_NAMESPACE,
    }
}
