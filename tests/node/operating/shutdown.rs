//! SIGTERM: what is in flight is finished, nothing acknowledged is lost, exit code 0 (OPS-02).

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::process::{Process, raw_answer};
use crate::support::database::TestDatabase;

const JSON: [(&str, &str); 1] = [("content-type", "application/fhir+json")];
const MOST: Duration = Duration::from_secs(20);

#[test]
fn ops_02_a_request_in_flight_is_finished() {
    for signal in [Signal::TERM, Signal::INT] {
        let database = TestDatabase::fresh();
        let server = Process::serve(&database);
        let body = br#"{"resourceType":"Patient","id":"slow"}"#;
        let mut stream = TcpStream::connect(server.address()).unwrap();
        let head = format!(
            "PUT /fhir/Patient/slow HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/fhir+json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&body[..10]).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        server.signal(signal);
        std::thread::sleep(Duration::from_millis(300));
        stream.write_all(&body[10..]).unwrap();
        let answer = raw_answer(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 201"), "{signal:?}: {answer}");
        drop(stream);
        let status = server.wait(MOST);
        assert_eq!(status.code(), Some(0), "{signal:?}: {status:?}");
        let server = Process::serve(&database);
        assert_eq!(server.get("Patient/slow").status, 200);
    }
}

#[test]
fn ops_02_restarts_under_load_lose_nothing_acknowledged() {
    let database = TestDatabase::fresh();
    let acknowledged = Mutex::new(Vec::new());
    for round in 0..4 {
        let server = Process::serve(&database);
        let ended = std::thread::scope(|scope| {
            for thread in 0..4 {
                let (server, acknowledged) = (&server, &acknowledged);
                scope.spawn(move || {
                    for number in 0.. {
                        let id = format!("r{round}t{thread}n{number}");
                        let body = format!(r#"{{"resourceType":"Patient","id":"{id}"}}"#);
                        let path = format!("Patient/{id}");
                        let Some(answer) = server.ask("PUT", &path, &JSON, body.as_bytes()) else {
                            return;
                        };
                        // Whoever is answered at all is answered well.
                        assert_eq!(answer.status, 201, "{}", answer.text());
                        acknowledged.lock().unwrap().push(path);
                    }
                });
            }
            std::thread::sleep(Duration::from_millis(300));
            server.terminate();
            Instant::now()
        });
        let status = server.wait(MOST);
        assert_eq!(status.code(), Some(0), "{status:?}");
        assert!(ended.elapsed() < MOST);
    }
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() > 40, "{}", acknowledged.len());
    let server = Process::serve(&database);
    for path in &acknowledged {
        assert_eq!(server.get(path).status, 200, "{path} is lost");
    }
}

/// In production a balancer first hears that the process is going.
#[test]
fn ops_02_not_ready_before_the_end() {
    let database = TestDatabase::fresh();
    let config = database.data_dir().join("f.toml");
    std::fs::write(&config, "[http]\ndrain_seconds = 2\n").unwrap();
    let server = Process::serve_with(&database, &["--config", config.to_str().unwrap()]);
    assert_eq!(server.get("/health/ready").status, 200);
    server.terminate();
    let end = Instant::now() + Duration::from_secs(1);
    while server.get("/health/ready").status != 503 {
        assert!(Instant::now() < end, "still ready");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(server.get("/health/live").status, 200);
    assert_eq!(server.get("metadata").status, 200);
    assert_eq!(server.wait(MOST).code(), Some(0));
}

/// A request that does not end keeps nobody from stopping.
#[test]
fn ops_02_what_does_not_finish_is_given_up() {
    let database = TestDatabase::fresh();
    let config = database.data_dir().join("f.toml");
    std::fs::write(
        &config,
        "[http]\nshutdown_seconds = 1\n[limits]\nbody_grace_seconds = 60\n",
    )
    .unwrap();
    let server = Process::serve_with(&database, &["--dev", "--config", config.to_str().unwrap()]);
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream
        .write_all(b"PUT /fhir/Patient/never HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/fhir+json\r\nContent-Length: 100\r\n\r\n{")
        .unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let asked = Instant::now();
    server.terminate();
    assert_eq!(server.wait(MOST).code(), Some(0));
    assert!(
        asked.elapsed() < Duration::from_secs(10),
        "{:?}",
        asked.elapsed()
    );
}

/// After an orderly end, and soon after the last write, everything is in the database file.
#[test]
fn ops_02_the_log_is_empty_at_the_end() {
    let database = TestDatabase::fresh();
    if database.is_postgres() {
        return;
    }
    let file = database.data_dir().join("fascicolo.db");
    let log = database.data_dir().join("fascicolo.db-wal");
    let size = |path: &std::path::Path| std::fs::metadata(path).map_or(0, |found| found.len());
    let server = Process::serve(&database);
    let before = size(&file);
    let text = "x".repeat(4000);
    for number in 0..50 {
        let body = format!(
            r#"{{"resourceType":"Patient","id":"p{number}","name":[{{"text":"{number}{text}"}}]}}"#
        );
        let answer = server.request("PUT", &format!("Patient/p{number}"), &JSON, body.as_bytes());
        assert_eq!(answer.status, 201);
    }
    assert!(size(&log) > 0);
    let end = Instant::now() + MOST;
    while size(&file) <= before {
        assert!(Instant::now() < end, "no quiet moment was used");
        std::thread::sleep(Duration::from_millis(50));
    }
    let (core, process) = ("Max core file size", server.id());
    let limits = std::fs::read_to_string(format!("/proc/{process}/limits")).unwrap_or_default();
    for line in limits.lines().filter(|line| line.starts_with(core)) {
        let values: Vec<&str> = line[core.len()..].split_whitespace().take(2).collect();
        assert_eq!(values, ["0", "0"], "OPS-07: {line}");
    }
    server.terminate();
    assert_eq!(server.wait(MOST).code(), Some(0));
    assert_eq!(size(&log), 0);
}
