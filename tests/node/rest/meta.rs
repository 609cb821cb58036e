//! `$meta`, `$meta-add`, `$meta-delete`, `_summary` and `_elements`.
//! Source: FHIR R4 resource-operations.html, search.html#summary, #elements.

use serde_json::{Value, json};

use crate::support::{Answer, TestNode};

fn parameters(meta: &Value) -> String {
    json!({"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": meta}]})
        .to_string()
}

#[track_caller]
fn returned(answer: &Answer) -> Value {
    let found = answer.json();
    assert_eq!(answer.status, 200, "{found}");
    assert_eq!(found["resourceType"], "Parameters");
    assert_eq!(found["parameter"][0]["name"], "return");
    found["parameter"][0]["valueMeta"].clone()
}

#[test]
fn labels_are_added_once_and_taken_away() {
    let node = TestNode::start();
    let id = node.create(r#"{"resourceType":"Patient","meta":{"profile":["http://p/1"],"tag":[{"system":"s","code":"a"}]},"active":true}"#);
    let path = format!("Patient/{id}");
    let add = json!({"profile": ["http://p/1", "http://p/2"], "tag": [{"system": "s", "code": "a", "display": "again"}, {"system": "s", "code": "b"}],
        "security": [{"system": "c", "code": "R"}]});
    let after = returned(&node.post(&format!("{path}/$meta-add"), &parameters(&add)));
    assert_eq!(after["profile"], json!(["http://p/1", "http://p/2"]));
    assert_eq!(
        after["tag"],
        json!([{"system": "s", "code": "a"}, {"system": "s", "code": "b"}])
    );
    assert_eq!(after["security"], json!([{"system": "c", "code": "R"}]));
    assert_eq!(after, node.get(&path).json()["meta"]);
    assert_eq!(node.get(&path).json()["active"], true);
    // Labels are found by search as soon as they are there, and no longer.
    let found = |query: &str| node.get(&format!("Patient?{query}")).json()["total"].clone();
    assert_eq!(
        (
            found("_tag=s|b"),
            found("_security=c|R"),
            found("_profile=http://p/2")
        ),
        (1.into(), 1.into(), 1.into())
    );
    let delete = json!({"profile": ["http://p/2"], "tag": [{"system": "s", "code": "b"}, {"system": "other", "code": "a"}], "security": [{"system": "c", "code": "R"}]});
    let after = returned(&node.post(&format!("{path}/$meta-delete"), &parameters(&delete)));
    assert_eq!(
        (&after["profile"], &after["tag"]),
        (
            &json!(["http://p/1"]),
            &json!([{"system": "s", "code": "a"}])
        )
    );
    assert!(after.get("security").is_none());
    assert_eq!(
        (
            found("_tag=s|b"),
            found("_security=c|R"),
            found("_profile=http://p/2")
        ),
        (0.into(), 0.into(), 0.into())
    );
}

#[test]
fn meta_of_a_resource_and_of_its_versions() {
    let node = TestNode::start();
    let id = node.create(r#"{"resourceType":"Patient","meta":{"tag":[{"code":"old"}]}}"#);
    let path = format!("Patient/{id}");
    node.post(
        &format!("{path}/$meta-add"),
        &parameters(&json!({"tag": [{"code": "new"}]})),
    );
    let versions = [
        (path.clone(), 2),
        (format!("{path}/_history/1"), 1),
        (format!("{path}/_history/2"), 2),
    ];
    for (place, tags) in versions {
        let url = format!("{place}/$meta");
        let meta = returned(&node.get(&url));
        assert_eq!(meta["tag"].as_array().unwrap().len(), tags, "{url}");
        assert_eq!(meta, node.get(&place).json()["meta"], "{url}");
        // An operation can always be invoked with POST (R4 operations.html).
        assert_eq!(
            returned(&node.post(&url, r#"{"resourceType":"Parameters"}"#)),
            meta,
            "{url}"
        );
    }
    for (url, status, code) in [
        ("Patient/none/$meta", 404, "not-found"),
        (&format!("{path}/_history/9/$meta"), 404, "not-found"),
        ("Nothing/1/$meta", 404, "not-supported"),
        // Offered on resources and versions only.
        ("$meta", 405, "not-supported"),
        ("Patient/$meta", 405, "not-supported"),
        (&format!("{path}/$meta-add"), 405, "not-supported"),
        (&format!("{path}/$nothing"), 501, "not-supported"),
    ] {
        node.get(url).refused(status, code);
    }
    assert_eq!(node.delete(&path).status, 204);
    node.get(&format!("{path}/$meta")).refused(410, "deleted");
    node.post(
        &format!("{path}/$meta-add"),
        &parameters(&json!({"tag": [{"code": "x"}]})),
    )
    .refused(410, "deleted");
}

#[test]
fn labels_that_are_none_are_refused() {
    let node = TestNode::start();
    let id = node.create(r#"{"resourceType":"Patient"}"#);
    let url = format!("Patient/{id}/$meta-add");
    for (body, code) in [
        (r#"{"resourceType":"Parameters"}"#.to_owned(), "required"),
        (r#"{"resourceType":"Patient"}"#.to_owned(), "invalid"),
        (parameters(&json!({"tag": [{"foo": 1}]})), "structure"),
        (parameters(&json!({"profile": "http://p"})), "structure"),
    ] {
        node.post(&url, &body).refused(400, code);
    }
    assert_eq!(
        node.get(&format!("Patient/{id}")).header("etag"),
        Some("W/\"1\"")
    );
}

const OBSERVATION: &str = r#"{"resourceType":"Observation","meta":{"tag":[{"code":"t"}]},"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"},"status":"final","code":{"text":"c"},"_issued":{"extension":[{"url":"u","valueCode":"x"}]},"valueString":"v","note":[{"text":"n"}],"bodySite":{"text":"b"}}"#;

#[test]
fn parts_of_a_resource() {
    let node = TestNode::start();
    let id = node.create(OBSERVATION);
    for (query, expected) in [
        ("_summary=true", "code _issued status valueString"),
        ("_summary=text", "code status text"),
        (
            "_summary=data",
            "_issued bodySite code note status valueString",
        ),
        ("_elements=note", "code note status"),
        ("_elements=note,bodySite", "bodySite code note status"),
        ("_elements=value", "code status valueString"),
        ("_elements=issued", "_issued code status"),
        ("_elements=nothing", "code status"),
    ] {
        let mut expected: Vec<&str> = expected.split(' ').collect();
        expected.sort_unstable();
        let read = node.get(&format!("Observation/{id}?{query}")).json();
        let version = node
            .get(&format!("Observation/{id}/_history/1?{query}"))
            .json();
        let search =
            node.get(&format!("Observation?_id={id}&{query}")).entries()[0]["resource"].clone();
        for part in [read, version, search] {
            let mut found: Vec<&str> = part
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str)
                .filter(|name| !["resourceType", "id", "meta"].contains(name))
                .collect();
            found.sort_unstable();
            assert_eq!(found, expected, "{query}");
            // Marked as a part, beside the tags it has.
            let tags = part["meta"]["tag"].as_array().unwrap();
            assert_eq!(
                (&tags[0]["code"], &tags[1]["code"]),
                (&"t".into(), &"SUBSETTED".into()),
                "{query}"
            );
            assert_eq!(part["meta"]["versionId"], "1");
        }
    }
    let whole = node.get(&format!("Observation/{id}"));
    assert_eq!(
        node.get(&format!("Observation/{id}?_summary=false")).body,
        whole.body
    );
    let count = node.get(&format!("Observation?_id={id}&_summary=count"));
    assert_eq!(
        (&count.json()["total"], count.entries().len()),
        (&1.into(), 0)
    );
    let xml = node
        .get(&format!("Observation/{id}?_summary=true&_format=xml"))
        .text();
    assert!(
        xml.contains("SUBSETTED") && !xml.contains("<note>"),
        "{xml}"
    );
}
