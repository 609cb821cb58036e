//! `_include` and `_revinclude`. Source: FHIR R4 search.html#include, #revinclude.

use super::{found, of_mode, pages, put};
use crate::support::{Answer, TestNode};

/// `Type/id` of the entries of a mode, sorted.
fn keys(answer: &Answer, mode: &str) -> Vec<String> {
    let mut keys: Vec<String> = of_mode(answer, mode)
        .iter()
        .map(|entry| {
            let resource = &entry["resource"];
            let text = |name: &str| resource[name].as_str().unwrap().to_owned();
            format!("{}/{}", text("resourceType"), text("id"))
        })
        .collect();
    keys.sort_unstable();
    keys
}

/// Rows of a query, its matches and what is included; the total is that of the matches.
#[track_caller]
pub fn rows(node: &TestNode, rows: &[(&str, &str, &str)]) {
    let mut wrong = Vec::new();
    for (query, matches, included) in rows {
        let answer = node.get_with(query, &[super::STRICT]);
        if answer.status != 200 {
            wrong.push(format!("{query}: {} {}", answer.status, answer.text()));
            continue;
        }
        let sorted = |text: &str| {
            let mut keys: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            keys.sort_unstable();
            keys
        };
        let expected = (sorted(matches), sorted(included));
        let found = (keys(&answer, "match"), keys(&answer, "include"));
        if found != expected {
            wrong.push(format!("{query}: expected {expected:?}, found {found:?}"));
        }
        let total = answer.json()["total"].as_u64();
        if total != Some(expected.0.len() as u64) {
            wrong.push(format!("{query}: total {total:?}"));
        }
        let modes = ["match", "include"].map(|mode| of_mode(&answer, mode).len());
        if answer.entries().len() != modes[0] + modes[1] {
            wrong.push(format!("{query}: entries of another mode"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

pub fn world() -> TestNode {
    let node = TestNode::start();
    for (path, members) in [
        ("Organization/region", r#","name":"Regione""#),
        (
            "Organization/asl",
            r#","partOf":{"reference":"Organization/region"}"#,
        ),
        (
            "Organization/hospital",
            r#","partOf":{"reference":"Organization/asl"}"#,
        ),
        ("Practitioner/doctor", ""),
        (
            "Patient/one",
            r#","managingOrganization":{"reference":"Organization/hospital"},"generalPractitioner":[{"reference":"Practitioner/doctor"}],"link":[{"other":{"reference":"Patient/two"},"type":"seealso"}]"#,
        ),
        (
            "Patient/two",
            r#","link":[{"other":{"reference":"Patient/one"},"type":"seealso"}]"#,
        ),
        (
            "Patient/three",
            r#","link":[{"other":{"reference":"Patient/three"},"type":"seealso"}]"#,
        ),
        (
            "Encounter/visit",
            r#","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/one"}"#,
        ),
        (
            "Observation/a",
            r#","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/one"},"encounter":{"reference":"Encounter/visit"},"performer":[{"reference":"Practitioner/doctor"},{"reference":"Organization/asl"}]"#,
        ),
        (
            "Observation/b",
            r#","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/one"}"#,
        ),
        (
            "Observation/c",
            r#","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/nobody"}"#,
        ),
        (
            "Provenance/p",
            r#","target":[{"reference":"Observation/a"},{"reference":"Patient/one"}],"recorded":"2025-01-01T00:00:00Z","agent":[{"who":{"reference":"Practitioner/doctor"}}]"#,
        ),
    ] {
        let (name, id) = path.split_once('/').unwrap();
        put(&node, name, id, members);
    }
    node
}

#[test]
fn include_adds_what_matches_refer_to() {
    rows(
        &world(),
        &[
            (
                "Observation?_id=a&_include=Observation:subject",
                "Observation/a",
                "Patient/one",
            ),
            (
                "Observation?_id=a&_include=Observation:patient",
                "Observation/a",
                "Patient/one",
            ),
            (
                "Observation?_id=a&_include=Observation:subject:Patient",
                "Observation/a",
                "Patient/one",
            ),
            (
                "Observation?_id=a&_include=Observation:subject:Group",
                "Observation/a",
                "",
            ),
            (
                "Observation?_id=a&_include=Observation:performer",
                "Observation/a",
                "Organization/asl Practitioner/doctor",
            ),
            (
                "Observation?_id=a&_include=Observation:performer:Organization",
                "Observation/a",
                "Organization/asl",
            ),
            (
                "Observation?_id=a&_include=Observation:subject&_include=Observation:encounter",
                "Observation/a",
                "Encounter/visit Patient/one",
            ),
            // Each once, however many refer to it.
            (
                "Observation?_id=a,b&_include=Observation:subject",
                "Observation/a Observation/b",
                "Patient/one",
            ),
            (
                "Observation?_id=a&_include=Observation:subject&_include=Observation:patient",
                "Observation/a",
                "Patient/one",
            ),
            // What is not there cannot be added.
            (
                "Observation?_id=c&_include=Observation:subject",
                "Observation/c",
                "",
            ),
            ("Observation?_id=none&_include=Observation:subject", "", ""),
            // Of another type than the matches.
            (
                "Observation?_id=a&_include=Encounter:subject",
                "Observation/a",
                "",
            ),
            (
                "Patient?_id=one&_include=Patient:general-practitioner&_include=Patient:organization",
                "Patient/one",
                "Organization/hospital Practitioner/doctor",
            ),
        ],
    );
}

#[test]
fn wildcards_follow_every_reference() {
    let all = "Encounter/visit Organization/asl Patient/one Practitioner/doctor";
    rows(
        &world(),
        &[
            ("Observation?_id=a&_include=*", "Observation/a", all),
            (
                "Observation?_id=a&_include=Observation:*",
                "Observation/a",
                all,
            ),
            ("Observation?_id=a&_include=Patient:*", "Observation/a", ""),
            (
                "Patient?_id=one&_revinclude=Observation:*",
                "Patient/one",
                "Observation/a Observation/b",
            ),
            (
                "Patient?_id=one&_revinclude=*",
                "Patient/one",
                "Encounter/visit Observation/a Observation/b Patient/two Provenance/p",
            ),
        ],
    );
}

#[test]
fn revinclude_adds_what_refers_to_matches() {
    rows(
        &world(),
        &[
            (
                "Observation?_id=a&_revinclude=Provenance:target",
                "Observation/a",
                "Provenance/p",
            ),
            (
                "Observation?_id=b&_revinclude=Provenance:target",
                "Observation/b",
                "",
            ),
            (
                "Patient?_id=one&_revinclude=Observation:patient",
                "Patient/one",
                "Observation/a Observation/b",
            ),
            (
                "Patient?_id=one&_revinclude=Observation:subject:Patient",
                "Patient/one",
                "Observation/a Observation/b",
            ),
            (
                "Patient?_id=one&_revinclude=Observation:subject&_revinclude=Encounter:patient",
                "Patient/one",
                "Encounter/visit Observation/a Observation/b",
            ),
            (
                "Patient?_id=one&_revinclude=Observation:subject&_include=Patient:organization",
                "Patient/one",
                "Observation/a Observation/b Organization/hospital",
            ),
            (
                "Organization?_id=asl&_revinclude=Organization:partof",
                "Organization/asl",
                "Organization/hospital",
            ),
        ],
    );
}

#[test]
fn included_resources_are_not_counted() {
    let node = world();
    let include = "_include=Observation:subject";
    let answer = node.get(&format!("Observation?{include}&_total=accurate&_count=2"));
    assert_eq!(answer.json()["total"], 3);
    assert_eq!(found(&answer).len(), 2);
    for query in ["_summary=count", "_count=0"] {
        let answer = node.get(&format!("Observation?{include}&{query}"));
        assert_eq!(answer.json()["total"], 3, "{query}");
        assert!(answer.entries().is_empty(), "{query}");
    }
    // A page is filled with matches, and each page has its own included resources.
    for count in [1, 2, 3] {
        let (seen, _) = pages(
            &node,
            &format!("Observation?{include}&_count={count}&_sort=_id"),
        );
        assert_eq!(seen, ["a", "b", "c"], "{count}");
    }
    let first = node.get(&format!("Observation?{include}&_count=1&_sort=_id"));
    let second = node.get(&super::link(&first, "next").unwrap());
    for page in [&first, &second] {
        assert_eq!(keys(page, "include"), ["Patient/one"]);
    }
}

#[test]
fn what_is_deleted_is_not_included() {
    let node = world();
    node.delete("Patient/two");
    node.delete("Observation/b");
    rows(
        &node,
        &[
            ("Patient?_id=one&_include=Patient:link", "Patient/one", ""),
            (
                "Patient?_id=one&_revinclude=Observation:subject",
                "Patient/one",
                "Observation/a",
            ),
        ],
    );
}
