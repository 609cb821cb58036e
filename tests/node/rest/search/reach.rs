//! Where a search is asked: of all types, of one, and of a compartment. Source: FHIR R4
//! http.html#search, search.html#list, compartmentdefinition.html.

use super::{FORM, check, found, ids, pages, put, table, there_and_back};
use crate::support::TestNode;

fn world() -> TestNode {
    let node = TestNode::start();
    for (path, members) in [
        (
            "Patient/one",
            r#","active":true,"name":[{"family":"Rossi"}],"meta":{"tag":[{"code":"t"}]}"#,
        ),
        ("Patient/two", r#","active":true"#),
        (
            "Group/one",
            r#","active":true,"type":"person","actual":true"#,
        ),
        (
            "Practitioner/doctor",
            r#","active":true,"meta":{"tag":[{"code":"t"}]}"#,
        ),
        ("Device/meter", r#","patient":{"reference":"Patient/one"}"#),
        (
            "RelatedPerson/mother",
            r#","patient":{"reference":"Patient/two"}"#,
        ),
        (
            "Encounter/visit",
            r#","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/one"},"participant":[{"individual":{"reference":"Practitioner/doctor"}}]"#,
        ),
        (
            "Observation/a",
            r#","status":"final","code":{"coding":[{"code":"w"}]},"subject":{"reference":"Patient/one"},"encounter":{"reference":"Encounter/visit"},"performer":[{"reference":"Practitioner/doctor"}]"#,
        ),
        (
            "Observation/b",
            r#","status":"final","code":{"coding":[{"code":"h"}]},"subject":{"reference":"Patient/one"},"device":{"reference":"Device/meter"}"#,
        ),
        (
            "Observation/c",
            r#","status":"final","code":{"coding":[{"code":"w"}]},"subject":{"reference":"Patient/two"},"performer":[{"reference":"RelatedPerson/mother"}]"#,
        ),
        // Of the compartment by its performer.
        (
            "Observation/d",
            r#","status":"final","code":{"coding":[{"code":"w"}]},"performer":[{"reference":"Patient/one"}]"#,
        ),
        (
            "List/mine",
            r#","status":"current","mode":"working","entry":[{"item":{"reference":"Patient/one"}},{"item":{"reference":"Observation/a"}},{"item":{"reference":"Observation/c"}}]"#,
        ),
    ] {
        let (name, id) = path.split_once('/').unwrap();
        put(&node, name, id, members);
    }
    node
}

#[test]
fn all_types_at_once() {
    let node = world();
    for (query, expected) in [
        ("?_type=Patient", "one two"),
        ("?_type=Patient,Group", "one one two"),
        ("?_type=Patient&_type=Group", "one one two"),
        ("?_type=Patient,Patient", "one two"),
        ("?_id=one", "one one"),
        ("?_id=one&_type=Group", "one"),
        ("?_tag=t", "doctor one"),
        ("?_tag=t&_type=Practitioner,Device", "doctor"),
        ("?_type=Patient,Group&_lastUpdated=gt2001", "one one two"),
        ("?_type=Patient,Group&_lastUpdated=lt2001", ""),
        ("?_lastUpdated=gt2001&_id=a,b,visit", "a b visit"),
        ("?_type=Patient,Practitioner&active=true", "doctor one two"),
        ("?_type=Device", "meter"),
        ("?_type=Basic", ""),
        ("?_type=Observation&patient.name=rossi", "a b"),
        (
            "?_type=Patient,Group&_has:Observation:subject:code=h",
            "one",
        ),
        ("?_list=mine", "a c one"),
        ("?_list=mine&_type=Observation", "a c"),
    ] {
        check(&node, query, expected);
    }
    let everything = node.get("?_lastUpdated=gt2001&_summary=count");
    assert_eq!(everything.json()["total"], 12);
}

#[test]
fn pages_over_all_types() {
    let node = world();
    for sort in [
        "",
        "&_sort=_id",
        "&_sort=-_id",
        "&_sort=_lastUpdated",
        "&_sort=-_lastUpdated",
    ] {
        for count in [1, 2, 5, 100] {
            let (mut seen, _) = pages(&node, &format!("?_lastUpdated=gt2001&_count={count}{sort}"));
            seen.sort_unstable();
            assert_eq!(
                seen.join(" "),
                "a b c d doctor meter mine mother one one two visit",
                "{sort} {count}"
            );
        }
    }
    let ordered = node.get("?_type=Patient,Observation&_sort=_id");
    assert_eq!(found(&ordered), ["a", "b", "c", "d", "one", "two"]);
    let ordered = node.get("?_type=Patient,Observation&_sort=-_lastUpdated");
    assert_eq!(found(&ordered), ["d", "c", "b", "a", "two", "one"]);
}

#[test]
fn pages_over_several_types_are_the_same_in_both_directions() {
    let node = world();
    for query in [
        "?_lastUpdated=gt2001",
        "?_type=Patient,Observation",
        "Patient/one/*?_lastUpdated=gt2001",
    ] {
        for sort in [
            "",
            "_id",
            "-_id",
            "_lastUpdated",
            "-_lastUpdated",
            "-_id,_lastUpdated",
        ] {
            for count in [1, 2, 3, 5, 50] {
                let sort = match sort {
                    "" => String::new(),
                    sort => format!("&_sort={sort}"),
                };
                let first = format!("{query}&_count={count}{sort}");
                let (forward, backward) = there_and_back(&node, &first);
                assert_eq!(forward, backward, "{first}");
                let full = forward.split_last().unwrap().1;
                assert!(full.iter().all(|page| page.len() == count), "{first}");
            }
        }
    }
}

#[test]
fn compartments() {
    let node = world();
    for (query, expected) in [
        ("Patient/one/Observation?", "a b d"),
        ("Patient/one/Observation?code=w", "a d"),
        ("Patient/one/Observation?code=w&_id=a,c", "a"),
        ("Patient/two/Observation?", "c"),
        ("Patient/one/Encounter?", "visit"),
        ("Patient/two/Encounter?", ""),
        ("Patient/two/RelatedPerson?", "mother"),
        ("Patient/one/Group?", ""),
        ("Encounter/visit/Observation?", "a"),
        ("Encounter/visit/Encounter?", "visit"),
        ("Practitioner/doctor/Observation?", "a"),
        ("Practitioner/doctor/Encounter?", "visit"),
        ("RelatedPerson/mother/Observation?", "c"),
        ("Device/meter/Observation?", "b"),
        ("Patient/nobody/Observation?", ""),
    ] {
        check(&node, query, expected);
    }
}

#[test]
fn everything_of_a_compartment() {
    let node = world();
    for (path, expected) in [
        ("Patient/one/*", "a b d one visit"),
        ("Patient/one/*?_type=Observation", "a b d"),
        ("Patient/one/*?_type=Observation,Encounter", "a b d visit"),
        ("Patient/one/*?_id=a,c", "a"),
        ("Patient/two/*", "c mother two"),
        ("Encounter/visit/*", "a visit"),
        ("Device/meter/*", "b meter"),
    ] {
        let answer = node.get(path);
        let expected: Vec<&str> = expected.split_whitespace().collect();
        assert_eq!(ids(&answer), expected, "{path}");
        let (mut seen, _) = pages(&node, &format!("{path}{}_count=1", join(path)));
        seen.sort_unstable();
        assert_eq!(seen, expected, "{path} in pages");
    }
}

fn join(path: &str) -> char {
    if path.contains('?') { '&' } else { '?' }
}

#[test]
fn post_at_every_level() {
    let node = world();
    for (path, body, expected) in [
        ("_search", "_type=Patient,Group", "one one two"),
        ("_search?_type=Patient", "_id=one", "one"),
        ("Patient/_search", "active=true", "one two"),
        ("Patient/_search", "", "one two"),
        ("Patient/_search?active=true", "family=rossi", "one"),
        ("Patient/one/Observation/_search", "code=w", "a d"),
        ("Patient/one/Observation/_search?code=w", "_id=a", "a"),
        ("Observation/_search", "code=w%2Ch", "a b c d"),
        ("Observation/_search", "code=w&code=h", ""),
    ] {
        let answer = node.request("POST", path, &[FORM], body.as_bytes());
        assert_eq!(ids(&answer).join(" "), expected, "{path} {body}");
    }
    // The links of a POST can be followed with GET.
    let first = node.request(
        "POST",
        "Observation/_search",
        &[FORM],
        b"code=w&_count=2&_sort=_id",
    );
    assert_eq!(found(&first), ["a", "c"]);
    let next = node.get(&super::link(&first, "next").unwrap());
    assert_eq!(found(&next), ["d"]);
}

#[test]
fn members_of_a_list() {
    let node = world();
    table(
        &node,
        "Patient",
        &[("_list=mine", "one"), ("_list=nobody", "")],
    );
    table(
        &node,
        "Observation",
        &[
            ("_list=mine", "a c"),
            ("_list=mine&code=w", "a c"),
            ("_list=mine&patient=one", "a"),
            ("_list=nobody,mine", "a c"),
        ],
    );
    node.delete("List/mine");
    table(&node, "Observation", &[("_list=mine", "")]);
}
