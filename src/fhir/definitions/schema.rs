//! The shape of a type, compiled from the snapshot of its StructureDefinition.
//!
//! One [`TypeSchema`] per resource type or datatype. Its nodes are the objects that can occur
//! in it: the root, and one for each backbone element. A member of a JSON object is looked up in
//! its node by its JSON name, choice elements under each of their typed names
//! (`valueQuantity`). Where a member leads is a [`Target`].
//!
//! Source: FHIR R4 *ElementDefinition*, *JSON representation*.

use std::collections::HashMap;

use crate::fhir::model::value::Text;

/// What kind of type a schema describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeKind {
    Resource,
    Complex,
    /// A primitive datatype: its JSON form is a string, number or boolean.
    Primitive,
}

/// The shape of one type.
#[derive(Debug)]
pub struct TypeSchema {
    /// `Patient`, `HumanName`, `code`.
    pub name: Text,
    pub url: Text,
    pub kind: TypeKind,
    /// Name of the parent type (`DomainResource`); empty for `Element`, `Resource`.
    pub base: Text,
    pub is_abstract: bool,
    /// Node 0 is the root.
    pub nodes: Vec<Node>,
}

/// One kind of object inside a type.
#[derive(Debug)]
pub struct Node {
    /// `Patient`, `Patient.contact`.
    pub path: Text,
    /// In the order of the definition, which is the order of XML.
    pub fields: Vec<Field>,
    /// JSON member name → (index in `fields`, index in that field's `types`).
    pub by_name: HashMap<Text, (u16, u16)>,
}

/// One element of a node.
#[derive(Debug)]
pub struct Field {
    /// `birthDate`; for a choice the name without `[x]`: `value`.
    pub name: Text,
    /// True for `value[x]`: JSON and XML names then carry the type.
    pub choice: bool,
    pub min: u32,
    /// `None` is `*`.
    pub max: Option<u32>,
    /// Whether the JSON form is an array. From the base definition: a profile that lowers the
    /// maximum to 1 does not change it.
    pub array: bool,
    pub types: Vec<FieldType>,
    /// Part of `_summary=true`.
    pub summary: bool,
    pub modifier: bool,
    /// An XML attribute (`id`, `url` of extensions) instead of an element.
    pub xml_attribute: bool,
}

/// One type that a field may have.
#[derive(Debug)]
pub struct FieldType {
    /// `code`, `Quantity`, `BackboneElement`, `Resource`, `xhtml`.
    pub code: Text,
    /// The JSON name of the member when it has this type: `valueQuantity`, `birthDate`.
    pub json_name: Text,
    pub target: Target,
    /// Resource types a Reference or canonical may lead to; empty is any.
    pub target_types: Vec<Text>,
}

/// Where a field of some type leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Another node of the same schema (backbone elements, content references).
    Node(u16),
    /// A complex datatype with a schema of its own.
    Complex(Text),
    /// A primitive datatype; JSON string, number or boolean with an optional `_name` sibling.
    Primitive(Text),
    /// Any resource (`contained`, `Bundle.entry.resource`).
    Resource,
    /// Narrative XHTML.
    Xhtml,
}

impl TypeSchema {
    /// The root node.
    pub fn root(&self) -> Option<&Node> {
        self.nodes.first()
    }

    pub fn node(&self, index: u16) -> Option<&Node> {
        self.nodes.get(usize::from(index))
    }
}

impl Node {
    /// The field and type of a JSON member; the name without a leading underscore.
    pub fn member(&self, json_name: &str) -> Option<(&Field, &FieldType)> {
        let (field, kind) = self.by_name.get(json_name)?;
        let field = self.fields.get(usize::from(*field))?;
        let kind = field.types.get(usize::from(*kind))?;
        Some((field, kind))
    }

    /// The field by its element name, without type (`value` for `valueQuantity`).
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}
