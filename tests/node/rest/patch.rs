//! patch in its three forms. Source: FHIR R4 http.html#patch, RFC 6902, RFC 5261, fhirpatch.html.
//!
//! What each operation does is tested with HL7's patch suites at the library; here it is the
//! interaction: what is stored, under which conditions, and that it is all or nothing.

use serde_json::json;

use crate::support::{Answer, TestNode};

const JSON: &str = "application/json-patch+json";
const XML: &str = "application/xml-patch+xml";
const FHIR: &str = "application/fhir+json";
const PATIENT: &str = r#"{"resourceType":"Patient","identifier":[{"system":"urn:p","value":"1"}],"active":true,"name":[{"family":"a","given":["b","c"]}]}"#;

fn patch(node: &TestNode, path: &str, kind: &str, body: &str, more: &[(&str, &str)]) -> Answer {
    let mut headers = vec![("content-type", kind)];
    headers.extend(more);
    node.request("PATCH", path, &headers, body.as_bytes())
}

/// Applies a patch to a new patient and compares what is then stored.
#[track_caller]
fn check(node: &TestNode, kind: &str, body: &str, expected: serde_json::Value) {
    let path = format!("Patient/{}", node.create(PATIENT));
    let answer = patch(node, &path, kind, body, &[]);
    assert_eq!(answer.status, 200, "{body}: {}", answer.text());
    assert_eq!(answer.header("etag"), Some("W/\"2\""), "{body}");
    let stored = node.get(&path);
    assert_eq!(stored.body, answer.body, "{body}");
    let mut found = stored.json();
    for member in ["resourceType", "id", "meta", "identifier"] {
        found.as_object_mut().unwrap().remove(member);
    }
    assert_eq!(found, expected, "{body}");
    // The version before is what it was.
    let before = node.get(&format!("{path}/_history/1")).json();
    assert_eq!(
        (&before["active"], &before["name"][0]["family"]),
        (&true.into(), &"a".into())
    );
}

#[test]
fn json_patch() {
    let node = TestNode::start();
    let name = json!([{"family": "a", "given": ["b", "c"]}]);
    for (operations, expected) in [
        (
            r#"[{"op":"replace","path":"/active","value":false}]"#,
            json!({"active": false, "name": name}),
        ),
        (
            r#"[{"op":"remove","path":"/active"}]"#,
            json!({"name": name}),
        ),
        (
            r#"[{"op":"add","path":"/gender","value":"female"}]"#,
            json!({"active": true, "name": name, "gender": "female"}),
        ),
        (
            r#"[{"op":"add","path":"/name/-","value":{"text":"z"}}]"#,
            json!({"active": true, "name": [name[0], {"text": "z"}]}),
        ),
        (
            r#"[{"op":"add","path":"/name/0/given/1","value":"x"}]"#,
            json!({"active": true, "name": [{"family": "a", "given": ["b", "x", "c"]}]}),
        ),
        (
            r#"[{"op":"move","from":"/name/0/given/1","path":"/name/0/given/0"}]"#,
            json!({"active": true, "name": [{"family": "a", "given": ["c", "b"]}]}),
        ),
        (
            r#"[{"op":"copy","from":"/name/0","path":"/name/1"}]"#,
            json!({"active": true, "name": [name[0], name[0]]}),
        ),
        (
            r#"[{"op":"test","path":"/active","value":true},{"op":"remove","path":"/name"}]"#,
            json!({"active": true}),
        ),
        ("[]", json!({"active": true, "name": name})),
    ] {
        check(&node, JSON, operations, expected);
    }
}

