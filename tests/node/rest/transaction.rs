//! transaction. Source: FHIR R4 http.html#trules, bundle.html#references.

use serde_json::{Value, json};

use crate::support::{Answer, TestNode};

const ONE: &str = "urn:uuid:0d1f4a0e-6c1f-4a53-9d0e-2f3a1b4c5d01";
const TWO: &str = "urn:uuid:0d1f4a0e-6c1f-4a53-9d0e-2f3a1b4c5d02";

pub fn post(node: &TestNode, kind: &str, entries: Value) -> Answer {
    let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": entries});
    node.post("", &bundle.to_string())
}

pub fn statuses(answer: &Answer) -> Vec<String> {
    answer
        .entries()
        .iter()
        .map(|entry| entry["response"]["status"].as_str().unwrap()[..3].to_owned())
        .collect()
}

fn transaction(node: &TestNode, entries: Value) -> Answer {
    post(node, "transaction", entries)
}

/// `Patient/1` of the location in a response.
fn place(node: &TestNode, answer: &Answer, index: usize) -> String {
    let location = answer.entries()[index]["response"]["location"].clone();
    let location = location
        .as_str()
        .unwrap_or_else(|| panic!("{}", answer.text()));
    let key = location.strip_prefix(&format!("{}/", node.base)).unwrap();
    key.split("/_history/").next().unwrap().to_owned()
}

fn versions(node: &TestNode) -> i64 {
    node.get("_history").json()["total"].as_i64().unwrap()
}

fn patient(value: &str) -> Value {
    json!({"resourceType": "Patient", "identifier": [{"system": "urn:t", "value": value}]})
}

fn observation(subject: &str) -> Value {
    json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": {"reference": subject}})
}

fn create(resource: Value) -> Value {
    let url = resource["resourceType"].clone();
    json!({"request": {"method": "POST", "url": url}, "resource": resource})
}

