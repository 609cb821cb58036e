//! References that are an id and nothing else, a form that R4 does not have: `{"reference": "17"}`.
//!
//! They are found as far as it can be told what they lead to: something of the type that is told beside
//! them (`Reference.type`), or of the one type that a parameter leads to. Where neither is known, such a
//! reference is found by its id alone, as it is stored.

use super::extract::{own_part, union_members};
use crate::fhir::definitions::SearchParameter;
use crate::fhir::fhirpath::Item;
use crate::fhir::model::key::{is_id, is_type_name};
use crate::fhir::model::value::{Text, Value};

/// How an expression asks for the type of what a reference leads to.
const QUESTION: &str = ".where(resolve() is ";

/// The value by which such a reference is found; `None` for any other text, and for what has another type
/// than `only`, the one that the parameter leads to.
pub fn value(reference: &Value, text: &str, only: Option<&str>) -> Option<String> {
    if !is_id(text) {
        return None;
    }
    let told = reference.str_at("type").filter(|name| is_type_name(name));
    match (told, only) {
        (Some(told), Some(only)) if told != only => None,
        (Some(name), _) | (None, Some(name)) => Some(format!("{name}/{text}")),
        (None, None) => Some(text.to_owned()),
    }
}

/// Whether an item is such a reference, and may lead where a parameter leads.
pub fn fits(item: &Item<'_>, only: Option<&str>) -> bool {
    let reference = item.node().map(|node| node.value);
    reference.is_some_and(|reference| {
        let text = reference.str_at("reference");
        text.is_some_and(|text| value(reference, text, only).is_some())
    })
}

/// Whether there is such a reference anywhere in a resource. Its depth is bounded by the parser.
pub fn is_in(value: &Value) -> bool {
    match value {
        Value::Object(object) => object.iter().any(|(name, member)| match member {
            Value::String(text) => name == "reference" && is_id(text),
            other => is_in(other),
        }),
        Value::Array(items) => items.iter().any(is_in),
        _ => false,
    }
}

/// An expression without its questions for the type of what a reference leads to, with the types that
/// were asked for; `None` where it has no such question.
pub fn without_types(expression: &str) -> Option<(String, Vec<&str>)> {
    let (mut out, mut types, mut rest) = (String::new(), Vec::new(), expression);
    while let Some((before, after)) = rest.split_once(QUESTION) {
        let (name, after) = after.split_once(')')?;
        out.push_str(before);
        types.push(name.trim());
        rest = after;
    }
    out.push_str(rest);
    (!types.is_empty()).then_some((out, types))
}

/// The one type that a reference parameter leads to from resources of a type, if there is but one: its
/// only target, or what each part of its expression asks for.
pub fn only(resource_type: &str, parameter: &SearchParameter) -> Option<Text> {
    let own = own_part(&parameter.expression, resource_type)?;
    let asked = without_types(&own).filter(|(_, types)| types.len() == union_members(&own).len());
    match (
        asked.as_ref().map(|(_, types)| types.as_slice()),
        parameter.targets.as_slice(),
    ) {
        (Some([first, others @ ..]), _) => others
            .iter()
            .all(|other| other == first)
            .then(|| Text::new(first)),
        (_, [only]) => Some(only.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::definitions::Definitions;
    use crate::fhir::model::json;

    #[track_caller]
    fn check(reference: &str, only: Option<&str>, expected: Option<&str>) {
        let tree = json::parse(reference.as_bytes(), &json::Limits::default()).unwrap();
        let text = tree.str_at("reference").unwrap();
        assert_eq!(value(&tree, text, only).as_deref(), expected, "{reference}");
    }

    #[test]
    fn an_id_alone_has_the_type_that_is_told_or_the_only_one() {
        check(r#"{"reference":"1"}"#, None, Some("1"));
        check(r#"{"reference":"1"}"#, Some("Patient"), Some("Patient/1"));
        let device = r#"{"reference":"1","type":"Device"}"#;
        check(device, None, Some("Device/1"));
        check(device, Some("Device"), Some("Device/1"));
        check(device, Some("Patient"), None);
        check(r#"{"reference":"1","type":"http://x"}"#, None, Some("1"));
        check(r#"{"reference":"Patient/1"}"#, None, None);
        check(r##"{"reference":"#1"}"##, None, None);
        check(r#"{"reference":"urn:uuid:1"}"#, None, None);
        check(r#"{"reference":""}"#, None, None);
    }

    #[test]
    fn a_parameter_leads_to_what_its_expression_asks_for() {
        let definitions = Definitions::r4().unwrap();
        let only = |resource_type: &str, code: &str| {
            let parameter = definitions.search_parameter(resource_type, code).unwrap();
            only(resource_type, parameter)
        };
        assert_eq!(only("Observation", "patient").as_deref(), Some("Patient"));
        assert_eq!(
            only("Patient", "organization").as_deref(),
            Some("Organization")
        );
        assert_eq!(only("Observation", "subject"), None);
        assert_eq!(only("Patient", "general-practitioner"), None);
        assert_eq!(
            without_types("(A.b | A.c).where(resolve() is D) | A.e"),
            Some(("(A.b | A.c) | A.e".to_owned(), vec!["D"]))
        );
        assert_eq!(without_types("A.b"), None);
    }
}
