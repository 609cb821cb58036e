//! The CapabilityStatement promises what works. Source: FHIR R4 capabilitystatement.html.

use std::collections::BTreeMap;

use fascicolo::config::{RequireIfMatch, UpdateCreate};
use fascicolo::error::Severity;
use fascicolo::fhir::model::json;
use fascicolo::fhir::validation::shape;
use serde_json::Value;

use crate::support::TestNode;

fn resources(node: &TestNode) -> Vec<Value> {
    let statement = node.get("metadata").json();
    statement["rest"][0]["resource"]
        .as_array()
        .cloned()
        .unwrap()
}

fn names<'a>(list: &'a Value, member: &str) -> Vec<&'a str> {
    let list = list.as_array().unwrap();
    list.iter()
        .map(|item| item[member].as_str().unwrap())
        .collect()
}

#[test]
fn statements_have_the_shape_of_their_types() {
    let node = TestNode::start();
    for (path, name) in [
        ("metadata", "CapabilityStatement"),
        ("metadata?mode=full", "CapabilityStatement"),
        ("metadata?mode=normative", "CapabilityStatement"),
        ("metadata?mode=terminology", "TerminologyCapabilities"),
    ] {
        let answer = node.get(path);
        assert_eq!(
            (answer.status, answer.json()["resourceType"].as_str()),
            (200, Some(name)),
            "{path}"
        );
        let tree = json::parse(&answer.body, &json::Limits::default()).unwrap();
        let issues = shape::check(&tree, &node.node.definitions);
        let errors: Vec<_> = issues
            .iter()
            .filter(|issue| issue.severity >= Severity::Error)
            .collect();
        assert!(errors.is_empty(), "{path}: {errors:?}");
        // Valid enough to be kept as a resource.
        assert_eq!(node.post(name, &answer.text()).status, 201, "{path}");
        let xml = node
            .get_with(path, &[("accept", "application/fhir+xml")])
            .text();
        assert!(xml.contains(&format!("<{name} xmlns=")), "{path}");
    }
    let statement = node.get("metadata").json();
    assert_eq!(statement["fhirVersion"], "4.0.1");
    assert_eq!(statement["kind"], "instance");
    assert_eq!(statement["implementation"]["url"], node.base);
    let all = names(&statement["rest"][0]["resource"], "type").len();
    assert_eq!(all, node.node.definitions.resource_types().len());
}

#[test]
fn every_claimed_parameter_of_the_result_works() {
    let node = TestNode::start();
    let strict = [("prefer", "handling=strict")];
    let statement = node.get("metadata").json();
    for name in names(&statement["rest"][0]["searchParam"], "name") {
        let value = match name {
            "_count" => "1",
            "_elements" => "name",
            "_format" => "json",
            "_include" => "Patient:organization",
            "_revinclude" => "Observation:subject",
            "_pretty" | "_summary" => "true",
            "_sort" => "_lastUpdated",
            "_total" => "accurate",
            other => panic!("{other}"),
        };
        let answer = node.get_with(&format!("Patient?{name}={value}"), &strict);
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
    }
}

/// `_summary` and `_elements` mean in the statement what they mean in any resource.
#[test]
fn parts_of_the_statement() {
    let node = TestNode::start();
    let part = node.get("metadata?_elements=software").json();
    assert_eq!(part["software"]["name"], "fascicolo");
    assert_eq!(part["kind"], "instance", "mandatory");
    assert_eq!(part.get("implementation"), None);
    assert_eq!(part["meta"]["tag"][0]["code"], "SUBSETTED");
    let text = node.get("metadata?_summary=text").json();
    assert_eq!(text.get("rest"), None);
}

