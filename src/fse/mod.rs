//! The Italian domain as pure functions: what FSE 2.0 documents and people look like, and how a
//! document becomes FHIR. Never knows where documents are stored or who sent them.

pub mod cda;
pub mod code_systems;
pub mod document_type;
pub mod identifiers;
pub mod mapping;
pub mod pdf;

/// The base of the canonical URLs that this project owns.
pub const CANONICAL: &str = "https://fascicolo.dev/fhir";
