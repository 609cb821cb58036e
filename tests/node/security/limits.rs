//! Just under a limit passes, just over it is refused with its status (IN-01 to IN-06).

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::process::Process;
use crate::support::database::TestDatabase;
use crate::support::{Answer, TestNode};

const JSON: (&str, &str) = ("content-type", "application/fhir+json");

/// A patient whose JSON has exactly this many bytes.
fn patient(bytes: usize) -> Vec<u8> {
    let frame = r#"{"resourceType":"Patient","name":[{"text":""}]}"#;
    let text = "x".repeat(bytes - frame.len());
    frame.replace("\"\"", &format!("\"{text}\"")).into_bytes()
}

#[track_caller]
fn refused(answer: &Answer, status: u16) {
    answer.refused(status, "too-long");
}

#[test]
fn in_01_request_line() {
    let node = TestNode::start();
    let get = |bytes: usize| {
        let front = "/fhir/Patient?identifier=";
        node.get(&format!("{front}{}", "a".repeat(bytes - front.len())))
    };
    let answer = get(8 * 1024);
    assert_eq!(answer.status, 200, "{}", answer.text());
    refused(&get(8 * 1024 + 1), 414);
    refused(&get(60_000), 414);
}

#[test]
fn in_02_headers() {
    let database = TestDatabase::fresh();
    let server = Process::serve(&database);
    let with = |count: usize, value: &str| {
        let more: String = (1..count).map(|n| format!("x-{n}: {value}\r\n")).collect();
        let request = format!("GET /fhir/Patient HTTP/1.1\r\nhost: 127.0.0.1\r\n{more}\r\n");
        let answer = server.raw(request.as_bytes());
        answer.split(' ').nth(1).unwrap_or("nothing").to_owned()
    };
    assert_eq!(with(64, "a"), "200");
    assert_eq!(with(65, "a"), "431");
    assert_eq!(with(96, "a"), "431");
    // More than the HTTP stack itself lets in.
    assert!(with(200, "a").starts_with('4'));
    // Names, values and what separates them: 17 for the host, 3 or 4 and 4 for each other one.
    let rest = 32 * 1024 - 17 - (3 + 4);
    assert_eq!(with(2, &"a".repeat(rest)), "200");
    assert_eq!(with(2, &"a".repeat(rest + 1)), "431");
    assert_eq!(with(2, &"a".repeat(100_000)), "431");
}

#[test]
fn in_03_resource_without_its_attachments() {
    let node = TestNode::with(|config| config.limits.resource_bytes = 4096);
    let create = |body: &[u8]| node.request("POST", "Patient", &[JSON], body);
    let update = |bytes: usize| {
        let id = r#""id":"a","#;
        let text = String::from_utf8(patient(bytes - id.len())).unwrap();
        let body = text.replacen('{', &format!("{{{id}"), 1);
        node.request("PUT", "Patient/a", &[JSON], body.as_bytes())
    };
    assert_eq!(create(&patient(4096)).status, 201);
    refused(&create(&patient(4097)), 413);
    assert_eq!(update(4096).status, 201);
    refused(&update(4097), 413);
    // Attachment data is not counted.
    let photo = |text: usize| {
        let data = STANDARD.encode(vec![7u8; 30_000]);
        let photo = format!(r#""photo":[{{"data":"{data}"}}],"name""#);
        let body = String::from_utf8(patient(text)).unwrap();
        body.replace("\"name\"", &photo)
    };
    let answer = create(photo(4000).as_bytes());
    assert_eq!(answer.status, 201, "{}", answer.text());
    refused(&create(photo(4097).as_bytes()), 413);
    assert_eq!(node.get("_history").json()["total"], 3);
}

#[test]
fn in_04_documents() {
    let node = TestNode::with(|config| config.limits.document_bytes = 10_000);
    let raw = |bytes: usize| {
        let form = [("content-type", "application/pdf")];
        node.request("POST", "Binary", &form, &vec![7u8; bytes])
    };
    assert_eq!(raw(10_000).status, 201);
    refused(&raw(10_001), 413);
    let resource = |bytes: usize| {
        let data = STANDARD.encode(vec![7u8; bytes]);
        let body = format!(
            r#"{{"resourceType":"Binary","contentType":"application/pdf","data":"{data}"}}"#
        );
        node.request("POST", "Binary", &[JSON], body.as_bytes())
    };
    assert_eq!(resource(10_000).status, 201);
    refused(&resource(10_001), 413);
    let ingest = |bytes: usize| {
        let form = [("content-type", "application/xml")];
        node.request(
            "POST",
            "DocumentReference/$ingest",
            &form,
            &vec![b' '; bytes],
        )
    };
    assert_eq!(ingest(10_000).status, 400);
    refused(&ingest(10_001), 413);
    assert_eq!(node.get("_history").json()["total"], 2);
}

/// Nobody announces the length of a chunked body: it is counted.
#[test]
fn in_04_documents_in_chunks() {
    let database = TestDatabase::fresh();
    let config = database.data_dir().join("f.toml");
    std::fs::write(&config, "[limits]\ndocument_bytes = 10000\n").unwrap();
    let server = Process::serve_with(&database, &["--dev", "--config", config.to_str().unwrap()]);
    let send = |bytes: usize| {
        let mut request = b"POST /fhir/Binary HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for part in vec![7u8; bytes].chunks(1000) {
            request.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
            request.extend_from_slice(part);
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"0\r\n\r\n");
        let answer = server.raw(&request);
        answer.split(' ').nth(1).unwrap_or("nothing").to_owned()
    };
    assert_eq!(send(10_000), "201");
    assert_eq!(send(10_001), "413");
    assert_eq!(server.total("_history"), 1);
    let left = std::fs::read_dir(database.data_dir().join("tmp")).unwrap();
    assert_eq!(left.count(), 0);
}

