//! The forms of resources and of parts of them: XML, patches, Binary, `_summary`, `_elements`, `$meta`.

use std::io::{Read, Write};

use crate::support::TestNode;

#[test]
fn three_patches() {
    let node = TestNode::start();
    let id = node.create(r#"{"resourceType":"Patient","active":true}"#);
    let path = format!("Patient/{id}");
    let patch = |kind: &str, body: &str| {
        node.request("PATCH", &path, &[("content-type", kind)], body.as_bytes())
    };
    let json = "application/json-patch+json";
    let answer = patch(json, r#"[{"op":"replace","path":"/active","value":false}]"#);
    assert_eq!(
        (answer.status, answer.json()["active"].as_bool()),
        (200, Some(false)),
        "{}",
        answer.text()
    );
    let answer = patch(
        "application/fhir+json",
        r#"{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"add"},{"name":"path","valueString":"Patient"},{"name":"name","valueString":"birthDate"},{"name":"value","valueDate":"1990-01-01"}]}]}"#,
    );
    assert_eq!(
        answer.json()["birthDate"],
        "1990-01-01",
        "{}",
        answer.text()
    );
    let answer = patch(
        "application/xml-patch+xml",
        r#"<diff xmlns:f="http://hl7.org/fhir"><replace sel="f:Patient/f:birthDate/@value">1991-02-02</replace></diff>"#,
    );
    assert_eq!(
        answer.json()["birthDate"],
        "1991-02-02",
        "{}",
        answer.text()
    );
    assert_eq!(answer.header("etag"), Some("W/\"4\""));
    patch(json, r#"[{"op":"replace","path":"/nix","value":1}]"#).refused(400, "processing");
    patch(json, r#"[{"op":"replace","path":"/id","value":"x"}]"#).refused(400, "business-rule");
    patch(json, r#"[{"op":"add","path":"/foo","value":"x"}]"#).refused(400, "structure");
    patch(json, "{").refused(400, "structure");
    patch("text/plain", "x").refused(415, "not-supported");
    assert_eq!(node.get(&path).header("etag"), Some("W/\"4\""));
}

#[test]
fn xml_in_and_out() {
    let node = TestNode::start();
    let xml = r#"<Patient xmlns="http://hl7.org/fhir"><active value="true"/><birthDate value="1990"/></Patient>"#;
    let created = node.request(
        "POST",
        "Patient",
        &[("content-type", "application/fhir+xml")],
        xml.as_bytes(),
    );
    assert_eq!(
        (created.status, created.json()["birthDate"].as_str()),
        (201, Some("1990")),
        "{}",
        created.text()
    );
    let path = format!("Patient/{}", created.json()["id"].as_str().unwrap());
    for answer in [
        node.get_with(&path, &[("accept", "application/fhir+xml")]),
        node.get(&format!("{path}?_format=xml")),
    ] {
        assert_eq!(
            answer.header("content-type"),
            Some("application/fhir+xml; charset=utf-8")
        );
        assert!(
            answer.text().contains(r#"<birthDate value="1990"/>"#),
            "{}",
            answer.text()
        );
    }
}

#[test]
fn a_binary_is_its_bytes() {
    let node = TestNode::start();
    let bytes: Vec<u8> = (0..3_000_000u32).map(|n| n.to_le_bytes()[1]).collect();
    let headers = [
        ("content-type", "application/octet-stream"),
        ("x-security-context", "Patient/1"),
    ];
    let created = node.request("POST", "Binary", &headers, &bytes);
    assert_eq!(created.status, 201, "{}", created.text());
    let place = created.header("location").unwrap().to_owned();
    let raw = node.get(&place);
    assert_eq!(raw.header("content-type"), Some("application/octet-stream"));
    assert!(raw.body == bytes);
    let resource = node
        .get_with(&place, &[("accept", "application/fhir+json")])
        .json();
    assert_eq!(resource["securityContext"]["reference"], "Patient/1");
    // As a resource, in and out.
    let id = node.create(r#"{"resourceType":"Binary","contentType":"text/plain","data":"aGk="}"#);
    assert_eq!(node.get(&format!("Binary/{id}")).body, b"hi");
    let json = node
        .get_with(
            &format!("Binary/{id}"),
            &[("accept", "application/fhir+json")],
        )
        .json();
    assert_eq!(json["data"], "aGk=");
    node.post(
        "Binary",
        r#"{"resourceType":"Binary","contentType":"text/plain","data":"a"}"#,
    )
    .refused(400, "value");
}

#[test]
fn parts_are_marked() {
    let node = TestNode::start();
    let id =
        node.create(r#"{"resourceType":"Patient","active":true,"contact":[{"gender":"male"}]}"#);
    for (query, kept) in [
        ("_summary=true", "active"),
        ("_elements=contact", "contact"),
        ("_summary=data", "contact"),
    ] {
        let part = node.get(&format!("Patient/{id}?{query}")).json();
        assert_eq!(part["meta"]["tag"][0]["code"], "SUBSETTED", "{query}");
        assert!(part.get(kept).is_some(), "{query}");
    }
    assert!(
        node.get(&format!("Patient/{id}?_summary=true"))
            .json()
            .get("contact")
            .is_none()
    );
    node.get(&format!("Patient/{id}?_summary=maybe"))
        .refused(400, "value");
}

#[test]
fn meta_operations() {
    let node = TestNode::start();
    let id = node.create(r#"{"resourceType":"Patient"}"#);
    let path = format!("Patient/{id}");
    let body = r#"{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{"tag":[{"system":"s","code":"c"}]}}]}"#;
    let tag = |answer: crate::support::Answer| {
        answer.json()["parameter"][0]["valueMeta"]["tag"][0]["code"].clone()
    };
    assert_eq!(tag(node.post(&format!("{path}/$meta-add"), body)), "c");
    assert_eq!(tag(node.get(&format!("{path}/$meta"))), "c");
    assert!(tag(node.get(&format!("{path}/_history/1/$meta"))).is_null());
    assert!(tag(node.post(&format!("{path}/$meta-delete"), body)).is_null());
    node.post(&format!("{path}/$nonsense"), body)
        .refused(501, "not-supported");
}

#[test]
fn gzip_and_zstd_both_ways() {
    let node = TestNode::start();
    let resource = format!(
        r#"{{"resourceType":"Patient","name":[{{"family":"{}"}}]}}"#,
        "x".repeat(5000)
    );
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(resource.as_bytes()).unwrap();
    for (coding, body) in [
        ("gzip", gzip.finish().unwrap()),
        ("zstd", zstd::encode_all(resource.as_bytes(), 3).unwrap()),
    ] {
        let headers = [
            ("content-type", "application/fhir+json"),
            ("content-encoding", coding),
        ];
        let created = node.request("POST", "Patient", &headers, &body);
        assert_eq!(created.status, 201, "{coding}: {}", created.text());
        let path = format!("Patient/{}", created.json()["id"].as_str().unwrap());
        let answer = node.get_with(&path, &[("accept-encoding", coding)]);
        assert_eq!(answer.header("content-encoding"), Some(coding));
        let mut text = Vec::new();
        match coding {
            "gzip" => {
                flate2::read::GzDecoder::new(answer.body.as_slice())
                    .read_to_end(&mut text)
                    .unwrap();
            }
            _ => text = zstd::decode_all(answer.body.as_slice()).unwrap(),
        }
        assert_eq!(text, created.body, "{coding}");
    }
}
