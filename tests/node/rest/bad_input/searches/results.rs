//! Parameters that shape the result, and cursors.

use super::{NS, Row, V, refused};
use crate::support::TestNode;

#[test]
fn what_shapes_the_result() {
    refused(
        &TestNode::start(),
        &[
            ("Patient?_count=-1", V, "_count"),
            ("Patient?_count=", V, "_count"),
            ("Patient?_count=ten", V, "_count"),
            ("Patient?_count=1.5", V, "_count"),
            ("Patient?_count=%2B1", V, "_count"),
            ("Patient?_count=0x10", V, "_count"),
            ("Patient?_count=1&_count=2", V, "_count"),
            ("Patient?_total=all", V, "_total"),
            ("Patient?_total=", V, "_total"),
            ("Patient?_summary=maybe", V, "_summary"),
            ("Patient?_summary=true,text", V, "_summary"),
            ("Patient?_elements=", V, "_elements"),
            ("Patient?_elements=,", V, "_elements"),
            ("Patient?_sort=", V, "_sort"),
            ("Patient?_sort=-", V, "_sort"),
            ("Patient?_sort=nonsense", V, "nonsense"),
            ("Patient?_sort=--birthdate", V, "-birthdate"),
            ("Patient?_sort=birthdate,", V, "_sort"),
            ("Patient?_sort=birthdate,nonsense", V, "nonsense"),
            ("Location?_sort=near", NS, "near"),
            (
                "Observation?_sort=code-value-quantity",
                NS,
                "code-value-quantity",
            ),
            ("Patient?_explain=yes", V, "_explain"),
            ("Patient?_sort=family,given,birthdate,_id", V, "_sort"),
            ("Patient?_sort=family&_sort=given", V, "_sort"),
            ("Patient?_sort=organization.name", V, "organization.name"),
            ("Patient?_include=", V, "_include"),
            ("Patient?_include=Patient", V, "_include"),
            ("Patient?_include=Patient:", V, "_include"),
            ("Patient?_include=Patient:gender", V, "_include"),
            ("Patient?_include=Patient:nonsense", V, "_include"),
            ("Patient?_include=Nothing:subject", V, "_include"),
            (
                "Patient?_include=Patient:organization:Nothing",
                V,
                "_include",
            ),
            ("Patient?_include=**", V, "_include"),
            ("Patient?_include=:organization", V, "_include"),
            (
                "Patient?_include=Patient:organization:Organization:x",
                V,
                "_include",
            ),
            (
                "Patient?_include:forever=Patient:link",
                V,
                "_include:forever",
            ),
            ("Patient?_include:=Patient:link", V, "_include:"),
            ("Patient?_includes=Patient:link", V, "_includes"),
            ("Patient?_revinclude=Observation", V, "_revinclude"),
            ("Patient?_revinclude=Observation:status", V, "_revinclude"),
            ("Patient?_revinclude=Nothing:patient", V, "_revinclude"),
            (
                "Patient?_revinclude:iterate:iterate=Observation:patient",
                V,
                "_revinclude",
            ),
            ("Patient?_contained=true", NS, "_contained"),
            ("Patient?_containedType=container", NS, "_containedType"),
            ("Patient?_query=everything", NS, "_query"),
            ("Patient?_text=x", NS, "_text"),
            ("Patient?_content=x", NS, "_content"),
            ("Location?near=91|2|3|km", V, "near"),
            ("Location?near=1|2|-3|km", V, "near"),
            ("Location?near=1|2|3|parsec", V, "near"),
            ("Location?near=1", V, "near"),
            ("Location?near=1|NaN", V, "near"),
            ("Location?near:exact=1|2", NS, "near"),
            ("Location?_sort=near", NS, "near"),
            (
                "MolecularSequence?chromosome-window-coordinate=a$1",
                V,
                "chromosome-window-coordinate",
            ),
            (
                "MolecularSequence?chromosome-window-coordinate=a$1$x",
                V,
                "chromosome-window-coordinate",
            ),
            (
                "Observation?code-value-quantity=a",
                V,
                "code-value-quantity",
            ),
            (
                "Observation?code-value-quantity=a$x",
                V,
                "code-value-quantity",
            ),
            (
                "Observation?code-value-quantity=a$1$2",
                V,
                "code-value-quantity",
            ),
        ],
    );
}

#[test]
fn in_19_cursors() {
    let node = TestNode::start();
    for id in ["a", "b", "c"] {
        node.put(
            &format!("Patient/{id}"),
            &format!(r#"{{"resourceType":"Patient","id":"{id}","active":true}}"#),
        );
    }
    let bundle = node.get("Patient?active=true&_count=1&_sort=_id").json();
    let next = bundle["link"]
        .as_array()
        .unwrap()
        .iter()
        .find(|link| link["relation"] == "next")
        .unwrap()["url"]
        .as_str()
        .unwrap()
        .to_owned();
    let (own, cursor) = next.split_once("_cursor=").unwrap();
    let own = own.rsplit('/').next().unwrap();
    assert_eq!(node.get(&format!("{own}_cursor={cursor}")).status, 200);
    let mut bad: Vec<String> = [
        "Patient?active=true&_count=1",
        "Patient?active=true&_count=2&_sort=_id",
        "Patient?active=true&_count=1&_sort=-_id",
        "Patient?active=false&_count=1&_sort=_id",
        "Patient?_count=1&_sort=_id",
        "Group?_count=1&_sort=_id",
    ]
    .map(|query| format!("{query}&_cursor={cursor}"))
    .to_vec();
    for text in ["", "x", "AAAA", "%C3%A8", "null", "..%2F..", "%2B%2F%3D"] {
        bad.push(format!("{own}_cursor={text}"));
    }
    bad.push(format!("{own}_cursor={cursor}{cursor}"));
    bad.push(format!("{own}_cursor={cursor}%3D"));
    bad.push(format!("{own}_cursor={}", "A".repeat(cursor.len())));
    bad.push(format!("{own}_cursor={}", &cursor[..cursor.len() / 2]));
    bad.push(format!("{own}_cursor={cursor}&_cursor={cursor}"));
    // One bit of each eighth letter: no position is left out of the seal.
    for at in (0..cursor.len()).step_by(8) {
        let mut altered = cursor.as_bytes().to_vec();
        altered[at] = if altered[at] == b'Q' { b'R' } else { b'Q' };
        bad.push(format!(
            "{own}_cursor={}",
            String::from_utf8(altered).unwrap()
        ));
    }
    let rows: Vec<Row<'_>> = bad
        .iter()
        .map(|query| (query.as_str(), V, "cursor"))
        .collect();
    refused(&node, &rows);
}
