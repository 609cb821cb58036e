//! Bytes on the socket that no client library would send, beside those of `rest/raw_http.rs`
//! (HTTP-01 to HTTP-03, IN-01 to IN-05).

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::TestNode;

const HOST: &str = "Host: 127.0.0.1\r\n";

/// Writes this and reads until the server closes, or for as long as `patience`.
fn send(node: &TestNode, request: &[u8], patience: Duration) -> String {
    let mut socket = TcpStream::connect(node.address).unwrap();
    socket.set_read_timeout(Some(patience)).unwrap();
    // The server may close before everything is written.
    let _ = socket.write_all(request);
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// The status of the first answer; empty when the server closed without one.
fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("")
}

#[test]
fn http_03_heads() {
    let node = TestNode::start();
    let get = |line: &str, headers: &str| format!("{line}\r\n{HOST}{headers}\r\n");
    let many: String = (0..65).map(|n| format!("x-{n}: a\r\n")).collect();
    let long = "a".repeat(9000);
    for (name, request, expected) in [
        (
            "bare carriage returns",
            "GET /fhir/metadata HTTP/1.1\rHost: 127.0.0.1\r\r".to_owned(),
            "400",
        ),
        ("TLS", "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0".to_owned(), "400"),
        (
            "HTTP/2",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
            "400",
        ),
        (
            "method of many letters",
            get(&format!("{} / HTTP/1.1", "X".repeat(200)), ""),
            "405",
        ),
        (
            "method with a control character",
            get("G\u{1}T /fhir/metadata HTTP/1.1", ""),
            "400",
        ),
        ("target of no form", get("GET fhir HTTP/1.1", ""), "404"),
        ("CONNECT", get("CONNECT 127.0.0.1:1 HTTP/1.1", ""), "404"),
        (
            "request line too long",
            get(&format!("GET /fhir/{long} HTTP/1.1"), ""),
            "414",
        ),
        (
            "too many headers",
            get("GET /fhir/metadata HTTP/1.1", &many),
            "431",
        ),
        (
            "empty header name",
            get("GET /fhir/metadata HTTP/1.1", ": a\r\n"),
            "400",
        ),
        (
            "header name with a space",
            get("GET /fhir/metadata HTTP/1.1", "a b: c\r\n"),
            "400",
        ),
        (
            "header with a carriage return",
            get("GET /fhir/metadata HTTP/1.1", "a: b\rc: d\r\n"),
            "400",
        ),
    ] {
        let answer = send(&node, request.as_bytes(), Duration::from_secs(2));
        let found = status(&answer);
        assert!(found.is_empty() || found == expected, "{name}: {answer}");
    }
    assert_eq!(node.get("/health/live").status, 200);
}

/// A line ends with CR LF and with nothing else, in heads and in what frames a body; whoever sends another
/// end is refused and hears no more, whatever stands behind it.
#[test]
fn http_03_lines_end_in_one_way() {
    let node = TestNode::start();
    let get = "GET /fhir/metadata HTTP/1.1\r\nHost: 127.0.0.1\r\n";
    let post =
        "POST /fhir/Patient HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/fhir+json\r\n";
    let chunked = format!("{post}Transfer-Encoding: chunked\r\n\r\n");
    let patient = r#"{"resourceType":"Patient"}"#;
    for (name, request) in [
        ("empty line before", format!("\n{get}\r\n")),
        ("request line", get.replacen("\r\n", "\n", 1) + "\r\n"),
        ("header", format!("{get}X: a\nY: b\r\n\r\n")),
        ("end of the head", format!("{get}\n")),
        ("all", format!("{get}\r\n").replace("\r\n", "\n")),
        (
            "carriage return in a header",
            format!("{get}X: a\rY: b\r\n\r\n"),
        ),
        (
            "carriage return and no more",
            format!("{get}X: a\r\r\n\r\n"),
        ),
        ("folded header", format!("{get}X: a\r\n b\r\n\r\n")),
        ("folded header, tab", format!("{get}X: a\r\n\tb\r\n\r\n")),
        ("space before the colon", format!("{get}X : a\r\n\r\n")),
        (
            "length behind a bare line feed",
            format!("{post}X: a\nContent-Length: 26\r\n\r\n{patient}"),
        ),
        (
            "size of a chunk",
            format!("{chunked}1a\n{patient}\r\n0\r\n\r\n"),
        ),
        ("chunk", format!("{chunked}1a\r\n{patient}\n0\r\n\r\n")),
        (
            "trailer",
            format!("{chunked}1a\r\n{patient}\r\n0\r\nX: a\n\r\n"),
        ),
        (
            "end of the trailer",
            format!("{chunked}1a\r\n{patient}\r\n0\r\n\n"),
        ),
    ] {
        let hidden = "GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
        let answer = send(
            &node,
            format!("{request}{hidden}").as_bytes(),
            Duration::from_secs(2),
        );
        assert_eq!(status(&answer), "400", "{name}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{name}: {answer}");
        // It may come in pieces, and behind a request that is good.
        let answer = slowly(&node, &format!("{hidden}{request}{hidden}"));
        assert_eq!(status(&answer), "200", "{name}: {answer}");
        assert_eq!(answer.matches("live\n").count(), 1, "{name}: {answer}");
        assert_eq!(
            answer.matches("HTTP/1.1 400 ").count(),
            1,
            "{name}: {answer}"
        );
    }
    assert_eq!(node.get("Patient?_summary=count").json()["total"], 0);
    assert_eq!(node.get("/health/live").status, 200);
}

