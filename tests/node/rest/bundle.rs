//! batch. Source: FHIR R4 http.html#transaction, "Batch Processing Rules".

use serde_json::{Value, json};

use super::transaction::{post, statuses};
use crate::support::TestNode;

fn read(url: &str) -> Value {
    json!({"request": {"method": "GET", "url": url}})
}

fn create(resource: Value) -> Value {
    let url = resource["resourceType"].clone();
    json!({"request": {"method": "POST", "url": url}, "resource": resource})
}

#[test]
fn every_interaction_inside_a_batch() {
    let node = TestNode::start();
    let body = r#"{"resourceType":"Patient","identifier":[{"value":"1"}],"active":true}"#;
    let [read_only, put, patched, deleted] = [0; 4].map(|_| node.create(body));
    let tag = json!({"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": {"tag": [{"code": "t"}]}}]});
    let patch = json!({"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
        {"name": "type", "valueCode": "delete"}, {"name": "path", "valueString": "Patient.active"}]}]});
    let base = node.base.clone();
    let answer = post(
        &node,
        "batch",
        json!([
            read(&format!("Patient/{read_only}")),
            read(&format!("/Patient/{read_only}")),
            read(&format!("{base}/Patient/{read_only}")),
            read(&format!("Patient/{read_only}/_history/1")),
            read(&format!("Patient/{read_only}/_history")),
            read("Patient/_history?_count=1"),
            read("_history?_count=1"),
            read("Patient?identifier=1&_count=1"),
            {"request": {"method": "POST", "url": "Patient/_search?identifier=1"}},
            read("metadata"),
            read(&format!("Patient/{read_only}/$meta")),
            {"request": {"method": "HEAD", "url": format!("Patient/{read_only}")}},
            {"request": {"method": "GET", "url": format!("Patient/{read_only}"), "ifNoneMatch": "W/\"1\""}},
            create(json!({"resourceType": "Patient"})),
            {"request": {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=new"},
             "resource": {"resourceType": "Patient", "identifier": [{"value": "new"}]}},
            {"request": {"method": "PUT", "url": format!("Patient/{put}"), "ifMatch": "W/\"1\""},
             "resource": {"resourceType": "Patient", "id": put}},
            {"request": {"method": "PUT", "url": "Patient?identifier=other"},
             "resource": {"resourceType": "Patient", "identifier": [{"value": "other"}]}},
            {"request": {"method": "PATCH", "url": format!("Patient/{patched}")}, "resource": patch},
            {"request": {"method": "POST", "url": format!("Patient/{put}/$meta-add")}, "resource": tag},
            {"request": {"method": "DELETE", "url": format!("Patient/{deleted}")}},
            {"request": {"method": "DELETE", "url": "Patient?identifier=nobody"}}
        ]),
    );
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["type"], "batch-response");
    assert_eq!(
        statuses(&answer),
        [
            "200", "200", "200", "200", "200", "200", "200", "200", "200", "200", "200", "200",
            "304", "201", "201", "200", "201", "200", "200", "204", "204"
        ],
        "{}",
        answer.text()
    );
    let entries = answer.entries();
    assert_eq!(
        entries[0]["resource"],
        node.get(&format!("Patient/{read_only}")).json()
    );
    assert_eq!(entries[7]["resource"]["type"], "searchset");
    assert_eq!(
        entries[9]["resource"]["resourceType"],
        "CapabilityStatement"
    );
    assert_eq!(entries[12]["response"]["etag"], "W/\"1\"");
    let location = entries[13]["response"]["location"].as_str().unwrap();
    assert_eq!(node.get(location).status, 200);
    assert!(
        node.get(&format!("Patient/{patched}"))
            .json()
            .get("active")
            .is_none()
    );
    node.get(&format!("Patient/{deleted}"))
        .refused(410, "deleted");
}

