//! read, vread, create, update, delete and their conditional forms. Source: FHIR R4 http.html.

use fascicolo::config::{RequireIfMatch, UpdateCreate};

use crate::support::{Answer, TestNode};

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

#[test]
fn create_takes_neither_id_nor_version_from_the_client() {
    let node = TestNode::start();
    let created = node.post(
        "Patient",
        r#"{"resourceType":"Patient","id":"mine","meta":{"versionId":"7","lastUpdated":"2001-01-01T00:00:00Z","tag":[{"code":"kept"}]}}"#,
    );
    assert_eq!(created.status, 201, "{}", created.text());
    let patient = created.json();
    assert_ne!(patient["id"], "mine");
    assert_eq!(patient["meta"]["versionId"], "1");
    assert_ne!(patient["meta"]["lastUpdated"], "2001-01-01T00:00:00Z");
    assert_eq!(patient["meta"]["tag"][0]["code"], "kept");
    node.get("Patient/mine").refused(404, "not-found");
}

#[test]
fn last_modified_is_the_time_in_meta() {
    let node = TestNode::start();
    let created = node.post("Patient", PATIENT);
    let text = created.json()["meta"]["lastUpdated"].clone();
    let time = chrono::DateTime::parse_from_rfc3339(text.as_str().unwrap()).unwrap();
    let expected = time.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let read = node.get(created.header("location").unwrap());
    for answer in [&created, &read] {
        assert_eq!(answer.header("last-modified"), Some(expected.as_str()));
    }
}

