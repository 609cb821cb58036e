//! Texts found in a resource by a path or an expression.
//!
//! `TestScript.variable.path` and `assert.path` are "XPath or JSONPath"; scripts also write plain
//! FHIRPath there. What is what can be told from the text: JSONPath begins with `$.` or `$[`,
//! XPath has a slash or an attribute, and the rest is FHIRPath.

use super::xpath::XPath;
use crate::clock::Instant;
use crate::fhir::definitions::Definitions;
use crate::fhir::fhirpath::{self, Environment, FhirPathError, Item, Limits, Phase};
use crate::fhir::model::json;
use crate::fhir::model::value::Value;

/// Why nothing was found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathError {
    /// Not done here: the test is skipped.
    Unsupported(String),
    /// The data does not fit the expression: the test fails.
    Fault(String),
}

/// What a FHIRPath evaluation may know.
#[derive(Clone, Copy)]
pub struct Knowledge<'a> {
    pub definitions: &'a Definitions,
    pub now: Instant,
}

enum Language<'t> {
    Xml,
    /// The text after the dollar sign.
    Json(&'t str),
    Fhir,
}

fn language(path: &str) -> Language<'_> {
    let path = path.trim();
    if let Some(rest) = path.strip_prefix('$')
        && (rest.is_empty() || rest.starts_with(['.', '[']))
    {
        return Language::Json(rest);
    }
    // A slash inside a literal of FHIRPath, such as a system, is no step.
    let mut quoted = false;
    for (index, c) in path.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            '/' if !quoted => return Language::Xml,
            // FHIRPath has `@` before dates only.
            '@' if !quoted => {
                let next = path.get(index.saturating_add(1)..).unwrap_or_default();
                if next.starts_with(|c: char| c.is_ascii_alphabetic()) && !next.starts_with('T') {
                    return Language::Xml;
                }
            }
            _ => {}
        }
    }
    Language::Fhir
}

/// Whether a path can be evaluated here; the error says why not.
pub fn check(path: &str) -> Result<(), String> {
    match language(path) {
        Language::Xml => XPath::parse(path).map(|_| ()),
        Language::Json(rest) => json_steps(rest).map(|_| ()),
        Language::Fhir => check_expression(path),
    }
}

/// Whether an expression is FHIRPath as it is known here.
pub fn check_expression(expression: &str) -> Result<(), String> {
    fhirpath::parse(expression)
        .map(|_| ())
        .map_err(|error| error.to_string())
}

/// The texts that a path finds.
pub fn evaluate(
    path: &str,
    resource: &Value,
    knowledge: Knowledge<'_>,
) -> Result<Vec<String>, PathError> {
    match language(path) {
        Language::Xml => XPath::parse(path)
            .map(|path| path.evaluate(resource))
            .map_err(PathError::Unsupported),
        Language::Json(rest) => {
            let steps = json_steps(rest).map_err(PathError::Unsupported)?;
            Ok(json_path(&steps, resource))
        }
        Language::Fhir => expression(path, resource, knowledge),
    }
}

/// The texts of what an expression yields.
pub fn expression(
    text: &str,
    resource: &Value,
    knowledge: Knowledge<'_>,
) -> Result<Vec<String>, PathError> {
    with_items(text, resource, knowledge, |items| {
        Ok(items.iter().map(item_text).collect())
    })
}

/// Whether an expression holds; empty is false, one item that is no boolean is true.
pub fn holds(text: &str, resource: &Value, knowledge: Knowledge<'_>) -> Result<bool, PathError> {
    with_items(text, resource, knowledge, |items| {
        fhirpath::truth(items)
            .map(|truth| truth.unwrap_or(false))
            .map_err(fault)
    })
}

