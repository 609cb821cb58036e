//! From the snapshot of a StructureDefinition to a [`TypeSchema`].
//!
//! Only definitions of types are compiled, not profiles: what is looked at is what JSON and XML
//! need to be read. Source: FHIR R4 *StructureDefinition*, *ElementDefinition*, *JSON
//! representation*.

use std::collections::HashMap;

use super::abbreviation::elements;
use super::schema::{Field, FieldType, Node, Target, TypeKind, TypeSchema};
use crate::error::{Error, Result};
use crate::fhir::model::value::{Text, Value};

const CORE: &str = "http://hl7.org/fhir/StructureDefinition/";
const SYSTEM: &str = "http://hl7.org/fhirpath/System.";
const FHIR_TYPE: &str = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type";

/// Compiles the definition of a type. `kind_of` knows the kind of every type by its name.
///
/// # Errors
/// `Internal` when the definition has no snapshot or contradicts itself: definitions of types come
/// with the server.
pub fn compile(
    definition: &Value,
    kind_of: &dyn Fn(&str) -> Option<TypeKind>,
) -> Result<TypeSchema> {
    let name = definition.str_at("type").unwrap_or_default();
    let kind = kind_of(name).ok_or_else(|| fault(name, "the kind of a known type", name))?;
    let mut compiler = Compiler {
        name,
        kind,
        kind_of,
        elements: elements(definition)
            .iter()
            .filter(|element| element.get("sliceName").is_none())
            .collect(),
        nodes: Vec::new(),
        node_by_path: HashMap::new(),
    };
    compiler.find_nodes()?;
    compiler.fill_nodes()?;
    Ok(TypeSchema {
        name: Text::new(name),
        url: Text::new(definition.str_at("url").unwrap_or_default()),
        kind,
        base: Text::new(last_step(
            definition.str_at("baseDefinition").unwrap_or_default(),
        )),
        is_abstract: definition.get("abstract").and_then(Value::as_bool) == Some(true),
        nodes: compiler.nodes,
    })
}

struct Compiler<'a> {
    name: &'a str,
    kind: TypeKind,
    kind_of: &'a dyn Fn(&str) -> Option<TypeKind>,
    elements: Vec<&'a Value>,
    nodes: Vec<Node>,
    node_by_path: HashMap<&'a str, u16>,
}

impl<'a> Compiler<'a> {
    /// The root and each element with children is a node.
    fn find_nodes(&mut self) -> Result<()> {
        let root = self.elements.first().map_or("", |root| path_of(root));
        if root != self.name {
            return Err(fault(self.name, "a snapshot that begins with it", root));
        }
        self.add_node(root)?;
        let paths: Vec<&'a str> = self.elements.iter().map(|e| path_of(e)).collect();
        for path in paths.into_iter().skip(1) {
            let (parent, _) = path
                .rsplit_once('.')
                .ok_or_else(|| fault(self.name, "an element below it", path))?;
            if !self.node_by_path.contains_key(parent) {
                self.add_node(parent)?;
            }
        }
        Ok(())
    }

    fn add_node(&mut self, path: &'a str) -> Result<()> {
        let index = u16::try_from(self.nodes.len())
            .map_err(|_| fault(self.name, "at most 65535 nodes", path))?;
        self.node_by_path.insert(path, index);
        self.nodes.push(Node {
            path: Text::new(path),
            fields: Vec::new(),
            by_name: HashMap::new(),
        });
        Ok(())
    }

    fn fill_nodes(&mut self) -> Result<()> {
        for element in self.elements.clone().into_iter().skip(1) {
            let path = path_of(element);
            let Some((parent, step)) = path.rsplit_once('.') else {
                continue;
            };
            // The value of a primitive is no member of an object: it stands where the object would.
            if self.kind == TypeKind::Primitive && step == "value" {
                continue;
            }
            let field = self.field(element, path, step)?;
            let index = self.node_by_path.get(parent).copied().unwrap_or_default();
            if let Some(node) = self.nodes.get_mut(usize::from(index)) {
                add_field(node, field, path)?;
            }
        }
        Ok(())
    }

    fn field(&self, element: &'a Value, path: &'a str, step: &str) -> Result<Field> {
        let (name, choice) = match step.strip_suffix("[x]") {
            Some(name) => (name, true),
            None => (step, false),
        };
        let types = self.types(element, path, name, choice)?;
        let max = element.str_at("max").unwrap_or("*");
        let base_max = element
            .get("base")
            .and_then(|base| base.str_at("max"))
            .unwrap_or(max);
        let flag = |name: &str| element.get(name).and_then(Value::as_bool) == Some(true);
        let min = match element.get("min") {
            Some(Value::Number(min)) => min.parse().ok(),
            _ => None,
        };
        Ok(Field {
            name: Text::new(name),
            choice,
            min: min.unwrap_or(0),
            max: max.parse().ok(),
            array: base_max
                .parse::<u32>()
                .ok()
                .is_none_or(|base_max| base_max > 1),
            types,
            summary: flag("isSummary"),
            modifier: flag("isModifier"),
            xml_attribute: element
                .items_at("representation")
                .iter()
                .any(|item| item.as_str() == Some("xmlAttr")),
        })
    }