#[test]
fn xml_patch() {
    let node = TestNode::start();
    let name = json!([{"family": "a", "given": ["b", "c"]}]);
    let f = r#"xmlns:f="http://hl7.org/fhir""#;
    for (operations, expected) in [
        (
            r#"<replace sel="f:Patient/f:active/@value">false</replace>"#,
            json!({"active": false, "name": name}),
        ),
        (
            r#"<remove sel="f:Patient/f:active"/>"#,
            json!({"name": name}),
        ),
        (
            r#"<remove sel="f:Patient/f:name/f:given[1]"/>"#,
            json!({"active": true, "name": [{"family": "a", "given": ["c"]}]}),
        ),
        (
            r#"<add sel="f:Patient/f:name" pos="after"><birthDate xmlns="http://hl7.org/fhir" value="1990"/></add>"#,
            json!({"active": true, "name": name, "birthDate": "1990"}),
        ),
    ] {
        check(
            &node,
            XML,
            &format!("<diff {f}>{operations}</diff>"),
            expected,
        );
    }
}

#[test]
fn fhirpath_patch() {
    let node = TestNode::start();
    let name = json!([{"family": "a", "given": ["b", "c"]}]);
    let operation = |parts: serde_json::Value| {
        let part: Vec<_> = parts
            .as_object()
            .unwrap()
            .iter()
            .map(|(key, value)| match key.split_once('=') {
                Some((name, member)) => json!({"name": name, member: value}),
                None => json!({"name": key, "valueString": value}),
            })
            .collect();
        json!({"resourceType": "Parameters", "parameter": [{"name": "operation", "part": part}]})
            .to_string()
    };
    for (parts, expected) in [
        (
            json!({"type=valueCode": "replace", "path": "Patient.active", "value=valueBoolean": false}),
            json!({"active": false, "name": name}),
        ),
        (
            json!({"type=valueCode": "delete", "path": "Patient.active"}),
            json!({"name": name}),
        ),
        (
            json!({"type=valueCode": "delete", "path": "Patient.nothing"}),
            json!({"active": true, "name": name}),
        ),
        (
            json!({"type=valueCode": "add", "path": "Patient", "name": "gender", "value=valueCode": "female"}),
            json!({"active": true, "name": name, "gender": "female"}),
        ),
        (
            json!({"type=valueCode": "insert", "path": "Patient.name[0].given", "index=valueInteger": 1, "value=valueString": "x"}),
            json!({"active": true, "name": [{"family": "a", "given": ["b", "x", "c"]}]}),
        ),
        (
            json!({"type=valueCode": "move", "path": "Patient.name[0].given", "source=valueInteger": 1, "destination=valueInteger": 0}),
            json!({"active": true, "name": [{"family": "a", "given": ["c", "b"]}]}),
        ),
    ] {
        check(&node, FHIR, &operation(parts), expected);
    }
    let xml = r#"<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="operation"/><part><name value="type"/><valueCode value="delete"/></part><part><name value="path"/><valueString value="Patient.active"/></part></parameter></Parameters>"#;
    check(&node, "application/fhir+xml", xml, json!({"name": name}));
}

#[test]
fn a_patch_is_all_or_nothing() {
    let node = TestNode::start();
    let path = format!("Patient/{}", node.create(PATIENT));
    let before = node.get(&path);
    for body in [
        r#"[{"op":"remove","path":"/active"},{"op":"remove","path":"/nothing"}]"#,
        r#"[{"op":"remove","path":"/active"},{"op":"test","path":"/name/0/family","value":"z"}]"#,
        r#"[{"op":"remove","path":"/active"},{"op":"add","path":"/birthDate","value":"no date"}]"#,
        r#"[{"op":"remove","path":"/resourceType"}]"#,
        r#"[{"op":"replace","path":"/id","value":"z"}]"#,
        r#"[{"op":"remove","path":"/meta/versionId"}]"#,
        r#"[{"op":"replace","path":"","value":{"resourceType":"Group"}}]"#,
    ] {
        let answer = patch(&node, &path, JSON, body, &[]);
        let status = if body.contains("test") { 422 } else { 400 };
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
    }
    assert_eq!(node.get(&path).body, before.body);
    assert_eq!(node.get(&format!("{path}/_history")).json()["total"], 1);
}

