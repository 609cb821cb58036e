//! reference: literal, logical and canonical. Source: FHIR R4 search.html#reference.

use super::{check, put, table};
use crate::support::TestNode;

#[test]
fn by_reference() {
    let node = TestNode::start();
    let rest = r#","status":"final","code":{"text":"x"}"#;
    let base = node.base.clone();
    for (id, reference) in [
        ("relative", "Patient/1"),
        ("absolute", &format!("{base}/Patient/1")),
        ("version", "Patient/1/_history/3"),
        ("foreign", "http://other.example/fhir/Patient/1"),
        ("group", "Group/1"),
        ("two", "Patient/2"),
    ] {
        put(
            &node,
            "Observation",
            id,
            &format!(r#"{rest},"subject":{{"reference":"{reference}"}}"#),
        );
    }
    put(&node, "Observation", "nobody", rest);
    for (query, expected) in [
        ("subject=Patient/1", "absolute relative version"),
        (
            &format!("subject={base}/Patient/1"),
            "absolute relative version",
        ),
        ("subject=1", "absolute group relative version"),
        ("subject:Patient=1", "absolute relative version"),
        ("subject:Group=1", "group"),
        ("subject=http://other.example/fhir/Patient/1", "foreign"),
        ("patient=1", "absolute relative version"),
        ("patient=Patient/1", "absolute relative version"),
        (
            "patient=Patient/1,Patient/2",
            "absolute relative two version",
        ),
        ("patient=1&subject=2", ""),
        ("patient=Patient/none", ""),
        ("patient=Group/1", ""),
        ("subject:missing=true", "nobody"),
        ("subject:identifier=x", ""),
    ] {
        check(&node, &format!("Observation?{query}"), expected);
    }
    node.get("Observation?subject:below=x")
        .refused(400, "not-supported");
}

const REST: &str = r#","status":"final","code":{"text":"x"}"#;

#[test]
fn identifiers_of_what_is_referred_to() {
    let node = TestNode::start();
    for (id, subject) in [
        ("x7", r#"{"identifier":{"system":"urn:x","value":"7"}}"#),
        ("y7", r#"{"identifier":{"system":"urn:y","value":"7"}}"#),
        ("bare", r#"{"identifier":{"value":"7"}}"#),
        (
            "both",
            r#"{"reference":"Patient/1","identifier":{"system":"urn:x","value":"8"}}"#,
        ),
        ("shown", r#"{"display":"7"}"#),
    ] {
        put(
            &node,
            "Observation",
            id,
            &format!(r#"{REST},"subject":{subject}"#),
        );
    }
    // The identifier of the resource itself is another matter.
    put(
        &node,
        "Patient",
        "7",
        r#","identifier":[{"system":"urn:x","value":"7"}]"#,
    );
    put(
        &node,
        "Observation",
        "literal",
        &format!(r#"{REST},"subject":{{"reference":"Patient/7"}}"#),
    );
    table(
        &node,
        "Observation",
        &[
            ("subject:identifier=7", "bare x7 y7"),
            ("subject:identifier=urn:x|7", "x7"),
            ("subject:identifier=|7", "bare"),
            ("subject:identifier=urn:x|", "both x7"),
            ("subject:identifier=urn:x|7,urn:y|7", "x7 y7"),
            ("subject:identifier=urn:z|7", ""),
            ("subject:identifier=urn:x|8&subject=Patient/1", "both"),
            ("subject=Patient/1", "both"),
            ("subject=7", "literal"),
            ("patient.identifier=urn:x|7", "literal"),
        ],
    );
}

#[test]
fn types_as_modifiers() {
    let node = TestNode::start();
    for (id, performer) in [
        ("practitioner", "Practitioner/1"),
        ("organization", "Organization/1"),
        ("role", "PractitionerRole/1"),
        ("other", "Practitioner/2"),
        ("foreign", "http://other.example/fhir/Practitioner/1"),
        ("urn", "urn:uuid:3f1b2f6e-9c57-4b0c-8f5e-0f5d2b8f7c11"),
    ] {
        let members = format!(r#"{REST},"performer":[{{"reference":"{performer}"}}]"#);
        put(&node, "Observation", id, &members);
    }
    let members = format!(
        r#"{REST},"performer":[{{"reference":"Practitioner/1"}},{{"reference":"Organization/1"}}]"#
    );
    put(&node, "Observation", "two", &members);
    table(
        &node,
        "Observation",
        &[
            ("performer=1", "organization practitioner role two"),
            ("performer=Practitioner/1", "practitioner two"),
            ("performer:Practitioner=1", "practitioner two"),
            ("performer:Practitioner=Practitioner/1", "practitioner two"),
            ("performer:Organization=1", "organization two"),
            ("performer:PractitionerRole=1", "role"),
            ("performer:Practitioner=1,2", "other practitioner two"),
            ("performer:Practitioner=1&performer:Organization=1", "two"),
            (
                "performer=Practitioner/2,Organization/1",
                "organization other two",
            ),
            (
                "performer=http://other.example/fhir/Practitioner/1",
                "foreign",
            ),
            ("performer=Practitioner/1/_history/4", "practitioner two"),
            ("performer:Practitioner=Organization/1", ""),
            ("performer:missing=true", ""),
        ],
    );
}

#[test]
fn canonical_references() {
    let node = TestNode::start();
    for (id, canonical) in [
        ("v1", "http://q.example/Questionnaire/q|1.0"),
        ("v2", "http://q.example/Questionnaire/q|2.0"),
        ("any", "http://q.example/Questionnaire/q"),
        ("other", "http://q.example/Questionnaire/r|1.0"),
    ] {
        let members = format!(r#","status":"completed","questionnaire":"{canonical}""#);
        put(&node, "QuestionnaireResponse", id, &members);
    }
    put(
        &node,
        "QuestionnaireResponse",
        "none",
        r#","status":"completed""#,
    );
    let q = "questionnaire=http://q.example/Questionnaire";
    table(
        &node,
        "QuestionnaireResponse",
        &[
            (&format!("{q}/q"), "any v1 v2"),
            (&format!("{q}/q%7C1.0"), "v1"),
            (&format!(r"{q}/q\|1.0"), "v1"),
            (&format!("{q}/q|1.0"), "v1"),
            (&format!("{q}/q|3.0"), ""),
            (
                &format!("{q}/q,http://q.example/Questionnaire/r"),
                "any other v1 v2",
            ),
            (&format!("{q}/Q"), ""),
            ("questionnaire:missing=true", "none"),
        ],
    );
}

#[test]
fn several_references_and_what_is_inside() {
    let node = TestNode::start();
    put(
        &node,
        "Group",
        "g",
        r##","type":"person","actual":true,"contained":[{"resourceType":"Patient","id":"in"}],"member":[{"entity":{"reference":"Patient/1"}},{"entity":{"reference":"Patient/2"}},{"entity":{"reference":"#in"}}]"##,
    );
    put(
        &node,
        "Group",
        "h",
        r#","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/2"}}]"#,
    );
    table(
        &node,
        "Group",
        &[
            ("member=Patient/1", "g"),
            ("member=Patient/2", "g h"),
            ("member=Patient/1&member=Patient/2", "g"),
            ("member=Patient/1,Patient/2", "g h"),
            ("member=in", ""),
            ("member=Patient/in", ""),
            ("member=Patient/3", ""),
            ("member:missing=true", ""),
        ],
    );
}
