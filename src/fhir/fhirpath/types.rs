//! Type names in expressions, and the questions `is`, `as` and `ofType` ask.
//!
//! Source: FHIRPath N1 *Types*, FHIR R4 *FHIRPath* (the namespaces FHIR and System).
//! A name without a namespace means FHIR's type first, then the system's: `boolean` is FHIR's,
//! `Boolean` the system's.

use super::error::FhirPathError;
use super::item::Item;
use crate::fhir::definitions::Definitions;
use crate::fhir::definitions::schema::TypeKind;
use crate::fhir::model::value::Text;

/// The types of the namespace System.
const SYSTEM: &[&str] = &[
    "Any", "Boolean", "Date", "DateTime", "Decimal", "Integer", "Quantity", "String", "Time",
];

/// How long a chain of base types may be.
const MAX_BASES: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Namespace {
    Fhir,
    System,
    /// One that nothing here belongs to.
    Other,
}

/// A type named in an expression.
#[derive(Clone, Debug)]
pub(super) struct TypeName {
    namespace: Option<Namespace>,
    name: Text,
    at: u32,
}

impl TypeName {
    pub(super) fn unqualified(name: Text, at: u32) -> Self {
        Self {
            namespace: None,
            name,
            at,
        }
    }

    pub(super) fn qualified(namespace: &str, name: Text, at: u32) -> Self {
        let namespace = match namespace {
            "FHIR" => Namespace::Fhir,
            "System" => Namespace::System,
            _ => Namespace::Other,
        };
        Self {
            namespace: Some(namespace),
            name,
            at,
        }
    }

    pub(super) fn is_namespace(name: &str) -> bool {
        matches!(name, "FHIR" | "System")
    }

    /// Whether the item is of this type or of one derived from it.
    pub(super) fn covers(
        &self,
        item: &Item<'_>,
        definitions: &Definitions,
    ) -> Result<bool, FhirPathError> {
        let name = self.name.as_str();
        let (namespace, found) = item.type_name();
        let system = self.namespace != Some(Namespace::Fhir) && SYSTEM.contains(&name);
        let fhir = matches!(self.namespace, None | Some(Namespace::Fhir))
            && definitions.schema(name).is_some();
        if !system && !fhir {
            if self.namespace == Some(Namespace::System) {
                return Ok(false);
            }
            return Err(FhirPathError::semantic(
                self.at,
                format!("expected the name of a type, found '{name}'"),
            ));
        }
        Ok(match namespace {
            "System" => system && (name == found || name == "Any"),
            _ => fhir && derives(found, name, definitions),
        })
    }

    /// Whether `as` and `ofType` select the item. A primitive is selected by its own type only:
    /// a code is no string here, so that `ConceptMap.source as uri` leaves canonicals out.
    pub(super) fn selects(
        &self,
        item: &Item<'_>,
        definitions: &Definitions,
    ) -> Result<bool, FhirPathError> {
        if !self.covers(item, definitions)? {
            return Ok(false);
        }
        let (namespace, found) = item.type_name();
        let primitive = namespace == "FHIR"
            && definitions
                .schema(&self.name)
                .is_some_and(|schema| schema.kind == TypeKind::Primitive);
        Ok(!primitive || found == self.name)
    }
}

/// Whether `name` is `ancestor` or has it among its base types.
pub(super) fn derives(name: &str, ancestor: &str, definitions: &Definitions) -> bool {
    if name == ancestor {
        return true;
    }
    let mut current = name;
    for _ in 0..MAX_BASES {
        match definitions.schema(current) {
            Some(schema) if schema.base == ancestor => return true,
            Some(schema) if !schema.base.is_empty() => current = &schema.base,
            _ => return false,
        }
    }
    false
}
