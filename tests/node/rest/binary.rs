//! Binary: the bytes, and the resource around them. Source: FHIR R4 binary.html, http.html#binary.

use std::io::{Read, Write};
use std::net::TcpStream;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fascicolo::config::{RequireIfMatch, UpdateCreate};

use crate::support::{Answer, TestNode};

const FHIR_JSON: &str = "application/fhir+json";

fn send(node: &TestNode, method: &str, path: &str, kind: &str, bytes: &[u8]) -> Answer {
    node.request(method, path, &[("content-type", kind)], bytes)
}

fn accept(node: &TestNode, path: &str, accept: &str) -> Answer {
    node.get_with(path, &[("accept", accept)])
}

/// Bytes that no text is made of.
fn bytes(length: u32) -> Vec<u8> {
    (0..length)
        .map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()[0])
        .collect()
}

#[test]
fn five_mebibytes_come_back_in_every_form() {
    let node = TestNode::start();
    let sent = bytes(5 << 20);
    let created = send(&node, "POST", "Binary", "application/pdf", &sent);
    assert_eq!(created.status, 201, "{}", created.text());
    assert_eq!(created.header("etag"), Some("W/\"1\""));
    let place = created.header("location").unwrap().to_owned();
    for wanted in ["application/pdf", "*/*", "image/png, */*;q=0.1"] {
        let raw = accept(&node, &place, wanted);
        assert_eq!(
            raw.header("content-type"),
            Some("application/pdf"),
            "{wanted}"
        );
        assert!(raw.body == sent, "{wanted}");
    }
    let data = STANDARD.encode(&sent);
    let json = accept(&node, &place, FHIR_JSON);
    assert_eq!(
        json.header("content-type"),
        Some("application/fhir+json; charset=utf-8")
    );
    assert!(json.json()["data"] == data.as_str());
    let xml = accept(&node, &place, "application/fhir+xml").text();
    assert!(xml.contains(r#"<contentType value="application/pdf"/>"#));
    assert!(xml.contains(&format!(r#"<data value="{data}"/>"#)));

    // The resource, sent as such, holds the same bytes.
    for (kind, text) in [(FHIR_JSON, json.text()), ("application/fhir+xml", xml)] {
        let again = send(&node, "POST", "Binary", kind, text.as_bytes());
        assert_eq!(again.status, 201, "{kind}");
        assert!(
            node.get(again.header("location").unwrap()).body == sent,
            "{kind}"
        );
    }
}

#[test]
fn a_binary_has_versions_like_everything_else() {
    let node = TestNode::start();
    let created = send(&node, "PUT", "Binary/b", "text/plain", b"one");
    assert_eq!(created.status, 201, "{}", created.text());
    let updated = send(&node, "PUT", "Binary/b", "text/csv", b"two");
    assert_eq!(
        (updated.status, updated.header("etag")),
        (200, Some("W/\"2\""))
    );
    let current = node.get("Binary/b");
    assert_eq!(current.body, b"two");
    assert_eq!(current.header("content-type"), Some("text/csv"));
    assert_eq!(node.get("Binary/b/_history/1").body, b"one");
    let history = node.get("Binary/b/_history").entries();
    assert_eq!(history[1]["resource"]["data"], STANDARD.encode("one"));
    let head = node.request("HEAD", "Binary/b", &[], b"");
    assert_eq!(
        (head.status, head.body.len(), head.header("etag")),
        (200, 0, Some("W/\"2\""))
    );
    let unchanged = node.get_with("Binary/b", &[("if-none-match", "W/\"2\"")]);
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
    assert_eq!(node.delete("Binary/b").status, 204);
    node.get("Binary/b").refused(410, "deleted");
    assert_eq!(node.get("Binary/b/_history/2").body, b"two");
    node.get("Binary/none").refused(404, "not-found");
}

#[test]
fn in_04_a_part_of_a_binary() {
    let node = TestNode::start();
    let sent = bytes((1 << 20) + 77);
    let created = send(&node, "POST", "Binary", "application/pdf", &sent);
    let place = created.header("location").unwrap().to_owned();
    let size = sent.len();
    let get = |range: &str| node.get_with(&place, &[("range", range)]);
    for (range, from, to) in [
        ("bytes=0-0", 0, 1),
        ("bytes=262143-262144", 262_143, 262_145),
        ("bytes=300000-900000", 300_000, 900_001),
        ("bytes=1000000-", 1_000_000, size),
        ("bytes=-5", size - 5, size),
        ("bytes=-99999999", 0, size),
    ] {
        let part = get(range);
        assert_eq!(part.status, 206, "{range}");
        assert!(part.body == sent[from..to], "{range}");
        let expected = format!("bytes {from}-{}/{size}", to - 1);
        assert_eq!(part.header("content-range"), Some(expected.as_str()));
        assert_eq!(part.header("content-type"), Some("application/pdf"));
        assert_eq!(part.header("etag"), Some("W/\"1\""));
    }
    for whole in ["bytes=0-1,3-4", "pages=1-2", "bytes=5-2"] {
        let answer = get(whole);
        assert_eq!((answer.status, answer.body.len()), (200, size), "{whole}");
        assert_eq!(answer.header("accept-ranges"), Some("bytes"));
    }
    let with = [("range", "bytes=0-1"), ("if-range", "W/\"1\"")];
    assert_eq!(node.get_with(&place, &with).status, 200);
    let beyond = get(&format!("bytes={size}-"));
    beyond.refused(416, "value");
    let expected = format!("bytes */{size}");
    assert_eq!(beyond.header("content-range"), Some(expected.as_str()));
    let head = node.request("HEAD", &place, &[("range", "bytes=0-1")], b"");
    assert_eq!((head.status, head.body.len()), (200, 0));
    let length = size.to_string();
    assert_eq!(head.header("content-length"), Some(length.as_str()));
}

#[test]
fn in_04_the_data_of_a_binary_of_any_length() {
    let node = TestNode::start();
    let chunk = 256 * 1024;
    for size in [
        0,
        1,
        2,
        3,
        chunk - 1,
        chunk,
        chunk + 1,
        2 * chunk + 1,
        3 * chunk + 2,
    ] {
        let sent = bytes(size);
        let created = send(&node, "POST", "Binary", "text/plain", &sent);
        let place = created.header("location").unwrap().to_owned();
        let json = accept(&node, &place, FHIR_JSON);
        assert!(
            json.json()["data"] == STANDARD.encode(&sent).as_str(),
            "{size}"
        );
        let length = json.body.len().to_string();
        let head = node.request("HEAD", &place, &[("accept", FHIR_JSON)], b"");
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(head.header("content-length"), Some(length.as_str()));
        let pretty = accept(&node, &format!("{place}?_pretty=true"), FHIR_JSON);
        assert!(pretty.json() == json.json(), "{size}");
    }
}

#[test]
fn in_04_a_client_that_goes_away_in_the_middle() {
    let node = TestNode::start();
    let sent = bytes(5 << 20);
    let created = send(&node, "POST", "Binary", "application/pdf", &sent);
    let place = created.header("location").unwrap().to_owned();
    for _ in 0..20 {
        let mut socket = TcpStream::connect(node.address).unwrap();
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/pdf\r\n\r\n",
            place
                .strip_prefix(&format!("http://{}", node.address))
                .unwrap()
        );
        socket.write_all(request.as_bytes()).unwrap();
        let mut head = [0u8; 16];
        socket.read_exact(&mut head).unwrap();
        assert!(head.starts_with(b"HTTP/1.1 200 OK"));
    }
    assert!(accept(&node, &place, "application/pdf").body == sent);
}

#[test]
fn con_02_raw_updates_with_if_match() {
    let node = TestNode::start();
    let put = |path: &str, etag: &str| {
        let headers = [("content-type", "text/plain"), ("if-match", etag)];
        node.request("PUT", path, &headers, b"two")
    };
    send(&node, "PUT", "Binary/b", "text/plain", b"one");
    put("Binary/b", "W/\"7\"").refused(412, "conflict");
    put("Binary/none", "W/\"1\"").refused(412, "conflict");
    put("Binary/b", "nonsense").refused(400, "value");
    assert_eq!(node.get("Binary/b").body, b"one");
    assert_eq!(put("Binary/b", "W/\"1\"").status, 200);
    assert_eq!(node.get("Binary/b").body, b"two");

    let strict = TestNode::with(|config| {
        config.fhir.require_if_match = RequireIfMatch::Clinical;
        config.fhir.update_create = UpdateCreate::Off;
    });
    send(&strict, "PUT", "Binary/b", "text/plain", b"one").refused(405, "not-supported");
    let created = send(&strict, "POST", "Binary", "text/plain", b"one");
    let place = created
        .header("location")
        .unwrap()
        .replace("/_history/1", "");
    send(&strict, "PUT", &place, "text/plain", b"two").refused(428, "conflict");
    assert_eq!(strict.get(&place).body, b"one");
}

#[test]
fn security_context_of_a_binary() {
    let node = TestNode::start();
    let with = |context: &str| {
        let headers = [
            ("content-type", "text/plain"),
            ("x-security-context", context),
        ];
        node.request("POST", "Binary", &headers, b"x")
    };
    for context in ["DocumentReference/1", "http://a.example/fhir/Patient/1"] {
        let created = with(context);
        assert_eq!(created.status, 201, "{}", created.text());
        let resource = accept(&node, created.header("location").unwrap(), FHIR_JSON).json();
        assert_eq!(resource["securityContext"]["reference"], context);
        assert_eq!(resource["contentType"], "text/plain");
        assert_eq!(resource["data"], STANDARD.encode("x"));
    }
    for bad in ["nonsense", "Patient/", "/1", "Patient/a_b"] {
        with(bad).refused(400, "value");
    }
}

#[test]
fn what_a_client_is_told_of_a_raw_upload() {
    let node = TestNode::start();
    let with = |prefer: Option<&str>| {
        let mut headers = vec![("content-type", "text/plain")];
        headers.extend(prefer.map(|prefer| ("prefer", prefer)));
        node.request("POST", "Binary", &headers, b"x")
    };
    assert_eq!(with(None).body.len(), 0);
    assert_eq!(with(Some("return=minimal")).body.len(), 0);
    let shown = with(Some("return=representation"));
    assert_eq!(
        shown.json()["data"],
        STANDARD.encode("x"),
        "{}",
        shown.text()
    );
    let outcome = with(Some("return=OperationOutcome"));
    assert_eq!(outcome.json()["resourceType"], "OperationOutcome");
}

#[test]
fn media_types_are_kept_as_they_are() {
    let node = TestNode::start();
    for kind in [
        "text/plain; charset=iso-8859-1",
        "application/dicom",
        "image/svg+xml",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ] {
        let created = send(&node, "POST", "Binary", kind, b"x");
        assert_eq!(created.status, 201, "{kind}: {}", created.text());
        let raw = node.get(created.header("location").unwrap());
        assert_eq!(
            (raw.header("content-type"), raw.body.as_slice()),
            (Some(kind), b"x".as_slice())
        );
        // Documents never run in the origin of the pages.
        assert_eq!(raw.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(raw.header("content-disposition"), Some("attachment"));
    }
    send(&node, "POST", "Binary", "nonsense", b"x").refused(415, "not-supported");
}

#[test]
fn a_binary_without_data() {
    let node = TestNode::start();
    let id = node.create(r#"{"resourceType":"Binary","contentType":"text/plain"}"#);
    let raw = node.get(&format!("Binary/{id}"));
    assert_eq!((raw.status, raw.body.len()), (200, 0));
    let json = accept(&node, &format!("Binary/{id}"), FHIR_JSON).json();
    assert!(json.get("data").is_none());
}

#[test]
fn in_04_a_document_over_its_limit() {
    let node = TestNode::with(|config| config.limits.document_bytes = 1_000);
    assert_eq!(
        send(&node, "POST", "Binary", "text/plain", &bytes(1_000)).status,
        201
    );
    send(&node, "POST", "Binary", "text/plain", &bytes(1_001)).refused(413, "too-long");
    let data = STANDARD.encode(bytes(1_001));
    let resource =
        format!(r#"{{"resourceType":"Binary","contentType":"text/plain","data":"{data}"}}"#);
    node.post("Binary", &resource).refused(413, "too-long");
    assert_eq!(node.get("_history").json()["total"], 1);
}