/// What is framed as it should be goes through, in any pieces.
#[test]
fn http_03_requests_one_behind_the_other_are_answered() {
    let node = TestNode::start();
    let post = "POST /fhir/Patient HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/fhir+json\r\nPrefer: return=minimal\r\n";
    let patient = "{\"resourceType\":\n\"Patient\"}";
    let all = format!(
        "{post}Content-Length: 27\r\n\r\n{patient}\r\n{post}Transfer-Encoding: chunked\r\n\r\n0a;x=y\r\n{}\r\n11\r\n{}\r\n0\r\nX: a\r\n\r\nGET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
        &patient[..10],
        &patient[10..],
    );
    for answer in [
        send(&node, all.as_bytes(), Duration::from_secs(2)),
        slowly(&node, &all),
    ] {
        assert_eq!(answer.matches("HTTP/1.1 201 ").count(), 2, "{answer}");
        assert!(answer.ends_with("live\n"), "{answer}");
    }
}

/// Writes this in small pieces and reads until the server closes.
fn slowly(node: &TestNode, request: &str) -> String {
    let mut socket = TcpStream::connect(node.address).unwrap();
    socket.set_nodelay(true).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(2)))
        .unwrap();
    for piece in request.as_bytes().chunks(7) {
        // The server may close before everything is written.
        if socket.write_all(piece).is_err() {
            break;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn announced_lengths_are_judged_before_the_body() {
    let node = TestNode::with(|config| config.limits.document_bytes = 100_000);
    let post = |path: &str, media_type: &str, length: &str| {
        format!(
            "POST /fhir{path} HTTP/1.1\r\n{HOST}Content-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n{{"
        )
    };
    let json = "application/fhir+json";
    for (name, request, expected) in [
        ("resource", post("/Patient", json, "99999999999"), "413"),
        ("Bundle", post("", json, "99999999999"), "413"),
        (
            "document",
            post("/Binary", "application/pdf", "100001"),
            "413",
        ),
        (
            "ingestion",
            post("/DocumentReference/$ingest", "application/pdf", "100001"),
            "413",
        ),
        (
            "over all numbers",
            post("/Patient", json, "99999999999999999999999"),
            "400",
        ),
        ("empty", post("/Patient", json, ""), "400"),
    ] {
        let started = Instant::now();
        let answer = send(&node, request.as_bytes(), Duration::from_secs(2));
        assert_eq!(status(&answer), expected, "{name}: {answer}");
        assert!(started.elapsed() < Duration::from_secs(4), "{name}");
    }
    assert_eq!(node.get("_history").json()["total"], 0);
}

/// A body that ends too early stores nothing, and a client that waits for ever is not waited for.
#[test]
fn http_01_what_comes_slowly_or_never() {
    let node = TestNode::with(|config| {
        config.limits.head_seconds = 1;
        config.limits.body_grace_seconds = 1;
        config.limits.body_seconds = 2;
    });
    let patience = Duration::from_secs(15);
    let body = r#"{"resourceType":"Patient"}"#;
    let head = |length: usize| {
        format!(
            "POST /fhir/Patient HTTP/1.1\r\n{HOST}Content-Type: application/fhir+json\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    let started = Instant::now();
    for (name, request, expected) in [
        (
            "half a head",
            "GET /fhir/metadata HTTP/1.1\r\nHo".to_owned(),
            "408",
        ),
        ("half a body", format!("{}{body}", head(1000)), "400"),
        ("no body", head(1000), "400"),
    ] {
        let answer = send(&node, request.as_bytes(), patience);
        let found = status(&answer);
        assert!(found.is_empty() || found == expected, "{name}: {answer}");
    }
    assert!(started.elapsed() < patience * 2, "{:?}", started.elapsed());
    // Closed by the client in the middle.
    let mut socket = TcpStream::connect(node.address).unwrap();
    socket
        .write_all(format!("{}{body}", head(1000)).as_bytes())
        .unwrap();
    drop(socket);
    assert_eq!(node.get("/health/live").status, 200);
    assert_eq!(node.get("_history").json()["total"], 0);
}
