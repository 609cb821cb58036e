//! Which resource: its type and its logical id.

use std::fmt;

use super::value::Text;

/// The key of a resource, `Type/id`. Both parts are well formed; whether the type exists is for
/// the definitions to say.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceKey {
    pub resource_type: Text,
    pub id: Text,
}

impl ResourceKey {
    pub fn new(resource_type: impl Into<Text>, id: impl Into<Text>) -> Self {
        Self {
            resource_type: resource_type.into(),
            id: id.into(),
        }
    }

    /// Reads `Type/id` and nothing else (no base, no version).
    pub fn parse(text: &str) -> Option<Self> {
        let (resource_type, id) = text.split_once('/')?;
        (is_type_name(resource_type) && is_id(id)).then(|| Self::new(resource_type, id))
    }
}

impl fmt::Display for ResourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.resource_type, self.id)
    }
}

/// FHIR R4 *id*: `[A-Za-z0-9\-\.]{1,64}`.
pub fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

/// The form of a type name: an upper-case letter, then letters.
pub fn is_type_name(text: &str) -> bool {
    text.bytes().next().is_some_and(|b| b.is_ascii_uppercase())
        && text.len() <= 64
        && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        assert!(ResourceKey::parse("Patient/a-1.b").is_some());
        for bad in [
            "Patient",
            "patient/1",
            "Patient/",
            "Patient/a_b",
            "Patient/1/_history/2",
        ] {
            assert!(ResourceKey::parse(bad).is_none(), "{bad}");
        }
        assert!(!is_id(&"x".repeat(65)));
    }
}
