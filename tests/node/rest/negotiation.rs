//! Forms, preferences and headers. Source: FHIR R4 http.html#mime-type, #parameters, #ops.

use std::io::Read;

use crate::support::{Answer, TestNode};

const JSON: &str = "application/fhir+json; charset=utf-8";
const XML: &str = "application/fhir+xml; charset=utf-8";

fn patient(node: &TestNode) -> String {
    format!(
        "Patient/{}",
        node.create(r#"{"resourceType":"Patient","active":true}"#)
    )
}

/// `Ok` with the Content-Type, or the status of a refusal.
fn form(answer: &Answer) -> Result<String, u16> {
    match answer.status {
        200 => Ok(answer.header("content-type").unwrap().to_owned()),
        other => Err(other),
    }
}

#[test]
fn the_form_of_an_answer_by_accept() {
    let node = TestNode::start();
    let path = patient(&node);
    for (accept, expected) in [
        ("application/fhir+json", Ok(JSON)),
        ("application/json", Ok(JSON)),
        ("text/json", Ok(JSON)),
        ("*/*", Ok(JSON)),
        ("application/*", Ok(JSON)),
        ("application/fhir+xml", Ok(XML)),
        ("application/xml", Ok(XML)),
        ("text/xml", Ok(XML)),
        ("APPLICATION/FHIR+XML", Ok(XML)),
        ("application/fhir+json; fhirVersion=4.0", Ok(JSON)),
        ("application/fhir+xml; fhirVersion=4.0", Ok(XML)),
        (
            "application/fhir+xml;q=0.5, application/fhir+json",
            Ok(JSON),
        ),
        ("application/fhir+xml, application/fhir+json;q=0.5", Ok(XML)),
        ("application/fhir+json;q=0, application/fhir+xml", Ok(XML)),
        (
            "application/fhir+json; fhirVersion=3.0, application/fhir+xml; fhirVersion=4.0",
            Ok(XML),
        ),
        ("application/fhir+json; fhirVersion=5.0", Err(406)),
        ("application/fhir+turtle", Err(406)),
        ("application/pdf", Err(406)),
        ("text/plain", Err(406)),
    ] {
        for path in [path.as_str(), "metadata", "Patient?_id=1", "_history"] {
            let answer = node.get_with(path, &[("accept", accept)]);
            assert_eq!(
                form(&answer),
                expected.map(str::to_owned),
                "{path} {accept}"
            );
        }
    }
    let errors = node.get_with("Patient/none", &[("accept", "application/fhir+xml")]);
    assert_eq!(
        (errors.status, errors.header("content-type")),
        (404, Some(XML))
    );
    assert!(
        errors.text().contains("<OperationOutcome "),
        "{}",
        errors.text()
    );
}

#[test]
fn the_parameter_format_wins_over_accept() {
    let node = TestNode::start();
    let path = patient(&node);
    for (format, expected) in [
        ("json", Ok(JSON)),
        ("xml", Ok(XML)),
        ("application/json", Ok(JSON)),
        ("application/fhir+xml", Ok(XML)),
        ("application/fhir%2Bxml", Ok(XML)),
        ("text/xml", Ok(XML)),
        ("application/fhir+json;fhirVersion=4.0", Ok(JSON)),
        ("ttl", Err(406)),
        ("html", Err(406)),
        ("", Err(406)),
    ] {
        for accept in [
            "application/fhir+json",
            "application/fhir+xml",
            "text/plain",
        ] {
            let answer = node.get_with(&format!("{path}?_format={format}"), &[("accept", accept)]);
            assert_eq!(
                form(&answer),
                expected.map(str::to_owned),
                "{format} {accept}"
            );
        }
    }
}

#[test]
fn pretty_is_the_same_resource() {
    let node = TestNode::start();
    let path = patient(&node);
    let plain = node.get(&path);
    let pretty = node.get(&format!("{path}?_pretty=true"));
    assert!(
        pretty.text().contains("\n  \"active\": true"),
        "{}",
        pretty.text()
    );
    assert_eq!(pretty.json(), plain.json());
    assert_eq!(pretty.header("etag"), plain.header("etag"));
    assert_eq!(node.get(&format!("{path}?_pretty=false")).body, plain.body);
    let xml = node.get(&format!("{path}?_pretty=true&_format=xml")).text();
    assert!(xml.contains("\n  <active value=\"true\"/>"), "{xml}");
    assert!(
        node.get("Patient?_pretty=true")
            .text()
            .contains("\n  \"type\": \"searchset\"")
    );
}

#[test]
fn the_form_of_a_request_by_content_type() {
    let node = TestNode::start();
    let json = r#"{"resourceType":"Patient"}"#;
    let xml = r#"<Patient xmlns="http://hl7.org/fhir"><active value="true"/></Patient>"#;
    for (kind, body, status) in [
        ("application/fhir+json", json, 201),
        ("application/json", json, 201),
        ("application/fhir+json; charset=UTF-8", json, 201),
        ("application/fhir+json; fhirVersion=4.0", json, 201),
        ("application/fhir+json; fhirVersion=\"4.0\"", json, 201),
        ("application/fhir+xml", xml, 201),
        ("text/xml; charset=utf-8", xml, 201),
        ("application/fhir+json; fhirVersion=3.0", json, 415),
        ("application/fhir+json; charset=iso-8859-1", json, 415),
        ("text/plain", json, 415),
        ("application/pdf", json, 415),
        ("application/x-www-form-urlencoded", json, 415),
        // The body is read as what it is said to be.
        ("application/fhir+xml", json, 400),
        ("application/fhir+json", xml, 400),
    ] {
        let answer = node.request(
            "POST",
            "Patient",
            &[("content-type", kind)],
            body.as_bytes(),
        );
        assert_eq!(answer.status, status, "{kind}: {}", answer.text());
    }
    let answer = node.request("POST", "Patient", &[], json.as_bytes());
    answer.refused(415, "not-supported");
}

#[test]
fn what_is_returned_from_a_write_by_prefer() {
    let node = TestNode::start();
    let put = |prefer: &str| {
        let headers = [
            ("content-type", "application/fhir+json"),
            ("prefer", prefer),
        ];
        node.request(
            "PUT",
            "Patient/p",
            &headers,
            br#"{"resourceType":"Patient","id":"p"}"#,
        )
    };
    for (prefer, expected) in [
        ("return=minimal", None),
        ("return=representation", Some("Patient")),
        ("return=OperationOutcome", Some("OperationOutcome")),
        ("respond-async; return=minimal", None),
        ("handling=strict, return=minimal", None),
        ("return=\"minimal\"", None),
        ("return=nonsense", Some("Patient")),
    ] {
        let answer = put(prefer);
        let found = match answer.body.is_empty() {
            true => None,
            false => answer.json()["resourceType"].as_str().map(str::to_owned),
        };
        assert_eq!(found.as_deref(), expected, "{prefer}");
        assert!(answer.header("etag").is_some() && answer.header("last-modified").is_some());
    }
}

#[test]
fn unknown_parameters_by_prefer_handling() {
    let node = TestNode::start();
    patient(&node);
    let search = |prefer: Option<&str>| {
        let headers: Vec<(&str, &str)> = prefer
            .map(|prefer| ("prefer", prefer))
            .into_iter()
            .collect();
        node.get_with("Patient?nonsense=1&active=true", &headers)
    };
    for prefer in [None, Some("handling=lenient"), Some("return=minimal")] {
        let answer = search(prefer);
        assert_eq!(answer.status, 200, "{prefer:?}");
        let entries = answer.entries();
        assert_eq!(entries.len(), 2, "{prefer:?}");
        assert_eq!(entries[1]["search"]["mode"], "outcome");
        assert_eq!(entries[1]["resource"]["issue"][0]["severity"], "warning");
        // The self link holds what was really searched for.
        let link = answer.json()["link"][0]["url"].as_str().unwrap().to_owned();
        assert!(link.ends_with("Patient?active=true"), "{link}");
        assert_eq!(answer.json()["total"], 1);
    }
    search(Some("handling=strict")).refused(400, "not-supported");
}

#[test]
fn request_ids_are_taken_up_when_they_are_harmless() {
    let node = TestNode::start();
    let id = |given: Option<&str>| {
        let headers: Vec<(&str, &str)> = given.map(|id| ("x-request-id", id)).into_iter().collect();
        let answers = [
            node.get_with("metadata", &headers),
            node.get_with("Patient/none", &headers),
            node.get_with("/nothing", &headers),
            node.get_with("/health/live", &headers),
        ];
        answers.map(|answer| answer.header("x-request-id").unwrap().to_owned())
    };
    for given in ["r-1", "0d1f4a0e-6c1f-4a53-9d0e-2f3a1b4c5d01", "a.b_c"] {
        assert!(
            id(Some(given)).iter().all(|found| found == given),
            "{given}"
        );
    }
    let long = "x".repeat(65);
    for given in [
        None,
        Some(""),
        Some("a b"),
        Some("<script>"),
        Some(long.as_str()),
    ] {
        for found in id(given) {
            assert_eq!(found.len(), 36, "{given:?}: {found}");
        }
    }
    // Ours differ.
    let [first, second, ..] = id(None);
    assert_ne!(first, second);
}

#[test]
fn answers_are_compressed_for_whoever_accepts_it() {
    let node = TestNode::start();
    for _ in 0..30 {
        patient(&node);
    }
    let plain = node.get("Patient?_count=30").body;
    for (accept, coding) in [
        ("gzip", Some("gzip")),
        ("zstd", Some("zstd")),
        ("gzip, zstd", Some("zstd")),
        ("zstd;q=0, gzip", Some("gzip")),
        ("br", None),
        ("identity", None),
        ("gzip;q=0", None),
    ] {
        for format in ["json", "xml"] {
            let headers = [("accept-encoding", accept)];
            let answer = node.get_with(&format!("Patient?_count=30&_format={format}"), &headers);
            assert_eq!(
                answer.header("content-encoding"),
                coding,
                "{accept} {format}"
            );
            assert!(answer.header("vary").unwrap().contains("Accept-Encoding"));
            let mut body = Vec::new();
            match coding {
                Some("gzip") => {
                    flate2::read::GzDecoder::new(answer.body.as_slice())
                        .read_to_end(&mut body)
                        .unwrap();
                }
                Some(_) => body = zstd::decode_all(answer.body.as_slice()).unwrap(),
                None => body = answer.body.clone(),
            }
            match format {
                "json" => assert!(body == plain, "{accept}"),
                _ => assert!(body.starts_with(b"<?xml"), "{accept}"),
            }
        }
    }
    // Not worth it.
    let small = node.get_with("Patient/none", &[("accept-encoding", "gzip")]);
    assert_eq!(small.header("content-encoding"), None);
}

#[test]
fn http_06_what_a_page_of_another_origin_may_do() {
    let node =
        TestNode::with(|config| config.http.cors_origins = vec!["https://app.example".to_owned()]);
    let path = patient(&node);
    for (origin, path, status, allowed) in [
        (
            "https://app.example",
            path.as_str(),
            200,
            Some("https://app.example"),
        ),
        (
            "http://localhost:3000",
            path.as_str(),
            200,
            Some("http://localhost:3000"),
        ),
        ("https://evil.example", path.as_str(), 403, None),
        ("https://app.example.evil.example", path.as_str(), 403, None),
        ("null", path.as_str(), 403, None),
        ("https://evil.example", "metadata", 200, Some("*")),
    ] {
        let answer = node.get_with(path, &[("origin", origin)]);
        assert_eq!(answer.status, status, "{origin} {path}");
        assert_eq!(
            answer.header("access-control-allow-origin"),
            allowed,
            "{origin} {path}"
        );
    }
    let preflight = |origin: &str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "PUT"),
            ("access-control-request-headers", "if-match, content-type"),
        ];
        node.request("OPTIONS", &path, &headers, b"")
    };
    let answer = preflight("https://app.example");
    assert_eq!(answer.status, 204);
    for (name, part) in [
        ("access-control-allow-methods", "PUT"),
        ("access-control-allow-headers", "If-Match"),
        ("access-control-allow-headers", "If-None-Exist"),
        ("access-control-allow-headers", "Prefer"),
    ] {
        assert!(answer.header(name).unwrap().contains(part), "{name} {part}");
    }
    let refused = preflight("https://evil.example");
    assert_eq!(refused.header("access-control-allow-methods"), None);
    let read = node.get_with(&path, &[("origin", "https://app.example")]);
    let exposed = read
        .header("access-control-expose-headers")
        .unwrap()
        .to_owned();
    for name in ["ETag", "Location", "Last-Modified", "X-Request-Id"] {
        assert!(exposed.contains(name), "{exposed}");
    }
    assert!(
        read.headers
            .get_all("vary")
            .iter()
            .any(|v| v.to_str().unwrap().contains("Origin"))
    );
}
