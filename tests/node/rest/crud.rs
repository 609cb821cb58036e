//! read, vread, create, update, delete and their conditional forms. Source: FHIR R4 http.html.

use crate::support::TestNode;

const PATIENT: &str = r#"{"resourceType":"Patient","identifier":[{"system":"urn:x","value":"1"}],"name":[{"family":"Rossi"}]}"#;

#[test]
fn create_then_read_vread_and_head() {
    let node = TestNode::start();
    let created = node.post("Patient", PATIENT);
    assert_eq!(created.status, 201, "{}", created.text());
    assert_eq!(created.header("etag"), Some("W/\"1\""));
    let id = created.json()["id"].as_str().unwrap().to_owned();
    let location = created.header("location").unwrap();
    assert_eq!(location, format!("{}/Patient/{id}/_history/1", node.base));

    let read = node.get(&format!("Patient/{id}"));
    assert_eq!(read.status, 200);
    assert_eq!(read.body, created.body);
    assert_eq!(
        read.header("content-type"),
        Some("application/fhir+json; charset=utf-8")
    );
    assert_eq!(read.json()["meta"]["versionId"], "1");
    assert_eq!(node.get(location).body, created.body);
    let head = node.request("HEAD", &format!("Patient/{id}"), &[], b"");
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("etag"), Some("W/\"1\""));
}

#[test]
fn unknown_and_deleted() {
    let node = TestNode::start();
    node.get("Patient/none").refused(404, "not-found");
    let id = node.create(PATIENT);
    let path = format!("Patient/{id}");
    assert_eq!(node.delete(&path).status, 204);
    assert_eq!(node.delete(&path).status, 204);
    node.get(&path).refused(410, "deleted");
    assert_eq!(node.get(&format!("{path}/_history/1")).status, 200);
    node.get(&format!("{path}/_history/2"))
        .refused(410, "deleted");
    node.get(&format!("{path}/_history/3"))
        .refused(404, "not-found");
    let back = node.put(
        &path,
        &PATIENT.replacen('{', &format!("{{\"id\":\"{id}\","), 1),
    );
    assert_eq!(
        (back.status, back.json()["meta"]["versionId"].as_str()),
        (201, Some("3"))
    );
}

#[test]
fn update_with_if_match() {
    let node = TestNode::start();
    let id = node.create(PATIENT);
    let path = format!("Patient/{id}");
    let body = format!(r#"{{"resourceType":"Patient","id":"{id}","active":true}}"#);
    let with = |etag: &str| {
        let headers = [
            ("content-type", "application/fhir+json"),
            ("if-match", etag),
        ];
        node.request("PUT", &path, &headers, body.as_bytes())
    };
    assert_eq!(with("W/\"1\"").status, 200);
    with("W/\"1\"").refused(412, "conflict");
    assert_eq!(with("W/\"2\"").header("etag"), Some("W/\"3\""));
}

#[test]
fn con_01_conditional_create() {
    let node = TestNode::start();
    let create = || {
        let headers = [
            ("content-type", "application/fhir+json"),
            ("if-none-exist", "identifier=urn:x|1"),
        ];
        node.request("POST", "Patient", &headers, PATIENT.as_bytes())
    };
    assert_eq!(create().status, 201);
    let second = create();
    assert_eq!(second.status, 200, "{}", second.text());
    assert_eq!(second.json()["meta"]["versionId"], "1");
    node.create(PATIENT);
    create().refused(412, "multiple-matches");
}
