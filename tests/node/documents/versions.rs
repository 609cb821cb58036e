//! Versions of one document: what replaces what, whichever order they come in.

use super::{INGEST, Report, XML, document, found, pdf, state, taken, texts};
use crate::process::Process;
use crate::support::database::TestDatabase;

fn first() -> Report {
    Report::default()
}

fn second() -> Report {
    Report {
        id: "D-2",
        version: 2,
        ..Report::default()
    }
}

#[test]
fn a_new_version_supersedes_the_older_one() {
    // By relation, by set alone, and by both.
    for (replaces, set) in [
        (Some("D-1"), "S-1"),
        (None, "S-1"),
        (Some("D-1"), "another-set"),
    ] {
        let database = TestDatabase::fresh();
        let server = Process::serve(&database);
        taken(&server, &first());
        let answer = taken(
            &server,
            &Report {
                replaces,
                set,
                ..second()
            },
        );
        let said = texts(&answer.json());
        assert!(said.contains("is superseded by this document"), "{said}");
        assert_eq!(state(&server, "D-1"), "superseded 2");
        assert_eq!(state(&server, "D-2"), "current 1");
        let (older, newer) = (document(&server, "D-1"), document(&server, "D-2"));
        let relation = &newer["relatesTo"];
        assert_eq!(relation.as_array().unwrap().len(), 1, "{relation}");
        assert_eq!(relation[0]["code"], "replaces");
        let reference = format!("DocumentReference/{}", older["id"].as_str().unwrap());
        assert_eq!(relation[0]["target"]["reference"], reference);
        // Nothing else of the older one has changed, its bytes least of all.
        let before = server.get(&format!("{reference}/_history/1")).json();
        for (name, value) in before.as_object().unwrap() {
            if !matches!(name.as_str(), "meta" | "status") {
                assert_eq!(older[name], *value, "{name}");
            }
        }
        let url = older["content"][0]["attachment"]["url"].as_str().unwrap();
        let place = url.split_once("/fhir/").unwrap().1;
        let raw = server.request("GET", place, &[("accept", "*/*")], b"");
        assert_eq!(raw.text(), first().xml());
        // The older one again changes nothing.
        let again = server.post(INGEST, XML, first().xml().as_bytes());
        assert_eq!(again.status, 200, "{}", again.text());
        assert_eq!(state(&server, "D-1"), "superseded 2");
    }
}

#[test]
fn an_older_version_that_comes_late_is_superseded_from_the_start() {
    let database = TestDatabase::fresh();
    let server = Process::serve(&database);
    taken(&server, &second());
    let third = Report {
        id: "D-3",
        version: 3,
        ..Report::default()
    };
    taken(&server, &third);
    let late = taken(&server, &first());
    let said = texts(&late.json());
    assert!(said.contains("a newer version"), "{said}");
    assert_eq!(state(&server, "D-1"), "superseded 1");
    assert_eq!(state(&server, "D-2"), "superseded 2");
    assert_eq!(state(&server, "D-3"), "current 1");
    let set = "DocumentReference?identifier=urn:oid:2.16.840.1.113883.2.9.2.120.4.4|S-1";
    assert_eq!(found(&server, set).len(), 3);
    // The same late one again.
    let again = server.post(INGEST, XML, first().xml().as_bytes());
    assert_eq!(again.status, 200, "{}", again.text());
    assert_eq!(found(&server, set).len(), 3);
}

/// In official documents the set is called after the id of its first version.
#[test]
fn a_set_named_after_its_first_document() {
    let database = TestDatabase::fresh();
    let server = Process::serve(&database);
    let named = |report: Report| Report {
        set: "D-1",
        ..report
    };
    taken(&server, &named(second()));
    taken(&server, &named(first()));
    assert_eq!(state(&server, "D-1"), "superseded 1");
    assert_eq!(state(&server, "D-2"), "current 1");
    let again = server.post(INGEST, XML, named(first()).xml().as_bytes());
    assert_eq!(again.status, 200, "{}", again.text());
}

#[test]
fn one_id_has_one_document_and_one_version_too() {
    let database = TestDatabase::fresh();
    let server = Process::serve(&database);
    taken(&server, &first());
    let versions = server.total("_history");
    let refused = |form: &str, body: &[u8], text: &str| {
        let answer = server.post(INGEST, form, body);
        answer.refused(409, "duplicate");
        let said = texts(&answer.json());
        assert!(said.contains(text), "{said}");
    };
    let other = Report {
        title: "Altro",
        ..first()
    };
    refused(XML, other.xml().as_bytes(), "other bytes");
    let inside = pdf(&[("cda.xml", first().xml().as_bytes())]);
    refused("application/pdf", &inside, "other bytes");
    let twin = Report {
        id: "D-9",
        ..first()
    };
    refused(XML, twin.xml().as_bytes(), "version 1 of the set");
    assert_eq!(server.total("_history"), versions);
    // Another set may have any version.
    taken(
        &server,
        &Report {
            id: "D-9",
            set: "S-9",
            ..first()
        },
    );
}
