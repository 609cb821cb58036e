//! `fascicolo conformance testscript`, run as a program against a server.

use std::path::PathBuf;
use std::process::Output;

use serde_json::Value;

use crate::process::{program, said};
use crate::support::TestNode;

fn suite(below: &str) -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/testscript");
    PathBuf::from(root).join(below).display().to_string()
}

fn run(node: &TestNode, below: &str, more: &[&str]) -> Output {
    let suite = suite(below);
    let mut arguments = vec![
        "conformance",
        "testscript",
        "--base",
        &node.base,
        "--suite",
        &suite,
    ];
    arguments.extend(more);
    program(&arguments)
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .unwrap()
}

fn last_line(output: &Output) -> String {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().last().unwrap_or_default().to_owned()
}

#[test]
fn a_suite_with_every_outcome() {
    let node = TestNode::start();
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let html = folder.path().join("report.html");
    let output = run(
        &node,
        "",
        &[
            "--report",
            report.to_str().unwrap(),
            "--html",
            html.to_str().unwrap(),
        ],
    );
    let text = said(&output);
    assert_eq!(
        last_line(&output),
        "7 passed, 3 failed, 6 skipped",
        "{text}"
    );
    assert_eq!(output.status.code(), Some(1));
    // Script, test, action, expected and found stand in one line.
    let failed: Vec<&str> = text
        .lines()
        .filter(|line| line.contains(": failed: "))
        .collect();
    assert_eq!(failed.len(), 3, "{text}");
    for part in [
        "extensions.json: failed: No alternative holds",
        "extensions.json: failed: One of several values fails",
        "kind=NoSuchType",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    for part in [
        "failing.json",
        "Expects what is not there",
        "there",
        "okay",
        "404",
    ] {
        assert!(failed[2].contains(part), "{part}: {}", failed[2]);
    }
    assert!(text.contains("setup.xml: setup failed: "), "{text}");
    assert!(text.contains("count(//fhir:rest)"), "{text}");

    // What was created is gone again.
    assert_eq!(node.get("Patient?_summary=count").json()["total"], 0);

    // The server under test is one that knows what a valid Bundle is.
    let bundle = std::fs::read_to_string(&report).unwrap();
    let created = node.post("Bundle", &bundle);
    assert_eq!(created.status, 201, "{}", created.text());
    let bundle: Value = serde_json::from_str(&bundle).unwrap();
    assert_eq!(
        (&bundle["resourceType"], &bundle["type"]),
        (&"Bundle".into(), &"collection".into())
    );
    let verdicts: Vec<(&str, &str)> = bundle["entry"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["resource"])
        .map(|report| {
            assert_eq!(report["resourceType"], "TestReport");
            assert_eq!(report["status"], "completed");
            let script = report["testScript"]["display"].as_str().unwrap();
            (script, report["result"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        verdicts,
        [
            ("extensions.json", "fail"),
            ("passing.json", "pass"),
            ("skipped.xml", "pending"),
            ("wrong/failing.json", "fail"),
            ("wrong/setup.xml", "fail"),
        ]
    );
    let failing = &bundle["entry"][3]["resource"]["test"][0]["action"];
    assert_eq!(failing[1]["assert"]["result"], "fail");
    assert_eq!(failing[2]["assert"]["result"], "skip");

    let html = std::fs::read_to_string(&html).unwrap();
    assert!(html.contains("Failing &lt;b&gt;"), "{html}");
    assert!(html.contains("7 passed, 3 failed, 6 skipped"));
}

#[test]
fn what_passes_is_a_success() {
    let node = TestNode::start();
    let output = run(&node, "passing.json", &[]);
    assert_eq!(
        last_line(&output),
        "3 passed, 0 failed, 0 skipped",
        "{}",
        said(&output)
    );
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_variable_of_the_user() {
    let node = TestNode::start();
    let output = run(&node, "skipped.xml", &["--variable", "forTheUser=nobody"]);
    assert_eq!(
        last_line(&output),
        "1 passed, 0 failed, 2 skipped",
        "{}",
        said(&output)
    );
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_server_that_does_not_answer_and_a_system_without_certificates() {
    let node = TestNode::start();
    let base = node.base.clone();
    drop(node);
    let suite = suite("wrong/failing.json");
    let output = program(&[
        "conformance",
        "testscript",
        "--base",
        &base,
        "--suite",
        &suite,
    ])
    .env("SSL_CERT_FILE", "/no/such/file")
    .env("SSL_CERT_DIR", "/no/such/folder")
    .env("NO_PROXY", "127.0.0.1")
    .output()
    .unwrap();
    assert_eq!(
        last_line(&output),
        "0 passed, 2 failed, 0 skipped",
        "{}",
        said(&output)
    );
}

#[test]
fn arguments_that_make_no_sense() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().to_str().unwrap();
    let good = suite("");
    for (base, suite, header) in [
        ("http://127.0.0.1:1/fhir", empty, "A: b"),
        ("http://127.0.0.1:1/fhir", "/no/such/folder", "A: b"),
        ("ftp://127.0.0.1/fhir", &good, "A: b"),
        ("nothing", &good, "A: b"),
        ("http://127.0.0.1:1/fhir", &good, "no colon"),
        ("http://127.0.0.1:1/fhir", &good, "bad name: b"),
    ] {
        let output = program(&[
            "conformance",
            "testscript",
            "--base",
            base,
            "--suite",
            suite,
            "--header",
            header,
        ])
        .output()
        .unwrap();
        assert!(!output.status.success());
        assert!(said(&output).contains("error: "), "{base} {suite} {header}");
        assert!(output.stdout.is_empty());
    }
}
