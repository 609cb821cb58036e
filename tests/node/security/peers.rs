//! What one client address may have at once (HTTP-02, LOAD-02), and how long a search may wait (LOAD-04) and take (IN-18).

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::process::raw_answer;
use crate::support::TestNode;
use crate::support::database::TestDatabase;

fn connect(node: &TestNode) -> TcpStream {
    TcpStream::connect(node.address).unwrap()
}

/// Asks for a path on an open connection; empty when the server has closed it.
fn ask(stream: &mut TcpStream, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    match stream.write_all(request.as_bytes()) {
        Ok(()) => raw_answer(stream),
        Err(_) => String::new(),
    }
}

#[test]
fn http_02_connections_of_one_address() {
    let node = TestNode::with(|config| {
        config.dev = false;
        config.limits.connections_per_address = 3;
        config.limits.keep_alive_seconds = 60;
    });
    let mut within: Vec<TcpStream> = (0..3).map(|_| connect(&node)).collect();
    for stream in &mut within {
        assert!(ask(stream, "/style.css").starts_with("HTTP/1.1 200 "));
    }
    // As many again are let in to be told; a probe is answered all the same.
    let mut over: Vec<TcpStream> = (0..3).map(|_| connect(&node)).collect();
    for stream in &mut over {
        assert!(ask(stream, "/health/live").starts_with("HTTP/1.1 200 "));
    }
    assert_eq!(
        ask(&mut connect(&node), "/health/live"),
        "",
        "closed unheard"
    );
    let answer = ask(&mut over[0], "/style.css").to_ascii_lowercase();
    assert!(answer.starts_with("http/1.1 429 "), "{answer}");
    for part in [
        "\nretry-after: 1\r",
        "\nconnection: close\r",
        "\"code\":\"throttled\"",
    ] {
        assert!(answer.contains(part), "{part}: {answer}");
    }
    assert_eq!(over[0].read(&mut [0u8; 16]).unwrap_or(0), 0, "closed");
    assert!(ask(&mut within[0], "/style.css").starts_with("HTTP/1.1 200 "));
    // Who leaves makes room, as soon as the server has noticed.
    drop((within, over));
    let end = Instant::now() + Duration::from_secs(20);
    while !ask(&mut connect(&node), "/style.css").starts_with("HTTP/1.1 200 ") {
        assert!(Instant::now() < end, "nobody is let in again");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn http_02_no_limit_in_development_mode() {
    let node = TestNode::with(|config| config.limits.connections_per_address = 3);
    let mut streams: Vec<TcpStream> = (0..300).map(|_| connect(&node)).collect();
    for stream in &mut streams {
        assert!(ask(stream, "/style.css").starts_with("HTTP/1.1 200 "));
    }
}

#[test]
fn load_02_requests_of_one_address() {
    let node = TestNode::with(|config| {
        config.dev = false;
        config.limits.requests_per_address = 1;
    });
    let path = "/fhir/metadata?_format=xml&_pretty=true";
    let end = Instant::now() + Duration::from_secs(60);
    let (mut served, mut refused) = (0, 0);
    while served == 0 || refused == 0 {
        assert!(Instant::now() < end, "{served} served, {refused} refused");
        let answers: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| node.get(path))).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        for answer in answers {
            if answer.status == 200 {
                served += 1;
                continue;
            }
            answer.refused(429, "throttled");
            assert_eq!(answer.header("retry-after"), Some("1"));
            refused += 1;
        }
    }
    assert_eq!(node.get(path).status, 200, "a turn ends with its answer");
}

#[test]
fn load_02_rate_of_one_address() {
    let node = TestNode::with(|config| {
        config.dev = false;
        config.limits.requests_per_second = 1;
        config.limits.requests_burst = 3;
    });
    // One second later there is one more, so a slow machine sees a few more answers.
    let refused = (0..1_000)
        .map(|_| node.get("metadata"))
        .find(|answer| answer.status != 200)
        .expect("a bucket that empties");
    refused.refused(429, "throttled");
    let wait: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=2).contains(&wait), "{wait}");
    assert_eq!(
        node.get("/health/live").status,
        200,
        "a probe costs nothing"
    );
}

#[test]
fn load_04_a_search_that_waits_too_long_for_its_turn() {
    let node = TestNode::with(|config| config.limits.waiting_milliseconds = 1);
    let end = Instant::now() + Duration::from_secs(60);
    let (mut served, mut refused) = (0, 0);
    while served == 0 || refused == 0 {
        assert!(Instant::now() < end, "{served} served, {refused} refused");
        let answers: Vec<_> = std::thread::scope(|scope| {
            let ask = || node.get("Patient?name=x&_total=accurate");
            let threads: Vec<_> = (0..64).map(|_| scope.spawn(ask)).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        for answer in answers {
            if answer.status == 200 {
                served += 1;
                continue;
            }
            answer.refused(503, "transient");
            assert!(answer.header("retry-after").is_some());
            refused += 1;
        }
    }
    let metrics = node.get("/metrics").text();
    let counted = format!("fascicolo_refused_total{{status=\"503\"}} {refused}\n");
    assert!(metrics.contains(&counted), "{refused}: {metrics}");
    // Who writes waits longer, and reads by id have no such line.
    assert_eq!(
        node.put("Patient/p", r#"{"resourceType":"Patient","id":"p"}"#)
            .status,
        201
    );
    assert_eq!(node.get("Patient/p").status, 200);
    assert_eq!(node.get("/health/ready").status, 200);
}

#[test]
fn in_18_search_time() {
    let database = TestDatabase::fresh();
    let node = TestNode::over(database, |_| {});
    let entries: Vec<_> = (0..10_000)
        .map(|number| {
            json!({
                "resource": {"resourceType": "Basic", "id": format!("b{number}"), "code": {"text": "one of many"}},
                "request": {"method": "PUT", "url": format!("Basic/b{number}")},
            })
        })
        .collect();
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
    let answer = node.post("", &bundle.to_string());
    assert_eq!(answer.status, 200);
    let count = "Basic?_summary=count&_id:not=nobody&code:missing=false";
    assert_eq!(node.get(count).json()["total"], 10_000);

    let limit = |config: &mut fascicolo::config::Config| config.limits.search_milliseconds = 1;
    let node = TestNode::over(node.stop(), limit);
    node.get(count).refused(504, "timeout");
    node.get("Basic/_history?_summary=count")
        .refused(504, "timeout");
    assert_eq!(node.get("Basic/b1").status, 200);
}
