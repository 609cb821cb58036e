//! Requests that are no HTTP, or that two readers could read differently (HTTP-03). Written to the socket
//! byte by byte: no client would send them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::TestNode;

/// Everything the server says until it closes, or for two seconds.
fn send(node: &TestNode, request: &[u8]) -> String {
    let mut socket = TcpStream::connect(node.address).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(2)))
        .unwrap();
    // The server may close before everything is written.
    let _ = socket.write_all(request);
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// The server must refuse (4xx) or close without an answer, and must not take `GET /health/live`, hidden
/// behind the request, for one of its own.
#[track_caller]
fn refused(node: &TestNode, name: &str, request: &str) {
    let smuggled = "GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    let answer = send(node, format!("{request}{smuggled}").as_bytes());
    let status = answer.get(9..10).unwrap_or("");
    assert!(answer.is_empty() || status == "4", "{name}: {answer}");
    assert!(!answer.contains("live\n"), "{name}: {answer}");
}

#[test]
fn http_03_malformed_requests_are_refused() {
    let node = TestNode::start();
    let post = |headers: &str, body: &str| {
        format!(
            "POST /fhir/Patient HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/fhir+json\r\n{headers}\r\n{body}"
        )
    };
    for (name, request) in [
        ("garbage", "\u{1}\u{2}\u{3}\r\n\r\n".to_owned()),
        ("no version", "GET /fhir/metadata\r\n\r\n".to_owned()),
        (
            "version of nobody",
            "GET /fhir/metadata HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n".to_owned(),
        ),
        (
            "space in the target",
            "GET /fhir/ metadata HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".to_owned(),
        ),
        (
            "NUL in a header",
            "GET /fhir/metadata HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\0b\r\n\r\n".to_owned(),
        ),
        (
            "space before the colon",
            "GET /fhir/metadata HTTP/1.1\r\nHost : 127.0.0.1\r\n\r\n".to_owned(),
        ),
        (
            "folded header",
            "GET /fhir/metadata HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\r\n b\r\n\r\n".to_owned(),
        ),
        (
            "header without colon",
            "GET /fhir/metadata HTTP/1.1\r\nHost: 127.0.0.1\r\nnonsense\r\n\r\n".to_owned(),
        ),
        (
            "length and chunks",
            post(
                "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
                "0\r\n\r\n",
            ),
        ),
        (
            "two lengths",
            post("Content-Length: 2\r\nContent-Length: 3\r\n", "{}"),
        ),
        ("length with a sign", post("Content-Length: +2\r\n", "{}")),
        ("length below zero", post("Content-Length: -2\r\n", "{}")),
        (
            "length in hexadecimal",
            post("Content-Length: 0x2\r\n", "{}"),
        ),
        (
            "length that is no number",
            post("Content-Length: two\r\n", "{}"),
        ),
        (
            "unknown transfer coding",
            post("Transfer-Encoding: rot13\r\n", "{}"),
        ),
        (
            "chunked twice",
            post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"),
        ),
        (
            "chunk size that is none",
            post("Transfer-Encoding: chunked\r\n", "zz\r\n{}\r\n0\r\n\r\n"),
        ),
    ] {
        refused(&node, name, &request);
    }
    assert_eq!(node.get("Patient?_summary=count").json()["total"], 0);
}

#[test]
fn http_05_a_request_without_host_is_refused() {
    let node = TestNode::start();
    for request in [
        "GET /fhir/metadata HTTP/1.0\r\n\r\n",
        "GET /fhir/metadata HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        "GET /fhir/metadata HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n",
    ] {
        let answer = send(&node, request.as_bytes());
        assert!(
            answer.starts_with("HTTP/1.") && answer.contains(" 400 "),
            "{request}: {answer}"
        );
    }
}
