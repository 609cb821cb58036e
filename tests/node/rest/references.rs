//! References that do not name their resource as R4 has it: by condition, by a temporary identity, by an
//! id alone.

use serde_json::{Value, json};

use crate::support::TestNode;

fn observation(id: &str, subject: Value) -> String {
    json!({
        "resourceType": "Observation", "id": id, "status": "final",
        "code": {"text": "x"}, "subject": subject
    })
    .to_string()
}

fn refers(to: &str) -> Value {
    json!({ "reference": to })
}

/// A node with the patients `one` and two more of one family.
fn node() -> TestNode {
    let node = TestNode::start();
    for (id, family) in [("one", "Uno"), ("two", "Due"), ("three", "Due")] {
        let patient = json!({"resourceType":"Patient","id":id,"name":[{"family":family}]});
        assert_eq!(
            node.put(&format!("Patient/{id}"), &patient.to_string())
                .status,
            201
        );
    }
    node
}

#[test]
fn conditional_references_are_resolved_outside_transactions_too() {
    let node = node();
    let one = observation("o", refers("Patient?family=Uno"));
    let subject = |answer: Value| answer["subject"]["reference"].clone();
    let created = node.post("Observation", &one);
    assert_eq!(created.status, 201, "{}", created.text());
    assert_eq!(subject(created.json()), "Patient/one");
    let updated = node.put("Observation/o", &one);
    assert_eq!(updated.status, 201, "{}", updated.text());
    assert_eq!(subject(node.get("Observation/o").json()), "Patient/one");
    let patch = |to: &str| {
        let patch = json!([{"op":"replace","path":"/subject/reference","value":to}]);
        let headers = [("content-type", "application/json-patch+json")];
        node.request(
            "PATCH",
            "Observation/o",
            &headers,
            patch.to_string().as_bytes(),
        )
    };
    assert_eq!(patch("Patient/two").status, 200);
    let patched = patch("Patient?family=Uno");
    assert_eq!(subject(patched.json()), "Patient/one");
    let batch = json!({"resourceType":"Bundle","type":"batch","entry":[{
        "resource": serde_json::from_str::<Value>(&one).unwrap(),
        "request": {"method":"PUT","url":"Observation/o"}
    }]});
    assert_eq!(node.post("", &batch.to_string()).status, 200);
    assert_eq!(subject(node.get("Observation/o").json()), "Patient/one");
    patch("Patient?family=Tre").refused(400, "not-found");
    patch("Patient?family=Due").refused(400, "multiple-matches");
    assert_eq!(subject(node.get("Observation/o").json()), "Patient/one");
}

#[test]
fn a_conditional_reference_that_is_not_one_resource_is_refused() {
    let node = node();
    for (to, code) in [
        ("Patient?family=Tre", "not-found"),
        ("Patient?family=Due", "multiple-matches"),
        ("Patient?nonsense=1", "not-supported"),
        ("Patient?", "incomplete"),
        ("Nobody?family=Uno", "not-supported"),
    ] {
        let answer = node.post("Observation", &observation("o", refers(to)));
        assert_eq!(answer.status, 400, "{to}: {}", answer.text());
        answer.refused(400, code);
    }
    let many: Vec<Value> = (0..101)
        .map(|n| refers(&format!("Practitioner?identifier={n}")))
        .collect();
    let patient = json!({"resourceType":"Patient","generalPractitioner":many});
    node.post("Patient", &patient.to_string())
        .refused(422, "too-costly");
    assert_eq!(node.get("Observation?_summary=count").json()["total"], 0);
}

/// R4 leaves it to the server what a transaction answers where nothing is preferred: what the client does
/// not know yet.
#[test]
fn a_transaction_shows_what_it_has_replaced() {
    let node = node();
    let patient = "urn:uuid:5f0d7e6a-0000-4000-8000-000000000001";
    let bundle = json!({"resourceType":"Bundle","type":"transaction","entry":[
        {"fullUrl": patient, "resource": {"resourceType":"Patient"},
         "request": {"method":"POST","url":"Patient"}},
        {"resource": serde_json::from_str::<Value>(&observation("o", refers(patient))).unwrap(),
         "request": {"method":"POST","url":"Observation"}}
    ]});
    let shown = |prefer: Option<&str>| -> Vec<bool> {
        let mut headers = vec![("content-type", "application/fhir+json")];
        headers.extend(prefer.map(|prefer| ("prefer", prefer)));
        let answer = node.request("POST", "", &headers, bundle.to_string().as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.text());
        for entry in answer.entries() {
            if let Some(to) = entry["resource"]["subject"]["reference"].as_str() {
                assert!(to.starts_with("Patient/"), "{to}");
            }
        }
        let entries = answer.entries().into_iter();
        entries
            .map(|entry| entry.get("resource").is_some())
            .collect()
    };
    assert_eq!(shown(None), [false, true]);
    assert_eq!(shown(Some("handling=strict")), [false, true]);
    assert_eq!(shown(Some("return=minimal")), [false, false]);
    assert_eq!(shown(Some("return=representation")), [true, true]);
}

#[test]
fn an_id_alone_is_found_by_what_is_known_of_it() {
    let node = node();
    let device = json!({"reference":"one","type":"Device"});
    for (id, subject) in [
        ("alone", refers("one")),
        ("typed", refers("Patient/one")),
        ("group", refers("Group/one")),
        ("device", device),
    ] {
        assert_eq!(
            node.put(&format!("Observation/{id}"), &observation(id, subject))
                .status,
            201
        );
    }
    let check = |query: &str, expected: &[&str]| {
        let answer = node.get(&format!("Observation?{query}&_sort=_id"));
        let entries = answer.entries().into_iter();
        let found: Vec<Value> = entries
            .map(|entry| entry["resource"]["id"].clone())
            .collect();
        assert_eq!(found, expected, "{query}");
    };
    // The parameter is about patients only.
    check("patient=one", &["alone", "typed"]);
    check("patient=Patient/one", &["alone", "typed"]);
    check("patient.family=Uno", &["alone", "typed"]);
    check("patient:missing=true", &["device", "group"]);
    // A subject may be a patient, a group, a device or a location.
    check("subject=one", &["alone", "device", "group", "typed"]);
    check("subject=Patient/one", &["typed"]);
    check("subject:Patient=one", &["typed"]);
    check("subject=Device/one", &["device"]);
    check("subject:missing=true", &[]);
}
