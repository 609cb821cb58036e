//! Compartments: whose resources belong together, told by search parameters.
//!
//! Source: FHIR R4 *CompartmentDefinition*. A resource is in the compartment of, say, one Patient
//! when a parameter listed for its type leads to that Patient. The Patient itself is always in
//! it, listed or not: that rule of *Compartments* is the caller's to apply.

use std::collections::BTreeMap;

use crate::fhir::model::value::{Text, Value};

/// Stands in the tables where the resource in the middle is meant; not a parameter.
const ITSELF: &str = "{def}";

/// One compartment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compartment {
    pub url: Text,
    /// `Patient`, `Practitioner`: the type of the resource in the middle.
    pub code: Text,
    parameters: BTreeMap<Text, Vec<Text>>,
}

impl Compartment {
    /// Reads a CompartmentDefinition. `None` when it has no code.
    pub fn from_definition(definition: &Value) -> Option<Self> {
        let mut parameters = BTreeMap::new();
        for resource in definition.items_at("resource") {
            let codes: Vec<Text> = resource
                .items_at("param")
                .iter()
                .filter_map(Value::as_str)
                .filter(|code| *code != ITSELF)
                .map(Text::new)
                .collect();
            if let Some(resource_type) = resource.str_at("code")
                && !codes.is_empty()
            {
                parameters.insert(Text::new(resource_type), codes);
            }
        }
        Some(Self {
            url: Text::new(definition.str_at("url").unwrap_or_default()),
            code: Text::new(definition.str_at("code")?),
            parameters,
        })
    }

    /// Codes of the search parameters that put a resource of this type into the compartment; empty
    /// when the type is never in it.
    pub fn parameters(&self, resource_type: &str) -> &[Text] {
        self.parameters
            .get(resource_type)
            .map_or(&[], Vec::as_slice)
    }

    /// The types that can be in the compartment, sorted.
    pub fn resource_types(&self) -> impl Iterator<Item = &str> {
        self.parameters.keys().map(Text::as_str)
    }
}
