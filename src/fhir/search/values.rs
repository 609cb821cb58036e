//! The normalised values by which things are compared.
//!
//! Source: FHIR R4 search.html#token, #reference, #uri. Forms: `c|CODE` for a code whatever its
//! system, `s|SYSTEM|CODE` with the system (empty: the coding or identifier has none), `n|SYSTEM` for
//! anything of a system, `t|SYSTEM|CODE|VALUE` for an identifier of a type, `i|…` for the identifier in a
//! reference; references `Type/id` where they are local, else the URL; uris as they are. A primitive has
//! one form only, `c|CODE`: its system is implied by the element; in small letters where it is a `string`, of
//! which R4 says that it is compared without case.

use super::untyped;
use crate::fhir::fhirpath::{Item, Node};
use crate::fhir::model::key::ResourceKey;
use crate::fhir::model::value::Value;

/// A code whatever its system.
pub fn code(code: &str) -> String {
    format!("c|{code}")
}

/// A code with its system; an empty system means that there is none.
pub fn coded(system: &str, code: &str) -> String {
    format!("s|{system}|{code}")
}

/// Any code of a system.
pub fn any_of_system(system: &str) -> String {
    format!("n|{system}")
}

/// An identifier of a type (`:of-type`).
pub fn of_type(system: &str, code: &str, value: &str) -> String {
    format!("t|{system}|{code}|{value}")
}

/// A token of the identifier inside a reference (`:identifier`).
pub fn identifying(token: &str) -> String {
    format!("i|{token}")
}

/// A code of an element of the datatype `string`, which is compared without case.
pub fn caseless(text: &str) -> String {
    code(&text.to_lowercase())
}

/// The token values of an item.
pub fn tokens(item: &Item<'_>, out: &mut Vec<String>) {
    match item {
        Item::Node(node) => node_tokens(node, out),
        Item::Boolean(value) => plain(if *value { "true" } else { "false" }, out),
        Item::String(text) => plain(text, out),
        _ => {}
    }
}

fn node_tokens(node: &Node<'_>, out: &mut Vec<String>) {
    match (node.type_name(), node.value) {
        ("CodeableConcept", value) => {
            for item in value.items_at("coding") {
                coding(item, "code", out);
            }
        }
        ("Coding", value) => coding(value, "code", out),
        ("Identifier", value) => identifier(value, out),
        ("ContactPoint", value) => {
            // Its system is a kind (phone, email), not a name space.
            if let Some(value) = value.str_at("value") {
                out.push(caseless(value));
            }
        }
        ("string", Value::String(text)) => out.push(caseless(text)),
        (_, Value::String(text)) => plain(text, out),
        (_, Value::Bool(value)) => plain(if *value { "true" } else { "false" }, out),
        _ => {}
    }
}

fn identifier(value: &Value, out: &mut Vec<String>) {
    coding(value, "value", out);
    let codings = value
        .get("type")
        .map_or(&[][..], |kind| kind.items_at("coding"));
    for kind in codings {
        if let (Some(code), Some(text)) = (kind.str_at("code"), value.str_at("value")) {
            out.push(of_type(kind.str_at("system").unwrap_or(""), code, text));
        }
    }
}

fn plain(text: &str, out: &mut Vec<String>) {
    out.push(code(text));
}

fn coding(value: &Value, member: &str, out: &mut Vec<String>) {
    if let Some(text) = value.str_at(member) {
        out.push(code(text));
        out.push(coded(value.str_at("system").unwrap_or(""), text));
    }
    if let Some(system) = value.str_at("system") {
        out.push(any_of_system(system));
    }
}

/// The reference values of an item: of a Reference, a canonical or a uri. `only` is the one type that
/// the parameter leads to, if there is but one.
pub fn references(item: &Item<'_>, base: &str, only: Option<&str>, out: &mut Vec<String>) {
    let Item::Node(node) = item else {
        return;
    };
    match node.value {
        Value::String(text) => uri_forms(text, out),
        value => {
            if let Some(text) = value.str_at("reference") {
                let found = reference(text, base);
                out.extend(found.or_else(|| untyped::value(value, text, only)));
            }
            if let Some(found) = value.get("identifier") {
                let mut tokens = Vec::new();
                identifier(found, &mut tokens);
                out.extend(tokens.iter().map(|token| identifying(token)));
            }
        }
    }
}

/// The uri values of an item.
pub fn uris(item: &Item<'_>, out: &mut Vec<String>) {
    match item {
        Item::Node(node) => {
            if let Value::String(text) = node.value {
                uri_forms(text, out);
            }
        }
        Item::String(text) => uri_forms(text, out),
        _ => {}
    }
}

/// A canonical is found with and without its version.
fn uri_forms(text: &str, out: &mut Vec<String>) {
    out.push(text.to_owned());
    if let Some((url, _)) = text.split_once('|') {
        out.push(url.to_owned());
    }
}

/// The normalised form of a literal reference; `None` for one inside the resource or by URN, which
/// nothing outside can name.
pub fn reference(text: &str, base: &str) -> Option<String> {
    if text.starts_with('#') || text.starts_with("urn:") {
        return None;
    }
    let text = text.split_once('#').map_or(text, |(before, _)| before);
    let relative = text
        .strip_prefix(base)
        .and_then(|rest| rest.strip_prefix('/'))
        .unwrap_or(text);
    let current = relative
        .split_once("/_history/")
        .map_or(relative, |(before, _)| before);
    match ResourceKey::parse(current) {
        Some(key) => Some(key.to_string()),
        None if text.contains("://") => Some(
            text.split_once("/_history/")
                .map_or(text, |(before, _)| before)
                .to_owned(),
        ),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(
            reference(text, "http://a/fhir").as_deref(),
            expected,
            "{text}"
        );
    }

    #[test]
    fn references_are_normalised() {
        check("Patient/1", Some("Patient/1"));
        check("http://a/fhir/Patient/1/_history/3", Some("Patient/1"));
        check(
            "http://b/fhir/Patient/1/_history/3",
            Some("http://b/fhir/Patient/1"),
        );
        check("#p", None);
        check("urn:uuid:x", None);
        check("Patient?identifier=1", None);
        check("Patient/1#x", Some("Patient/1"));
    }
}
