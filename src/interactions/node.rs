//! What a use case needs from outside, gathered in one place.

use std::collections::HashSet;
use std::sync::{Arc, Weak};

use super::live::Live;
use crate::clock::Clock;
use crate::error::{Error, Kind, Result};
use crate::fhir::definitions::Definitions;
use crate::fhir::model::json::Limits;
use crate::fhir::search::{Extractor, Restrictions, Vocabulary};
use crate::fhir::terminology::Terminology;
use crate::ids::Ids;
use crate::storage::{Database, Dictionary, Known};

/// A server node without its edges: definitions, store, clock, ids and the choices of the operator; and what
/// the one it works for may know of.
#[derive(Clone)]
pub struct Node {
    pub definitions: Arc<Definitions>,
    pub extractor: Arc<Extractor>,
    pub terminology: Arc<Terminology>,
    /// The numbers of types and parameters.
    pub dictionary: Arc<Dictionary>,
    /// The parameters that the index is not ready for.
    pub unready: Arc<HashSet<i64>>,
    /// The ids of the SearchParameters in force among the resources.
    pub in_force: Arc<HashSet<String>>,
    /// The edition of the definitions.
    pub edition: i64,
    pub live: Weak<Live>,
    pub store: Arc<Database>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    /// The FHIR base, without a trailing slash: links and `Location` are built from it.
    pub base: String,
    pub choices: Choices,
    /// What may be known of: by whoever the node answers (GATE-01).
    pub restrictions: Arc<Restrictions>,
}

/// What FHIR leaves to the server, as the operator chose it.
#[derive(Clone, Debug)]
pub struct Choices {
    /// Whether a PUT to an unknown id creates the resource.
    pub update_create: Permission,
    /// Whether an update without `If-Match` is refused.
    pub require_if_match: Permission,
    pub limits: Limits,
    /// Bytes of one resource, attachment data not counted (IN-03).
    pub resource_bytes: usize,
    /// Bytes of one document (IN-04).
    pub document_bytes: usize,
    /// Entries of one Bundle (IN-05).
    pub bundle_entries: usize,
    /// Development mode: shown in the CapabilityStatement.
    pub dev: bool,
}

/// A choice that may depend on whether a type says something about a patient's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    Never,
    Clinical,
    NonClinical,
    Always,
}

/// An edition of the definitions, and what the database says of it.
pub struct Defined {
    pub definitions: Arc<Definitions>,
    pub extractor: Arc<Extractor>,
    pub in_force: Arc<HashSet<String>>,
    pub known: Known,
    pub edition: i64,
}

impl Node {
    /// The same node by other definitions.
    pub fn defined_by(&self, defined: Defined) -> Self {
        let terminology = if Arc::ptr_eq(&self.definitions, &defined.definitions) {
            Arc::clone(&self.terminology)
        } else {
            Arc::new(Terminology::new(Arc::clone(&defined.definitions)))
        };
        Self {
            terminology,
            definitions: defined.definitions,
            extractor: defined.extractor,
            dictionary: defined.known.dictionary,
            unready: Arc::new(defined.known.unready),
            in_force: defined.in_force,
            edition: defined.edition,
            live: Weak::clone(&self.live),
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
            base: self.base.clone(),
            choices: self.choices.clone(),
            restrictions: Arc::clone(&self.restrictions),
        }
    }

    /// Refuses a type that R4 does not define.
    pub fn check_type(&self, name: &str) -> Result<()> {
        if self.definitions.is_resource_type(name) {
            return Ok(());
        }
        let shown: String = name.chars().take(40).collect();
        Err(Error::new(
            Kind::NotFound,
            "not-supported",
            format!("expected a resource type of FHIR R4, found ‘{shown}’"),
        ))
    }

    /// Whether a choice holds for a type. A type in the Patient compartment is clinical.
    pub fn holds(&self, choice: Permission, resource_type: &str) -> bool {
        match choice {
            Permission::Never => false,
            Permission::Always => true,
            Permission::Clinical => self.is_clinical(resource_type),
            Permission::NonClinical => !self.is_clinical(resource_type),
        }
    }

    fn is_clinical(&self, resource_type: &str) -> bool {
        matches!(resource_type, "Patient" | "Binary" | "Bundle")
            || self
                .definitions
                .compartment("Patient")
                .is_none_or(|patient| !patient.parameters(resource_type).is_empty())
    }

    /// What a search is read with.
    pub fn vocabulary(&self) -> Vocabulary<'_> {
        Vocabulary {
            definitions: &self.definitions,
            extractor: &self.extractor,
            base: &self.base,
            now: self.clock.now(),
            terminology: self.terminology.with(self),
        }
    }
}
