//! Identifiers of people, organisations and documents, as Italy writes them.
//!
//! Source: FSE gateway integration guide and HL7 Italia implementation guides; the FHIR form of
//! a pair follows FHIR R4 *Identifier*: `urn:oid:` + root as system, extension as value.

mod codice_fiscale;
mod encoded;
mod oid;

pub use codice_fiscale::{CodiceFiscale, Reason, check_codice_fiscale, normalise_codice_fiscale};
pub use encoded::{Cx, Xon, parse_cx, parse_xon, write_cx};
pub use oid::{is_oid, is_uuid, same_oid};

use crate::fhir::model::value::{Object, Text, Value};

/// Root of the codice fiscale.
pub const CODICE_FISCALE: &str = "2.16.840.1.113883.2.9.4.3.2";
/// Root of the code of a person in the national registry of assisted persons (ANA).
pub const ANA: &str = "2.16.840.1.113883.2.9.4.3.15";
/// Root of the id of a person in the national resident registry (ANPR).
pub const ANPR: &str = "2.16.840.1.113883.2.9.4.3.16";
/// Root of the code of a foreigner temporarily present (STP).
pub const STP: &str = "2.16.840.1.113883.2.9.4.3.17";
/// Root of the code of a European citizen not enrolled (ENI).
pub const ENI: &str = "2.16.840.1.113883.2.9.4.3.18";
/// The system of identifiers that are URIs themselves.
pub const URI_SYSTEM: &str = "urn:ietf:rfc:3986";

/// An identifier with its system: documents and people are looked up by the pair, never by the
/// value alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdentifierPair {
    pub system: Text,
    pub value: Text,
}

impl IdentifierPair {
    /// The FHIR form of a CDA `II` (root and extension).
    ///
    /// Without extension the root itself is the identifier, as a URI. `None` when the root is
    /// neither an OID nor a UUID, because no system can be made of it.
    pub fn from_root(root: &str, extension: Option<&str>) -> Option<Self> {
        let root = root.trim();
        let uri = if is_oid(root) {
            Text::from(format!("urn:oid:{root}"))
        } else if is_uuid(root) {
            Text::from(format!("urn:uuid:{}", root.to_ascii_lowercase()))
        } else {
            return None;
        };
        match extension.map(str::trim).filter(|text| !text.is_empty()) {
            Some(extension) => Some(Self {
                value: if root == CODICE_FISCALE {
                    normalise_codice_fiscale(extension)
                } else {
                    Text::new(extension)
                },
                system: uri,
            }),
            None => Some(Self {
                system: Text::const_new(URI_SYSTEM),
                value: uri,
            }),
        }
    }

    /// Reads the form `OID^X` of the gateway; `OID` alone is a pair without extension.
    pub fn from_caret(text: &str) -> Option<Self> {
        match text.split_once('^') {
            Some((root, extension)) => Self::from_root(root, Some(extension)),
            None => Self::from_root(text, None),
        }
    }

    /// The form `OID^X` of the gateway; `None` for systems that are not OIDs.
    pub fn to_caret(&self) -> Option<String> {
        if self.system == URI_SYSTEM {
            return Some(self.value.strip_prefix("urn:oid:")?.to_owned());
        }
        let root = self.system.strip_prefix("urn:oid:")?;
        Some(format!("{root}^{}", self.value))
    }

    /// The FHIR `Identifier` with these two elements.
    pub fn to_value(&self) -> Value {
        Value::Object(self.to_object())
    }

    /// The members of the FHIR `Identifier`, for callers that add more.
    pub fn to_object(&self) -> Object {
        let mut object = Object::with_capacity(2);
        object.push("system", self.system.clone());
        object.push("value", self.value.clone());
        object
    }
}

/// `STP` (foreigner temporarily present) or `ENI` (European not enrolled) and 13 digits.
pub fn is_stp_or_eni(text: &str) -> bool {
    let digits = text
        .strip_prefix("STP")
        .or_else(|| text.strip_prefix("ENI"));
    digits.is_some_and(|digits| digits.len() == 13 && digits.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(&str, &str)>) {
        let found = IdentifierPair::from_caret(text);
        let pair = found
            .as_ref()
            .map(|pair| (pair.system.as_str(), pair.value.as_str()));
        assert_eq!(pair, expected, "{text}");
    }

    #[test]
    fn pairs_of_oid_and_extension() {
        check(
            "2.16.840.1.113883.2.9.2.120.4.4^A.b",
            Some(("urn:oid:2.16.840.1.113883.2.9.2.120.4.4", "A.b")),
        );
        check(
            "2.16.840.1.113883.2.9.4.3.8^1300A4000000248",
            Some(("urn:oid:2.16.840.1.113883.2.9.4.3.8", "1300A4000000248")),
        );
        check("1.2.3", Some((URI_SYSTEM, "urn:oid:1.2.3")));
        check("1.2.3^", Some((URI_SYSTEM, "urn:oid:1.2.3")));
        check("1.2.3^a^b", Some(("urn:oid:1.2.3", "a^b")));
        check(
            "A2C7E4B0-1111-4222-8333-444455556666^x",
            Some(("urn:uuid:a2c7e4b0-1111-4222-8333-444455556666", "x")),
        );
        check("XXX^1", None);
        check("^1", None);
        check("", None);
        check(
            "2.16.840.1.113883.2.9.4.3.2^ gtwgwy82b42g920m ",
            Some(("urn:oid:2.16.840.1.113883.2.9.4.3.2", "GTWGWY82B42G920M")),
        );
    }

    #[test]
    fn pairs_are_written_back_without_loss() {
        for text in ["1.2.3^x", "1.2.3^a^b", "1.2.3"] {
            let pair = IdentifierPair::from_caret(text).unwrap();
            assert_eq!(pair.to_caret().as_deref(), Some(text));
        }
    }

    #[test]
    fn stp_and_eni() {
        assert!(is_stp_or_eni("STP1201010000001"));
        assert!(is_stp_or_eni("ENI1201010000001"));
        for bad in [
            "STP120101000000",
            "STP12010100000011",
            "ENI12010100000X1",
            "XTP1201010000001",
            "",
        ] {
            assert!(!is_stp_or_eni(bad), "{bad}");
        }
    }
}
