//! Chained parameters and reverse chaining. Source: FHIR R4 search.html#chaining, #has.

use super::{change, put, table};
use crate::support::TestNode;

const REST: &str = r#","status":"final""#;

/// Three organizations one below the other, two patients, and observations about them and others.
fn world() -> TestNode {
    let node = TestNode::start();
    for (path, members) in [
        ("Organization/region", r#","name":"Regione""#),
        (
            "Organization/asl",
            r#","name":"ASL Roma","partOf":{"reference":"Organization/region"}"#,
        ),
        (
            "Organization/hospital",
            r#","name":"Ospedale","partOf":{"reference":"Organization/asl"}"#,
        ),
        ("Practitioner/doctor", r#","name":[{"family":"Bianchi"}]"#),
        (
            "Patient/one",
            r#","active":true,"birthDate":"1980-05-17","name":[{"family":"Rossi"}],"identifier":[{"system":"urn:x","value":"1"}],"managingOrganization":{"reference":"Organization/hospital"},"generalPractitioner":[{"reference":"Practitioner/doctor"}]"#,
        ),
        (
            "Patient/two",
            r#","birthDate":"1990","name":[{"family":"Neri"}],"managingOrganization":{"reference":"Organization/asl"},"generalPractitioner":[{"reference":"Organization/asl"}]"#,
        ),
        ("Patient/three", r#","name":[{"family":"Rossini"}]"#),
        ("Location/ward", r#","name":"Rossi Ward""#),
        (
            "Group/twins",
            r#","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/one"}}]"#,
        ),
        (
            "Encounter/visit",
            r#","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/one"}"#,
        ),
    ] {
        let (name, id) = path.split_once('/').unwrap();
        put(&node, name, id, members);
    }
    for (id, code, members) in [
        (
            "first",
            "w",
            r#","subject":{"reference":"Patient/one"},"encounter":{"reference":"Encounter/visit"}"#,
        ),
        ("second", "h", r#","subject":{"reference":"Patient/two"}"#),
        ("ward", "w", r#","subject":{"reference":"Location/ward"}"#),
        ("group", "g", r#","subject":{"reference":"Group/twins"}"#),
        ("gone", "w", r#","subject":{"reference":"Patient/nobody"}"#),
        (
            "elsewhere",
            "w",
            r#","subject":{"reference":"http://other.example/fhir/Patient/one"}"#,
        ),
        ("nothing", "n", ""),
    ] {
        let members = format!(r#"{REST},"code":{{"coding":[{{"code":"{code}"}}]}}{members}"#);
        put(&node, "Observation", id, &members);
    }
    node
}

#[test]
fn chains_of_one_hop() {
    table(
        &world(),
        "Observation",
        &[
            ("subject:Patient.name=rossi", "first"),
            ("subject:Location.name=rossi", "ward"),
            // Without a type: whatever it leads to that has the parameter.
            ("subject.name=rossi", "first ward"),
            ("patient.name=rossi", "first"),
            ("patient:Patient.name=rossi", "first"),
            ("subject%3APatient.name=rossi", "first"),
            ("subject%3APatient%2Ename=rossi", "first"),
            ("patient.name=rossi,neri", "first second"),
            ("patient.name:exact=rossi", ""),
            ("patient.name:exact=Rossi", "first"),
            ("patient.name:contains=oss", "first"),
            ("patient.birthdate=1980", "first"),
            ("patient.birthdate=ge1985", "second"),
            ("patient.active=true", "first"),
            ("patient.active:missing=true", "second"),
            ("patient.active:not=true", "second"),
            ("patient.identifier=urn:x|1", "first"),
            ("patient._id=one", "first"),
            ("patient._id=one,two,nobody", "first second"),
            ("subject._id=twins", "group"),
            ("patient._lastUpdated=gt2001", "first second"),
            ("patient.organization=Organization/asl", "second"),
            ("patient.organization=hospital", "first"),
            ("encounter.status=finished", "first"),
            ("encounter.class=AMB", "first"),
            ("subject:Group.member=Patient/one", "group"),
            ("patient.name=nobody", ""),
            // Chains are independent of each other.
            ("patient.name=rossi&patient.birthdate=1980", "first"),
            ("patient.name=rossi&patient.birthdate=1990", ""),
            ("patient.name=rossi&code=w", "first"),
            ("patient.name=rossi&code=h", ""),
        ],
    );
}

#[test]
fn chains_of_two_to_four_hops() {
    table(
        &world(),
        "Observation",
        &[
            ("subject:Patient.organization.name=ospedale", "first"),
            ("patient.organization.name=ASL", "second"),
            (
                "patient:Patient.organization:Organization.name=ASL",
                "second",
            ),
            ("patient.general-practitioner.name=bianchi", "first"),
            (
                "patient.general-practitioner:Practitioner.family=bianchi",
                "first",
            ),
            (
                "patient.general-practitioner:Organization.name=asl",
                "second",
            ),
            ("patient.general-practitioner:Practitioner.name=asl", ""),
            (
                "patient.general-practitioner.name=bianchi,asl",
                "first second",
            ),
            ("encounter.patient.name=rossi", "first"),
            ("encounter.subject:Patient.name=rossi", "first"),
            ("subject:Group.member:Patient.name=rossi", "group"),
            ("patient.organization.partof.name=asl", "first"),
            ("patient.organization.partof.name=regione", "second"),
            ("encounter.patient.organization.name=ospedale", "first"),
            ("patient.organization.partof.partof.name=regione", "first"),
            ("encounter.patient.organization.partof.name=asl", "first"),
            (
                "subject:Group.member:Patient.organization.partof.name=asl",
                "group",
            ),
            (
                "encounter.patient.organization.partof.partof._id=region",
                "first",
            ),
            ("encounter.patient.organization.partof.partof.name=asl", ""),
            ("patient.organization.partof:missing=true", ""),
            ("patient.organization.partof.partof:missing=true", "second"),
        ],
    );
}

#[test]
fn has_one_to_four_times() {
    let node = world();
    table(
        &node,
        "Patient",
        &[
            ("_has:Observation:patient:code=w", "one"),
            ("_has:Observation:patient:code=w,h", "one two"),
            ("_has:Observation:subject:code=h", "two"),
            ("_has:Observation:patient:code=n", ""),
            ("_has:Observation:patient:_id=first", "one"),
            ("_has:Observation:patient:status=final&name=neri", "two"),
            (
                "_has:Observation:patient:code=w&_has:Encounter:patient:class=AMB",
                "one",
            ),
            (
                "_has:Observation:patient:code=h&_has:Encounter:patient:class=AMB",
                "",
            ),
            ("_has:Observation:patient:code:not=w", "two"),
            ("_has:Group:member:type=person", "one"),
            // The encounter has an observation.
            (
                "_has:Encounter:patient:_has:Observation:encounter:code=w",
                "one",
            ),
            (
                "_has:Encounter:patient:_has:Observation:encounter:code=h",
                "",
            ),
        ],
    );
    let patients = "_has:Patient:organization";
    let parts = "_has:Organization:partof";
    let code = "_has:Observation:patient:code";
    table(
        &node,
        "Organization",
        &[
            (&format!("{patients}:name=rossi"), "hospital"),
            (&format!("{patients}:{code}=w"), "hospital"),
            (&format!("{patients}:{code}=h"), "asl"),
            (&format!("{parts}:name=ospedale"), "asl"),
            (&format!("{parts}:{parts}:name=ospedale"), "region"),
            (&format!("{parts}:{patients}:{code}=w"), "asl"),
            (&format!("{parts}:{patients}:{code}=w,h"), "asl region"),
            (&format!("{parts}:{parts}:{patients}:{code}=w"), "region"),
            (&format!("{parts}:{parts}:{patients}:{code}=h"), ""),
            ("_has:Patient:general-practitioner:name=neri", "asl"),
        ],
    );
    table(
        &node,
        "Practitioner",
        &[
            ("_has:Patient:general-practitioner:name=rossi", "doctor"),
            ("_has:Patient:general-practitioner:name=neri", ""),
        ],
    );
}

#[test]
fn chains_inside_has_and_has_at_the_end_of_chains() {
    let node = world();
    table(
        &node,
        "Patient",
        &[
            ("_has:Observation:patient:encounter.status=finished", "one"),
            ("_has:Observation:patient:encounter.status=planned", ""),
            ("_has:Observation:patient:patient.name=neri", "two"),
            ("organization._has:Organization:partof:name=ospedale", "two"),
            (
                "organization:Organization._has:Patient:organization:name=rossi",
                "one",
            ),
        ],
    );
    table(
        &node,
        "Organization",
        &[
            (
                "_has:Patient:organization:general-practitioner.name=bianchi",
                "hospital",
            ),
            (
                "_has:Patient:organization:general-practitioner:Organization.name=asl",
                "asl",
            ),
            ("partof._has:Patient:organization:name=neri", "hospital"),
            (
                "partof._has:Patient:organization:_has:Observation:patient:code=h",
                "hospital",
            ),
        ],
    );
    table(
        &node,
        "Observation",
        &[
            ("patient._has:Group:member:_id=twins", "first"),
            ("patient:Patient._has:Group:member:type=person", "first"),
            ("subject:Patient._has:Encounter:patient:class=AMB", "first"),
            (
                "patient.organization._has:Organization:partof:name=ospedale",
                "second",
            ),
            (
                "patient._has:Group:member:_has:Observation:subject:code=g",
                "first",
            ),
        ],
    );
}

#[test]
fn every_way_to_write_a_reference_is_followed() {
    let node = TestNode::start();
    put(&node, "Patient", "p", r#","name":[{"family":"Rossi"}]"#);
    let absolute = format!("{}/Patient/p", node.base);
    for (id, reference) in [
        ("relative", "Patient/p"),
        ("versioned", "Patient/p/_history/1"),
        ("absolute", absolute.as_str()),
        ("foreign", "http://other.example/fhir/Patient/p"),
    ] {
        let members = format!(
            r#","status":"final","code":{{"text":"x"}},"subject":{{"reference":"{reference}"}}"#
        );
        put(&node, "Observation", id, &members);
    }
    let here = "absolute relative versioned";
    table(
        &node,
        "Observation",
        &[
            ("patient.name=rossi", here),
            ("subject:Patient._id=p", here),
            ("subject=Patient/p", here),
        ],
    );
    table(
        &node,
        "Patient",
        &[
            ("_has:Observation:patient:_id=absolute", "p"),
            ("_has:Observation:subject:_id=versioned", "p"),
            ("_has:Observation:subject:_id=foreign", ""),
        ],
    );
}

#[test]
fn what_is_deleted_or_changed_is_followed_no_more() {
    let node = world();
    table(&node, "Observation", &[("patient.name=neri", "second")]);
    node.delete("Patient/two");
    table(
        &node,
        "Observation",
        &[
            ("patient.name=neri", ""),
            ("patient._id=two", ""),
            ("patient.active:not=true", ""),
            ("patient=two", "second"),
        ],
    );
    table(
        &node,
        "Organization",
        &[("_has:Patient:organization:_id=two", "")],
    );
    put(&node, "Patient", "two", r#","name":[{"family":"Verdi"}]"#);
    table(
        &node,
        "Observation",
        &[("patient.name=neri", ""), ("patient.name=verdi", "second")],
    );

    // In the middle of a chain.
    table(
        &node,
        "Observation",
        &[("patient.organization.partof.name=asl", "first")],
    );
    change(&node, "Organization", "hospital", r#","name":"Clinica""#);
    table(
        &node,
        "Observation",
        &[
            ("patient.organization.partof.name=asl", ""),
            ("patient.organization.name=ospedale", ""),
            ("patient.organization.name=clinica", "first"),
        ],
    );
    node.delete("Organization/hospital");
    table(
        &node,
        "Observation",
        &[("patient.organization.name=clinica", "")],
    );

    // What refers.
    table(
        &node,
        "Patient",
        &[("_has:Observation:patient:code=w", "one")],
    );
    change(
        &node,
        "Observation",
        "first",
        r#","status":"final","code":{"coding":[{"code":"w"}]},"subject":{"reference":"Patient/three"}"#,
    );
    table(
        &node,
        "Patient",
        &[("_has:Observation:patient:code=w", "three")],
    );
    node.delete("Observation/first");
    table(&node, "Patient", &[("_has:Observation:patient:code=w", "")]);

    // What arrives after the reference to it.
    put(
        &node,
        "Patient",
        "nobody",
        r#","name":[{"family":"Tardi"}]"#,
    );
    table(&node, "Observation", &[("patient.name=tardi", "gone")]);
    table(
        &node,
        "Patient",
        &[("_has:Observation:patient:code=w", "nobody")],
    );
}
