//! `fascicolo ingest FILE…`.

use super::official::DOCUMENTS;
use super::{Report, TAX_CODE, document, one, pdf};
use crate::process::{Process, run_on, said};
use crate::support::database::TestDatabase;
use crate::support::shared;

#[test]
fn files_go_in_and_a_bad_one_keeps_none_out() {
    let database = TestDatabase::fresh();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let second = Report {
        id: "D-2",
        set: "S-2",
        ..Report::default()
    };
    let xml = file("a.xml", Report::default().xml().as_bytes());
    let bad = file("b.xml", b"<ClinicalDocument>");
    let paper = file("c.pdf", &pdf(&[("cda.xml", second.xml().as_bytes())]));

    let mixed = run_on(&database, &["ingest", &xml, &bad, &paper]);
    let text = said(&mixed);
    assert!(!mixed.status.success(), "{text}");
    assert!(text.contains("2 taken in, 1 refused"), "{text}");
    assert!(text.contains("b.xml: error:"), "{text}");
    assert!(!text.contains("RSSMRA80A01H501U"), "{text}");

    let again = run_on(&database, &["ingest", &xml, &paper]);
    let text = said(&again);
    assert!(again.status.success(), "{text}");
    assert_eq!(text.matches("nothing was changed").count(), 2, "{text}");

    let missing = run_on(&database, &["ingest", "/nowhere/at/all.xml"]);
    assert!(!missing.status.success());
    assert!(
        said(&missing).contains("cannot be read"),
        "{}",
        said(&missing)
    );

    let server = Process::serve(&database);
    assert_eq!(document(&server, "D-1")["status"], "current");
    assert_eq!(document(&server, "D-2")["status"], "current");
    one(
        &server,
        &format!("Patient?identifier={TAX_CODE}|RSSMRA80A01H501U"),
    );
}

#[test]
fn all_seven_official_documents() {
    let Some(folder) = shared("fse-examples/cda") else {
        return;
    };
    let database = TestDatabase::fresh();
    let files: Vec<String> = DOCUMENTS
        .iter()
        .map(|(name, ..)| folder.join(format!("{name}.xml")).display().to_string())
        .collect();
    let mut arguments = vec!["ingest"];
    arguments.extend(files.iter().map(String::as_str));
    let output = run_on(&database, &arguments);
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("7 taken in, 0 refused"));
    let server = Process::serve(&database);
    assert_eq!(server.total("DocumentReference?_total=accurate"), 7);
    assert_eq!(server.total("Patient?_total=accurate"), 3);
}
