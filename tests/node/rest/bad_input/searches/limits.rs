//! Searches that are too much.

use super::{COSTLY, FORM, refused};
use crate::support::TestNode;

#[test]
fn in_18_limits() {
    let values = |count: usize| vec!["x"; count].join(",");
    let many = format!("Patient?family={}", values(51));
    let most = format!("Patient?_id={}", values(2_000));
    let chained = format!("Observation?patient.family={}", values(51));
    let sum: Vec<String> = (0..5).map(|_| format!("family={}", values(45))).collect();
    let sum = format!("Patient?{}", sum.join("&"));
    let parameters = format!("Patient?{}", vec!["active=true"; 31].join("&"));
    refused(
        &TestNode::start(),
        &[
            (&many, COSTLY, "family"),
            (&most, COSTLY, "_id"),
            (&chained, COSTLY, "patient.family"),
            (&sum, COSTLY, "values"),
            (&parameters, COSTLY, "parameters"),
            ("Patient?family:contains=a", COSTLY, ":contains"),
            ("Patient?family:contains=%20ab%20", COSTLY, ":contains"),
            ("Patient?family:contains=abc,d", COSTLY, ":contains"),
            ("?", COSTLY, "_type"),
            ("?_format=json", COSTLY, "_type"),
        ],
    );
}

/// What cannot be put into a URL may be put into a body, and is refused there by its number.
#[test]
fn in_01_in_18_a_search_that_is_too_long() {
    let node = TestNode::start();
    let ten_thousand = format!("_id={}", vec!["x"; 10_000].join(","));
    for query in [
        format!("Patient?{ten_thousand}"),
        format!("Patient?family={}", "x".repeat(9_000)),
        format!("Patient?{}=x", "y".repeat(9_000)),
        format!("Patient?{}", "&".repeat(9_000)),
    ] {
        node.get(&query).refused(414, "too-long");
    }
    let post = node.request("POST", "Patient/_search", &[FORM], ten_thousand.as_bytes());
    post.refused(400, COSTLY);
    let deep = format!("{}name=x", "partof.".repeat(10_000));
    let post = node.request("POST", "Organization/_search", &[FORM], deep.as_bytes());
    post.refused(400, COSTLY);
    let has = format!("{}name=x", "_has:Organization:partof:".repeat(2_000));
    let post = node.request("POST", "Organization/_search", &[FORM], has.as_bytes());
    post.refused(400, COSTLY);
    assert_eq!(node.get("Patient").status, 200);
}

/// A chain without types branches at every hop that may lead anywhere: it is answered, or refused
/// before it costs much.
#[test]
fn in_18_a_chain_that_branches() {
    branching(&[
        "Provenance?target._id=x",
        "Provenance?target.target._id=x",
        "Basic?subject.subject._id=x",
        "Observation?focus.focus._id=x",
        "Provenance?target.target.target.target.target.target._id=x",
        "Basic?subject.subject.subject.subject._id=x",
        "Observation?focus.focus.focus.focus.focus.focus.focus.focus._id=x",
    ]);
}

fn branching(queries: &[&str]) {
    let node = TestNode::start();
    for query in queries {
        let started = std::time::Instant::now();
        let answer = node.get(query);
        let took = started.elapsed();
        let costly = answer.json()["issue"][0]["code"] == COSTLY;
        let fine = answer.status == 200 || (answer.status == 400 && costly);
        assert!(fine, "{query}: {}", answer.text());
        assert!(took.as_secs() < 10, "{query}: {took:?}");
    }
}

/// What the limits allow is answered, whatever the kind of the parameter.
#[test]
fn in_18_as_much_as_is_allowed() {
    let values = |value: &str| vec![value; 50].join(",");
    let four = |name: &str, value: &str| vec![format!("{name}={}", values(value)); 4].join("&");
    let eight = "partof.".repeat(8);
    let has = "_has:Organization:partof:".repeat(4);
    let rows = [
        format!("Patient?{}", four("identifier", "urn:x|1")),
        format!("Patient?{}", four("family", "x")),
        format!("Patient?{}", four("family:contains", "abc")),
        format!("Patient?birthdate={}", values("ne2020")),
        format!("Observation?value-quantity={}", values("ne5.4||mg")),
        // An id without a type may be of any of them.
        format!("Provenance?{}", four("target", "x")),
        format!("Patient?{}", four("_has:Provenance:target:target", "x")),
        format!(
            "Observation?{}",
            four("patient.general-practitioner.name", "x")
        ),
        format!("Observation?{}", four("subject.name", "x")),
        format!("Organization?{eight}name=x"),
        format!("Organization?{has}name=x"),
        format!("Organization?{has}{eight}name=x"),
        format!("Organization?{eight}{has}name=x"),
        format!("Patient?{}", vec!["active=true"; 30].join("&")),
        format!("Patient?{}", vec!["_include=Patient:link"; 30].join("&")),
        format!("Patient?{}", four("birthdate", "ne2020")),
        format!("Observation?{}", four("value-quantity", "ne5.4||mg")),
    ];
    let node = TestNode::start();
    let mut wrong = Vec::new();
    for query in rows {
        let (name, form) = query.split_once('?').unwrap();
        let path = format!("{name}/_search");
        let answer = node.request("POST", &path, &[FORM], form.as_bytes());
        if answer.status != 200 {
            let shown: String = query.chars().take(90).collect();
            wrong.push(format!("{shown}: {} {}", answer.status, answer.text()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
