//! Runs HL7's patch cases. Each known failure has its reason; the lists may only shrink.

use super::{Patch, apply, fhirpath_patch, json_patch, xml_patch};
use crate::error::Kind;
use crate::fhir::definitions::Definitions;
use crate::fhir::model::json;
use crate::fhir::model::value::Value;
use crate::fhir::xml::{XmlElement, XmlLimits, XmlNode, from_xml, parse_document, write_document};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/suites/patch");

fn read(name: &str) -> Option<Vec<u8>> {
    let bytes = std::fs::read(format!("{FOLDER}/{name}")).ok();
    if bytes.is_none() {
        eprintln!("skipped: ../shared/suites/patch/{name} is absent");
    }
    bytes
}

fn value(text: &str) -> Value {
    json::parse(text.as_bytes(), &json::Limits::default()).unwrap()
}

/// Compares the names that failed with those that are known to.
#[track_caller]
fn judge(suite: &str, total: usize, failed: &[String], known: &[(&str, &str)]) {
    eprintln!("{suite}: {} of {total} passed", total - failed.len());
    let known: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
    assert_eq!(failed, known, "{suite}");
}

#[test]
fn json_patch_cases() {
    let Some(bytes) = read("json-patch-tests.json") else {
        return;
    };
    let cases = json::parse(&bytes, &json::Limits::default()).unwrap();
    let cases = cases.as_array().unwrap();
    let mut failed = Vec::new();
    for case in cases {
        let operations = case.items_at("patch");
        let result = json_patch::apply_all(case.get("doc").unwrap().clone(), operations);
        let passed = match (&result, case.get("expected")) {
            (Ok(found), Some(expected)) => sorted(found) == sorted(expected),
            (Err(error), None) => {
                let tested = error.to_string().contains("(test ");
                error.kind() == [Kind::Invalid, Kind::Unprocessable][usize::from(tested)]
            }
            _ => false,
        };
        if !passed {
            eprintln!("{:?}: {result:?}", case.str_at("comment"));
            failed.push(case.str_at("comment").unwrap_or("").to_owned());
        }
    }
    judge("JSON Patch", cases.len(), &failed, &[]);
}

/// The same tree with members in order of their names.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut members: Vec<_> = object
                .iter()
                .map(|(name, value)| (name.into(), sorted(value)))
                .collect();
            members.sort_by(|(a, _): &(crate::fhir::model::value::Text, _), (b, _)| a.cmp(b));
            Value::Object(members.into_iter().collect())
        }
        Value::Array(items) => items.iter().map(sorted).collect::<Vec<_>>().into(),
        other => other.clone(),
    }
}

fn cases(bytes: &[u8]) -> Vec<XmlElement> {
    let root = parse_document(bytes, &XmlLimits::default()).unwrap();
    root.children_named("case").cloned().collect()
}

/// The tree without white space between elements, as text.
fn canonical(element: &XmlElement) -> String {
    fn strip(element: &mut XmlElement) {
        element.children.retain_mut(|node| match node {
            XmlNode::Text(text) => !text.trim().is_empty(),
            XmlNode::Element(child) => {
                strip(child);
                true
            }
        });
    }
    let mut copy = element.clone();
    strip(&mut copy);
    write_document(&copy)
}

#[test]
fn xml_patch_cases() {
    let Some(bytes) = read("xml-patch-tests.xml") else {
        return;
    };
    let cases = cases(&bytes);
    let mut failed = Vec::new();
    for case in &cases {
        let target = case
            .child("target")
            .and_then(|target| target.elements().next());
        let patch = case.child("patch").unwrap();
        let result = match target {
            Some(target) => {
                let mut target = target.clone();
                xml_patch::apply_to_tree(&mut target, patch).map(|()| canonical(&target))
            }
            None => Err(super::unfit("no target")),
        };
        let expected = case
            .child("patched")
            .and_then(|patched| patched.elements().next())
            .map(canonical);
        if result.as_ref().ok() != expected.as_ref() {
            eprintln!("{:?}: {result:?}", case.attr("name"));
            failed.push(case.attr("name").unwrap_or("").to_owned());
        }
    }
    judge(
        "XML Patch",
        cases.len(),
        &failed,
        &[
            (
                "A.3.  Adding a Prefixed Namespace Declaration",
                "prefixes do not exist in a resource",
            ),
            (
                "A.9.  Replacing a Comment Node",
                "comments do not exist in a resource",
            ),
            (
                "A.15.  Removing a Comment Node",
                "comments do not exist in a resource",
            ),
        ],
    );
}

