//! A resource of a given type with what the type demands and nothing more.
//!
//! Required elements of the base definition are filled with values of their types; a code comes
//! from the value set to which it is bound, where the definitions have it.
//! Source: FHIR R4 *ElementDefinition* (min, binding), *Data Types*.

use crate::fhir::definitions::Definitions;
use crate::fhir::definitions::schema::{Field, FieldType, Target, TypeSchema};
use crate::fhir::model::value::{Object, Text, Value};

/// Required elements inside each other; no base type comes near.
const DEPTH: usize = 8;

/// Makes a resource of a type.
pub fn resource(type_name: &str, definitions: &Definitions) -> Result<Value, String> {
    let schema = definitions
        .schema(type_name)
        .filter(|_| definitions.is_resource_type(type_name))
        .ok_or_else(|| format!("{type_name} is no resource type of FHIR R4"))?;
    let url = format!("http://hl7.org/fhir/StructureDefinition/{type_name}");
    let definition = definitions.resolve(&url);
    let maker = Maker {
        definitions,
        elements: definition
            .as_ref()
            .and_then(|definition| definition.get("snapshot"))
            .map(|snapshot| snapshot.items_at("element"))
            .unwrap_or_default(),
    };
    let mut made = Object::new();
    made.push("resourceType", type_name);
    maker.fill(&mut made, schema, 0, DEPTH);
    Ok(Value::Object(made))
}

struct Maker<'a> {
    definitions: &'a Definitions,
    /// The snapshot of the resource type.
    elements: &'a [Value],
}

impl Maker<'_> {
    fn fill(&self, object: &mut Object, schema: &TypeSchema, node: u16, depth: usize) {
        let Some(node) = schema.node(node).filter(|_| depth > 0) else {
            return;
        };
        for field in node.fields.iter().filter(|field| field.min > 0) {
            let Some(kind) = field.types.first() else {
                continue;
            };
            let path = element_path(&node.path, field);
            let Some(value) = self.value(kind, schema, &path, depth) else {
                continue;
            };
            let value = if field.array {
                Value::Array(vec![value])
            } else {
                value
            };
            object.push(kind.json_name.clone(), value);
        }
    }

    fn value(
        &self,
        kind: &FieldType,
        schema: &TypeSchema,
        path: &str,
        depth: usize,
    ) -> Option<Value> {
        let deeper = depth.checked_sub(1)?;
        match &kind.target {
            Target::Node(node) => {
                let mut object = Object::new();
                self.fill(&mut object, schema, *node, deeper);
                (!object.is_empty()).then_some(Value::Object(object))
            }
            Target::Complex(name) => self.complex(name, path, deeper),
            Target::Primitive(name) => Some(self.primitive(name, path)),
            Target::Resource => {
                let mut object = Object::new();
                object.push("resourceType", "Basic");
                let mut code = Object::new();
                code.push("text", "synthetic");
                object.push("code", code);
                Some(Value::Object(object))
            }
            Target::Xhtml => Some(Value::from(
                "<div xmlns=\"http://www.w3.org/1999/xhtml\">synthetic</div>",
            )),
        }
    }

    fn complex(&self, name: &str, path: &str, depth: usize) -> Option<Value> {
        let mut object = Object::new();
        match name {
            "CodeableConcept" => match self.bound_code(path) {
                Some((system, code)) => {
                    let coding = coding(system, code);
                    object.push("coding", Value::Array(vec![coding]));
                }
                None => object.push("text", "synthetic"),
            },
            "Coding" => {
                let (system, code) = self
                    .bound_code(path)
                    .unwrap_or((Some("urn:ietf:bcp:47".into()), "it".into()));
                return Some(coding(system, code));
            }
            // A reference by name only: it leads nowhere, so it cannot be broken.
            "Reference" => object.push("display", "synthetic"),
            "Identifier" => {
                object.push("system", "urn:ietf:rfc:3986");
                object.push("value", "urn:uuid:5d5ab8b4-6b2b-4d0c-8a34-6a3f1c2d7e10");
            }
            "HumanName" | "Address" => object.push("text", "synthetic"),
            "Quantity" | "SimpleQuantity" | "Age" | "Duration" | "Count" | "Distance" => {
                object.push("value", 1_i64);
            }
            "Money" => {
                object.push("value", 1_i64);
                object.push("currency", "EUR");
            }
            "Period" => object.push("start", DATE),
            "Attachment" => object.push("contentType", "text/plain"),
            "Narrative" => {
                object.push("status", "generated");
                object.push(
                    "div",
                    "<div xmlns=\"http://www.w3.org/1999/xhtml\">synthetic</div>",
                );
            }
            _ => {
                let schema = self.definitions.schema(name)?;
                self.fill(&mut object, schema, 0, depth);
            }
        }
        (!object.is_empty()).then_some(Value::Object(object))
    }

    fn primitive(&self, name: &str, path: &str) -> Value {
        match name {
            "boolean" => Value::from(true),
            "integer" | "positiveInt" | "unsignedInt" => Value::from(1_i64),
            "decimal" => Value::Number(Text::from("1.0")),
            "date" | "dateTime" => Value::from(DATE),
            "instant" => Value::from("2024-01-01T00:00:00Z"),
            "time" => Value::from("12:00:00"),
            "base64Binary" => Value::from("c3ludGhldGlj"),
            "uri" | "url" | "canonical" => Value::from("http://example.org/synthetic"),
            "oid" => Value::from("urn:oid:1.2.3"),
            "uuid" => Value::from("urn:uuid:5d5ab8b4-6b2b-4d0c-8a34-6a3f1c2d7e10"),
            "code" => Value::from(self.bound_code(path).map_or_else(
                || match path.rsplit('.').next() {
                    Some("contentType") => "text/plain".to_owned(),
                    _ => "unknown".to_owned(),
                },
                |(_, code)| code,
            )),
            _ => Value::from("synthetic"),
        }
    }

    /// The first code of the value set to which an element is bound: system and code.
    fn bound_code(&self, path: &str) -> Option<(Option<String>, String)> {
        let element = self
            .elements
            .iter()
            .find(|element| element.str_at("path") == Some(path))?;
        let url = element.get("binding")?.str_at("valueSet")?;
        let url = url.split('|').next().unwrap_or(url);
        let set = self.definitions.resolve(url)?;
        let include = set.get("compose")?.items_at("include").first()?;
        let system = include.str_at("system")?;
        if let Some(code) = include.items_at("concept").first() {
            return Some((Some(system.to_owned()), code.str_at("code")?.to_owned()));
        }
        let code_system = self.definitions.resolve(system)?;
        let concept = code_system.items_at("concept").first()?;
        Some((Some(system.to_owned()), concept.str_at("code")?.to_owned()))
    }
}

const DATE: &str = "2024-01-01";

fn coding(system: Option<String>, code: String) -> Value {
    let mut coding = Object::new();
    if let Some(system) = system {
        coding.push("system", system);
    }
    coding.push("code", code);
    Value::Object(coding)
}

fn element_path(node: &str, field: &Field) -> String {
    let choice = if field.choice { "[x]" } else { "" };
    format!("{node}.{}{choice}", field.name)
}
