//! `DocumentReference/$docref`. Source: US Core and International Patient Access, operation docref.

use serde_json::{Value, json};

use crate::support::{Answer, TestNode};

fn add(node: &TestNode, id: &str, patient: &str, kind: &str, more: &Value) {
    let mut body = json!({
        "resourceType": "DocumentReference", "id": id, "status": "current",
        "type": {"coding": [{"system": "http://loinc.org", "code": kind}]},
        "subject": {"reference": format!("Patient/{patient}")},
        "content": [{"attachment": {"contentType": "application/pdf"}}],
    });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    let answer = node.put(&format!("DocumentReference/{id}"), &body.to_string());
    assert_eq!(answer.status, 201, "{}", answer.text());
}

fn filled() -> TestNode {
    let node = TestNode::start();
    for id in ["p", "q", "r"] {
        let body = format!(r#"{{"resourceType":"Patient","id":"{id}"}}"#);
        assert_eq!(node.put(&format!("Patient/{id}"), &body).status, 201);
    }
    let cared = |start: &str, end: &str| json!({"context": {"period": {"start": start, "end": end}}, "date": "2024-01-01T00:00:00Z"});
    add(
        &node,
        "stay",
        "p",
        "34105-7",
        &cared("2020-03-01", "2020-03-20"),
    );
    add(
        &node,
        "visit",
        "p",
        "57133-1",
        &cared("2021-05-02", "2021-05-02"),
    );
    add(
        &node,
        "dated",
        "p",
        "57133-1",
        &json!({"date": "2020-03-10T10:00:00Z"}),
    );
    add(&node, "undated", "p", "57133-1", &json!({}));
    add(
        &node,
        "of-another",
        "q",
        "57133-1",
        &cared("2020-03-01", "2020-03-20"),
    );
    node
}

/// The ids of the matches, sorted.
#[track_caller]
fn ids(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let entries = answer.entries();
    let matches = entries
        .iter()
        .filter(|entry| entry["search"]["mode"] == "match");
    let mut ids: Vec<&str> = matches
        .map(|entry| entry["resource"]["id"].as_str().unwrap())
        .collect();
    ids.sort_unstable();
    ids.join(" ")
}

/// Severity and code of the issues told.
fn issues(answer: &Answer) -> Vec<String> {
    let entries = answer.entries();
    let outcomes = entries
        .iter()
        .filter(|entry| entry["search"]["mode"] == "outcome");
    outcomes
        .flat_map(|entry| entry["resource"]["issue"].as_array().unwrap().clone())
        .map(|issue| {
            format!(
                "{} {}",
                issue["severity"].as_str().unwrap(),
                issue["code"].as_str().unwrap()
            )
        })
        .collect()
}

#[track_caller]
fn check(node: &TestNode, query: &str, expected: &str) {
    let answer = node.get(&format!("DocumentReference/$docref?{query}"));
    assert_eq!(ids(&answer), expected, "{query}");
    assert!(issues(&answer).is_empty(), "{query}");
}

#[test]
fn docref_tells_the_documents_of_a_patient() {
    let node = filled();
    check(&node, "patient=p", "dated stay undated visit");
    check(&node, "patient=Patient/p", "dated stay undated visit");
    check(
        &node,
        &format!("patient={}/Patient/q", node.base),
        "of-another",
    );
    check(&node, "patient=p,q", "dated of-another stay undated visit");
    check(&node, "patient=r", "");
    check(&node, "patient=nobody", "");
    check(&node, "patient=p&type=http://loinc.org%7C34105-7", "stay");
    check(
        &node,
        "patient=p&type=34105-7,57133-1&on-demand=false",
        "dated stay undated visit",
    );
    // The time of care; where it is not told, the date of the document.
    check(&node, "patient=p&start=2020-03-15", "stay visit");
    check(
        &node,
        "patient=p&start=2020-03-05&end=2020-03-12",
        "dated stay",
    );
    check(&node, "patient=p&end=2020", "dated stay");
    check(&node, "patient=p&start=2022", "");
}

#[test]
fn docref_by_post() {
    let node = filled();
    let body = |more: &str| {
        format!(
            r#"{{"resourceType":"Parameters","parameter":[{{"name":"patient","valueId":"p"}}{more}]}}"#
        )
    };
    let post = |more: &str| node.post("DocumentReference/$docref", &body(more));
    assert_eq!(ids(&post("")), "dated stay undated visit");
    let concept = r#",{"name":"type","valueCodeableConcept":{"coding":[{"system":"http://loinc.org","code":"34105-7"}]}}"#;
    assert_eq!(ids(&post(concept)), "stay");
    let dates =
        r#",{"name":"start","valueDate":"2020-03-05"},{"name":"end","valueDate":"2020-03-12"}"#;
    assert_eq!(ids(&post(dates)), "dated stay");
    let demand = post(r#",{"name":"on-demand","valueBoolean":true}"#);
    assert_eq!(
        (ids(&demand).as_str(), issues(&demand)),
        ("", vec!["error not-supported".to_owned()])
    );
}

#[test]
fn docref_in_pages() {
    let node = filled();
    let (mut path, mut found) = (
        "DocumentReference/$docref?patient=p&_count=3".to_owned(),
        Vec::new(),
    );
    loop {
        let answer = node.get(&path);
        found.push(ids(&answer));
        let bundle = answer.json();
        let links = bundle["link"].as_array().unwrap();
        let Some(next) = links.iter().find(|link| link["relation"] == "next") else {
            break;
        };
        let next = next["url"].as_str().unwrap();
        path = next
            .strip_prefix(&format!("{}/", node.base))
            .unwrap()
            .to_owned();
        assert!(path.starts_with("DocumentReference/$docref?"), "{path}");
    }
    assert_eq!(found, ["dated stay visit", "undated"]);
    node.get(&path.replace("patient=p", "patient=q"))
        .refused(400, "value");
}

#[test]
fn docref_refuses_and_warns() {
    let node = filled();
    for (query, code) in [
        ("", "value"),
        ("patient=", "value"),
        ("patient=p,", "value"),
        ("patient=Group/p", "value"),
        ("patient=a_b", "value"),
        ("patient=p&start=soon", "value"),
        ("patient=p&end=2020-02-30", "value"),
        ("patient=p&on-demand=maybe", "value"),
        ("patient=p&type=", "value"),
        ("patient=p&_count=x", "value"),
    ] {
        node.get(&format!("DocumentReference/$docref?{query}"))
            .refused(400, code);
    }
    let unknown = "DocumentReference/$docref?patient=q&unknown=1";
    let answer = node.get(unknown);
    assert_eq!(
        (ids(&answer).as_str(), issues(&answer)),
        ("of-another", vec!["warning not-supported".to_owned()])
    );
    let strict = [("prefer", "handling=strict")];
    node.get_with(unknown, &strict)
        .refused(400, "not-supported");
    for query in [
        "patient=p&on-demand=true",
        "patient=p&profile=http://a.example",
    ] {
        let answer = node.get(&format!("DocumentReference/$docref?{query}"));
        assert_eq!(answer.json()["total"], 0);
        assert_eq!(issues(&answer), ["error not-supported"]);
    }
    node.get("Patient/$docref?patient=p")
        .refused(501, "not-supported");
    node.delete("DocumentReference/$docref")
        .refused(405, "not-supported");
}
