//! From a clinical document to FHIR.
//!
//! What is made here has no ids yet: resources name each other by local names, and whoever stores
//! them decides by identity which exist already and which ids the new ones get.

mod context;
pub mod datatypes;
mod document_reference;
mod people;

pub use document_reference::to_document_reference;

use crate::error::Issue;
use crate::fhir::model::value::{Text, Value};
use crate::fse::identifiers::IdentifierPair;

/// What a reference to a resource of the same [`Mapped`] begins with; the local name follows.
pub const LOCAL: &str = "urn:fascicolo:local:";
/// The system of the derived identifier of a `PractitionerRole`.
pub const ROLE_SYSTEM: &str = "https://fascicolo.dev/fhir/sid/practitioner-role";

/// The stored bytes of a document, and the moment in which they are indexed.
#[derive(Clone, Debug)]
pub struct Submission<'a> {
    /// The media type of the bytes: `application/pdf` or `text/xml`.
    pub content_type: &'a str,
    /// Where the bytes can be read: the URL or reference of the `Binary`, or a local name.
    pub url: &'a str,
    pub size: u64,
    pub sha1: [u8; 20],
    pub sha256: [u8; 32],
    /// A FHIR `instant`.
    pub indexed: &'a str,
}

/// The resources of a document and what is needed to store them.
#[derive(Clone, Debug)]
pub struct Mapped {
    /// A resource comes after those it refers to; the `DocumentReference` is the last.
    pub resources: Vec<MappedResource>,
    /// The document id.
    pub master_identifier: IdentifierPair,
    /// The id of the set of versions; the document id where the document names no set.
    pub set_id: IdentifierPair,
    /// 1 where the document names none.
    pub version: u32,
    /// System and code of the document type. Ids and sets are to be compared together with it,
    /// because official documents of different types share them.
    pub type_code: (Text, Text),
    pub relations: Vec<Relation>,
    pub issues: Vec<Issue>,
}

/// A resource without id.
#[derive(Clone, Debug)]
pub struct MappedResource {
    /// Unique in its [`Mapped`].
    pub name: Text,
    pub resource_type: &'static str,
    /// The resource that has this identifier is this one. For a `PractitionerRole` it is derived
    /// from practitioner, organisation and role; for a `DocumentReference` it is the
    /// `masterIdentifier`.
    pub identity: IdentifierPair,
    pub resource: Value,
}

/// A relation to another document, as it stands in `relatesTo` at the same position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// `replaces`, `appends` or `transforms`.
    pub code: &'static str,
    pub target: IdentifierPair,
    pub target_set: Option<IdentifierPair>,
    pub target_version: Option<u32>,
}

/// Replaces each local name in `reference` and `url` members by what `find` makes of it; names
/// that `find` does not know stay.
pub fn replace_local(resource: &mut Value, find: &dyn Fn(&str) -> Option<Text>) {
    let mut open = vec![resource];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items.iter_mut()),
            Value::Object(object) => {
                for (name, member) in object.iter_mut() {
                    let found = match member {
                        Value::String(text) if matches!(name, "reference" | "url") => {
                            text.strip_prefix(LOCAL).and_then(find)
                        }
                        _ => None,
                    };
                    match found {
                        Some(text) => *member = Value::String(text),
                        None => open.push(member),
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