#[test]
fn failures_of_a_batch_stay_in_their_places() {
    let node = TestNode::start();
    let id = node.create(r#"{"resourceType":"Patient"}"#);
    let good = create(json!({"resourceType": "Patient"}));
    let rows = json!([
        [create(json!({"resourceType": "Patient", "foo": 1})), "400", "structure"],
        [create(json!({"resourceType": "Nothing"})), "404", "not-supported"],
        [read("Patient/none"), "404", "not-found"],
        [read("Patient?_query=x"), "400", "not-supported"],
        [{"request": {"method": "PUT", "url": format!("Patient/{id}"), "ifMatch": "W/\"9\""},
          "resource": {"resourceType": "Patient", "id": id}}, "412", "conflict"],
        [{"request": {"method": "PUT", "url": "Patient/a"}, "resource": {"resourceType": "Patient", "id": "b"}}, "400", "value"],
        [{"request": {"method": "POST", "url": "Patient/1"}, "resource": {"resourceType": "Patient"}}, "405", "not-supported"],
        [{"request": {"method": "GET"}}, "400", "required"],
        [{"resource": {"resourceType": "Patient"}}, "400", "required"],
        [{"request": {"method": "POST", "url": "Patient"}}, "400", "required"],
        [{"request": {"method": "POST", "url": "Patient/$nothing"}, "resource": {"resourceType": "Parameters"}}, "501", "not-supported"]
    ]);
    let rows = rows.as_array().unwrap();
    // A good entry before, between and after the bad ones.
    let mut entries = vec![good.clone()];
    for row in rows {
        entries.extend([row[0].clone(), good.clone()]);
    }
    let answer = post(&node, "batch", json!(entries));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answered = answer.entries();
    for (index, row) in rows.iter().enumerate() {
        let response = &answered[2 * index + 1]["response"];
        let status = &response["status"].as_str().unwrap()[..3];
        let code = &response["outcome"]["issue"][0]["code"];
        assert_eq!(
            (status, code),
            (row[1].as_str().unwrap(), &row[2]),
            "{} {response}",
            row[0]
        );
        assert_eq!(answered[2 * index]["response"]["status"], "201 Created");
    }
    let total = node.get("Patient?_summary=count").json()["total"].clone();
    assert_eq!(total, rows.len() + 2);
}

#[test]
fn a_batch_shows_what_the_client_prefers() {
    let node = TestNode::start();
    let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": [create(json!({"resourceType": "Patient"}))]});
    for (prefer, resource, outcome) in [
        ("return=minimal", None, None),
        ("return=representation", Some("Patient"), None),
        ("return=OperationOutcome", None, Some("OperationOutcome")),
    ] {
        let headers = [
            ("content-type", "application/fhir+json"),
            ("prefer", prefer),
        ];
        let answer = node.request("POST", "", &headers, bundle.to_string().as_bytes());
        let entry = answer.entries()[0].clone();
        assert_eq!(
            entry["resource"]["resourceType"].as_str(),
            resource,
            "{prefer}"
        );
        let found = entry["response"]["outcome"]["resourceType"].as_str();
        assert_eq!(found, outcome, "{prefer}");
    }
}

#[test]
fn a_batch_of_many_entries_is_answered_in_order() {
    let node = TestNode::start();
    let entries: Vec<Value> = (0..500)
        .map(|number| match number % 5 {
            4 => read(&format!("Patient/none-{number}")),
            _ => create(json!({"resourceType": "Patient", "multipleBirthInteger": number})),
        })
        .collect();
    let headers = [
        ("content-type", "application/fhir+json"),
        ("prefer", "return=representation"),
    ];
    let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": entries});
    let answer = node.request("POST", "", &headers, bundle.to_string().as_bytes());
    assert_eq!(answer.entries().len(), 500);
    for (number, entry) in answer.entries().iter().enumerate() {
        if number % 5 == 4 {
            let text = entry["response"]["outcome"]["issue"][0]["diagnostics"].to_string();
            assert!(text.contains(&format!("none-{number} ")), "{text}");
        } else {
            assert_eq!(entry["resource"]["multipleBirthInteger"], number);
        }
    }
}

#[test]
fn an_empty_bundle_is_answered_with_an_empty_one() {
    let node = TestNode::start();
    for (kind, answered) in [
        ("batch", "batch-response"),
        ("transaction", "transaction-response"),
    ] {
        for bundle in [
            json!({"resourceType": "Bundle", "type": kind}),
            json!({"resourceType": "Bundle", "type": kind, "entry": []}),
        ] {
            let answer = node.post("", &bundle.to_string());
            // An empty array is no FHIR JSON.
            if bundle.get("entry").is_some() && answer.status == 400 {
                continue;
            }
            assert_eq!(answer.status, 200, "{bundle}: {}", answer.text());
            assert_eq!(answer.json()["type"], answered);
            assert!(answer.entries().is_empty());
        }
    }
}

#[test]
fn a_transaction_shows_what_the_client_prefers() {
    let node = TestNode::start();
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        create(json!({"resourceType": "Patient", "active": true}))]});
    for (prefer, active) in [
        (None, None),
        (Some("return=minimal"), None),
        (Some("return=representation"), Some(true)),
    ] {
        let mut headers = vec![("content-type", "application/fhir+json")];
        headers.extend(prefer.map(|prefer| ("prefer", prefer)));
        let answer = node.request("POST", "", &headers, bundle.to_string().as_bytes());
        let entry = answer.entries()[0].clone();
        assert_eq!(entry["resource"]["active"].as_bool(), active, "{prefer:?}");
        let response = &entry["response"];
        assert_eq!(response["status"], "201 Created");
        assert_eq!(response["etag"], "W/\"1\"");
        let read = node.get(response["location"].as_str().unwrap()).json();
        assert_eq!(response["lastModified"], read["meta"]["lastUpdated"]);
    }
}