#[test]
fn fhirpath_patch_cases() {
    let Some(bytes) = read("fhir-patch-tests.xml") else {
        return;
    };
    let definitions = Definitions::r4().unwrap();
    let resource = |element: &XmlElement| {
        let inner = element.elements().next().unwrap();
        from_xml(write_document(inner).as_bytes(), &definitions)
    };
    let cases = cases(&bytes);
    let mut failed = Vec::new();
    for case in &cases {
        let input = resource(case.child("input").unwrap()).unwrap();
        let diff = resource(case.child("diff").unwrap()).unwrap();
        let result = apply(input, &Patch::FhirPath(diff), &definitions);
        let passed = match (&result, case.child("output")) {
            (Ok(found), Some(output)) => sorted(found) == sorted(&resource(output).unwrap()),
            (Err(error), None) => error.kind() == Kind::Invalid,
            _ => false,
        };
        if !passed {
            eprintln!("{:?}: {result:?}", case.attr("name"));
            failed.push(case.attr("name").unwrap_or("").to_owned());
        }
    }
    judge("FHIRPath Patch", cases.len(), &failed, &[]);
}

const PATIENT: &str = r#"{"resourceType":"Patient","id":"p","active":true,
    "name":[{"given":["A","B"],"_given":[null,{"id":"g"}]},{"family":"F"}],
    "birthDate":"2000-01-01","_birthDate":{"extension":[{"url":"http://x.org/e","valueCode":"a"}]},
    "deceasedBoolean":false}"#;

fn fhirpath(operations: &[(&str, &str, &str)]) -> crate::error::Result<Value> {
    let list: Vec<String> = operations
        .iter()
        .map(|(kind, path, rest)| {
            format!(
                r#"{{"name":"operation","part":[{{"name":"type","valueCode":"{kind}"}},{{"name":"path","valueString":"{path}"}}{rest}]}}"#
            )
        })
        .collect();
    let parameters = format!(
        r#"{{"resourceType":"Parameters","parameter":[{}]}}"#,
        list.join(",")
    );
    let definitions = Definitions::r4().unwrap();
    fhirpath_patch::apply(value(PATIENT), &value(&parameters), &definitions)
}

/// One operation; what it leaves at a member.
#[track_caller]
fn check(kind: &str, path: &str, rest: &str, member: &str, expected: &str) {
    let result = fhirpath(&[(kind, path, rest)]).unwrap();
    let found = result.get(member).cloned().unwrap_or(Value::Null);
    assert_eq!(found, value(expected), "{kind} {path}");
}

#[track_caller]
fn fails(kind: &str, path: &str, rest: &str, expected: Kind) {
    let error = fhirpath(&[(kind, path, rest)]).unwrap_err();
    assert_eq!(error.kind(), expected, "{kind} {path}: {error}");
}