#[test]
fn update_makes_a_new_version_and_keeps_the_old() {
    let node = TestNode::start();
    let first = node.put("Patient/a", r#"{"resourceType":"Patient","id":"a"}"#);
    let second = node.put(
        "Patient/a",
        r#"{"resourceType":"Patient","id":"a","meta":{"versionId":"9","lastUpdated":"2001-01-01T00:00:00Z"},"active":true}"#,
    );
    assert_eq!((first.status, second.status), (201, 200));
    assert_eq!(second.header("etag"), Some("W/\"2\""));
    assert_eq!(second.json()["meta"]["versionId"], "2");
    assert!(
        second.json()["meta"]["lastUpdated"].as_str()
            > first.json()["meta"]["lastUpdated"].as_str()
    );
    assert_eq!(node.get("Patient/a/_history/1").body, first.body);
    assert_eq!(node.get("Patient/a/_history/2").body, second.body);
    assert_eq!(node.get("Patient/a").body, second.body);
}

#[test]
fn the_id_in_the_body_of_an_update_is_that_of_the_url() {
    let node = TestNode::start();
    for (body, code) in [
        (r#"{"resourceType":"Patient","id":"b"}"#, "value"),
        (r#"{"resourceType":"Patient"}"#, "required"),
        (r#"{"resourceType":"Group","id":"a"}"#, "invalid"),
    ] {
        node.put("Patient/a", body).refused(400, code);
    }
    let refused = node.put("Patient/a", r#"{"resourceType":"Patient","id":"b"}"#);
    assert_eq!(refused.json()["issue"][0]["expression"][0], "Patient.id");
    node.get("Patient/a").refused(404, "not-found");
}

#[test]
fn update_as_create_by_configuration() {
    for (choice, organization, patient) in [
        (UpdateCreate::On, 201, 201),
        (UpdateCreate::NonClinical, 201, 405),
        (UpdateCreate::Off, 405, 405),
    ] {
        let node = TestNode::with(|config| config.fhir.update_create = choice);
        for (name, status) in [("Organization", organization), ("Patient", patient)] {
            let body = |id: &str| format!(r#"{{"resourceType":"{name}","id":"{id}"}}"#);
            let answer = node.put(&format!("{name}/new"), &body("new"));
            assert_eq!(answer.status, status, "{choice:?} {name}");
            let conditional = node.put(&format!("{name}?identifier=none"), &body("other"));
            assert_eq!(conditional.status, status, "{choice:?} {name} by condition");
            // What is there can be updated anyway, and so can what was deleted.
            let id = node.create(&format!(r#"{{"resourceType":"{name}"}}"#));
            let path = format!("{name}/{id}");
            assert_eq!(node.put(&path, &body(&id)).status, 200);
            assert_eq!(node.delete(&path).status, 204);
            assert_eq!(node.put(&path, &body(&id)).status, 201);
        }
    }
}

#[test]
fn delete_with_if_match() {
    let node = TestNode::start();
    let id = node.create(PATIENT);
    let path = format!("Patient/{id}");
    let with = |path: &str, etag: &str| node.request("DELETE", path, &[("if-match", etag)], b"");
    with(&path, "W/\"2\"").refused(412, "conflict");
    with(&path, "2").refused(400, "value");
    assert_eq!(node.get(&path).status, 200);
    let deleted = with(&path, "W/\"1\"");
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    assert_eq!(deleted.header("etag"), Some("W/\"2\""));
    with(&path, "W/\"2\"").refused(412, "conflict");
    with("Patient/none", "W/\"1\"").refused(404, "not-found");
    // What is not there is deleted already.
    assert_eq!(node.delete("Patient/none").status, 204);
    node.get("Patient/none").refused(404, "not-found");
}

#[test]
fn con_02_if_match_where_it_is_demanded() {
    let node = TestNode::with(|config| config.fhir.require_if_match = RequireIfMatch::Clinical);
    let patch = |path: &str, etag: Option<&str>| -> Answer {
        let mut headers = vec![("content-type", "application/json-patch+json")];
        headers.extend(etag.map(|etag| ("if-match", etag)));
        let body = br#"[{"op":"add","path":"/language","value":"it"}]"#;
        node.request("PATCH", path, &headers, body)
    };
    for (name, demanded) in [("Patient", true), ("Organization", false)] {
        let id = node.create(&format!(
            r#"{{"resourceType":"{name}","identifier":[{{"value":"{name}"}}]}}"#
        ));
        let path = format!("{name}/{id}");
        let body = format!(
            r#"{{"resourceType":"{name}","id":"{id}","identifier":[{{"value":"{name}"}}]}}"#
        );
        let condition = format!("{name}?identifier={name}");
        for answer in [
            node.put(&path, &body),
            node.put(&condition, &body),
            patch(&path, None),
            patch(&condition, None),
        ] {
            match demanded {
                true => answer.refused(428, "conflict"),
                false => assert_eq!(answer.status, 200, "{}", answer.text()),
            }
        }
        if demanded {
            assert_eq!(patch(&path, Some("W/\"1\"")).status, 200);
            patch(&condition, Some("W/\"1\"")).refused(412, "conflict");
            assert_eq!(patch(&condition, Some("W/\"2\"")).status, 200);
        }
        // A new resource has no version that could be meant.
        assert_eq!(
            node.put(
                &format!("{name}/new"),
                &body.replace(&id, "new").replace("value", "system")
            )
            .status,
            201
        );
    }
}

#[test]
fn a_version_of_something_that_is_not_there_is_never_the_one_meant() {
    let node = TestNode::start();
    let headers = [
        ("content-type", "application/fhir+json"),
        ("if-match", "W/\"1\""),
    ];
    let body = br#"{"resourceType":"Patient","id":"none"}"#;
    for path in ["Patient/none", "Patient?identifier=none"] {
        node.request("PUT", path, &headers, body)
            .refused(412, "conflict");
    }
    node.get("Patient/none").refused(404, "not-found");
}

#[test]
fn versions_are_positive_numbers() {
    let node = TestNode::start();
    let id = node.create(PATIENT);
    for version in [
        "0",
        "01",
        "+1",
        "-1",
        "one",
        "1.0",
        "2",
        "99999999999999999999",
    ] {
        node.get(&format!("Patient/{id}/_history/{version}"))
            .refused(404, "not-found");
    }
    node.get("Patient/none/_history/1")
        .refused(404, "not-found");
}

#[test]
fn head_is_get_without_the_body() {
    let node = TestNode::start();
    let id = node.create(PATIENT);
    let gone = node.create(PATIENT);
    node.delete(&format!("Patient/{gone}"));
    for path in [
        "metadata".to_owned(),
        format!("Patient/{id}"),
        format!("Patient/{id}/_history/1"),
        format!("Patient/{id}/_history"),
        "Patient?identifier=urn:x|1".to_owned(),
        "Patient/none".to_owned(),
        format!("Patient/{gone}"),
        "Nothing/1".to_owned(),
    ] {
        let get = node.get(&path);
        let head = node.request("HEAD", &path, &[], b"");
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
        for name in ["etag", "last-modified", "content-type"] {
            assert_eq!(head.header(name), get.header(name), "{path} {name}");
        }
    }
}
