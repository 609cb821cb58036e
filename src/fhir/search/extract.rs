//! What a resource is found by.
//!
//! The expressions of the SearchParameters are compiled once per resource type, cut down to the part
//! that concerns the type, and evaluated on each write.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::values;
use crate::fhir::definitions::{Definitions, SearchKind, SearchParameter};
use crate::fhir::fhirpath::{Environment, Expr, Item, evaluate, parse};
use crate::fhir::model::date;
use crate::fhir::model::value::{Text, Value};

/// Compiles and evaluates; shared as `Arc<Extractor>`.
pub struct Extractor {
    definitions: Arc<Definitions>,
    types: HashMap<Text, OnceLock<Compiled>>,
}

/// What was found in a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extracted {
    /// Code of the parameter, normalised value.
    pub values: Vec<(Text, String)>,
    /// The clinical date: the earliest moment of the parameter `date` of the type, microseconds.
    pub date: Option<i64>,
}

#[derive(Default)]
struct Compiled {
    parameters: Vec<Parameter>,
    date: Option<Expr>,
}

struct Parameter {
    code: Text,
    kind: SearchKind,
    expression: Expr,
}

/// The parameter whose value orders the resources of a type.
const DATE: &str = "date";

impl Extractor {
    pub fn new(definitions: Arc<Definitions>) -> Self {
        let types = definitions
            .resource_types()
            .iter()
            .map(|name| (name.clone(), OnceLock::new()))
            .collect();
        Self { definitions, types }
    }

    /// The codes of the parameters that are indexed for a type, sorted.
    pub fn codes(&self, resource_type: &str) -> Vec<String> {
        self.definitions
            .search_parameters(resource_type)
            .iter()
            .filter(|parameter| is_indexed(parameter, resource_type))
            .map(|parameter| parameter.code.to_string())
            .collect()
    }

    /// Whether a parameter of a type is indexed.
    pub fn knows(&self, resource_type: &str, code: &str) -> bool {
        self.definitions
            .search_parameter(resource_type, code)
            .is_some_and(|parameter| is_indexed(parameter, resource_type))
    }

    /// Whether a parameter finds identifiers: only of them the system alone is indexed.
    pub fn finds_identifiers(&self, resource_type: &str, code: &str) -> bool {
        self.definitions
            .search_parameter(resource_type, code)
            .and_then(|parameter| own_part(&parameter.expression, resource_type))
            .is_some_and(|part| {
                union_members(&part)
                    .iter()
                    .any(|member| member.to_ascii_lowercase().ends_with("identifier"))
            })
    }

    /// All resource types with the codes of their indexed parameters.
    pub fn names(&self) -> Vec<(String, Vec<String>)> {
        self.definitions
            .resource_types()
            .iter()
            .map(|name| (name.to_string(), self.codes(name)))
            .collect()
    }

    /// The values of a resource that has the shape of its type. `base` is the FHIR base of this
    /// server: references below it are local.
    pub fn extract(&self, resource: &Value, base: &str) -> Extracted {
        let mut extracted = Extracted::default();
        let Some(compiled) = resource
            .str_at("resourceType")
            .and_then(|name| self.compiled(name))
        else {
            return extracted;
        };
        let environment = Environment::for_search(&self.definitions);
        let mut found = Vec::new();
        for parameter in &compiled.parameters {
            // An expression that does not fit the data yields nothing to be found by.
            let items = evaluate(&parameter.expression, resource, &environment).unwrap_or_default();
            for item in &items {
                match parameter.kind {
                    SearchKind::Token => values::tokens(item, &mut found),
                    SearchKind::Reference => values::references(item, base, &mut found),
                    _ => values::uris(item, &mut found),
                }
            }
            extracted
                .values
                .extend(found.drain(..).map(|value| (parameter.code.clone(), value)));
        }
        if let Some(expression) = &compiled.date {
            let items = evaluate(expression, resource, &environment).unwrap_or_default();
            extracted.date = items.iter().filter_map(low_end).min();
        }
        extracted
    }

    fn compiled(&self, resource_type: &str) -> Option<&Compiled> {
        let slot = self.types.get(resource_type)?;
        Some(slot.get_or_init(|| self.compile(resource_type)))
    }

    fn compile(&self, resource_type: &str) -> Compiled {
        let mut compiled = Compiled::default();
        for parameter in self.definitions.search_parameters(resource_type) {
            let Some(expression) =
                own_part(&parameter.expression, resource_type).and_then(|text| parse(&text).ok())
            else {
                continue;
            };
            if parameter.code == DATE && parameter.kind == SearchKind::Date {
                compiled.date = Some(expression);
            } else if is_indexed(parameter, resource_type) {
                compiled.parameters.push(Parameter {
                    code: parameter.code.clone(),
                    kind: parameter.kind,
                    expression,
                });
            }
        }
        compiled
    }
}

fn is_indexed(parameter: &SearchParameter, resource_type: &str) -> bool {
    // The id is a column of its own.
    parameter.code != "_id"
        && matches!(
            parameter.kind,
            SearchKind::Token | SearchKind::Reference | SearchKind::Uri
        )
        && own_part(&parameter.expression, resource_type).is_some_and(|text| parse(&text).is_ok())
}

