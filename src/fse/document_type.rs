//! The document types of the FSE: a registry read from `fhir-profiles/it.fse/document-types.json`.
//!
//! Source: FSE gateway integration guide, table of document types. A type is known by its LOINC
//! code and by the root of its CDA template; two types share one LOINC code, so the template
//! decides between them.

use std::sync::LazyLock;

use serde::Deserialize;

const TEXT: &str = include_str!("../../fhir-profiles/it.fse/document-types.json");

static REGISTRY: LazyLock<Registry> =
    LazyLock::new(|| serde_json::from_str(TEXT).unwrap_or_default());

/// One document type.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DocumentType {
    /// The LOINC code; none where the ministry has assigned none yet.
    pub loinc: Option<String>,
    /// Other LOINC codes that official sources use for the same type.
    #[serde(default)]
    pub also_loinc: Vec<String>,
    pub italian: String,
    pub english: String,
    /// The class code (tipoDocumentoLivAlto).
    pub class: Option<String>,
    /// Roots of the CDA `templateId`.
    pub templates: Vec<String>,
    /// Format codes that are no template.
    #[serde(default)]
    pub formats: Vec<String>,
    pub status: Status,
    pub note: Option<String>,
}

/// How far the row is backed by official sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Read in an official source.
    Published,
    /// Official sources disagree.
    Conflict,
    /// Parts are missing from the official sources.
    Unverified,
}

/// How a document was recognised.
#[derive(Clone, Copy, Debug)]
pub enum Recognised {
    /// Type code and template belong together.
    Both(&'static DocumentType),
    /// The type code is known; none of the templates is one of this type.
    ByCode(&'static DocumentType),
    /// Only a template is known.
    ByTemplate(&'static DocumentType),
    /// Neither.
    Unknown,
}

impl Recognised {
    pub fn document_type(self) -> Option<&'static DocumentType> {
        match self {
            Recognised::Both(kind) | Recognised::ByCode(kind) | Recognised::ByTemplate(kind) => {
                Some(kind)
            }
            Recognised::Unknown => None,
        }
    }
}

impl DocumentType {
    /// Whether this type goes by the LOINC code.
    pub fn has_loinc(&self, code: &str) -> bool {
        self.loinc.as_deref() == Some(code) || self.also_loinc.iter().any(|other| other == code)
    }

    /// Code and Italian name of the class.
    pub fn class(&self) -> Option<(&'static str, &'static str)> {
        class(self.class.as_deref()?)
    }
}

/// All document types.
pub fn all() -> &'static [DocumentType] {
    &REGISTRY.types
}

/// Code and Italian name of a class code.
pub fn class(code: &str) -> Option<(&'static str, &'static str)> {
    let class = REGISTRY.classes.iter().find(|class| class.code == code)?;
    Some((class.code.as_str(), class.italian.as_str()))
}

/// Recognises a document by its LOINC code (if its code is a LOINC code at all) and the roots of
/// its templates.
pub fn recognise<'a>(
    loinc: Option<&str>,
    templates: impl Iterator<Item = &'a str> + Clone,
) -> Recognised {
    let has_template = |kind: &DocumentType| {
        templates
            .clone()
            .any(|root| kind.templates.iter().any(|t| t == root))
    };
    let has_code = |kind: &&'static DocumentType| loinc.is_some_and(|code| kind.has_loinc(code));
    if let Some(kind) = all()
        .iter()
        .find(|kind| has_code(kind) && has_template(kind))
    {
        return Recognised::Both(kind);
    }
    if let Some(kind) = all().iter().find(has_code) {
        return Recognised::ByCode(kind);
    }
    match all().iter().find(|kind| has_template(kind)) {
        Some(kind) => Recognised::ByTemplate(kind),
        None => Recognised::Unknown,
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Registry {
    #[serde(rename = "source")]
    _source: String,
    classes: Vec<Class>,
    types: Vec<DocumentType>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Class {
    code: String,
    italian: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = include_str!("../../fhir-profiles/it.fse/document-types.schema.json");

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
        assert_eq!(
            serde_json::from_str::<Registry>(TEXT).unwrap().types.len(),
            42
        );
    }

    #[test]
    fn classes_exist() {
        for kind in all() {
            assert_eq!(
                kind.class.is_some(),
                kind.class().is_some(),
                "{}",
                kind.italian
            );
        }
    }

    #[track_caller]
    fn check(loinc: &str, template: &str, how: &str, english: Option<&str>) {
        let found = recognise(Some(loinc), std::iter::once(template));
        let name = match found {
            Recognised::Both(_) => "both",
            Recognised::ByCode(_) => "code",
            Recognised::ByTemplate(_) => "template",
            Recognised::Unknown => "unknown",
        };
        assert_eq!(
            (name, found.document_type().map(|t| t.english.as_str())),
            (how, english)
        );
    }

    #[test]
    fn recognised_by_code_and_template() {
        const T: &str = "2.16.840.1.113883.2.9.10.1.";
        check(
            "11502-2",
            &format!("{T}1"),
            "both",
            Some("Laboratory report"),
        );
        check(
            "11502-2",
            &format!("{T}7.1"),
            "code",
            Some("Laboratory report"),
        );
        check("11502-2", "1.2.3", "code", Some("Laboratory report"));
        check(
            "1-8",
            &format!("{T}7.1"),
            "template",
            Some("Radiology report"),
        );
        check("1-8", "1.2.3", "unknown", None);
        check(
            "75496-0",
            &format!("{T}16.1.1"),
            "both",
            Some("Televisit report"),
        );
        check(
            "75496-0",
            &format!("{T}16.4.1"),
            "both",
            Some("Teleassistance report"),
        );
        check(
            "29304-3",
            &format!("{T}13.1.1"),
            "both",
            Some("Drug dispensation"),
        );
        check(
            "60593-1",
            &format!("{T}13.2.1"),
            "both",
            Some("Drug dispensation"),
        );
    }
}
