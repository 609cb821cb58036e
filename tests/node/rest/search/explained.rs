//! `_explain`: for development only, without values.

use fascicolo::fhir::search::Handling;
use fascicolo::interactions::dispatch::{Reach, query_pairs};
use fascicolo::interactions::search::{SearchRequest, search};

use super::{STRICT, put};
use crate::support::TestNode;

fn patients() -> TestNode {
    let node = TestNode::start();
    let named = r#","name":[{"family":"Malaspina"}]"#;
    put(&node, "Patient", "p", named);
    let subject = r#","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/p"}"#;
    put(&node, "Observation", "o", subject);
    node
}

#[test]
fn a_plan_in_words_and_statements_without_values() {
    let node = patients();
    for (query, words) in [
        ("Patient?family=malaspina", "Patient.family"),
        (
            "Observation?subject.family=malaspina",
            "the targets were looked up",
        ),
        (
            "Patient?_has:Observation:subject:status=final&family=malaspina",
            "probed for each row",
        ),
        ("Patient?_sort=family", "Patient"),
        (
            "Patient?_sort=gender&family=malaspina",
            "texts of its codes",
        ),
        (
            "?_type=Patient,Observation&_id=malaspina",
            "the id is one of 1",
        ),
    ] {
        let answer = node.get_with(&format!("{query}&_explain=true"), &[STRICT]);
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        let told = answer.json();
        assert_eq!(told["resourceType"], "Parameters", "{query}");
        let text = told.to_string();
        assert!(text.contains(words), "{query}: {text}");
        assert!(
            !text.to_lowercase().contains("malaspina"),
            "{query}: {text}"
        );
        let parts = told["parameter"][0]["part"].as_array().unwrap();
        let statements = parts.iter().filter(|part| part["name"] == "statement");
        let explained = statements.clone().filter(|statement| {
            let parts = statement["part"].as_array().unwrap();
            parts.iter().any(|part| part["name"] == "plan")
        });
        assert!(
            statements.count() > 0 && explained.count() > 0,
            "{query}: {text}"
        );
    }
    for wrong in ["false", "yes", ""] {
        let answer = node.get(&format!("Patient?_explain={wrong}"));
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.text());
    }
    // A search afterwards is an ordinary one.
    let answer = node.get("Patient?family=malaspina");
    assert_eq!(answer.json()["total"], 1);
}

/// To everybody else it is a parameter that does not exist.
#[test]
fn nobody_else_knows_of_it() {
    let node = patients();
    let mut other = (*node.node).clone();
    other.choices.dev = false;
    let ask = |name: &str, handling| {
        let request = SearchRequest {
            reach: Reach::Type("Patient".to_owned()),
            pairs: query_pairs(&format!("family=malaspina&{name}=true")).unwrap(),
            handling,
        };
        match search(&other, &request) {
            Ok(json) => String::from_utf8(json).unwrap().replace(name, ""),
            Err(error) => format!("{:?}", error.issues()).replace(name, ""),
        }
    };
    for handling in [Handling::Strict, Handling::Lenient] {
        assert_eq!(ask("_explain", handling), ask("_unheard", handling));
    }
}