#[test]
fn primitives_move_with_their_siblings() {
    let text = |value: &str| format!(r#",{{"name":"value","valueString":"{value}"}}"#);
    check(
        "delete",
        "Patient.name[0].given[0]",
        "",
        "name",
        r#"[{"given":["B"],"_given":[{"id":"g"}]},{"family":"F"}]"#,
    );
    check("delete", "Patient.birthDate", "", "_birthDate", "null");
    check(
        "replace",
        "Patient.birthDate",
        r#",{"name":"value","valueDate":"2001-01-01","_valueDate":{"id":"x"}}"#,
        "_birthDate",
        r#"{"id":"x"}"#,
    );
    check(
        "insert",
        "Patient.name[0].given",
        &format!(r#"{},{{"name":"index","valueInteger":1}}"#, text("X")),
        "name",
        r#"[{"given":["A","X","B"],"_given":[null,null,{"id":"g"}]},{"family":"F"}]"#,
    );
    check(
        "move",
        "Patient.name[0].given",
        r#",{"name":"source","valueInteger":1},{"name":"destination","valueInteger":0}"#,
        "name",
        r#"[{"given":["B","A"],"_given":[{"id":"g"},null]},{"family":"F"}]"#,
    );
    check(
        "add",
        "Patient.name[0]",
        &format!(r#"{},{{"name":"name","valueString":"given"}}"#, text("C")),
        "name",
        r#"[{"given":["A","B","C"],"_given":[null,{"id":"g"},null]},{"family":"F"}]"#,
    );
    check(
        "add",
        "Patient.active",
        r#",{"name":"name","valueString":"extension"},{"name":"value","valueExtension":{"url":"http://x.org/f","valueBoolean":true}}"#,
        "_active",
        r#"{"extension":[{"url":"http://x.org/f","valueBoolean":true}]}"#,
    );
    check(
        "replace",
        "Patient.birthDate.extension[0].value",
        r#",{"name":"value","valueString":"b"}"#,
        "_birthDate",
        r#"{"extension":[{"url":"http://x.org/e","valueString":"b"}]}"#,
    );
}

#[test]
fn choices_follow_the_type_of_the_value() {
    let date = r#",{"name":"value","valueDateTime":"2020"}"#;
    check(
        "replace",
        "Patient.deceased",
        date,
        "deceasedDateTime",
        r#""2020""#,
    );
    check(
        "replace",
        "Patient.deceased",
        date,
        "deceasedBoolean",
        "null",
    );
    fails(
        "replace",
        "Patient.deceased",
        r#",{"name":"value","valueString":"x"}"#,
        Kind::Invalid,
    );
    fails(
        "add",
        "Patient",
        &format!(r#",{{"name":"name","valueString":"deceased"}}{date}"#),
        Kind::Invalid,
    );
    check(
        "add",
        "Patient",
        r#",{"name":"name","valueString":"multipleBirth"},{"name":"value","valueInteger":2}"#,
        "multipleBirthInteger",
        "2",
    );
}

#[test]
fn lists_and_parts() {
    check(
        "insert",
        "Patient.telecom",
        r#",{"name":"index","valueInteger":0},{"name":"value","valueContactPoint":{"value":"1"}}"#,
        "telecom",
        r#"[{"value":"1"}]"#,
    );
    check(
        "add",
        "Patient",
        r#",{"name":"name","valueString":"contact"},{"name":"value","part":[{"name":"relationship","valueCodeableConcept":{"text":"a"}},{"name":"relationship","valueCodeableConcept":{"text":"b"}},{"name":"gender","valueCode":"male"}]}"#,
        "contact",
        r#"[{"relationship":[{"text":"a"},{"text":"b"}],"gender":"male"}]"#,
    );
    check("delete", "Patient.telecom", "", "telecom", "null");
    check(
        "delete",
        "Patient.name.where(family = 'F')",
        "",
        "name",
        r#"[{"given":["A","B"],"_given":[null,{"id":"g"}]}]"#,
    );
}

#[test]
fn what_does_not_fit_is_refused() {
    let one = r#",{"name":"value","valueString":"x"}"#;
    fails("delete", "Patient.name", "", Kind::Invalid);
    fails("delete", "Patient", "", Kind::Invalid);
    fails("replace", "Patient.gender", one, Kind::Invalid);
    fails("replace", "'a' & 'b'", one, Kind::Invalid);
    fails(
        "add",
        "Patient",
        &format!(r#"{one},{{"name":"name","valueString":"nonsense"}}"#),
        Kind::Invalid,
    );
    fails("add", "Patient", one, Kind::Invalid);
    fails("replace", "Patient.", one, Kind::Invalid);
    fails("replace", "Patient.birthDate", "", Kind::Invalid);
    fails("fly", "Patient", "", Kind::Invalid);
    fails(
        "move",
        "Patient.name",
        r#",{"name":"source","valueInteger":2},{"name":"destination","valueInteger":0}"#,
        Kind::Invalid,
    );
    fails(
        "move",
        "Patient.name",
        r#",{"name":"source","valueInteger":-1},{"name":"destination","valueInteger":0}"#,
        Kind::Invalid,
    );
    fails(
        "insert",
        "Patient.name",
        r#",{"name":"index","valueInteger":9},{"name":"value","valueHumanName":{"text":"t"}}"#,
        Kind::Invalid,
    );
}

#[test]
fn error_texts_hold_no_data() {
    let value = r#",{"name":"value","valueString":"x"}"#;
    let path = "Patient.name.where(family = 'Rossi').text";
    let text = fhirpath(&[("replace", path, value)])
        .unwrap_err()
        .to_string();
    assert!(text.contains("family = '…'"), "{text}");
    assert!(!text.contains("Rossi"), "{text}");
}

#[test]
fn all_three_give_the_same() {
    let definitions = Definitions::r4().unwrap();
    let patches = [
        Patch::Json(br#"[{"op":"remove","path":"/name/1"},{"op":"add","path":"/gender","value":"male"}]"#.to_vec()),
        Patch::Xml(br#"<diff xmlns:f="http://hl7.org/fhir"><remove sel="f:Patient/f:name[f:family/@value='F']"/><add sel="f:Patient/f:birthDate" pos="before"><gender value="male"/></add></diff>"#.to_vec()),
        Patch::FhirPath(value(r#"{"resourceType":"Parameters","parameter":[
            {"name":"operation","part":[{"name":"type","valueCode":"delete"},{"name":"path","valueString":"Patient.name[1]"}]},
            {"name":"operation","part":[{"name":"type","valueCode":"add"},{"name":"path","valueString":"Patient"},{"name":"name","valueString":"gender"},{"name":"value","valueCode":"male"}]}]}"#)),
    ];
    let results: Vec<Value> = patches
        .iter()
        .map(|patch| sorted(&apply(value(PATIENT), patch, &definitions).unwrap()))
        .collect();
    assert_eq!(results[0].str_at("gender"), Some("male"));
    assert_eq!(results[0], results[1]);
    assert_eq!(results[0], results[2]);
}

#[test]
fn the_type_stays_and_nothing_is_empty() {
    let definitions = Definitions::r4().unwrap();
    let patched = |patch: &str| {
        apply(
            value(PATIENT),
            &Patch::Json(patch.as_bytes().to_vec()),
            &definitions,
        )
    };
    for patch in [
        r#"[{"op":"replace","path":"/resourceType","value":"Person"}]"#,
        r#"[{"op":"replace","path":"","value":[]}]"#,
        r#"[{"op":"remove","path":"/resourceType"}]"#,
    ] {
        assert_eq!(patched(patch).unwrap_err().kind(), Kind::Invalid, "{patch}");
    }
    let result = patched(
        r#"[{"op":"remove","path":"/name/1/family"},{"op":"remove","path":"/name/0/given"},{"op":"remove","path":"/name/0/_given"}]"#,
    );
    assert!(result.unwrap().get("name").is_none());
}

#[test]
fn in_13_hostile_xml_patches() {
    let definitions = Definitions::r4().unwrap();
    for (patch, kind) in [
        ("<!DOCTYPE diff [<!ENTITY a 'b'>]><diff/>", Kind::Invalid),
        ("<diff", Kind::Invalid),
        ("<diff/>", Kind::Invalid),
        ("<other><remove sel='f:Patient'/></other>", Kind::Invalid),
        ("<diff><remove sel='f:Patient'/></diff>", Kind::Invalid),
        ("<diff><remove/></diff>", Kind::Invalid),
        (
            "<diff><add sel='f:Patient'><nonsense value='a'/></add></diff>",
            Kind::Invalid,
        ),
        (
            "<diff><add sel='f:Patient' type='namespace::x'>urn:x</add></diff>",
            Kind::Invalid,
        ),
        (
            "<diff><replace sel='f:Patient'><Person/></replace></diff>",
            Kind::Invalid,
        ),
    ] {
        let error = apply(value(PATIENT), &Patch::Xml(patch.into()), &definitions).unwrap_err();
        assert_eq!(error.kind(), kind, "{patch}: {error}");
    }
    let deep = |place: &str| {
        format!(
            "<diff><add sel='{place}'>{}{}</add></diff>",
            "<a>".repeat(126),
            "</a>".repeat(126)
        )
    };
    let twice = format!(
        "<diff>{}{}</diff>",
        "<add sel='f:Patient'><a/></add>", "<add sel='f:Patient/f:a'><a/></add>"
    );
    for (patch, kind) in [
        (deep("f:Patient"), Kind::Invalid),
        (
            deep("f:Patient/f:name[f:family]/f:family"),
            Kind::Unprocessable,
        ),
        (twice, Kind::Invalid),
    ] {
        let error = apply(value(PATIENT), &Patch::Xml(patch.into()), &definitions).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
}
