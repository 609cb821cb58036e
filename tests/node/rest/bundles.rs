//! batch and transaction. Source: FHIR R4 http.html#transaction.

use serde_json::{Value, json};

use crate::support::TestNode;

const OBSERVATION: &str = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0b";
const PATIENT: &str = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a";

fn post(node: &TestNode, kind: &str, entries: Value) -> crate::support::Answer {
    let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": entries});
    node.post("", &bundle.to_string())
}

fn statuses(answer: &crate::support::Answer) -> Vec<String> {
    answer
        .entries()
        .iter()
        .map(|entry| entry["response"]["status"].as_str().unwrap()[..3].to_owned())
        .collect()
}

fn total(node: &TestNode, path: &str) -> i64 {
    node.get(path).json()["total"].as_i64().unwrap()
}

#[test]
fn a_transaction_resolves_its_own_identities() {
    let node = TestNode::start();
    let entries = json!([
        {"request": {"method": "GET", "url": "Patient?identifier=urn:t|1"}},
        {"fullUrl": OBSERVATION, "request": {"method": "POST", "url": "Observation"},
         "resource": {"resourceType": "Observation", "status": "final", "code": {"text": "x"},
            "text": {"status": "generated", "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\"><a href=\"{PATIENT}\">p</a></div>")},
            "subject": {"reference": PATIENT}}},
        {"fullUrl": PATIENT, "request": {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=urn:t|1"},
         "resource": {"resourceType": "Patient", "identifier": [{"system": "urn:t", "value": "1"}]}},
        {"request": {"method": "PUT", "url": "Patient/put"}, "resource": {"resourceType": "Patient", "id": "put"}},
        {"request": {"method": "DELETE", "url": "Patient/none"}}
    ]);
    let first = post(&node, "transaction", entries.clone());
    assert_eq!(
        statuses(&first),
        ["200", "201", "201", "201", "204"],
        "{}",
        first.text()
    );
    // GET comes last, whatever its place.
    assert_eq!(first.entries()[0]["resource"]["total"], 1);
    let place = |index: usize| {
        let location = first.entries()[index]["response"]["location"]
            .as_str()
            .unwrap()
            .to_owned();
        location
            .strip_prefix(&format!("{}/", node.base))
            .unwrap()
            .to_owned()
    };
    let observation = node.get(&place(1)).json();
    let patient = place(2).split("/_history").next().unwrap().to_owned();
    assert_eq!(observation["subject"]["reference"], patient);
    assert!(
        observation["text"]["div"]
            .as_str()
            .unwrap()
            .contains(&format!("href=\"{patient}\""))
    );
    // The same again: the conditional create finds its patient, all else is new.
    let second = post(&node, "transaction", entries);
    assert_eq!(
        statuses(&second),
        ["200", "201", "200", "200", "204"],
        "{}",
        second.text()
    );
    assert_eq!(total(&node, "Patient?identifier=urn:t|1"), 1);
    assert_eq!(total(&node, &format!("Observation?subject={patient}")), 2);
}

#[test]
fn a_transaction_is_all_or_nothing() {
    let node = TestNode::start();
    let good = json!({"request": {"method": "POST", "url": "Patient"}, "resource": {"resourceType": "Patient"}});
    let bad =
        |resource: Value, request: Value| json!([good, {"request": request, "resource": resource}]);
    let post_patient = json!({"method": "POST", "url": "Patient"});
    for (entries, status, code, place) in [
        (
            bad(
                json!({"resourceType": "Patient", "gender": 5}),
                post_patient.clone(),
            ),
            400,
            "structure",
            "Bundle.entry[1].resource.gender",
        ),
        (
            bad(json!({"resourceType": "Group"}), post_patient.clone()),
            400,
            "invalid",
            "Bundle.entry[1].resource",
        ),
        (
            bad(
                json!({"resourceType": "Patient", "id": "b"}),
                json!({"method": "PUT", "url": "Patient/a"}),
            ),
            400,
            "value",
            "Bundle.entry[1].resource.id",
        ),
        (
            bad(
                json!({"resourceType": "Patient", "id": "a"}),
                json!({"method": "PUT", "url": "Patient/a", "ifMatch": "W/\"7\""}),
            ),
            412,
            "conflict",
            "",
        ),
        (
            bad(
                json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": {"reference": "Patient?identifier=none"}}),
                json!({"method": "POST", "url": "Observation"}),
            ),
            412,
            "not-found",
            "Bundle.entry[1]",
        ),
        (
            json!([good, {"request": {"method": "PUT", "url": "Patient/a"}, "resource": {"resourceType": "Patient", "id": "a"}}, {"request": {"method": "DELETE", "url": "Patient/a"}}]),
            400,
            "duplicate",
            "Bundle.entry[2]",
        ),
        (
            json!([good, {"resource": {"resourceType": "Patient"}}]),
            400,
            "required",
            "Bundle.entry[1]",
        ),
    ] {
        let answer = post(&node, "transaction", entries);
        answer.refused(status, code);
        let found = answer.json()["issue"][0]["expression"][0]
            .as_str()
            .unwrap_or("")
            .to_owned();
        assert!(found.starts_with(place), "{place}: {found}");
    }
    assert_eq!(total(&node, "_history"), 0);
}