    fn types(
        &self,
        element: &'a Value,
        path: &'a str,
        name: &str,
        choice: bool,
    ) -> Result<Vec<FieldType>> {
        if let Some(reference) = element.str_at("contentReference") {
            let other = reference.rsplit('#').next().unwrap_or_default();
            let node = self
                .node_by_path
                .get(other)
                .ok_or_else(|| fault(path, "a contentReference to a node", reference))?;
            let code = self.elements.iter().find(|e| path_of(e) == other);
            let code = code.and_then(|e| e.items_at("type").first()?.str_at("code"));
            return Ok(vec![FieldType {
                code: Text::new(code.unwrap_or("BackboneElement")),
                json_name: Text::new(name),
                target: Target::Node(*node),
                target_types: Vec::new(),
            }]);
        }
        let types = element.items_at("type");
        if types.is_empty() || (types.len() > 1 && !choice) {
            let found = format!("{} types", types.len());
            return Err(fault(path, "one type, or several of a choice", &found));
        }
        types
            .iter()
            .map(|one| {
                let code = self.code(one, path);
                let json_name = if choice {
                    typed_name(name, &code)
                } else {
                    Text::new(name)
                };
                Ok(FieldType {
                    target: self.target(&code, path)?,
                    code,
                    json_name,
                    target_types: target_types(one),
                })
            })
            .collect()
    }

    /// The FHIR type meant. Where the definitions name a type of FHIRPath, an extension tells.
    fn code(&self, one: &Value, path: &str) -> Text {
        let code = one.str_at("code").unwrap_or_default();
        let Some(system) = code.strip_prefix(SYSTEM) else {
            return Text::new(code);
        };
        // R4 says `string` for the id of a resource; its own text, and R5, say `id`.
        if self.kind == TypeKind::Resource && path.strip_prefix(self.name) == Some(".id") {
            return Text::new("id");
        }
        let told = one
            .items_at("extension")
            .iter()
            .find(|extension| extension.str_at("url") == Some(FHIR_TYPE))
            .and_then(|extension| {
                extension
                    .str_at("valueUrl")
                    .or(extension.str_at("valueUri"))
            });
        Text::new(told.unwrap_or(match system {
            "Boolean" => "boolean",
            "Integer" => "integer",
            "Decimal" => "decimal",
            "Date" => "date",
            "DateTime" => "dateTime",
            "Time" => "time",
            _ => "string",
        }))
    }

    fn target(&self, code: &Text, path: &str) -> Result<Target> {
        if let Some(node) = self.node_by_path.get(path) {
            return Ok(Target::Node(*node));
        }
        if code == "xhtml" {
            return Ok(Target::Xhtml);
        }
        match (self.kind_of)(code) {
            Some(TypeKind::Resource) => Ok(Target::Resource),
            Some(TypeKind::Complex) => Ok(Target::Complex(code.clone())),
            Some(TypeKind::Primitive) => Ok(Target::Primitive(code.clone())),
            None => Err(fault(path, "a known type", code)),
        }
    }
}

fn add_field(node: &mut Node, field: Field, path: &str) -> Result<()> {
    let too_many = |_| fault(path, "at most 65535 fields and types", "more");
    let index = u16::try_from(node.fields.len()).map_err(too_many)?;
    for (number, kind) in field.types.iter().enumerate() {
        let number = u16::try_from(number).map_err(too_many)?;
        let place = (index, number);
        if node.by_name.insert(kind.json_name.clone(), place).is_some() {
            return Err(fault(
                path,
                "a name used once",
                &format!("{} twice", kind.json_name),
            ));
        }
    }
    node.fields.push(field);
    Ok(())
}

fn path_of(element: &Value) -> &str {
    element.str_at("path").unwrap_or_default()
}

/// `value` and `dateTime` give `valueDateTime`.
fn typed_name(name: &str, code: &str) -> Text {
    let mut typed = Text::new(name);
    let mut letters = code.chars();
    typed.extend(letters.next().map(|first| first.to_ascii_uppercase()));
    typed.push_str(letters.as_str());
    typed
}

fn target_types(one: &Value) -> Vec<Text> {
    let profiles = one.items_at("targetProfile").iter();
    let types: Vec<Text> = profiles
        .filter_map(|profile| Some(Text::new(profile.as_str()?.strip_prefix(CORE)?)))
        .collect();
    if types.iter().any(|name| name == "Resource") {
        return Vec::new();
    }
    types
}

fn last_step(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or_default()
}

fn fault(place: &str, expected: &str, found: &str) -> Error {
    Error::internal(format!(
        "definition of {place}: expected {expected}, found '{found}'"
    ))
}
