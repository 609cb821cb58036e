//! The six extensions of the Ignixa TestScripts, as their scripts use them.
//!
//! - `fhirVersions`: a test is meant for these versions only, given as prefixes.
//! - `requiresCapability`: FHIRPath on the CapabilityStatement that must be true.
//! - `parametrize`: a test is repeated for each value of a variable.
//! - `fhirfakes`: the fixture is a synthetic resource of the type named.
//! - `assertionAnyOfGroup`: asserts of one group are alternatives.
//! - `assertionWhenResponseStatus`: an assert counts only after an answer of that status.
//!
//! Other extensions of the same family are refused, because they may change what a test means;
//! extensions of anybody else are annotations by the rules of FHIR R4 *Extensibility*.

use super::script::text;
use crate::fhir::model::value::Value;

const FAMILY: &str = "http://ignixa.io/testscript/";
const VERSIONS: &str = "fhirVersions";
const REQUIRES: &str = "requiresCapability";
const REPEAT: &str = "parametrize";
const SYNTHETIC: &str = "fhirfakes";
const ANY_OF: &str = "assertionAnyOfGroup";
const WHEN: &str = "assertionWhenResponseStatus";
const KNOWN: &[&str] = &[VERSIONS, REQUIRES, REPEAT, SYNTHETIC, ANY_OF, WHEN];

/// A status that an earlier answer must have had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Id of a response.
    pub source_id: String,
    pub status: String,
}

/// Why an element cannot be understood: an extension of the family that is not known.
pub fn unknown(element: &Value) -> Option<String> {
    element
        .items_at("extension")
        .iter()
        .filter_map(|extension| extension.str_at("url"))
        .filter_map(|url| Some((url, url.strip_prefix(FAMILY)?)))
        .find(|(_, name)| !KNOWN.contains(name))
        .map(|(url, _)| format!("extension {url} is not known"))
}

/// Prefixes of the FHIR versions for which a test is meant.
pub fn versions(element: &Value) -> Vec<String> {
    find(element, VERSIONS)
        .filter_map(|extension| text(extension, "valueString"))
        .flat_map(|list| split(&list))
        .collect()
}

/// FHIRPath expressions on the CapabilityStatement.
pub fn requires(element: &Value) -> Vec<String> {
    find(element, REQUIRES)
        .filter_map(|extension| text(extension, "valueString"))
        .collect()
}

/// Variables, each with the values for which the test is repeated.
pub fn repeat(element: &Value) -> Vec<(String, Vec<String>)> {
    find(element, REPEAT)
        .filter_map(|extension| {
            let values = part(extension, "values")?;
            Some((part(extension, "variable")?, split(&values)))
        })
        .collect()
}

/// The type of the synthetic resource that a fixture asks for.
pub fn synthetic(resource: &Value) -> Option<String> {
    let extension = find(resource, SYNTHETIC).next()?;
    text(extension, "valueCode").or_else(|| text(extension, "valueString"))
}

/// The group of alternatives to which an assert belongs.
pub fn any_of(assert: &Value) -> Option<String> {
    text(find(assert, ANY_OF).next()?, "valueString")
}

/// The condition under which an assert counts.
pub fn when(assert: &Value) -> Option<Condition> {
    let extension = find(assert, WHEN).next()?;
    Some(Condition {
        source_id: part(extension, "sourceId").unwrap_or_default(),
        status: part(extension, "status").unwrap_or_default(),
    })
}

fn find<'a>(element: &'a Value, name: &'a str) -> impl Iterator<Item = &'a Value> {
    element.items_at("extension").iter().filter(move |item| {
        item.str_at("url").and_then(|url| url.strip_prefix(FAMILY)) == Some(name)
    })
}

/// The value of an extension inside an extension.
fn part(extension: &Value, name: &str) -> Option<String> {
    let inner = extension
        .items_at("extension")
        .iter()
        .find(|inner| inner.str_at("url") == Some(name))?;
    ["valueString", "valueInteger", "valueCode"]
        .iter()
        .find_map(|member| text(inner, member))
}

fn split(list: &str) -> Vec<String> {
    list.split(',').map(|item| item.trim().to_owned()).collect()
}