#[test]
fn a_batch_answers_each_entry_in_its_place() {
    let node = TestNode::start();
    let id = node.create(r#"{"resourceType":"Patient","active":true}"#);
    let answer = post(
        &node,
        "batch",
        json!([
            {"request": {"method": "GET", "url": format!("Patient/{id}")}},
            {"request": {"method": "GET", "url": "Patient/zzz"}},
            {"request": {"method": "POST", "url": "Patient"}, "resource": {"resourceType": "Patient"}},
            {"request": {"method": "POST", "url": "Patient"}, "resource": {"resourceType": "Patient", "foo": 1}},
            {"request": {"method": "GET", "url": "Patient?_summary=count"}},
            {"request": {"method": "DELETE", "url": format!("Patient/{id}")}}
        ]),
    );
    assert_eq!(
        statuses(&answer),
        ["200", "404", "201", "400", "200", "204"],
        "{}",
        answer.text()
    );
    let outcome = &answer.entries()[3]["response"]["outcome"]["issue"][0];
    assert_eq!(outcome["expression"][0], "Patient.foo");
    assert_eq!(node.get(&format!("Patient/{id}")).status, 410);
}

#[test]
fn in_05_more_entries_than_allowed() {
    let node = TestNode::with(|config| config.limits.bundle_entries = 3);
    let entry = json!({"request": {"method": "POST", "url": "Patient"}, "resource": {"resourceType": "Patient"}});
    let three: Vec<&Value> = std::iter::repeat_n(&entry, 3).collect();
    assert_eq!(post(&node, "transaction", json!(three)).status, 200);
    let four: Vec<&Value> = std::iter::repeat_n(&entry, 4).collect();
    post(&node, "transaction", json!(four)).refused(413, "too-long");
    assert_eq!(total(&node, "_history"), 3);
}

#[test]
fn a_conditional_update_in_a_transaction_keeps_the_id_it_names() {
    let node = TestNode::start();
    let entry = |id: &str| {
        json!([{"request": {"method": "PUT", "url": "Patient?identifier=urn:c|1"},
            "resource": {"resourceType": "Patient", "id": id, "identifier": [{"system": "urn:c", "value": "1"}]}}])
    };
    assert_eq!(
        statuses(&post(&node, "transaction", entry("named"))),
        ["201"]
    );
    assert_eq!(node.get("Patient/named").status, 200);
    assert_eq!(
        statuses(&post(&node, "transaction", entry("named"))),
        ["200"]
    );
    post(&node, "transaction", entry("other")).refused(400, "value");
}

/// More than is held in memory: the text of the Bundle waits in a file.
#[test]
fn in_05_a_large_bundle() {
    let node = TestNode::start();
    let family = "è".repeat(1_000);
    let bundle = |kind: &str, run: &str| {
        let entries: Vec<Value> = (0..700)
            .map(|number| {
                let url = format!("urn:uuid:61ebe359-bfdc-4613-8bf2-c5e30094{number:04}");
                json!({"fullUrl": url, "request": {"method": "PUT", "url": format!("Patient/{run}-{number}")},
                    "resource": {"resourceType": "Patient", "id": format!("{run}-{number}"), "name": [{"family": family}],
                        "link": [{"type": "seealso", "other": {"reference": url}}]}})
            })
            .collect();
        json!({"resourceType": "Bundle", "type": kind, "entry": entries}).to_string()
    };
    let gzip = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let send = |body: &[u8], coding: &str| {
        let headers = [
            ("content-type", "application/fhir+json"),
            ("content-encoding", coding),
            ("idempotency-key", "large"),
        ];
        let headers = if coding.is_empty() {
            &headers[..1]
        } else {
            &headers[..]
        };
        node.request("POST", "", headers, body)
    };
    let plain = bundle("transaction", "t");
    assert!(plain.len() > 1 << 20);
    let first = send(plain.as_bytes(), "");
    assert_eq!(statuses(&first), ["201"; 700]);
    let deflated = bundle("batch", "b");
    for _ in 0..2 {
        assert_eq!(statuses(&send(&gzip(&deflated), "gzip")), ["201"; 700]);
    }
    assert_eq!(total(&node, "Patient?_summary=count"), 1_400);
    let last = node.get("Patient/t-699").json();
    assert_eq!(last["name"][0]["family"], family.as_str());
    assert_eq!(last["link"][0]["other"]["reference"], "Patient/t-699");

    // Faults are found all the same, and nothing is stored.
    let other = bundle("transaction", "x");
    let broken = send(&other.as_bytes()[..other.len() - 1], "");
    broken.refused(400, "structure");
    assert!(
        broken
            .text()
            .contains(&format!("at byte {}", other.len() - 1))
    );
    let unknown = other
        .replacen("\"link\"", "\"lonk\"", 700)
        .replacen("\"lonk\"", "\"link\"", 698);
    let refused = send(unknown.as_bytes(), "");
    refused.refused(400, "structure");
    assert!(
        refused.text().contains("Bundle.entry[698].resource.lonk"),
        "{}",
        refused.text()
    );
    assert_eq!(total(&node, "Patient?_summary=count"), 1_400);
    let left = std::fs::read_dir(node.database.data_dir().join("tmp")).unwrap();
    assert_eq!(left.count(), 0);
}
