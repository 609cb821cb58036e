//! XML: the one safe way to read it, and the FHIR XML form of a resource.
//!
//! [`events`] is the only place of the house that constructs an XML parser. Every document, FHIR,
//! CDA or patch, goes through it and so through its limits.
//! Source: FHIR R4 *XML representation of resources*; XML 1.0 (5th edition); Namespaces in XML 1.0.

pub mod events;
mod fault;
mod locate;
pub mod narrative;
mod raw;
mod reader;
pub mod tree;
mod writer;
mod xhtml;

#[cfg(test)]
pub(crate) mod tests;

pub use events::XmlLimits;
pub use fault::{XmlError, XmlFault};
pub use locate::locate;
pub use reader::{from_xml, from_xml_within};
pub use tree::{XmlAttribute, XmlElement, XmlNode, parse_document, write_document};
pub use writer::{to_xml, to_xml_pretty};
pub use xhtml::{XhtmlFault, check_xhtml};

/// The namespace of FHIR resources.
pub const FHIR_NAMESPACE: &str = "http://hl7.org/fhir";
/// The namespace of `xsi:schemaLocation` and `xsi:type`.
pub const XSI_NAMESPACE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Elements inside each other that are written; the readers stop earlier.
const DEPTH: usize = 128;
