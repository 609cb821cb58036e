//! What the client does with answers that are not as they should be.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;
use std::time::Duration;

use super::client::Client;
use super::message::Request;
use crate::fhir::definitions::Definitions;

/// Answers one request with fixed bytes; the thread gives back what was asked.
fn answering(answer: &'static str) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/fhir", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        let mut buffer = [0_u8; 4096];
        while !asked.windows(4).any(|window| window == b"\r\n\r\n") {
            let read = stream.read(&mut buffer).unwrap();
            assert!(read > 0);
            asked.extend_from_slice(&buffer[..read]);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        if answer.is_empty() {
            // Say nothing until the other side has had enough.
            let _ = stream.read(&mut buffer);
        }
        String::from_utf8(asked).unwrap()
    });
    (base, thread)
}

fn get(url: String) -> Request {
    Request {
        method: "GET".to_owned(),
        url,
        ..Request::default()
    }
}

fn client(base: &str) -> Client {
    let headers = [("Authorization".to_owned(), "Bearer secret".to_owned())];
    Client::new(base, &headers, Duration::from_millis(500)).unwrap()
}

#[test]
fn redirects_are_answers() {
    let definitions = Definitions::r4().unwrap();
    let (base, thread) = answering(
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    );
    let response = client(&base).send(&get(format!("{base}/Patient/1")), &definitions);
    assert_eq!(response.unwrap().status, 302);
    let asked = thread.join().unwrap();
    assert!(
        asked.starts_with("GET /fhir/Patient/1 HTTP/1.1\r\n"),
        "{asked}"
    );
    assert!(
        asked.contains("authorization: Bearer secret\r\n"),
        "{asked}"
    );
}

#[test]
fn secrets_stay_with_the_server_under_test() {
    let definitions = Definitions::r4().unwrap();
    let (elsewhere, thread) = answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let response = client("http://127.0.0.1:1/fhir").send(&get(elsewhere), &definitions);
    assert!(response.unwrap().resource.is_err());
    let asked = thread.join().unwrap();
    assert!(!asked.contains("secret"), "{asked}");
}

#[test]
fn a_header_of_the_script_goes_first() {
    let definitions = Definitions::r4().unwrap();
    let (base, thread) = answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let mut request = get(base.clone());
    request
        .headers
        .push(("authorization".to_owned(), "none".to_owned()));
    client(&base).send(&request, &definitions).unwrap();
    let asked = thread.join().unwrap();
    assert!(asked.contains("authorization: none\r\n"), "{asked}");
    assert!(!asked.contains("secret"), "{asked}");
}

#[test]
fn what_is_no_answer() {
    let definitions = Definitions::r4().unwrap();
    for answer in [
        "",
        "\r\n",
        "not HTTP at all\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
    ] {
        let (base, thread) = answering(answer);
        let response = client(&base).send(&get(base.clone()), &definitions);
        assert!(response.is_err(), "{answer:?}: {response:?}");
        thread.join().unwrap();
    }
    for url in ["nowhere", "file:///etc/passwd", "http://", "http://[::1"] {
        assert!(
            client("http://127.0.0.1:1")
                .send(&get(url.to_owned()), &definitions)
                .is_err()
        );
    }
}

#[test]
fn bodies_that_are_no_resources() {
    let definitions = Definitions::r4().unwrap();
    let check = |answer: &'static str, readable: bool| {
        let (base, thread) = answering(answer);
        let response = client(&base)
            .send(&get(base.clone()), &definitions)
            .unwrap();
        assert_eq!(
            response.resource.is_ok(),
            readable,
            "{answer}: {response:?}"
        );
        thread.join().unwrap();
    };
    check(
        "HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}",
        true,
    );
    check(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n{",
        false,
    );
    check(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\n{}",
        false,
    );
    check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", false);
    check(
        "HTTP/1.1 200 OK\r\nContent-Type: application/fhir+xml\r\nContent-Length: 2\r\n\r\n{}",
        false,
    );
}
