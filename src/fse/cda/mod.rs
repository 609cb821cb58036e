//! A read-only view of a CDA R2 clinical document: its header as values, its tree for the rest.
//!
//! Source: HL7 CDA R2 (2005), with the header rules of the HL7 Italia implementation guides.
//! Faults of the document that make its metadata meaningless are errors; everything else is a
//! finding, and nothing of the header is passed over in silence.

pub mod datatypes;
pub mod document;
pub mod header;
mod node;
mod participation;
mod patient;
mod timestamp;

pub use document::{ClinicalDocument, read};
pub use timestamp::Timestamp;

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
