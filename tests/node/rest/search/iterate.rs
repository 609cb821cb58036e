//! `_include:iterate` and `_revinclude:iterate`. Source: FHIR R4 search.html#include.

use super::includes::{rows, world};
use super::{of_mode, put};
use crate::support::TestNode;

#[test]
fn iterate_goes_on_from_what_was_added() {
    rows(
        &world(),
        &[
            // Without it only the matches are looked at.
            (
                "Observation?_id=b&_include=Observation:subject&_include=Patient:organization",
                "Observation/b",
                "Patient/one",
            ),
            (
                "Observation?_id=b&_include=Observation:subject&_include:iterate=Patient:organization",
                "Observation/b",
                "Organization/hospital Patient/one",
            ),
            (
                "Observation?_id=b&_include=Observation:subject&_include:iterate=Patient:organization&_include:iterate=Organization:partof",
                "Observation/b",
                "Organization/asl Organization/hospital Organization/region Patient/one",
            ),
            (
                "Organization?_id=hospital&_include=Organization:partof",
                "Organization/hospital",
                "Organization/asl",
            ),
            (
                "Organization?_id=hospital&_include:iterate=Organization:partof",
                "Organization/hospital",
                "Organization/asl Organization/region",
            ),
            (
                "Organization?_id=region&_revinclude:iterate=Organization:partof",
                "Organization/region",
                "Organization/asl Organization/hospital",
            ),
            (
                "Organization?_id=hospital&_revinclude=Patient:organization&_revinclude:iterate=Observation:patient",
                "Organization/hospital",
                "Observation/a Observation/b Patient/one",
            ),
            (
                "Encounter?_id=visit&_include=Encounter:patient&_revinclude:iterate=Provenance:target",
                "Encounter/visit",
                "Patient/one Provenance/p",
            ),
        ],
    );
}

/// A line of references is followed to its end, or refused: a part of it would be no answer.
#[test]
fn iterate_follows_a_long_line() {
    let node = TestNode::start();
    for number in 0..12 {
        let part_of = match number {
            0 => String::new(),
            _ => format!(
                r#","partOf":{{"reference":"Organization/o{}"}}"#,
                number - 1
            ),
        };
        put(&node, "Organization", &format!("o{number}"), &part_of);
    }
    for (id, length) in [("o5", 5), ("o8", 8), ("o11", 11)] {
        let query = format!("Organization?_id={id}&_include:iterate=Organization:partof");
        let answer = node.get(&query);
        let whole = answer.status == 400 || of_mode(&answer, "include").len() == length;
        assert!(whole, "{id}: {}", answer.status);
    }
}

#[test]
fn circles_end() {
    rows(
        &world(),
        &[
            (
                "Patient?_id=one&_include=Patient:link",
                "Patient/one",
                "Patient/two",
            ),
            (
                "Patient?_id=one&_include:iterate=Patient:link",
                "Patient/one",
                "Patient/two",
            ),
            (
                "Patient?_id=three&_include:iterate=Patient:link",
                "Patient/three",
                "",
            ),
            // A match is not included as well.
            (
                "Patient?_id=one,two&_include:iterate=Patient:link",
                "Patient/one Patient/two",
                "",
            ),
            (
                "Patient?_id=one&_revinclude:iterate=Patient:link",
                "Patient/one",
                "Patient/two",
            ),
            (
                "Patient?_id=one&_include:iterate=Patient:link&_revinclude:iterate=Patient:link",
                "Patient/one",
                "Patient/two",
            ),
        ],
    );
}