#[test]
fn a_patch_keeps_what_it_does_not_touch() {
    let node = TestNode::start();
    let body = r#"{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":72.50},"referenceRange":[{"low":{"value":0.00}}],"_issued":{"extension":[{"url":"u","valueDecimal":1.0E1}]}}"#;
    let path = format!("Observation/{}", node.create(body));
    for (kind, patch_body) in [
        (
            JSON,
            r#"[{"op":"replace","path":"/status","value":"amended"}]"#,
        ),
        (
            XML,
            r#"<diff xmlns:f="http://hl7.org/fhir"><replace sel="f:Observation/f:status/@value">corrected</replace></diff>"#,
        ),
    ] {
        assert_eq!(
            patch(&node, &path, kind, patch_body, &[]).status,
            200,
            "{kind}"
        );
        let text = node.get(&path).text();
        for part in [
            r#""value":72.50"#,
            r#""value":0.00"#,
            r#""valueDecimal":1.0E1"#,
        ] {
            assert!(text.contains(part), "{kind}: {part}: {text}");
        }
    }
}

#[test]
fn patch_with_if_match_and_prefer() {
    let node = TestNode::start();
    let path = format!("Patient/{}", node.create(PATIENT));
    let body = r#"[{"op":"add","path":"/language","value":"it"}]"#;
    let with = |more: &[(&str, &str)]| patch(&node, &path, JSON, body, more);
    with(&[("if-match", "W/\"7\"")]).refused(412, "conflict");
    with(&[("if-match", "nonsense")]).refused(400, "value");
    assert_eq!(with(&[("if-match", "W/\"1\"")]).status, 200);
    with(&[("if-match", "W/\"1\"")]).refused(412, "conflict");
    let minimal = with(&[("prefer", "return=minimal")]);
    assert_eq!((minimal.status, minimal.body.len()), (200, 0));
    assert_eq!(minimal.header("etag"), Some("W/\"3\""));
    let outcome = with(&[("prefer", "return=OperationOutcome")]).json();
    assert_eq!(outcome["resourceType"], "OperationOutcome");
    assert_eq!(node.delete(&path).status, 204);
    with(&[]).refused(410, "deleted");
    with(&[("if-match", "W/\"4\"")]).refused(410, "deleted");
    patch(&node, "Patient/none", JSON, body, &[]).refused(404, "not-found");
    patch(&node, "Nothing/1", JSON, body, &[]).refused(404, "not-supported");
}

#[test]
fn conditional_patch_of_none_one_and_several() {
    let node = TestNode::start();
    let body = r#"[{"op":"add","path":"/language","value":"it"}]"#;
    let by = |query: &str| patch(&node, &format!("Patient?{query}"), JSON, body, &[]);
    by("identifier=urn:p|1").refused(404, "not-found");
    let id = node.create(PATIENT);
    let one = by("identifier=urn:p|1");
    assert_eq!(
        (one.status, one.json()["id"].as_str()),
        (200, Some(id.as_str()))
    );
    by("nonsense=1").refused(400, "not-supported");
    by("").refused(400, "incomplete");
    node.create(PATIENT);
    by("identifier=urn:p|1").refused(412, "multiple-matches");
    assert_eq!(node.get("_history").json()["total"], 3);
}

#[test]
fn con_02_no_patch_is_lost() {
    let node = TestNode::start();
    let path = format!(
        "Patient/{}",
        node.create(r#"{"resourceType":"Patient","name":[{"text":"0"}]}"#)
    );
    // Without If-Match a patch applies to whatever is there: each adds its own.
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (1..=16)
            .map(|number| {
                let (node, path) = (&node, &path);
                scope.spawn(move || {
                    let body = format!(
                        r#"[{{"op":"add","path":"/name/-","value":{{"text":"{number}"}}}}]"#
                    );
                    let mut tries = 0;
                    loop {
                        let answer = patch(node, path, JSON, &body, &[]);
                        // Asked to come back when others were always faster.
                        if answer.status != 503 || tries > 200 {
                            return answer.status;
                        }
                        assert!(answer.header("retry-after").is_some());
                        tries += 1;
                    }
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    let stored = node.get(&path);
    let mut names: Vec<u32> = stored.json()["name"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name["text"].as_str().unwrap().parse().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, (0..=16).collect::<Vec<u32>>());
    assert_eq!(stored.header("etag"), Some("W/\"17\""));
}
