//! Terminology: code systems, value sets and concept maps, and what they say about a code.
//!
//! Source: FHIR R4 *Terminology Module*, *CodeSystem*, *ValueSet*, *ConceptMap*. The definitions of R4
//! and of the packages are found here; those that clients stored are asked for through a
//! [`ConceptSource`], so that this room stays pure. Everything is compiled when first asked for. What is
//! not loaded is said to be so: it is neither yes nor no.

mod code_system;
mod concept_map;
mod expansion;
mod fault;
mod fhirpath;
mod filter;
mod implicit;
mod library;
mod membership;
mod value_set;

pub use code_system::in_language;
pub use code_system::{CodeSystem, Concept, Content, Designation, Property, Subsumption};
pub use concept_map::{ConceptMap, Translation};
pub use expansion::{Expanding, Member, Selected};
pub use fault::Fault;
pub use implicit::Grammar;
pub use library::{ConceptSource, Lookup, NothingStored, Stored, Terminology};
pub use value_set::{Include, ValueSet};

#[cfg(test)]
mod tests;