#[test]
fn in_05_bundles() {
    let node = TestNode::with(|config| {
        config.limits.bundle_bytes = 20_000;
        config.limits.resource_bytes = 19_000;
        config.limits.bundle_entries = 10;
    });
    let bundle = |kind: &str, entries: usize, bytes: usize| {
        let entry = r#"{"resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}}"#;
        let all = vec![entry; entries].join(",");
        let mut body = format!(r#"{{"resourceType":"Bundle","type":"{kind}","entry":[{all}]}}"#);
        // White space counts.
        body.push_str(&" ".repeat(bytes.saturating_sub(body.len())));
        node.request("POST", "", &[JSON], body.as_bytes())
    };
    for kind in ["batch", "transaction"] {
        assert_eq!(bundle(kind, 10, 20_000).status, 200, "{kind}");
        refused(&bundle(kind, 10, 20_001), 413);
        assert_eq!(bundle(kind, 11, 0).status, 413, "{kind}");
        // A Bundle within is no resource of the kind that is executed again.
        let nested = format!(
            r#"{{"resourceType":"Bundle","type":"{kind}","entry":[{{"resource":{{"resourceType":"Bundle","type":"batch"}},"request":{{"method":"POST","url":""}}}}]}}"#
        );
        let answer = node.request("POST", "", &[JSON], nested.as_bytes());
        let inner = answer.json()["entry"][0]["response"]["status"].to_string();
        assert!(
            answer.status == 400 || inner.starts_with("\"400"),
            "{kind}: {}",
            answer.text()
        );
    }
    assert_eq!(node.get("_history").json()["total"], 20);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn in_06_what_bodies_inflate_to() {
    let node = TestNode::with(|config| {
        config.limits.resource_bytes = 300_000;
        config.limits.document_bytes = 3000;
    });
    let send = |coding: &str, body: &[u8]| {
        node.request(
            "POST",
            "Patient",
            &[JSON, ("content-encoding", coding)],
            body,
        )
    };
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 19).unwrap();
    // Words that compress, but not as far as a bomb does.
    let modest = {
        let words: String = (0..6000u32)
            .map(|n| format!("{} ", n.wrapping_mul(2_654_435_761)))
            .collect();
        patient(100)
            .iter()
            .copied()
            .map(char::from)
            .collect::<String>()
            .replace("\"text\":\"", &format!("\"text\":\"{words}"))
    };
    for body in [patient(1000), modest.into_bytes()] {
        assert_eq!(send("gzip", &gzip(&body)).status, 201);
        assert_eq!(send("zstd", &zstd(&body)).status, 201);
        assert_eq!(send("identity", &body).status, 201);
    }
    // 290 000 equal bytes are within the limit of a body, and a bomb all the same.
    let bomb = patient(290_000);
    refused(&send("gzip", &gzip(&bomb)), 413);
    refused(&send("zstd", &zstd(&bomb)), 413);
    assert_eq!(send("identity", &bomb).status, 201);
    let large = patient(10 << 20);
    refused(&send("gzip", &gzip(&large)), 413);
    refused(&send("zstd", &zstd(&large)), 413);
    // One coding, known, whole.
    let body = patient(1000);
    for coding in ["br", "deflate", "gzip, gzip", "zstd,gzip", "x-gzip-ish"] {
        send(coding, &gzip(&gzip(&body))).refused(415, "not-supported");
    }
    let twice = [
        JSON,
        ("content-encoding", "gzip"),
        ("content-encoding", "gzip"),
    ];
    let answer = node.request("POST", "Patient", &twice, &gzip(&gzip(&body)));
    answer.refused(415, "not-supported");
    let half = gzip(&body);
    send("gzip", &half[..half.len() / 2]).refused(400, "invalid");
    send("gzip", &body).refused(400, "invalid");
    send("zstd", &body).refused(400, "invalid");
    assert_eq!(node.get("_history").json()["total"], 7);
}