#[test]
fn trules_the_outcome_does_not_depend_on_the_order() {
    let entries = [
        json!({"request": {"method": "DELETE", "url": "Patient/gone"}}),
        json!({"request": {"method": "POST", "url": "Patient"}, "resource": patient("new")}),
        json!({"request": {"method": "PUT", "url": "Patient/put"}, "resource": {"resourceType": "Patient", "id": "put", "active": false}}),
        json!({"request": {"method": "PATCH", "url": "Patient/patch"}, "resource": {"resourceType": "Parameters", "parameter": [
            {"name": "operation", "part": [{"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": "Patient.active"},
             {"name": "value", "valueBoolean": false}]}]}}),
        json!({"request": {"method": "GET", "url": "Patient/put"}}),
        json!({"request": {"method": "GET", "url": "Patient?active=true&_summary=count"}}),
        json!({"request": {"method": "GET", "url": "Patient?identifier=urn:t|new&_summary=count"}}),
    ];
    let expected = ["204", "201", "200", "200", "200", "200", "200"];
    let orders = [
        [0, 1, 2, 3, 4, 5, 6],
        [6, 5, 4, 3, 2, 1, 0],
        [4, 2, 6, 0, 5, 3, 1],
    ];
    for order in orders {
        let node = TestNode::start();
        for id in ["gone", "put", "patch"] {
            let body = format!(r#"{{"resourceType":"Patient","id":"{id}","active":true}}"#);
            node.put(&format!("Patient/{id}"), &body);
        }
        let shuffled: Vec<Value> = order.iter().map(|index| entries[*index].clone()).collect();
        let answer = transaction(&node, json!(shuffled));
        let wanted: Vec<&str> = order.iter().map(|index| expected[*index]).collect();
        assert_eq!(statuses(&answer), wanted, "{order:?}: {}", answer.text());
        let answered = answer.entries();
        let at =
            |index: usize| &answered[order.iter().position(|o| *o == index).unwrap()]["resource"];
        // Reads see what was written, wherever they stand.
        assert_eq!(at(4)["active"], false, "{order:?}");
        assert_eq!(
            (&at(5)["total"], &at(6)["total"]),
            (&0.into(), &1.into()),
            "{order:?}"
        );
        node.get("Patient/gone").refused(410, "deleted");
        assert_eq!(node.get("Patient/patch").json()["active"], false);
    }
}

#[test]
fn links_to_entries_are_replaced_wherever_they_stand() {
    let node = TestNode::start();
    let document = json!({"resourceType": "DocumentReference", "status": "current",
        "text": {"status": "generated", "div": format!(
            "<div xmlns=\"http://www.w3.org/1999/xhtml\"><a href=\"{ONE}\">{ONE}</a><img src='{TWO}' alt=\"x\"/></div>")},
        "subject": {"reference": ONE},
        "extension": [{"url": "urn:e", "valueUri": TWO}],
        "contained": [{"resourceType": "Basic", "id": "c", "subject": {"reference": ONE}}],
        "content": [{"attachment": {"contentType": "text/plain", "url": TWO}}]});
    let answer = transaction(
        &node,
        json!([
            create(document),
            {"fullUrl": ONE, "request": {"method": "POST", "url": "Patient"}, "resource": patient("1")},
            {"fullUrl": TWO, "request": {"method": "POST", "url": "Binary"},
             "resource": {"resourceType": "Binary", "contentType": "text/plain", "data": "aGk="}}
        ]),
    );
    assert_eq!(statuses(&answer), ["201"; 3], "{}", answer.text());
    let document = node.get(&place(&node, &answer, 0)).json();
    let (patient, binary) = (place(&node, &answer, 1), place(&node, &answer, 2));
    assert_eq!(document["subject"]["reference"], patient);
    assert_eq!(document["content"][0]["attachment"]["url"], binary);
    assert_eq!(document["extension"][0]["valueUri"], binary);
    assert_eq!(document["contained"][0]["subject"]["reference"], patient);
    let div = document["text"]["div"].as_str().unwrap();
    // A link is a link and text is text.
    assert!(
        div.contains(&format!("<a href=\"{patient}\">{ONE}</a>")),
        "{div}"
    );
    assert!(div.contains(&format!("src='{binary}'")), "{div}");
    assert_eq!(node.get(&binary).body, b"hi");
}

#[test]
fn full_urls_of_another_server_are_identities_too() {
    let node = TestNode::start();
    let answer = transaction(
        &node,
        json!([
            {"fullUrl": "http://elsewhere.example/fhir/Observation/o", "request": {"method": "POST", "url": "Observation"},
             "resource": observation("Patient/p")},
            {"fullUrl": "http://elsewhere.example/fhir/Patient/p", "request": {"method": "POST", "url": "Patient"},
             "resource": patient("1")},
            {"request": {"method": "POST", "url": "Observation"},
             "resource": observation("http://elsewhere.example/fhir/Patient/p")},
            {"request": {"method": "POST", "url": "Observation"},
             "resource": observation("http://elsewhere.example/fhir/Patient/another")}
        ]),
    );
    assert_eq!(statuses(&answer), ["201"; 4], "{}", answer.text());
    let subject =
        |index| node.get(&place(&node, &answer, index)).json()["subject"]["reference"].clone();
    assert_eq!(subject(0), place(&node, &answer, 1));
    assert_eq!(subject(2), place(&node, &answer, 1));
    assert_eq!(subject(3), "http://elsewhere.example/fhir/Patient/another");
}

#[test]
fn conditional_references_name_what_is_stored() {
    let node = TestNode::start();
    let id = node.create(&patient("1").to_string());
    let answer = transaction(
        &node,
        json!([create(observation("Patient?identifier=urn:t|1"))]),
    );
    assert_eq!(statuses(&answer), ["201"], "{}", answer.text());
    let read = node.get(&place(&node, &answer, 0)).json();
    assert_eq!(read["subject"]["reference"], format!("Patient/{id}"));
    node.create(&patient("1").to_string());
    let before = versions(&node);
    for (reference, status, code) in [
        ("Patient?identifier=urn:t|1", 412, "multiple-matches"),
        ("Patient?identifier=urn:t|none", 412, "not-found"),
        ("Patient?nonsense=1", 400, "not-supported"),
        ("Nothing?identifier=1", 404, "not-supported"),
    ] {
        let entries = json!([create(patient("2")), create(observation(reference))]);
        let answer = transaction(&node, entries);
        answer.refused(status, code);
        assert_eq!(
            answer.json()["issue"][0]["expression"][0],
            "Bundle.entry[1]",
            "{reference}"
        );
    }
    assert_eq!(versions(&node), before);
}

#[test]
fn trules_conditional_references_are_resolved_last() {
    let node = TestNode::start();
    node.put(
        "Patient/old",
        r#"{"resourceType":"Patient","id":"old","identifier":[{"system":"urn:t","value":"old"}]}"#,
    );
    // What the transaction itself creates or changes is found, what it deletes is not.
    let answer = transaction(
        &node,
        json!([
            create(observation("Patient?identifier=urn:t|1")),
            create(observation("Patient?identifier=urn:t|2")),
            create(patient("1")),
            {"request": {"method": "PUT", "url": "Patient/put"},
             "resource": {"resourceType": "Patient", "id": "put", "identifier": [{"system": "urn:t", "value": "2"}]}}
        ]),
    );
    assert_eq!(statuses(&answer), ["201"; 4], "{}", answer.text());
    let subject =
        |index| node.get(&place(&node, &answer, index)).json()["subject"]["reference"].clone();
    assert_eq!(subject(0), place(&node, &answer, 2));
    assert_eq!(subject(1), "Patient/put");
    transaction(
        &node,
        json!([
            create(observation("Patient?identifier=urn:t|old")),
            {"request": {"method": "DELETE", "url": "Patient/old"}}
        ]),
    )
    .refused(412, "not-found");
    transaction(
        &node,
        json!([
            create(patient("3")),
            create(patient("3")),
            create(observation("Patient?identifier=urn:t|3"))
        ]),
    )
    .refused(412, "multiple-matches");
}

#[test]
fn trules_an_identity_appears_once() {
    let node = TestNode::start();
    node.put(
        "Patient/a",
        r#"{"resourceType":"Patient","id":"a","identifier":[{"system":"urn:t","value":"a"}]}"#,
    );
    let put = json!({"request": {"method": "PUT", "url": "Patient/a"}, "resource": {"resourceType": "Patient", "id": "a"}});
    let delete = json!({"request": {"method": "DELETE", "url": "Patient/a"}});
    let patch = json!({"request": {"method": "PATCH", "url": "Patient/a"}, "resource": {"resourceType": "Parameters"}});
    let put_by = json!({"request": {"method": "PUT", "url": "Patient?identifier=urn:t|a"}, "resource": patient("a")});
    let delete_by = json!({"request": {"method": "DELETE", "url": "Patient?identifier=urn:t|a"}});
    let create_if = json!({"request": {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=urn:t|a"}, "resource": patient("a")});
    let create_new = json!({"request": {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=urn:t|new"}, "resource": patient("new")});
    let update_new = json!({"request": {"method": "PUT", "url": "Patient?identifier=urn:t|new"}, "resource": patient("new")});
    let before = versions(&node);
    for pair in [
        [&put, &put],
        [&put, &delete],
        [&delete, &put],
        [&put, &patch],
        [&put, &put_by],
        [&put_by, &put_by],
        [&delete, &delete_by],
        [&delete_by, &put_by],
        [&delete, &create_if],
        [&create_if, &delete],
        [&create_new, &create_new],
        [&create_new, &update_new],
    ] {
        let answer = transaction(&node, json!(pair));
        answer.refused(400, "duplicate");
        let place = answer.json()["issue"][0]["expression"][0].clone();
        assert!(
            place.as_str().unwrap().starts_with("Bundle.entry["),
            "{place}"
        );
        assert_eq!(versions(&node), before, "{pair:?}");
    }
    // One that is there already can be named by any number of creates.
    let answer = transaction(&node, json!([create_if, create_if, put]));
    assert_eq!(statuses(&answer), ["200"; 3], "{}", answer.text());
}

#[test]
fn all_or_nothing_holds_for_reads_too() {
    let node = TestNode::start();
    node.put(
        "Patient/there",
        r#"{"resourceType":"Patient","id":"there"}"#,
    );
    let before = versions(&node);
    for (entry, status, code) in [
        (
            json!({"request": {"method": "GET", "url": "Patient/none"}}),
            404,
            "not-found",
        ),
        (
            json!({"request": {"method": "GET", "url": "Patient/there/_history/7"}}),
            404,
            "not-found",
        ),
        (
            json!({"request": {"method": "GET", "url": "Patient/none/_history"}}),
            404,
            "not-found",
        ),
        (
            json!({"request": {"method": "GET", "url": "Patient?_query=x"}}),
            400,
            "not-supported",
        ),
        (
            json!({"request": {"method": "GET", "url": "Patient/$nothing"}}),
            501,
            "not-supported",
        ),
        (
            json!({"request": {"method": "GET", "url": "_history?_since=x"}}),
            400,
            "value",
        ),
    ] {
        let answer = transaction(&node, json!([create(patient("1")), entry]));
        answer.refused(status, code);
        assert_eq!(
            answer.json()["issue"][0]["expression"][0],
            "Bundle.entry[1]",
            "{entry}"
        );
        assert_eq!(versions(&node), before, "{entry}");
    }
    transaction(
        &node,
        json!([{"request": {"method": "GET", "url": "Patient/there"}}, {"request": {"method": "DELETE", "url": "Patient/there"}}]),
    )
    .refused(410, "deleted");
    assert_eq!(versions(&node), before);
    // What the transaction makes can be read in it.
    let answer = transaction(
        &node,
        json!([{"request": {"method": "GET", "url": "Patient/made"}}, {"request": {"method": "GET", "url": "Patient/made/_history"}},
               {"request": {"method": "GET", "url": "Patient/made/_history/1"}},
               {"request": {"method": "PUT", "url": "Patient/made"}, "resource": {"resourceType": "Patient", "id": "made"}}]),
    );
    assert_eq!(
        statuses(&answer),
        ["200", "200", "200", "201"],
        "{}",
        answer.text()
    );
}

#[test]
fn conditions_inside_a_transaction() {
    let node = TestNode::start();
    let id = node.create(&patient("1").to_string());
    let put = |etag: &str| {
        json!([create(patient("2")), {"request": {"method": "PUT", "url": format!("Patient/{id}"), "ifMatch": etag},
            "resource": {"resourceType": "Patient", "id": id, "identifier": [{"system": "urn:t", "value": "1"}]}}])
    };
    transaction(&node, put("W/\"9\"")).refused(412, "conflict");
    assert_eq!(versions(&node), 1);
    assert_eq!(
        statuses(&transaction(&node, put("W/\"1\""))),
        ["201", "200"]
    );
    let delete = |etag: &str| json!([{"request": {"method": "DELETE", "url": format!("Patient/{id}"), "ifMatch": etag}}]);
    transaction(&node, delete("W/\"1\"")).refused(412, "conflict");
    let patch = |content_type: &str, text: &str, url: &str, etag: &str| {
        use base64::Engine as _;
        let data = base64::engine::general_purpose::STANDARD.encode(text);
        json!([{"request": {"method": "PATCH", "url": url, "ifMatch": etag},
            "resource": {"resourceType": "Binary", "contentType": content_type, "data": data}}])
    };
    let json_patch = r#"[{"op":"add","path":"/active","value":true}]"#;
    let xml_patch = r#"<diff xmlns:f="http://hl7.org/fhir"><replace sel="f:Patient/f:active/@value">false</replace></diff>"#;
    let path = format!("Patient/{id}");
    let json = "application/json-patch+json";
    transaction(&node, patch(json, json_patch, &path, "W/\"1\"")).refused(412, "conflict");
    let answer = transaction(&node, patch(json, json_patch, &path, "W/\"2\""));
    assert_eq!(statuses(&answer), ["200"], "{}", answer.text());
    assert_eq!(node.get(&path).json()["active"], true);
    let by_condition = "Patient?identifier=urn:t|1";
    let answer = transaction(
        &node,
        patch(
            "application/xml-patch+xml",
            xml_patch,
            by_condition,
            "W/\"3\"",
        ),
    );
    assert_eq!(statuses(&answer), ["200"], "{}", answer.text());
    assert_eq!(node.get(&path).json()["active"], false);
    transaction(&node, patch("text/plain", "x", &path, "W/\"4\"")).refused(400, "value");
    let delete_by = json!([{"request": {"method": "DELETE", "url": by_condition}}]);
    assert_eq!(statuses(&transaction(&node, delete_by.clone())), ["204"]);
    node.get(&path).refused(410, "deleted");
    assert_eq!(statuses(&transaction(&node, delete_by)), ["204"]);
    for _ in 0..2 {
        node.create(&patient("1").to_string());
    }
    let several =
        json!([create(patient("2")), {"request": {"method": "DELETE", "url": by_condition}}]);
    transaction(&node, several).refused(412, "multiple-matches");
}
