//! uri: the whole of it, above and below. Source: FHIR R4 search.html#uri.

use super::{put, table};
use crate::support::TestNode;

fn value_sets() -> TestNode {
    let node = TestNode::start();
    for (id, url) in [
        ("root", "http://acme.org/fhir"),
        ("one", "http://acme.org/fhir/ValueSet/1"),
        ("version", "http://acme.org/fhir/ValueSet/1/_history/5"),
        ("two", "http://acme.org/fhir/ValueSet/2"),
        ("upper", "http://acme.org/fhir/ValueSet/ONE"),
        ("secure", "https://acme.org/fhir/ValueSet/1"),
        ("oid", "urn:oid:1.2.3.4"),
        ("percent", "http://acme.org/a%20b_c"),
        ("accent", "http://acme.org/è"),
    ] {
        put(
            &node,
            "ValueSet",
            id,
            &format!(r#","status":"active","url":"{url}""#),
        );
    }
    put(&node, "ValueSet", "none", r#","status":"active""#);
    node
}

#[test]
fn the_whole_uri_must_be_the_same() {
    table(
        &value_sets(),
        "ValueSet",
        &[
            ("url=http://acme.org/fhir/ValueSet/1", "one"),
            ("url=http%3A%2F%2Facme.org%2Ffhir%2FValueSet%2F1", "one"),
            ("url=http://acme.org/fhir/ValueSet/", ""),
            ("url=http://acme.org/fhir/valueset/1", ""),
            ("url=http://acme.org/fhir/ValueSet/ONE", "upper"),
            ("url=http://acme.org/fhir/ValueSet/one", ""),
            ("url=HTTP://acme.org/fhir/ValueSet/1", ""),
            ("url=urn:oid:1.2.3.4", "oid"),
            ("url=urn:oid:1.2.3", ""),
            ("url=http://acme.org/a%2520b_c", "percent"),
            ("url=http://acme.org/a%20b_c", ""),
            ("url=http://acme.org/%C3%A8", "accent"),
            ("url=http://acme.org/e", ""),
            (
                "url=http://acme.org/fhir/ValueSet/1,urn:oid:1.2.3.4",
                "oid one",
            ),
            (
                "url=http://acme.org/fhir/ValueSet/1&url=urn:oid:1.2.3.4",
                "",
            ),
            ("url:missing=true", "none"),
        ],
    );
}

#[test]
fn below_and_above() {
    table(
        &value_sets(),
        "ValueSet",
        &[
            ("url:below=http://acme.org/fhir/", "one two upper version"),
            ("url:below=http://acme.org/fhir/ValueSet/1", "one version"),
            (
                "url:below=http://acme.org/fhir/ValueSet",
                "one two upper version",
            ),
            ("url:below=https://acme.org", "secure"),
            ("url:below=http://ACME.org/fhir/", ""),
            ("url:below=http://acme.org/fhir/ValueSet/on", ""),
            ("url:below=http://acme.org/a%2520b", "percent"),
            ("url:below=http://acme.org/%C3%A8", "accent"),
            (
                "url:below=https://acme.org/,http://acme.org/fhir/ValueSet/2",
                "secure two",
            ),
            (
                "url:above=http://acme.org/fhir/ValueSet/1/_history/5",
                "one root version",
            ),
            (
                "url:above=http://acme.org/fhir/ValueSet/1/_history/6",
                "one root",
            ),
            ("url:above=http://acme.org/fhir/ValueSet/2", "root two"),
            ("url:above=http://acme.org/fhir", "root"),
            ("url:above=http://acme.org", ""),
            ("url:above=https://acme.org/fhir/ValueSet/1/x/y", "secure"),
            (
                "url:above=https://acme.org/fhir/ValueSet/1,http://acme.org/fhir/x",
                "root secure",
            ),
        ],
    );
}

#[test]
fn the_source_and_the_profiles_of_any_resource() {
    let node = TestNode::start();
    put(
        &node,
        "Patient",
        "a",
        r#","meta":{"source":"http://s.example/feed/1","profile":["http://p.example/a|1.0","http://p.example/b"]}"#,
    );
    put(
        &node,
        "Patient",
        "b",
        r#","meta":{"source":"http://s.example/feed/2","profile":["http://p.example/a|2.0"]}"#,
    );
    put(&node, "Patient", "c", "");
    table(
        &node,
        "Patient",
        &[
            ("_source=http://s.example/feed/1", "a"),
            ("_source=http://s.example/feed", ""),
            ("_source:below=http://s.example/feed/", "a b"),
            ("_source:missing=true", "c"),
            ("_profile=http://p.example/a", "a b"),
            ("_profile=http://p.example/a|1.0", "a"),
            ("_profile=http://p.example/b", "a"),
            (
                "_profile=http://p.example/a&_profile=http://p.example/b",
                "a",
            ),
            ("_profile=http://p.example/c", ""),
            ("_profile:below=http://p.example/", "a b"),
            ("_profile:below=http://p.example/b", "a"),
            ("_profile:missing=true", "c"),
        ],
    );
}