fn with_items<T>(
    text: &str,
    resource: &Value,
    knowledge: Knowledge<'_>,
    use_items: impl FnOnce(&[Item<'_>]) -> Result<T, PathError>,
) -> Result<T, PathError> {
    let parsed = fhirpath::parse(text).map_err(fault)?;
    // A searchset or a CapabilityStatement is larger than what invariants look at.
    let limits = Limits {
        steps: 20_000_000,
        items: 1_000_000,
        ..Limits::default()
    };
    let environment = Environment::new(knowledge.definitions)
        .at(knowledge.now)
        .with_resource(resource, resource)
        .with_limits(limits);
    let items = fhirpath::evaluate(&parsed, resource, &environment).map_err(fault)?;
    use_items(&items)
}

fn fault(error: FhirPathError) -> PathError {
    match error.phase {
        Phase::Execution => PathError::Fault(error.to_string()),
        _ => PathError::Unsupported(error.to_string()),
    }
}

fn item_text(item: &Item<'_>) -> String {
    match item {
        Item::Node(node) => value_text(node.value),
        Item::Target(name) => (*name).to_owned(),
        Item::Boolean(value) => value.to_string(),
        Item::Integer(value) => value.to_string(),
        Item::Decimal(value) => value.to_string(),
        Item::String(text) => text.to_string(),
        Item::Temporal(value) => value.to_string(),
        Item::Quantity(value) => value.to_string(),
        Item::Type { namespace, name } => format!("{namespace}.{name}"),
    }
}

fn value_text(value: &Value) -> String {
    match value {
        Value::String(text) | Value::Number(text) => text.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Null => String::new(),
        other => String::from_utf8_lossy(&json::to_vec(other)).into_owned(),
    }
}

enum JsonStep {
    Member(String),
    Index(usize),
    All,
}

/// The steps of a JSONPath after its `$`: members, positions and `[*]`.
fn json_steps(text: &str) -> Result<Vec<JsonStep>, String> {
    let refused = || format!("JSONPath ${text} is not understood");
    let mut steps = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (step, after) = if let Some(inner) = rest.strip_prefix('[') {
            let (inner, after) = inner.split_once(']').ok_or_else(refused)?;
            let quoted = |quote| inner.strip_prefix(quote)?.strip_suffix(quote);
            let step = if inner == "*" {
                JsonStep::All
            } else if let Some(name) = quoted('\'').or_else(|| quoted('"')) {
                JsonStep::Member(name.to_owned())
            } else {
                JsonStep::Index(inner.parse().map_err(|_| refused())?)
            };
            (step, after)
        } else {
            let name = rest.strip_prefix('.').ok_or_else(refused)?;
            let end = name.find(['.', '[']).unwrap_or(name.len());
            let (name, after) = name.split_at_checked(end).ok_or_else(refused)?;
            match name {
                "" => return Err(refused()),
                "*" => (JsonStep::All, after),
                name => (JsonStep::Member(name.to_owned()), after),
            }
        };
        steps.push(step);
        rest = after;
    }
    Ok(steps)
}

fn json_path(steps: &[JsonStep], resource: &Value) -> Vec<String> {
    let mut found = vec![resource];
    for step in steps {
        found = found
            .into_iter()
            .flat_map(|value| -> Vec<&Value> {
                match step {
                    JsonStep::Member(name) => value.get(name).into_iter().collect(),
                    JsonStep::Index(index) => value
                        .as_array()
                        .and_then(|items| items.get(*index))
                        .into_iter()
                        .collect(),
                    JsonStep::All => match value {
                        Value::Array(items) => items.iter().collect(),
                        Value::Object(object) => object.iter().map(|(_, value)| value).collect(),
                        _ => Vec::new(),
                    },
                }
            })
            .collect();
    }
    found.into_iter().map(value_text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_told_apart() {
        let definitions = Definitions::r4().unwrap();
        let resource = json::parse(
            br#"{"resourceType":"Patient","id":"a","birthDate":"1970-01-01",
                "name":[{"given":["Anna","Maria"]}],"identifier":[{"system":"http://s","value":"1"}]}"#,
            &json::Limits::default(),
        )
        .unwrap();
        let knowledge = Knowledge {
            definitions: &definitions,
            now: 0,
        };
        let check = |path: &str, expected: &[&str]| {
            assert_eq!(
                evaluate(path, &resource, knowledge),
                Ok(expected.iter().map(|text| (*text).to_owned()).collect()),
                "{path}"
            );
        };
        check("id", &["a"]);
        check("Patient/id", &["a"]);
        check(
            "fhir:Patient/fhir:name/fhir:given/@value",
            &["Anna", "Maria"],
        );
        check("$.name[0].given[1]", &["Maria"]);
        check("$['name'][*].given[*]", &["Anna", "Maria"]);
        check("identifier.where(system = 'http://s').value", &["1"]);
        check("birthDate < @2000-01-01", &["true"]);
        check("name.given.count()", &["2"]);
        assert!(matches!(
            evaluate("noSuch()", &resource, knowledge),
            Err(PathError::Unsupported(_))
        ));
        assert!(matches!(
            evaluate("$..id", &resource, knowledge),
            Err(PathError::Unsupported(_))
        ));
        assert_eq!(holds("name.exists()", &resource, knowledge), Ok(true));
        assert_eq!(holds("contact", &resource, knowledge), Ok(false));
    }
}
