//! OIDs of CDA and the FHIR systems that stand for them, read from
//! `fhir-profiles/it.fse/code-systems.json`.
//!
//! Source: FHIR R4 *Using Codes*, section "Code Systems"; Italian systems keep their OID.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::fhir::model::value::Text;

const TEXT: &str = include_str!("../../fhir-profiles/it.fse/code-systems.json");

static TABLE: LazyLock<Table> = LazyLock::new(|| serde_json::from_str(TEXT).unwrap_or_default());

/// The FHIR system of a code system: a registered URL, or `urn:oid:` + OID.
pub fn code_system(oid: &str) -> Text {
    match TABLE.codes.iter().find(|entry| entry.oid == oid) {
        Some(entry) => Text::new(&entry.system),
        None => Text::from(format!("urn:oid:{oid}")),
    }
}

/// The system under which this server keeps an identifier: the other spelling of the Italian
/// systems (`http://hl7.it/sid/…`) becomes the OID; everything else stays as it is.
pub fn identifier_system(system: &str) -> &str {
    TABLE
        .identifiers
        .iter()
        .find(|entry| entry.also_system.iter().any(|other| other == system))
        .map_or(system, |entry| entry.system.as_str())
}

/// The English display of a confidentiality code that the FSE uses.
pub fn confidentiality_display(code: &str) -> Option<&'static str> {
    TABLE
        .confidentiality
        .iter()
        .find(|entry| entry.code == code)
        .map(|entry| entry.display.as_str())
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(rename = "source")]
    _source: String,
    codes: Vec<Entry>,
    identifiers: Vec<Entry>,
    confidentiality: Vec<Confidentiality>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Entry {
    oid: String,
    system: String,
    #[serde(rename = "name")]
    _name: String,
    #[serde(default)]
    also_system: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Confidentiality {
    code: String,
    display: String,
    #[serde(rename = "italian")]
    _italian: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = include_str!("../../fhir-profiles/it.fse/code-systems.schema.json");

    #[test]
    fn data_obeys_its_schema() {
        let schema = serde_json::from_str(SCHEMA).unwrap();
        let data = serde_json::from_str(TEXT).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&data)
            .map(|e| e.to_string())
            .collect();
        assert!(errors.is_empty(), "{errors:?}");
        serde_json::from_str::<Table>(TEXT).unwrap();
    }

    #[test]
    fn systems() {
        assert_eq!(code_system("2.16.840.1.113883.6.1"), "http://loinc.org");
        assert_eq!(code_system("1.2.3"), "urn:oid:1.2.3");
        assert_eq!(
            identifier_system("http://hl7.it/sid/codiceFiscale"),
            "urn:oid:2.16.840.1.113883.2.9.4.3.2"
        );
        assert_eq!(
            identifier_system("http://example.org/x"),
            "http://example.org/x"
        );
        assert_eq!(confidentiality_display("V"), Some("very restricted"));
        assert_eq!(confidentiality_display("X"), None);
    }
}
