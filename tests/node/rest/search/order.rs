//! `_sort`, and pages in both directions. Source: FHIR R4 search.html#sort.

use super::{STRICT, found, known, pages, put, there_and_back};
use crate::support::TestNode;

/// Rows of `_sort` and the ids in that order; those in `known` are known to be otherwise.
#[track_caller]
fn orders(node: &TestNode, name: &str, rows: &[(&str, &str)], known: &[&str]) {
    let mut wrong = Vec::new();
    for (sort, expected) in rows {
        let answer = node.get_with(&format!("{name}?_sort={sort}&_count=100"), &[STRICT]);
        if answer.status != 200 {
            wrong.push(format!("{sort}: {}", answer.text()));
            continue;
        }
        let found = found(&answer).join(" ");
        match (found == *expected, known.contains(sort)) {
            (false, false) => wrong.push(format!("{sort}: expected {expected}, found {found}")),
            (true, true) => wrong.push(format!("{sort} is right now: no longer known to fail")),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn patients() -> TestNode {
    let node = TestNode::start();
    for (id, members) in [
        (
            "p1",
            r#","name":[{"family":"Rossi","given":["Anna"]}],"birthDate":"1980-05-17""#,
        ),
        (
            "p2",
            r#","name":[{"family":"bianchi","given":["Zeno"]}],"birthDate":"1990""#,
        ),
        (
            "p3",
            r#","name":[{"family":"Èrcoli"}],"birthDate":"1980-05""#,
        ),
        ("p4", r#","name":[{"family":"Rossi","given":["Bruno"]}]"#),
        ("p5", r#","birthDate":"1970-01-01""#),
        // By the first of its names going up, by the last going down.
        (
            "p6",
            r#","name":[{"family":"Amato"},{"family":"Zuin"}],"birthDate":"2001-02-03""#,
        ),
    ] {
        put(&node, "Patient", id, members);
    }
    node
}

#[test]
fn every_kind_of_key_in_both_directions() {
    let node = patients();
    orders(
        &node,
        "Patient",
        &[
            ("_id", "p1 p2 p3 p4 p5 p6"),
            ("-_id", "p6 p5 p4 p3 p2 p1"),
            ("_lastUpdated", "p1 p2 p3 p4 p5 p6"),
            ("-_lastUpdated", "p6 p5 p4 p3 p2 p1"),
            ("birthdate,_id", "p5 p3 p1 p2 p6 p4"),
            ("-birthdate,_id", "p6 p2 p1 p3 p5 p4"),
            ("family,_id", "p6 p2 p3 p1 p4 p5"),
            ("-family,_id", "p6 p1 p4 p3 p2 p5"),
            ("family,given", "p6 p2 p3 p1 p4 p5"),
            ("family,-given", "p6 p2 p3 p4 p1 p5"),
            ("-family,given", "p6 p1 p4 p3 p2 p5"),
            ("-family,-given,_id", "p6 p4 p1 p3 p2 p5"),
            ("given,-_id", "p1 p4 p2 p6 p5 p3"),
            ("-given,_id", "p2 p4 p1 p3 p5 p6"),
            ("given,birthdate", "p1 p4 p2 p5 p3 p6"),
            ("-_lastUpdated,_id", "p6 p5 p4 p3 p2 p1"),
        ],
        &[],
    );
}

#[test]
fn clinical_dates_numbers_quantities_and_uris() {
    let node = TestNode::start();
    for (id, members) in [
        (
            "o1",
            r#","effectiveDateTime":"2025-03-01","valueQuantity":{"value":10}"#,
        ),
        (
            "o2",
            r#","effectiveDateTime":"2024-03-01T10:00:00+02:00","valueQuantity":{"value":-3}"#,
        ),
        ("o3", r#","valueQuantity":{"value":9.5}"#),
        (
            "o4",
            r#","effectivePeriod":{"start":"2025-02-01","end":"2025-12-31"}"#,
        ),
        (
            "o5",
            r#","effectiveDateTime":"2024-03-01T09:00:00+02:00","valueQuantity":{"value":1e3}"#,
        ),
    ] {
        let members = format!(r#","status":"final","code":{{"text":"x"}}{members}"#);
        put(&node, "Observation", id, &members);
    }
    orders(
        &node,
        "Observation",
        &[
            ("date", "o5 o2 o4 o1 o3"),
            ("date,_id", "o5 o2 o4 o1 o3"),
            ("value-quantity", "o2 o3 o1 o5 o4"),
            ("-value-quantity", "o5 o1 o3 o2 o4"),
            ("value-quantity,-date", "o2 o3 o1 o5 o4"),
        ],
        &[],
    );
    // Going down a Period may count by either end: the rest is certain.
    for sort in ["-date", "-date,_id"] {
        let answer = node.get(&format!("Observation?_sort={sort}"));
        let order: Vec<String> = found(&answer).into_iter().filter(|id| id != "o4").collect();
        assert_eq!(order, ["o1", "o2", "o5", "o3"], "{sort}");
    }
    for (id, members) in [
        ("r1", r#","prediction":[{"probabilityDecimal":0.5}]"#),
        ("r2", r#","prediction":[{"probabilityDecimal":0.05}]"#),
        ("r3", ""),
        (
            "r4",
            r#","prediction":[{"probabilityRange":{"low":{"value":0.2},"high":{"value":0.3}}}]"#,
        ),
    ] {
        let members =
            format!(r#","status":"final","subject":{{"reference":"Patient/p"}}{members}"#);
        put(&node, "RiskAssessment", id, &members);
    }
    orders(
        &node,
        "RiskAssessment",
        &[
            ("probability", "r2 r4 r1 r3"),
            ("-probability", "r1 r4 r2 r3"),
        ],
        &[],
    );
    for (id, url) in [
        ("v1", "http://b.example"),
        ("v2", "http://a.example"),
        ("v3", "urn:oid:1.2"),
    ] {
        put(
            &node,
            "ValueSet",
            id,
            &format!(r#","status":"draft","url":"{url}""#),
        );
    }
    put(&node, "ValueSet", "v4", r#","status":"draft""#);
    orders(
        &node,
        "ValueSet",
        &[("url", "v2 v1 v3 v4"), ("-url", "v3 v1 v2 v4")],
        &[],
    );
}

/// The database and the server, which puts pages of several types together, have one order.
#[test]
fn an_order_over_several_types_and_scripts() {
    let node = TestNode::start();
    for (name, id, family) in [
        ("Patient", "B", "De Rossi"),
        ("Practitioner", "a", "DeRossi"),
        ("Patient", "A-1", "de-rossi"),
        ("Practitioner", "a.1", "Δέλτα"),
        ("Patient", "10", "D'Rossi"),
        ("Practitioner", "9", "_rossi"),
        ("Patient", "Z", "😀"),
        ("Practitioner", "b", "Ångström"),
    ] {
        put(
            &node,
            name,
            id,
            &format!(r#","name":[{{"family":"{family}"}}]"#),
        );
    }
    put(&node, "Patient", "none", "");
    let types = "?_type=Patient,Practitioner";
    for (sort, expected) in [
        ("_id", "10 9 A-1 B Z a a.1 b none"),
        ("-_id", "none b a.1 a Z B A-1 9 10"),
        ("family", "9 b 10 B A-1 a a.1 Z none"),
        ("-family", "Z a.1 a A-1 B 10 b 9 none"),
        ("-family,_id", "Z a.1 a A-1 B 10 b 9 none"),
    ] {
        let whole = found(&node.get(&format!("{types}&_sort={sort}&_count=100"))).join(" ");
        assert_eq!(whole, expected, "{sort}");
        for count in [1, 2, 4] {
            let (paged, _) = pages(&node, &format!("{types}&_sort={sort}&_count={count}"));
            assert_eq!(paged.join(" "), expected, "{sort} {count}");
        }
    }
}

#[test]
fn an_order_of_what_is_found() {
    let node = patients();
    for (query, expected) in [
        ("family=rossi&_sort=given", "p1 p4"),
        ("family=rossi&_sort=-given", "p4 p1"),
        ("birthdate=lt1985&_sort=-birthdate,_id", "p1 p3 p5"),
        ("_id=p4,p1,p2&_sort=-_id", "p4 p2 p1"),
        ("family:missing=false&_sort=-_lastUpdated", "p6 p4 p3 p2 p1"),
    ] {
        assert_eq!(
            found(&node.get(&format!("Patient?{query}"))).join(" "),
            expected,
            "{query}"
        );
    }
    known(
        &node,
        "Patient",
        &[("_sort=family&family=rossi", "p1 p4")],
        &[],
    );
}

/// All pages forward by `next`, then backward by `prev`, are the same pages.
#[test]
fn pages_are_the_same_in_both_directions() {
    let node = TestNode::start();
    for number in 0..17 {
        let given = ["Anna", "Bruno", "Carla"][number % 3];
        let date = match number % 4 {
            0 => String::new(),
            rest => format!(r#","birthDate":"19{}0-01-01""#, 5 + rest),
        };
        let name = match number % 5 {
            4 => String::new(),
            rest => format!(r#","name":[{{"family":"F{rest}","given":["{given}"]}}]"#),
        };
        put(
            &node,
            "Patient",
            &format!("p{number:02}"),
            &format!("{date}{name}"),
        );
    }
    for sort in [
        "",
        "_id",
        "-_id",
        "_lastUpdated",
        "-_lastUpdated",
        "birthdate",
        "-birthdate",
        "family",
        "-family",
        "family,birthdate",
        "family,-birthdate",
        "-family,birthdate,given",
        "-given,-family,-_id",
    ] {
        for count in [1, 4, 16, 17] {
            let first = match sort {
                "" => format!("Patient?_count={count}"),
                sort => format!("Patient?_sort={sort}&_count={count}"),
            };
            let (forward, backward) = there_and_back(&node, &first);
            // The last page may be short, and is met again as it was.
            assert_eq!(forward, backward, "{first}");
            assert_eq!(forward.concat().len(), 17, "{first}");
            assert!(forward.iter().all(|page| !page.is_empty()), "{first}");
        }
    }
}

/// Tokens by code and then by system, references by what they name; what has none comes last.
#[test]
fn an_order_by_tokens_and_references() {
    let node = TestNode::start();
    for (id, members) in [
        (
            "p1",
            r#","gender":"male","active":true,"identifier":[{"system":"urn:b","value":"7"}]"#,
        ),
        (
            "p2",
            r#","gender":"female","identifier":[{"system":"urn:a","value":"7"},{"value":"9"}]"#,
        ),
        (
            "p3",
            r#","active":false,"identifier":[{"value":"1"},{"system":"urn:z","value":"8"}]"#,
        ),
        (
            "p4",
            r#","gender":"female","managingOrganization":{"reference":"Organization/b"}"#,
        ),
        (
            "p5",
            r#","gender":"other","managingOrganization":{"reference":"Organization/a"}"#,
        ),
    ] {
        put(&node, "Patient", id, members);
    }
    orders(
        &node,
        "Patient",
        &[
            ("gender,_id", "p2 p4 p1 p5 p3"),
            ("-gender,_id", "p5 p1 p2 p4 p3"),
            ("gender,-_id", "p4 p2 p1 p5 p3"),
            ("identifier,_id", "p3 p2 p1 p4 p5"),
            ("-identifier,_id", "p2 p3 p1 p4 p5"),
            ("organization,_id", "p5 p4 p1 p2 p3"),
            ("-organization,-_id", "p4 p5 p3 p2 p1"),
            ("active,gender,_id", "p3 p1 p2 p4 p5"),
            ("-_id,gender", "p5 p4 p3 p2 p1"),
        ],
        &[],
    );
    for sort in [
        "gender",
        "-gender",
        "identifier,-gender",
        "-organization",
        "active,-_id",
    ] {
        for count in [1, 2, 4] {
            let first = format!("Patient?_sort={sort}&_count={count}");
            let (forward, backward) = there_and_back(&node, &first);
            assert_eq!(forward, backward, "{first}");
            assert_eq!(forward.concat().len(), 5, "{first}");
        }
    }
    let refused = node.get_with("Patient?_sort=near", &[STRICT]);
    assert_eq!(refused.status, 400, "{}", refused.text());
}

/// All that matches is looked at for such an order, so there is a most.
#[test]
fn in_18_an_order_by_tokens_is_bounded() {
    let node = TestNode::start();
    let bundle = |range: std::ops::Range<usize>| {
        let entries: Vec<String> = range
            .map(|_| {
                r#"{"resource":{"resourceType":"Basic","code":{"text":"x"}},"request":{"method":"POST","url":"Basic"}}"#
                    .to_owned()
            })
            .collect();
        let entries = entries.join(",");
        format!(r#"{{"resourceType":"Bundle","type":"transaction","entry":[{entries}]}}"#)
    };
    let post = |range| {
        let answer = node.post("", &bundle(range));
        assert_eq!(answer.status, 200, "{}", answer.text());
    };
    post(0..500);
    post(0..500);
    let whole = node.get("Basic?_sort=code&_count=1000");
    assert_eq!(found(&whole).len(), 1000);
    post(0..1);
    let refused = node.get("Basic?_sort=code");
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert_eq!(refused.json()["issue"][0]["code"], "too-costly");
    // In another order, or fewer, they are told.
    assert_eq!(node.get("Basic?_sort=_id").status, 200);
    let few = node.get("Basic?_sort=code&_lastUpdated=lt2000-01-01");
    assert_eq!(few.status, 200);
}
