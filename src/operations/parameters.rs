//! The parameters of an operation, from a Parameters resource to the form they have in a URL.
//!
//! Source: FHIR R4 operations.html, parameters.html.

use crate::error::{Error, Kind, Result};
use crate::fhir::model::value::Value;

/// Names and values, as a query string would have them: a coded value becomes tokens.
///
/// # Errors
/// `Invalid` for a body of another type, and for a parameter that has no such form.
pub fn parameters(body: &Value) -> Result<Vec<(String, String)>> {
    if body.str_at("resourceType") != Some("Parameters") {
        return Err(Error::new(
            Kind::Invalid,
            "value",
            "expected a Parameters resource, found another",
        ));
    }
    let mut pairs = Vec::new();
    for (index, parameter) in body.items_at("parameter").iter().enumerate() {
        let name = parameter.str_at("name");
        match (name, value(parameter).and_then(text)) {
            (Some(name), Some(text)) => pairs.push((name.to_owned(), text)),
            _ => {
                return Err(Error::new(
                    Kind::Invalid,
                    "value",
                    "expected a parameter with a name and a plain or coded value, found another",
                )
                .at(format!("Parameters.parameter[{index}]")));
            }
        }
    }
    Ok(pairs)
}

/// The value of a parameter, with the name of its type.
pub fn value(parameter: &Value) -> Option<(&str, &Value)> {
    let mut members = parameter.as_object()?.iter();
    members.find_map(|(name, value)| Some((name.strip_prefix("value")?, value)))
}

fn text((kind, value): (&str, &Value)) -> Option<String> {
    match (kind, value) {
        (_, Value::String(text) | Value::Number(text)) => Some(text.to_string()),
        (_, Value::Bool(value)) => Some(value.to_string()),
        ("CodeableConcept", concept) => {
            let codings = concept.items_at("coding").iter();
            let tokens: Option<Vec<String>> = codings.map(|one| token(one, "code")).collect();
            tokens
                .filter(|tokens| !tokens.is_empty())
                .map(|tokens| tokens.join(","))
        }
        ("Coding", coding) => token(coding, "code"),
        ("Identifier", identifier) => token(identifier, "value"),
        ("Reference", reference) => reference.str_at("reference").map(str::to_owned),
        _ => None,
    }
}

/// `system|code`, with what is special in a search escaped.
fn token(value: &Value, member: &str) -> Option<String> {
    let code = escaped(value.str_at(member)?);
    Some(match value.str_at("system") {
        Some(system) => format!("{}|{code}", escaped(system)),
        None => code,
    })
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, ',' | '|' | '$' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::model::json;

    #[track_caller]
    fn check(parameter: &str, expected: Option<&str>) {
        let body =
            format!(r#"{{"resourceType":"Parameters","parameter":[{{"name":"a"{parameter}}}]}}"#);
        let body = json::parse(body.as_bytes(), &json::Limits::default()).unwrap();
        let found = parameters(&body).ok().map(|pairs| pairs[0].1.clone());
        assert_eq!(found.as_deref(), expected, "{parameter}");
    }

    #[test]
    fn operations_values_as_in_a_url() {
        check(r#","valueString":"x,y""#, Some("x,y"));
        check(r#","valuePositiveInt":3"#, Some("3"));
        check(r#","valueBoolean":true"#, Some("true"));
        check(
            r#","valueCodeableConcept":{"coding":[{"system":"http://loinc.org","code":"1-8"},{"code":"a|b"}]}"#,
            Some("http://loinc.org|1-8,a\\|b"),
        );
        check(r#","valueCoding":{"code":"x"}"#, Some("x"));
        check(
            r#","valueIdentifier":{"system":"urn:a","value":"1"}"#,
            Some("urn:a|1"),
        );
        check(
            r#","valueReference":{"reference":"Patient/1"}"#,
            Some("Patient/1"),
        );
        for none in [
            "",
            r#","valueCodeableConcept":{"text":"x"}"#,
            r#","valuePeriod":{"start":"2020"}"#,
            r#","valueReference":{"display":"x"}"#,
        ] {
            check(none, None);
        }
    }
}