/// The members of a union that concern a type: `Patient.name | Person.name` has one for Patient.
fn own_part(expression: &str, resource_type: &str) -> Option<String> {
    let own: Vec<&str> = union_members(expression)
        .into_iter()
        .filter(|member| {
            let path = member.trim_start_matches('(');
            let root = path
                .split(|c: char| !c.is_ascii_alphanumeric())
                .next()
                .unwrap_or("");
            root == resource_type || matches!(root, "Resource" | "DomainResource")
        })
        .collect();
    (!own.is_empty()).then(|| own.join(" | "))
}

/// Splits at the bars that are not inside brackets or quotes.
fn union_members(expression: &str) -> Vec<&str> {
    let (mut members, mut start, mut depth, mut quoted) = (Vec::new(), 0usize, 0usize, false);
    for (at, c) in expression.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth = depth.saturating_add(1),
            ')' if !quoted => depth = depth.saturating_sub(1),
            '|' if !quoted && depth == 0 => {
                members.push(expression.get(start..at).unwrap_or("").trim());
                start = at.saturating_add(1);
            }
            _ => {}
        }
    }
    members.push(expression.get(start..).unwrap_or("").trim());
    members
}

/// The earliest moment of a date, dateTime, instant, Period or Timing.
fn low_end(item: &Item<'_>) -> Option<i64> {
    let value = item.node()?.value;
    let low = |text: &str| date::range(text, &chrono::Utc).ok().map(|range| range.low);
    match value {
        Value::String(text) => low(text),
        Value::Object(object) => object
            .str_at("start")
            .or_else(|| object.str_at("end"))
            .and_then(low)
            .or_else(|| {
                let events = object.get("event")?.as_array()?;
                events
                    .iter()
                    .filter_map(Value::as_str)
                    .filter_map(low)
                    .min()
            }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::model::json;

    fn extractor() -> Extractor {
        Extractor::new(Arc::new(Definitions::r4().unwrap()))
    }

    #[track_caller]
    fn check(extractor: &Extractor, resource: &str, code: &str, expected: &[&str]) {
        let value = json::parse(resource.as_bytes(), &json::Limits::default()).unwrap();
        let extracted = extractor.extract(&value, "http://a/fhir");
        let mut found: Vec<&str> = extracted
            .values
            .iter()
            .filter(|(name, _)| name == code)
            .map(|(_, value)| value.as_str())
            .collect();
        found.sort_unstable();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected, "{code} of {resource}");
    }

    #[test]
    fn values_by_type_of_element() {
        let e = extractor();
        let patient = r#"{"resourceType":"Patient","id":"1","meta":{"tag":[{"code":"t"}],"profile":["http://p|1"]},
            "identifier":[{"system":"urn:x","value":"7"}],"active":true,"gender":"female",
            "telecom":[{"system":"phone","value":"06"}],"generalPractitioner":[{"reference":"http://a/fhir/Practitioner/9/_history/2"}],
            "deceasedBoolean":false}"#;
        check(&e, patient, "identifier", &["c|7", "s|urn:x|7", "n|urn:x"]);
        check(&e, patient, "gender", &["c|female"]);
        check(&e, patient, "active", &["c|true"]);
        check(&e, patient, "phone", &["c|06"]);
        check(&e, patient, "_tag", &["c|t", "s||t"]);
        check(&e, patient, "_profile", &["http://p|1", "http://p"]);
        check(&e, patient, "general-practitioner", &["Practitioner/9"]);
        check(&e, patient, "deceased", &["c|false"]);
        let observation = r##"{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"1-8"}]},
            "subject":{"reference":"Patient/1"},"performer":[{"reference":"#x"}],"valueCodeableConcept":{"coding":[{"code":"v"}]}}"##;
        check(
            &e,
            observation,
            "code",
            &["c|1-8", "s|http://loinc.org|1-8"],
        );
        check(&e, observation, "patient", &["Patient/1"]);
        check(&e, observation, "subject", &["Patient/1"]);
        check(&e, observation, "performer", &[]);
        check(&e, observation, "value-concept", &["c|v", "s||v"]);
    }

    #[test]
    fn patient_means_patients_only() {
        let e = extractor();
        let group = r#"{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Group/1"}}"#;
        check(&e, group, "patient", &[]);
        check(&e, group, "subject", &["Group/1"]);
    }

    #[test]
    fn the_clinical_date_orders() {
        let e = extractor();
        let date = |text: &str| {
            let value = json::parse(text.as_bytes(), &json::Limits::default()).unwrap();
            e.extract(&value, "").date
        };
        assert_eq!(
            date(r#"{"resourceType":"Observation","effectivePeriod":{"start":"1970-01-02"}}"#),
            Some(86_400_000_000)
        );
        assert_eq!(
            date(r#"{"resourceType":"DocumentReference","date":"1970-01-01T00:00:01Z"}"#),
            Some(1_000_000)
        );
        assert_eq!(
            date(r#"{"resourceType":"Patient","birthDate":"1970-01-02"}"#),
            None
        );
    }

    #[test]
    fn every_type_has_its_parameters() {
        let e = extractor();
        assert!(e.knows("DocumentReference", "identifier"));
        assert!(e.knows("DocumentReference", "patient"));
        assert!(!e.knows("Patient", "birthdate"));
        for (name, codes) in e.names() {
            assert!(codes.contains(&"_tag".to_owned()), "{name}");
        }
    }
}
