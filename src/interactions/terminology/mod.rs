//! Terminology as a service.
//!
//! Source: FHIR R4 terminology-service.html and the OperationDefinitions of CodeSystem, ValueSet and
//! ConceptMap. `$closure` is not offered.

mod concept;
mod expand;
mod input;
mod lookup;
mod source;
mod subsumes;
mod translate;
mod validate_code;

use crate::error::{Error, Kind, Result};
use crate::fhir::model::json;
use crate::fhir::model::key::ResourceKey;
use crate::fhir::model::value::{Object, Value};
use crate::interactions::Node;
use crate::interactions::dispatch::OperationTarget;

pub use expand::PARAMETERS as EXPAND_PARAMETERS;
pub use input::Input;

/// An operation on a type; some may be called on a resource of it too.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    pub resource_type: &'static str,
    pub name: &'static str,
    pub definition: &'static str,
    pub on_resource: bool,
    run: fn(&Node, Option<&ResourceKey>, &Input) -> Result<Value>,
}

/// What is offered.
pub const OPERATIONS: [Operation; 6] = [
    Operation {
        resource_type: "CodeSystem",
        name: "lookup",
        definition: "http://hl7.org/fhir/OperationDefinition/CodeSystem-lookup",
        on_resource: false,
        run: lookup::lookup,
    },
    Operation {
        resource_type: "CodeSystem",
        name: "subsumes",
        definition: "http://hl7.org/fhir/OperationDefinition/CodeSystem-subsumes",
        on_resource: true,
        run: subsumes::subsumes,
    },
    Operation {
        resource_type: "CodeSystem",
        name: "validate-code",
        definition: "http://hl7.org/fhir/OperationDefinition/CodeSystem-validate-code",
        on_resource: true,
        run: validate_code::in_code_system,
    },
    Operation {
        resource_type: "ConceptMap",
        name: "translate",
        definition: "http://hl7.org/fhir/OperationDefinition/ConceptMap-translate",
        on_resource: true,
        run: translate::translate,
    },
    Operation {
        resource_type: "ValueSet",
        name: "expand",
        definition: "http://hl7.org/fhir/OperationDefinition/ValueSet-expand",
        on_resource: true,
        run: expand::expand,
    },
    Operation {
        resource_type: "ValueSet",
        name: "validate-code",
        definition: "http://hl7.org/fhir/OperationDefinition/ValueSet-validate-code",
        on_resource: true,
        run: validate_code::in_value_set,
    },
];

impl Operation {
    /// The operation of a name (`$expand`), if it is one of terminology and offered there.
    pub fn find(name: &str, on: &OperationTarget) -> Option<(&'static Self, Option<ResourceKey>)> {
        let (resource_type, key) = match on {
            OperationTarget::Type(name) => (name.as_str(), None),
            OperationTarget::Resource(key) => (key.resource_type.as_str(), Some(key.clone())),
            OperationTarget::System | OperationTarget::Version(..) => return None,
        };
        let name = name.strip_prefix('$')?;
        let found = OPERATIONS.iter().find(|operation| {
            operation.resource_type == resource_type
                && operation.name == name
                && (key.is_none() || operation.on_resource)
        });
        found.map(|operation| (operation, key))
    }

    /// Answers it.
    ///
    /// # Errors
    /// `Invalid` for its parameters, `NotFound` for what is not loaded, `TooCostly` for what is too large.
    pub fn answer(&self, node: &Node, key: Option<&ResourceKey>, input: &Input) -> Result<Vec<u8>> {
        if let Some(key) = key {
            crate::interactions::read::current(node, key)?;
        }
        Ok(json::to_vec(&(self.run)(node, key, input)?))
    }
}

/// A Parameters resource, as it grows.
struct Output(Vec<Value>);

impl Output {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn push(&mut self, name: &str, member: &str, value: impl Into<Value>) {
        self.0.push(Value::Object(parameter(name, member, value)));
    }

    fn parts(&mut self, name: &str, parts: Vec<Value>) {
        self.0.push(Value::Object(parameter(name, "part", parts)));
    }

    fn finish(self) -> Value {
        let mut resource = Object::new();
        resource.push("resourceType", "Parameters");
        resource.push("parameter", self.0);
        Value::Object(resource)
    }
}

fn parameter(name: &str, member: &str, value: impl Into<Value>) -> Object {
    let mut parameter = Object::new();
    parameter.push("name", name);
    parameter.push(member, value);
    parameter
}

fn part(name: &str, member: &str, value: impl Into<Value>) -> Value {
    Value::Object(parameter(name, member, value))
}

/// 400: a parameter that the operation needs.
fn required(what: &str) -> Error {
    Error::new(
        Kind::Invalid,
        "required",
        format!("expected {what}, found none"),
    )
}
