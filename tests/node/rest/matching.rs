//! `Patient/$match`. Source: FHIR R4 patient-operation-match.html.

use serde_json::{Value, json};

use crate::support::{Answer, TestNode};

const CF: &str = "urn:oid:2.16.840.1.113883.2.9.4.3.2";
const OWN: &str = "RSSMRA80A01H501U";

fn patient(family: &str, given: &str, birth: &str, gender: &str, ids: &[(&str, &str)]) -> Value {
    let mut body =
        json!({"resourceType": "Patient", "name": [{"family": family, "given": [given]}]});
    if !birth.is_empty() {
        body["birthDate"] = json!(birth);
    }
    if !gender.is_empty() {
        body["gender"] = json!(gender);
    }
    let identifiers: Vec<Value> = ids
        .iter()
        .map(|(system, value)| match *system {
            "" => json!({"value": value}),
            system => json!({"system": system, "value": value}),
        })
        .collect();
    if !identifiers.is_empty() {
        body["identifier"] = json!(identifiers);
    }
    body
}

fn filled() -> TestNode {
    let node = TestNode::start();
    let born = "1980-01-01";
    for (id, body) in [
        (
            "own",
            patient("Ròssi", "Maria Anna", born, "male", &[(CF, OWN)]),
        ),
        ("no-code", patient("Rossi", "Maria", born, "male", &[])),
        ("misspelt", patient("Rosso", "Maria", born, "male", &[])),
        (
            "younger",
            patient("Rossi", "Maria", "1999-12-31", "male", &[]),
        ),
        (
            "somebody",
            patient("Bianchi", "Ugo", "1955-07-31", "male", &[("urn:mrn", "7")]),
        ),
        (
            "other-code",
            patient("Rossi", "Maria", born, "male", &[(CF, "VRDLGU75B12F205B")]),
        ),
        (
            "married",
            patient("D'Angelo", "Lucia", "1970-02-03", "female", &[]),
        ),
    ] {
        let mut body = body;
        body["id"] = json!(id);
        let answer = node.put(&format!("Patient/{id}"), &body.to_string());
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
    node
}

fn ask(node: &TestNode, patient: &Value, more: &[Value]) -> Answer {
    let mut parameters = vec![json!({"name": "resource", "resource": patient})];
    parameters.extend_from_slice(more);
    let body = json!({"resourceType": "Parameters", "parameter": parameters});
    node.post("Patient/$match", &body.to_string())
}

/// `id grade` of each match, in order; the scores fall.
#[track_caller]
fn grades(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let mut last = 1.0;
    let entries = answer.entries();
    let matches: Vec<String> = entries
        .iter()
        .filter(|entry| entry["search"]["mode"] == "match")
        .map(|entry| {
            let score = entry["search"]["score"].as_f64().unwrap();
            assert!((0.0..=last).contains(&score), "{}", answer.text());
            last = score;
            let extension = &entry["search"]["extension"][0];
            assert_eq!(
                extension["url"],
                "http://hl7.org/fhir/StructureDefinition/match-grade"
            );
            format!(
                "{} {}",
                entry["resource"]["id"].as_str().unwrap(),
                extension["valueCode"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(answer.json()["total"], matches.len());
    assert_eq!(answer.json()["type"], "searchset");
    matches
}

#[test]
fn match_by_codice_fiscale() {
    let node = filled();
    let lower = OWN.to_lowercase();
    let asked = patient("rossi", "MARIA", "1980-01-01", "male", &[(CF, &lower)]);
    let found = grades(&ask(&node, &asked, &[]));
    // Who has another valid codice fiscale is somebody else.
    assert_eq!(
        found,
        ["own certain", "no-code probable", "misspelt possible"]
    );
    let alone = json!({"resourceType": "Patient", "identifier": [{"system": CF, "value": OWN}]});
    assert_eq!(grades(&ask(&node, &alone, &[])), ["own certain"]);
    let contradicted = patient("Verdi", "Ada", "1955-07-31", "female", &[(CF, OWN)]);
    assert_eq!(grades(&ask(&node, &contradicted, &[])), ["own possible"]);
    let record =
        json!({"resourceType": "Patient", "identifier": [{"system": "urn:mrn", "value": "7"}]});
    assert_eq!(grades(&ask(&node, &record, &[])), ["somebody certain"]);
}

#[test]
fn match_by_demographics() {
    let node = filled();
    let asked = patient("Rossi", "Maria", "1980-01-01", "male", &[]);
    assert_eq!(
        grades(&ask(&node, &asked, &[])),
        [
            "no-code probable",
            "other-code probable",
            "own probable",
            "misspelt possible"
        ]
    );
    let folded = patient("DÀNGELO", "lucia", "1970-02-03", "", &[]);
    assert_eq!(grades(&ask(&node, &folded, &[])), ["married probable"]);
    let turned = patient("D Angelo", "Lucia", "1970-03-02", "female", &[]);
    assert_eq!(grades(&ask(&node, &turned, &[])), ["married possible"]);
    let year = patient("D'Angelo", "Lucia", "1970", "", &[]);
    assert_eq!(grades(&ask(&node, &year, &[])), ["married possible"]);
    assert!(
        grades(&ask(
            &node,
            &patient("Neri", "Ada", "1980-01-01", "", &[]),
            &[]
        ))
        .is_empty()
    );
}

/// A number is nobody's without the system it belongs to.
#[test]
fn match_never_by_a_value_alone() {
    let node = filled();
    for (system, value) in [("", OWN), ("urn:mrn", OWN), (CF, "7"), ("", "7")] {
        let asked =
            json!({"resourceType": "Patient", "identifier": [{"system": system, "value": value}]});
        let asked = if system.is_empty() {
            json!({"resourceType": "Patient", "identifier": [{"value": value}]})
        } else {
            asked
        };
        assert!(
            grades(&ask(&node, &asked, &[])).is_empty(),
            "{system} {value}"
        );
    }
    let answer = ask(&node, &patient("Rossi", "", "", "", &[("", OWN)]), &[]);
    assert_eq!(answer.status, 400, "an empty given name");
    let answer = ask(
        &node,
        &json!({"resourceType": "Patient", "name": [{"family": "Rossi"}]}),
        &[],
    );
    assert!(grades(&answer).is_empty());
    assert_eq!(
        answer.entries()[0]["resource"]["issue"][0]["code"],
        "incomplete"
    );
}

#[test]
fn match_only_what_is_certain_and_so_many() {
    let node = filled();
    let asked = patient("Rossi", "Maria", "1980-01-01", "male", &[(CF, OWN)]);
    let certain = json!({"name": "onlyCertainMatches", "valueBoolean": true});
    assert_eq!(
        grades(&ask(&node, &asked, std::slice::from_ref(&certain))),
        ["own certain"]
    );
    let count = json!({"name": "count", "valueInteger": 2});
    assert_eq!(
        grades(&ask(&node, &asked, &[count])),
        ["own certain", "no-code probable"]
    );
    let demographics = patient("Rossi", "Maria", "1980-01-01", "male", &[]);
    assert!(grades(&ask(&node, &demographics, std::slice::from_ref(&certain))).is_empty());
    // Two records of one person: neither is certain.
    node.create(&patient("Rossi", "Maria", "1980-01-01", "male", &[(CF, OWN)]).to_string());
    assert_eq!(grades(&ask(&node, &asked, &[])).len(), 4);
    let answer = ask(&node, &asked, &[certain]);
    assert!(grades(&answer).is_empty());
    assert_eq!(
        answer.entries()[0]["resource"]["issue"][0]["code"],
        "multiple-matches"
    );
    // The Patient alone is a body too.
    let answer = node.post(
        "Patient/$match?onlyCertainMatches=false&count=1",
        &asked.to_string(),
    );
    assert_eq!(grades(&answer).len(), 1);
}

#[test]
fn match_refuses_what_is_no_question() {
    let node = filled();
    let asked = patient("Rossi", "Maria", "1980-01-01", "male", &[]);
    for (more, code) in [
        (json!({"name": "count", "valueInteger": 0}), "value"),
        (json!({"name": "count", "valueInteger": -1}), "value"),
        (
            json!({"name": "onlyCertainMatches", "valueInteger": 1}),
            "value",
        ),
        (
            json!({"name": "nonsense", "valueBoolean": true}),
            "not-supported",
        ),
        (json!({"name": "nonsense"}), "not-supported"),
    ] {
        ask(&node, &asked, &[more]).refused(400, code);
    }
    ask(&node, &json!({"resourceType": "Person"}), &[]).refused(400, "value");
    ask(
        &node,
        &json!({"resourceType": "Patient", "birthDate": 5}),
        &[],
    )
    .refused(400, "structure");
    for (body, code) in [
        (r#"{"resourceType":"Parameters"}"#, "required"),
        (r#"{"resourceType":"Group"}"#, "value"),
        ("{", "structure"),
    ] {
        node.post("Patient/$match", body).refused(400, code);
    }
    node.post("Patient/$match?nonsense=1", &asked.to_string())
        .refused(400, "not-supported");
    node.get("Patient/$match").refused(405, "not-supported");
    node.post("Group/$match", "{}")
        .refused(501, "not-supported");
}

/// A name of thousands and an identifier list without end cost no more than others.
#[test]
fn match_is_bounded() {
    let node = filled();
    let many: Vec<Value> = (0..5000)
        .map(|n| json!({"system": "urn:x", "value": n.to_string()}))
        .collect();
    let names: Vec<Value> = (0..5000)
        .map(|n| json!({"family": format!("f{n}"), "given": ["x"]}))
        .collect();
    let asked =
        json!({"resourceType": "Patient", "identifier": many, "name": names, "birthDate": "1980"});
    assert!(grades(&ask(&node, &asked, &[])).is_empty());
}
