//! Searches that cannot be answered: refused with the parameter named, in strict handling and in
//! lenient. Source: FHIR R4 search.html#errors; IN-01, IN-18, IN-19.

mod filters;
mod limits;
mod mangled;
mod names;
mod results;
mod values;

use crate::support::TestNode;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const V: &str = "value";
const NS: &str = "not-supported";
const COSTLY: &str = "too-costly";

/// A search, the code of its fault, and what the diagnostics name.
type Row<'a> = (&'a str, &'a str, &'a str);

/// What must come of a search: its fault, or 200.
enum Expected<'a> {
    Refused(&'a str, &'a str),
    Found,
}

fn compared(
    node: &TestNode,
    query: &str,
    handling: &str,
    expected: &Expected<'_>,
    wrong: &mut Vec<String>,
) {
    let handling = format!("handling={handling}");
    let prefer = ("prefer", handling.as_str());
    let (name, parameters) = query.split_once('?').unwrap();
    let path = match name {
        "" => "_search".to_owned(),
        name => format!("{name}/_search"),
    };
    let get = node.get_with(query, &[prefer]);
    let post = node.request("POST", &path, &[prefer, FORM], parameters.as_bytes());
    for (method, answer) in [("GET", get), ("POST", post)] {
        let outcome: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let issue = &outcome["issue"][0];
        let text = |name: &str| issue[name].as_str().unwrap_or("").to_owned();
        let (code, diagnostics) = (text("code"), text("diagnostics"));
        let fine = match expected {
            Expected::Refused(wanted, named) => {
                answer.status == 400 && code == *wanted && diagnostics.contains(named)
            }
            Expected::Found => answer.status == 200,
        };
        if !fine {
            let shown: String = query.chars().take(120).collect();
            wrong.push(format!(
                "{method} {handling} {shown}: {} {code}: {diagnostics}",
                answer.status
            ));
        }
    }
}

/// Every row is refused, whatever the handling; reports all that differ.
#[track_caller]
fn refused(node: &TestNode, rows: &[Row<'_>]) {
    let mut wrong = Vec::new();
    for (query, code, named) in rows {
        for handling in ["strict", "lenient"] {
            let expected = Expected::Refused(code, named);
            compared(node, query, handling, &expected, &mut wrong);
        }
    }
    finish(node, &wrong);
}

/// Every row is refused in strict handling, and passed over in lenient.
#[track_caller]
fn refused_when_strict(node: &TestNode, rows: &[Row<'_>]) {
    let mut wrong = Vec::new();
    for (query, code, named) in rows {
        let expected = Expected::Refused(code, named);
        compared(node, query, "strict", &expected, &mut wrong);
        compared(node, query, "lenient", &Expected::Found, &mut wrong);
        let answer = node.get(query);
        let warned = answer.entries().iter().any(|entry| {
            let issue = &entry["resource"]["issue"][0];
            entry["search"]["mode"] == "outcome"
                && issue["severity"] == "warning"
                && issue["diagnostics"]
                    .as_str()
                    .is_some_and(|text| text.contains(named))
        });
        if !warned {
            wrong.push(format!("{query}: no warning: {}", answer.text()));
        }
    }
    finish(node, &wrong);
}

#[track_caller]
fn finish(node: &TestNode, wrong: &[String]) {
    assert!(
        wrong.is_empty(),
        "{} answers differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert_eq!(node.get("/health/live").status, 200);
    assert_eq!(node.get("Patient").status, 200);
}

#[test]
fn unknown_parameters() {
    refused_when_strict(
        &TestNode::start(),
        &[
            ("Patient?nonsense=1", NS, "nonsense"),
            ("Patient?Family=x", NS, "Family"),
            ("Patient?_nonsense=1", NS, "_nonsense"),
            ("Patient?nonsense:exact=1", NS, "nonsense"),
            ("Patient?nonsense.name=1", NS, "nonsense"),
            ("Patient?code=1", NS, "code"),
            ("Patient?=1", NS, "Patient"),
            ("Patient?family%20=x", NS, "family"),
            ("Patient?%F0%9F%98%80=x", NS, "😀"),
            ("Patient?_elements=nonsense", NS, "nonsense"),
            ("Patient?_elements=id,nonsense", NS, "nonsense"),
            ("Patient?_COUNT=1", NS, "_COUNT"),
            ("Patient?_has=x", NS, "_has"),
        ],
    );
}

#[test]
fn types_and_places() {
    let node = TestNode::start();
    let rows: &[Row<'_>] = &[
        ("?_type=Nothing", V, "_type"),
        ("?_type=patient", V, "_type"),
        ("?_type=", V, "_type"),
        ("?_type=Patient,,Group", V, "_type"),
        ("?_type=Patient,Nothing", V, "Nothing"),
    ];
    refused(&node, rows);
    for (path, status) in [
        ("Nothing?_id=a", 404),
        ("patient?_id=a", 404),
        ("Group/x/Observation?code=a", 404),
        ("Patient/x/Nothing?code=a", 404),
        ("Patient/a_b/Observation?code=a", 404),
    ] {
        let answer = node.get(path);
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert_eq!(answer.json()["resourceType"], "OperationOutcome", "{path}");
    }
}
