//! `$everything`. Source: FHIR R4 patient-operation-everything.html.

use std::collections::BTreeSet;

use crate::support::{Answer, TestNode};

fn put(node: &TestNode, key: &str, members: &str) {
    let (name, id) = key.split_once('/').unwrap();
    let body = format!(r#"{{"resourceType":"{name}","id":"{id}"{members}}}"#);
    assert_eq!(node.put(key, &body).status, 201, "{body}");
}

/// The keys of all entries with their mode, sorted.
fn keys(answer: &Answer) -> BTreeSet<String> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
        .entries()
        .iter()
        .map(|entry| {
            let resource = &entry["resource"];
            format!(
                "{}/{} {}",
                resource["resourceType"].as_str().unwrap(),
                resource["id"].as_str().unwrap(),
                entry["search"]["mode"].as_str().unwrap()
            )
        })
        .collect()
}

fn record() -> TestNode {
    let node = TestNode::start();
    let subject = r#","subject":{"reference":"Patient/p"}"#;
    let observed = |date: &str| {
        format!(
            r#","status":"final","code":{{"text":"x"}}{subject},"effectiveDateTime":"{date}","performer":[{{"reference":"Practitioner/d"}}]"#
        )
    };
    put(&node, "Practitioner/d", "");
    put(&node, "Practitioner/other", "");
    put(&node, "Patient/p", "");
    put(&node, "Patient/q", "");
    put(&node, "Observation/old", &observed("2001-05-01"));
    put(&node, "Observation/new", &observed("2020-05-01"));
    put(
        &node,
        "Condition/undated",
        r#","subject":{"reference":"Patient/p"}"#,
    );
    put(
        &node,
        "Observation/of-another",
        r#","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/q"}"#,
    );
    node
}

#[track_caller]
fn check(node: &TestNode, query: &str, expected: &[&str]) {
    let expected: BTreeSet<String> = expected.iter().map(|key| (*key).to_owned()).collect();
    let path = format!("Patient/p/$everything?{query}");
    assert_eq!(keys(&node.get(&path)), expected, "GET {query}");
    let parameters: Vec<String> = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| match name {
            "_count" => format!(r#"{{"name":"{name}","valueInteger":{value}}}"#),
            _ => format!(r#"{{"name":"{name}","valueString":"{value}"}}"#),
        })
        .collect();
    let list = parameters.join(",");
    let body = if list.is_empty() {
        r#"{"resourceType":"Parameters"}"#.to_owned()
    } else {
        format!(r#"{{"resourceType":"Parameters","parameter":[{list}]}}"#)
    };
    let answer = node.post("Patient/p/$everything", &body);
    assert_eq!(keys(&answer), expected, "POST {query}");
}

#[test]
fn the_compartment_and_what_it_refers_to() {
    let node = record();
    check(
        &node,
        "",
        &[
            "Condition/undated match",
            "Observation/new match",
            "Observation/old match",
            "Patient/p match",
            "Practitioner/d include",
        ],
    );
    check(
        &node,
        "start=2020&end=2020-12",
        &[
            "Condition/undated match",
            "Observation/new match",
            "Patient/p match",
            "Practitioner/d include",
        ],
    );
    check(
        &node,
        "_type=Observation&end=2010",
        &["Observation/old match"],
    );
    check(
        &node,
        "_type=Observation,Practitioner&end=2010",
        &["Observation/old match", "Practitioner/d include"],
    );
    check(
        &node,
        "_type=Practitioner&_type=Organization",
        &["Practitioner/d include"],
    );
    check(&node, "_since=2100-01-01T00:00:00Z", &[]);
    // What is included has changed since then as well.
    let practitioner = node.get("Practitioner/d").json();
    let since = practitioner["meta"]["lastUpdated"]
        .as_str()
        .unwrap()
        .to_owned();
    let changed = r#"{"resourceType":"Condition","id":"undated","subject":{"reference":"Patient/p"},"recorder":{"reference":"Practitioner/d"}}"#;
    let answer = node.put("Condition/undated", changed);
    assert_eq!(answer.status, 200);
    let later = answer.json()["meta"]["lastUpdated"]
        .as_str()
        .unwrap()
        .to_owned();
    check(
        &node,
        &format!("_since={later}"),
        &["Condition/undated match"],
    );
    check(
        &node,
        &format!("_since={since}&_type=Condition,Practitioner"),
        &["Condition/undated match", "Practitioner/d include"],
    );
}

#[test]
fn in_pages() {
    let node = record();
    let mut seen = BTreeSet::new();
    let mut url = "Patient/p/$everything?_count=1".to_owned();
    for page in 0.. {
        let answer = node.get(&url);
        let matches: Vec<String> = keys(&answer)
            .into_iter()
            .filter(|key| key.ends_with(" match"))
            .collect();
        assert!(matches.len() <= 1, "{matches:?}");
        seen.extend(matches);
        let links = answer.json()["link"].as_array().unwrap().clone();
        let next = links.iter().find(|link| link["relation"] == "next");
        match next {
            Some(next) => url = next["url"].as_str().unwrap().to_owned(),
            None => {
                assert_eq!(page, 3);
                break;
            }
        }
    }
    assert_eq!(seen.len(), 4);
}

#[test]
fn what_is_refused() {
    let node = record();
    node.get("Patient/nobody/$everything")
        .refused(404, "not-found");
    node.delete("Patient/q");
    node.get("Patient/q/$everything").refused(410, "deleted");
    node.get("Patient/p/$everything?start=x")
        .refused(400, "value");
    node.get("Patient/p/$everything?_type=Nothing")
        .refused(400, "value");
    node.get("Patient/p/$everything?nothing=1")
        .refused(400, "not-supported");
    node.post("Patient/p/$everything", r#"{"resourceType":"Basic"}"#)
        .refused(400, "value");
    node.get("Organization/1/$everything")
        .refused(501, "not-supported");
}