#[test]
fn every_claimed_search_parameter_works_on_its_type() {
    let node = TestNode::start();
    let strict = [("prefer", "handling=strict")];
    for resource in resources(&node) {
        let name = resource["type"].as_str().unwrap();
        for parameter in resource["searchParam"].as_array().unwrap() {
            let code = parameter["name"].as_str().unwrap();
            let value = match parameter["type"].as_str().unwrap() {
                "token" => "code",
                "string" => "text",
                "number" => "1",
                // Where something begins and ends on what a code names.
                "composite" if name == "MolecularSequence" => "code$1$2",
                "composite" => "code$2001",
                "special" if code == "_filter" => "_id%20eq%20x",
                "special" => "41.9|12.5",
                "quantity" => "5.4|http://unitsofmeasure.org|mg",
                "reference" => "Patient/1",
                "uri" => "http://a.example",
                "date" => "2001",
                other => panic!("{name} {code}: {other}"),
            };
            let answer = node.get_with(&format!("{name}?{code}={value}"), &strict);
            assert_eq!(answer.status, 200, "{name} {code}: {}", answer.text());
            assert_eq!(answer.entries().len(), 0);
        }
    }
}

#[test]
fn every_parameter_of_r4_that_is_not_claimed_is_refused() {
    let node = TestNode::start();
    for resource in resources(&node) {
        let name = resource["type"].as_str().unwrap();
        let claimed = names(&resource["searchParam"], "name");
        for parameter in node.node.definitions.search_parameters(name) {
            let code = parameter.code.as_str();
            if !claimed.contains(&code) {
                let answer = node.get(&format!("{name}?{code}=1"));
                assert_eq!(answer.status, 400, "{name} {code} is not claimed");
            }
        }
    }
}