#[test]
fn a_transaction_of_five_thousand_entries() {
    let node = TestNode::start();
    let urn = |number: usize| format!("urn:uuid:00000000-0000-4000-8000-{number:012}");
    // Each observation points at a patient that comes later or earlier.
    let entries: Vec<Value> = (0..5_000)
        .map(|number| {
            let resource = match number % 2 {
                0 => json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"},
                    "subject": {"reference": urn(4_999 - number)}}),
                _ => json!({"resourceType": "Patient", "multipleBirthInteger": number}),
            };
            let url = resource["resourceType"].clone();
            json!({"fullUrl": urn(number), "resource": resource, "request": {"method": "POST", "url": url}})
        })
        .collect();
    let answer = post(&node, "transaction", json!(entries));
    assert_eq!(answer.status, 200, "{}", &answer.text()[..400]);
    assert!(statuses(&answer).iter().all(|status| status == "201"));
    let answered = answer.entries();
    assert_eq!(answered.len(), 5_000);
    let location = |number: usize| answered[number]["response"]["location"].as_str().unwrap();
    for number in [0, 2_500, 4_998] {
        let observation = node.get(location(number)).json();
        let subject = observation["subject"]["reference"].as_str().unwrap();
        assert_eq!(
            node.get(subject).json()["multipleBirthInteger"],
            4_999 - number
        );
        assert!(location(4_999 - number).contains(subject));
    }
    assert_eq!(node.get("_history?_count=1").json()["total"], 5_000);

    // One bad entry at the end, and nothing of five thousand is there.
    let mut bad = entries;
    bad.push(json!({"resource": {"resourceType": "Patient", "foo": 1}, "request": {"method": "POST", "url": "Patient"}}));
    let refused = post(&node, "transaction", json!(bad));
    refused.refused(400, "structure");
    let place = refused.json()["issue"][0]["expression"][0].clone();
    assert_eq!(place, "Bundle.entry[5000].resource.foo");
    assert_eq!(node.get("_history?_count=1").json()["total"], 5_000);
}

#[test]
fn bundles_in_xml() {
    let node = TestNode::start();
    for (kind, answered) in [
        ("batch", "batch-response"),
        ("transaction", "transaction-response"),
    ] {
        let text = format!(
            r#"<Bundle xmlns="http://hl7.org/fhir"><type value="{kind}"/><entry><resource><Patient><birthDate value="1990"/></Patient></resource><request><method value="POST"/><url value="Patient"/></request></entry></Bundle>"#
        );
        let headers = [
            ("content-type", "application/fhir+xml"),
            ("accept", "application/fhir+xml"),
            ("prefer", "return=representation"),
        ];
        let answer = node.request("POST", "", &headers, text.as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.text());
        for part in [
            format!(r#"<type value="{answered}"/>"#),
            r#"<birthDate value="1990"/>"#.to_owned(),
            r#"<status value="201 Created"/>"#.to_owned(),
        ] {
            assert!(answer.text().contains(&part), "{part}: {}", answer.text());
        }
    }
    assert_eq!(node.get("Patient?_summary=count").json()["total"], 2);
}
