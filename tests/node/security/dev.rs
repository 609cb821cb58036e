//! Development mode is open, but only to this machine: `Host`, `Origin`, and its mark.

use crate::process::Process;
use crate::support::TestNode;
use crate::support::database::TestDatabase;

#[test]
fn dev_04_a_foreign_host_is_refused() {
    let database = TestDatabase::fresh();
    let server = Process::serve(&database);
    let port = server.address().rsplit(':').next().unwrap().to_owned();
    let check = |hosts: &[&str], status: &str| {
        let hosts: String = hosts
            .iter()
            .map(|host| format!("Host: {host}\r\n"))
            .collect();
        for path in ["/fhir/Patient", "/fhir/metadata", "/", "/health/ready"] {
            let request = format!("GET {path} HTTP/1.1\r\n{hosts}\r\n");
            let answer = server.raw(request.as_bytes());
            let found = answer.split(' ').nth(1).unwrap_or("nothing");
            assert_eq!(found, status, "{hosts:?} {path}: {answer}");
        }
    };
    for host in ["127.0.0.1", "localhost", "[::1]", "LocalHost"] {
        check(&[host], "200");
        check(&[&format!("{host}:{port}")], "200");
    }
    for host in [
        "fse.example",
        "evil.example:80",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "0.0.0.0",
        "127.0.0.2",
        "evil@127.0.0.1",
        "127.0.0.1@evil.example",
        "[::2]",
        "2130706433",
        "",
    ] {
        check(&[host], "400");
    }
    check(&[], "400");
    check(&["127.0.0.1", "evil.example"], "400");
    check(&["evil.example", "127.0.0.1"], "400");
}

#[test]
fn dev_04_a_page_of_another_site_cannot_drive_the_server() {
    let node = TestNode::start();
    let patient = br#"{"resourceType":"Patient"}"#;
    let post = |origin: &str, form: &str| {
        let headers = [("origin", origin), ("content-type", form)];
        node.request("POST", "Patient", &headers, patient)
    };
    for origin in [
        "http://evil.example",
        "https://evil.example",
        "null",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://127.0.0.1@evil.example",
        "file://",
        "localhost",
        "",
    ] {
        for form in ["application/fhir+json", "text/plain"] {
            let answer = post(origin, form);
            answer.refused(403, "security");
            assert_eq!(
                answer.header("access-control-allow-origin"),
                None,
                "{origin}"
            );
        }
        assert_eq!(
            node.get_with("Patient", &[("origin", origin)]).status,
            403,
            "{origin}"
        );
        let preflight = [("origin", origin), ("access-control-request-method", "PUT")];
        let answer = node.request("OPTIONS", "Patient/1", &preflight, b"");
        assert_eq!(
            answer.header("access-control-allow-origin"),
            None,
            "{origin}"
        );
    }
    assert_eq!(node.get("_history").json()["total"], 0);
    // Discovery is for everybody, and says nothing secret.
    let metadata = node.get_with("metadata", &[("origin", "http://evil.example")]);
    assert_eq!(metadata.status, 200);
    assert_eq!(metadata.header("access-control-allow-origin"), Some("*"));
    // A page of this machine may.
    for origin in [
        "http://localhost:5173",
        "http://127.0.0.1:3000",
        "http://[::1]:8000",
    ] {
        let answer = post(origin, "application/fhir+json");
        assert_eq!(answer.status, 201, "{}", answer.text());
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
        assert_eq!(answer.header("access-control-allow-credentials"), None);
    }
}

#[test]
fn dev_07_development_mode_shows_itself_everywhere() {
    let database = TestDatabase::fresh();
    let server = Process::serve(&database);
    assert!(
        server.banner.contains("DEVELOPMENT MODE"),
        "{}",
        server.banner
    );
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/health/live"),
        ("GET", "/nothing"),
        ("GET", "metadata"),
        ("GET", "Patient"),
        ("GET", "Patient/none"),
        ("POST", "Patient"),
        ("TRACE", "Patient"),
        ("OPTIONS", "Patient"),
    ] {
        let answer = server.request(method, path, &[], b"");
        assert_eq!(
            answer.header("x-fascicolo-mode"),
            Some("dev"),
            "{method} {path}"
        );
    }
    assert!(server.get("/").text().contains("dev"));
    let foreign = server.raw(b"GET /fhir/Patient HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    assert!(foreign.contains("x-fascicolo-mode: dev"), "{foreign}");
}

/// In production the probes of a balancer come by whatever name; nothing else does (HTTP-05).
#[test]
fn http_05_without_dev_only_probes_come_by_any_name() {
    let database = TestDatabase::fresh();
    let server = Process::serve_with(&database, &[]);
    for (path, status) in [
        ("/health/live", "200"),
        ("/health/ready", "200"),
        ("/fhir/metadata", "400"),
        ("/", "400"),
        ("/health/../fhir/metadata", "400"),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: 10.0.0.7:8080\r\n\r\n");
        let answer = server.raw(request.as_bytes());
        let found = answer.split(' ').nth(1).unwrap_or("nothing");
        assert_eq!(found, status, "{path}: {answer}");
    }
}