#[test]
fn every_claimed_operation_works_on_its_type() {
    let node = TestNode::start();
    let body = r#"{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{"tag":[{"code":"t"}]}}]}"#;
    for resource in resources(&node) {
        let name = resource["type"].as_str().unwrap();
        let id = node.create(&format!(r#"{{"resourceType":"{name}"}}"#));
        for operation in names(&resource["operation"], "name") {
            let path = format!("{name}/{id}/${operation}");
            let statuses = match operation {
                "meta" => vec![
                    node.get(&path).status,
                    node.get(&format!("{name}/{id}/_history/1/$meta")).status,
                ],
                "everything" => vec![
                    node.get(&path).status,
                    node.post(&path, r#"{"resourceType":"Parameters"}"#).status,
                ],
                "meta-add" | "meta-delete" => vec![node.post(&path, body).status],
                "lastn" => vec![node.get(&format!("{name}/$lastn?patient=1&code=1")).status],
                "docref" => vec![node.get(&format!("{name}/$docref?patient=1")).status],
                "match" => {
                    let asked = format!(r#"{{"resourceType":"{name}"}}"#);
                    vec![node.post(&format!("{name}/$match"), &asked).status]
                }
                "ingest" => {
                    // Without a document there is nothing to ingest, but the operation is there.
                    let headers = [("content-type", "application/xml")];
                    let answer =
                        node.request("POST", &format!("{name}/$ingest"), &headers, b"<x/>");
                    assert!([400, 422].contains(&answer.status), "{}", answer.text());
                    continue;
                }
                other => {
                    let gender = "http://hl7.org/fhir/administrative-gender";
                    let query = match (name, other) {
                        ("ValueSet", "expand") => {
                            "url=http://hl7.org/fhir/ValueSet/administrative-gender".to_owned()
                        }
                        ("ValueSet", "validate-code") => {
                            "url=http://hl7.org/fhir/ValueSet/administrative-gender&code=male"
                                .to_owned()
                        }
                        ("CodeSystem", "validate-code") => format!("url={gender}&code=male"),
                        ("CodeSystem", "lookup") => format!("system={gender}&code=male"),
                        ("CodeSystem", "subsumes") => {
                            format!("system={gender}&codeA=male&codeB=male")
                        }
                        ("ConceptMap", "translate") => {
                            "url=http://hl7.org/fhir/ConceptMap/101&code=home".to_owned()
                        }
                        _ => panic!("{name} {other}"),
                    };
                    vec![node.get(&format!("{name}/${other}?{query}")).status]
                }
            };
            assert!(
                statuses.iter().all(|status| *status == 200),
                "{path}: {statuses:?}"
            );
        }
    }
}

#[test]
fn conditional_interactions_work_as_claimed() {
    let node = TestNode::start();
    for resource in resources(&node) {
        let name = resource["type"].as_str().unwrap();
        assert_eq!(resource["conditionalCreate"], true, "{name}");
        assert_eq!(resource["conditionalUpdate"], true, "{name}");
        assert_eq!(resource["conditionalDelete"], "multiple", "{name}");
        assert_eq!(resource["conditionalRead"], "full-support", "{name}");
        let json = ("content-type", "application/fhir+json");
        let tagged = format!(r#"{{"resourceType":"{name}","meta":{{"tag":[{{"code":"t"}}]}}}}"#);
        let create = || {
            node.request(
                "POST",
                name,
                &[json, ("if-none-exist", "_tag=t")],
                tagged.as_bytes(),
            )
        };
        let first = create();
        let place = first.header("location").unwrap_or("").to_owned();
        assert_eq!(
            (first.status, create().status),
            (201, 200),
            "{name}: {}",
            first.text()
        );
        assert_eq!(
            node.put(&format!("{name}?_tag=t"), &tagged).status,
            200,
            "{name}"
        );
        let current = place.replace("/_history/1", "");
        let headers = [
            ("accept", "application/fhir+json"),
            ("if-none-match", "W/\"2\""),
        ];
        assert_eq!(node.get_with(&current, &headers).status, 304, "{name}");
        node.request("POST", name, &[json], tagged.as_bytes());
        assert_eq!(node.delete(&format!("{name}?_tag=t")).status, 200, "{name}");
        assert_eq!(
            node.get(&format!("{name}?_summary=count")).json()["total"],
            0,
            "{name}"
        );
    }
}

#[test]
fn what_the_operator_chose_is_what_is_claimed() {
    let claims = |update_create, require_if_match| {
        let node = TestNode::with(move |config| {
            config.fhir.update_create = update_create;
            config.fhir.require_if_match = require_if_match;
        });
        let claims: BTreeMap<String, (bool, String)> = resources(&node)
            .iter()
            .map(|resource| {
                let text = |member: &str| resource[member].as_str().unwrap().to_owned();
                (
                    text("type"),
                    (
                        resource["updateCreate"].as_bool().unwrap(),
                        text("versioning"),
                    ),
                )
            })
            .collect();
        ["Patient", "Observation", "Organization"].map(|name| claims[name].clone())
    };
    let claim = |creates: bool, versioning: &str| (creates, versioning.to_owned());
    assert_eq!(
        claims(UpdateCreate::On, RequireIfMatch::Off),
        [
            claim(true, "versioned"),
            claim(true, "versioned"),
            claim(true, "versioned")
        ]
    );
    assert_eq!(
        claims(UpdateCreate::NonClinical, RequireIfMatch::Clinical),
        [
            claim(false, "versioned-update"),
            claim(false, "versioned-update"),
            claim(true, "versioned")
        ]
    );
    assert_eq!(
        claims(UpdateCreate::Off, RequireIfMatch::On),
        [
            claim(false, "versioned-update"),
            claim(false, "versioned-update"),
            claim(false, "versioned-update")
        ]
    );
}

#[test]
fn what_is_not_claimed_does_not_work() {
    let node = TestNode::start();
    for (method, path, status) in [
        ("GET", "_search", 405),
        ("GET", "Patient/1/Nothing", 404),
        ("GET", "Organization/1/Observation", 404),
        ("PUT", "metadata", 405),
        ("DELETE", "", 405),
        ("POST", "Patient/1", 405),
        ("PUT", "Patient/1/_history/1", 405),
        ("DELETE", "Patient/1/_history", 405),
        ("POST", "Patient/$everything", 501),
        ("GET", "Observation/1/$everything", 501),
        ("POST", "$process-message", 501),
    ] {
        let headers = [("content-type", "application/fhir+json")];
        let answer = node.request(method, path, &headers, b"");
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        assert_eq!(answer.json()["resourceType"], "OperationOutcome");
        assert_eq!(
            answer.header("allow").is_some(),
            status == 405,
            "{method} {path}"
        );
    }
}
