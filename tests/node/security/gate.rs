//! Without `--dev` nobody is let in yet, before a byte of any body is read.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::process::Process;
use crate::support::database::TestDatabase;

fn production() -> (TestDatabase, Process) {
    let database = TestDatabase::fresh();
    let server = Process::serve_with(&database, &[]);
    (database, server)
}

const ROUTES: [(&str, &str); 24] = [
    ("GET", "/fhir"),
    ("POST", "/fhir"),
    ("POST", "/fhir/"),
    ("POST", "/fhir/metadata"),
    ("GET", "/fhir/Patient"),
    ("POST", "/fhir/Patient"),
    ("PUT", "/fhir/Patient"),
    ("PATCH", "/fhir/Patient"),
    ("DELETE", "/fhir/Patient"),
    ("POST", "/fhir/Patient/_search"),
    ("GET", "/fhir/Patient/1"),
    ("HEAD", "/fhir/Patient/1"),
    ("PUT", "/fhir/Patient/1"),
    ("PATCH", "/fhir/Patient/1"),
    ("DELETE", "/fhir/Patient/1"),
    ("GET", "/fhir/Patient/1/_history/1"),
    ("GET", "/fhir/_history"),
    ("POST", "/fhir/Binary"),
    ("POST", "/fhir/DocumentReference/$ingest"),
    ("POST", "/fhir/Patient/1/$meta-add"),
    ("POST", "/fhir/$nothing"),
    ("GET", "/fhir/Nothing/at/all"),
    ("GET", "/fhir/metadata/../Patient"),
    ("GET", "/metrics"),
];

#[test]
fn dev_06_everything_but_metadata_and_health_is_401() {
    let (_database, server) = production();
    for (method, path) in ROUTES {
        for credentials in [
            "",
            "Authorization: Bearer abc\r\n",
            "Authorization: Basic YTpi\r\n",
        ] {
            let answer = server.raw(
                format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{credentials}\r\n")
                    .as_bytes(),
            );
            assert!(
                answer.starts_with("HTTP/1.1 401"),
                "{method} {path}: {answer}"
            );
            assert!(
                answer
                    .to_ascii_lowercase()
                    .contains("www-authenticate: bearer"),
                "{answer}"
            );
        }
    }
    let answer = server.get("Patient");
    answer.refused(401, "login");
    assert_eq!(answer.header("x-fascicolo-mode"), None);
}

#[test]
fn gate_03_the_public_list() {
    let (_database, server) = production();
    for path in [
        "/",
        "/style.css",
        "/health/live",
        "/health/ready",
        "/fhir/metadata",
    ] {
        assert_eq!(server.get(path).status, 200, "{path}");
        assert_eq!(server.request("HEAD", path, &[], b"").status, 200, "{path}");
    }
    // Whatever else there may be, it is not given out.
    for path in [
        "/nothing",
        "/fhirx",
        "/FHIR/Patient",
        "//fhir/Patient",
        "/fhir%2FPatient",
        "/./fhir/Patient",
        "/health",
        "/health/live/..",
        "/style.css/..",
        "/bench/mem/1",
        "/metrics/",
        "/.well-known/x",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
        let answer = server.raw(request.as_bytes());
        let status = answer.split(' ').nth(1).unwrap_or("");
        assert!(matches!(status, "401" | "404"), "{path}: {answer}");
    }
}

/// A body that would do harm if it were read: it is not, and the answer comes at once.
#[test]
fn gate_02_authentication_before_any_byte_of_the_body() {
    let (database, server) = production();
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(&vec![b' '; 10 << 20]).unwrap();
    let bomb = bomb.finish().unwrap();
    let brackets = vec![b'['; 64 << 10];
    let dtd = b"<!DOCTYPE a [<!ENTITY a 'a'><!ENTITY b '&a;&a;'>]><a>&b;</a>".to_vec();
    let poisons: [(&str, &[u8]); 4] = [
        // Ten megabytes are announced; whoever waits for them waits for ever.
        (
            "Content-Type: application/fhir+json\r\nContent-Length: 10485760\r\n",
            &brackets,
        ),
        (
            "Content-Type: application/fhir+json\r\nContent-Encoding: gzip\r\nContent-Length: 10485760\r\n",
            &bomb,
        ),
        (
            "Content-Type: application/xml\r\nContent-Length: 1048576\r\n",
            &dtd,
        ),
        (
            "Content-Type: application/pdf\r\nTransfer-Encoding: chunked\r\n",
            b"5\r\n%PDF-\r\n",
        ),
    ];
    for (method, path) in ROUTES
        .iter()
        .filter(|(method, _)| matches!(*method, "POST" | "PUT" | "PATCH"))
    {
        for (headers, body) in poisons {
            let mut request =
                format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n")
                    .into_bytes();
            request.extend_from_slice(body);
            let started = std::time::Instant::now();
            let answer = server.raw(&request);
            assert!(
                answer.starts_with("HTTP/1.1 401"),
                "{method} {path} {headers}: {answer}"
            );
            assert!(started.elapsed().as_secs() < 3, "{method} {path} {headers}");
        }
    }
    let uploads = std::fs::read_dir(database.data_dir().join("tmp"));
    assert_eq!(uploads.map_or(0, Iterator::count), 0);
}
