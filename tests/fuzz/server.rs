//! A real server: whatever it is sent, it answers, never with 500, and an error stores nothing.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use super::support::TestNode;
use super::{burst_of, corpus};

/// A request goes over a socket and perhaps to the disk.
const LONGEST: Duration = Duration::from_secs(2);

fn stored(node: &TestNode) -> i64 {
    let answer = node.get("_history?_count=1");
    answer.json()["total"].as_i64().unwrap()
}

#[test]
fn fuzz_bundles_at_a_server() {
    let node = TestNode::start();
    burst_of(
        "bundles",
        &corpus("bundle"),
        LONGEST,
        <[u8]>::to_vec,
        |bytes| {
            let before = stored(&node);
            let headers = [("content-type", "application/fhir+json")];
            let answer = node.request("POST", "", &headers, bytes);
            let text = answer.text();
            assert!(answer.status < 500 || answer.status == 501, "{text}");
            assert!(!text.contains("\"500"), "{text}");
            if answer.status >= 400 {
                assert_eq!(stored(&node), before, "{text}");
            }
        },
    );
    assert_eq!(node.get("/health/ready").status, 200);
}

#[test]
fn fuzz_resources_at_a_server() {
    let node = TestNode::start();
    let seeds = [corpus("json"), corpus("xml"), corpus("patch")].concat();
    burst_of("resources", &seeds, LONGEST, <[u8]>::to_vec, |bytes| {
        let kind = match bytes.first() {
            Some(b'<') => "application/fhir+xml",
            Some(b'[') => "application/json-patch+json",
            _ => "application/fhir+json",
        };
        let method = if bytes.first() == Some(&b'[') {
            "PATCH"
        } else {
            "PUT"
        };
        let before = stored(&node);
        let answer = node.request(method, "Patient/a", &[("content-type", kind)], bytes);
        assert!(answer.status < 500, "{}", answer.text());
        if answer.status >= 400 {
            assert_eq!(stored(&node), before, "{}", answer.text());
            return;
        }
        // What was taken in can be given back in every form.
        for form in [
            "",
            "?_format=xml",
            "?_summary=true",
            "?_elements=name",
            "/$meta",
        ] {
            let again = node.get(&format!("Patient/a{form}"));
            assert_eq!(again.status, 200, "{form}: {}", again.text());
        }
    });
}

#[test]
fn fuzz_http_heads() {
    let node = TestNode::with(|config| {
        config.limits.head_seconds = 1;
        config.limits.body_grace_seconds = 1;
    });
    burst_of(
        "http",
        &corpus("http"),
        Duration::from_secs(5),
        <[u8]>::to_vec,
        |bytes| {
            let mut socket = TcpStream::connect(node.address).unwrap();
            socket
                .set_read_timeout(Some(Duration::from_secs(10)))
                .unwrap();
            // The server may close before everything is written.
            let _ = socket.write_all(bytes);
            let _ = socket.shutdown(Shutdown::Write);
            let mut answer = Vec::new();
            let _ = socket.read_to_end(&mut answer);
            let text = String::from_utf8_lossy(&answer);
            for status in text.split("HTTP/1.1 ").skip(1) {
                assert!(!status.starts_with("500"), "{text}");
            }
        },
    );
    assert_eq!(node.get("/health/live").status, 200);
}
