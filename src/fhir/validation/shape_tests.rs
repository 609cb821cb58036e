//! One row per rule of the JSON form; all official examples.

use super::*;
use crate::fhir::model::json::{self, Limits};
use crate::fhir::xml::tests::{examples, r4};

fn findings(resource: &str) -> Vec<(String, &'static str)> {
    let value = json::parse(resource.as_bytes(), &Limits::default()).unwrap();
    check(&value, r4())
        .into_iter()
        .map(|issue| (issue.expression.concat(), issue.code))
        .collect()
}

/// Members of a Patient, and the one finding, if any.
#[track_caller]
fn patient(members: &str, expected: Option<(&str, &str)>) {
    resource("Patient", members, expected);
}

#[track_caller]
fn resource(name: &str, members: &str, expected: Option<(&str, &str)>) {
    let text = format!("{{\"resourceType\":\"{name}\",{members}}}");
    let found = findings(&text);
    let found: Vec<_> = found
        .iter()
        .map(|(at, code)| (at.as_str(), *code))
        .collect();
    assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{text}");
}

const STRUCTURE: &str = "structure";
const VALUE: &str = "value";

#[test]
fn members_are_known() {
    patient(r#""active":true"#, None);
    patient(r#""foo":1"#, Some(("Patient.foo", STRUCTURE)));
    patient(r#""_foo":{"id":"a"}"#, Some(("Patient._foo", STRUCTURE)));
    patient(
        r#""_name":[{"id":"a"}]"#,
        Some(("Patient._name", STRUCTURE)),
    );
    patient(
        r#""name":[{"family":"F"},{"foo":1}]"#,
        Some(("Patient.name[1].foo", STRUCTURE)),
    );
    patient(r#""a b":1"#, Some(("Patient.`a b`", STRUCTURE)));
    patient(
        r#""name":[{"resourceType":"HumanName"}]"#,
        Some(("Patient.name[0].resourceType", STRUCTURE)),
    );
    patient(
        r#""contact":[{"name":{"foo":1}}]"#,
        Some(("Patient.contact[0].name.foo", STRUCTURE)),
    );
}

#[test]
fn kinds_of_json() {
    patient(
        r#""name":{"family":"F"}"#,
        Some(("Patient.name", STRUCTURE)),
    );
    patient(r#""name":["F"]"#, Some(("Patient.name[0]", STRUCTURE)));
    patient(
        r#""name":[[{"family":"F"}]]"#,
        Some(("Patient.name[0]", STRUCTURE)),
    );
    patient(r#""name":[null]"#, Some(("Patient.name[0]", STRUCTURE)));
    patient(r#""gender":["male"]"#, Some(("Patient.gender", STRUCTURE)));
    patient(r#""gender":{"a":1}"#, Some(("Patient.gender", STRUCTURE)));
    patient(r#""gender":null"#, Some(("Patient.gender", STRUCTURE)));
    patient(r#""active":"true""#, Some(("Patient.active", STRUCTURE)));
    patient(
        r#""maritalStatus":"M""#,
        Some(("Patient.maritalStatus", STRUCTURE)),
    );
    patient(
        r#""maritalStatus":null"#,
        Some(("Patient.maritalStatus", STRUCTURE)),
    );
    patient(r#""name":[]"#, Some(("Patient.name", STRUCTURE)));
    patient(
        r#""maritalStatus":{}"#,
        Some(("Patient.maritalStatus", STRUCTURE)),
    );
    patient(r#""name":[{}]"#, Some(("Patient.name[0]", STRUCTURE)));
}

#[test]
fn formats_of_primitives() {
    patient(r#""gender":"""#, Some(("Patient.gender", VALUE)));
    patient(r#""gender":" male""#, Some(("Patient.gender", VALUE)));
    patient(
        r#""birthDate":"1970-02-30""#,
        Some(("Patient.birthDate", VALUE)),
    );
    patient(r#""birthDate":"1970-02""#, None);
    patient(r#""id":"a_b""#, Some(("Patient.id", VALUE)));
    patient(
        r#""meta":{"lastUpdated":"1970"}"#,
        Some(("Patient.meta.lastUpdated", VALUE)),
    );
    patient(
        r#""telecom":[{"rank":0}]"#,
        Some(("Patient.telecom[0].rank", VALUE)),
    );
    patient(
        r#""telecom":[{"rank":1.5}]"#,
        Some(("Patient.telecom[0].rank", VALUE)),
    );
    patient(
        r#""photo":[{"data":"?"}]"#,
        Some(("Patient.photo[0].data", VALUE)),
    );
    patient(r#""multipleBirthInteger":1"#, None);
    patient(
        r#""multipleBirthInteger":12345678901"#,
        Some(("Patient.multipleBirth.ofType(integer)", VALUE)),
    );
}

#[test]
fn siblings_of_primitives() {
    patient(r#""birthDate":"1970","_birthDate":{"id":"a"}"#, None);
    patient(
        r#""_birthDate":{"extension":[{"url":"http://x","valueCode":"a"}]}"#,
        None,
    );
    patient(
        r#""_birthDate":{"foo":1}"#,
        Some(("Patient.birthDate.foo", STRUCTURE)),
    );
    patient(r#""_birthDate":{}"#, Some(("Patient.birthDate", STRUCTURE)));
    patient(
        r#""_birthDate":"a""#,
        Some(("Patient.birthDate", STRUCTURE)),
    );
    patient(
        r#""_birthDate":[{"id":"a"}]"#,
        Some(("Patient.birthDate", STRUCTURE)),
    );
    patient(
        r#""_birthDate":{"extension":[]}"#,
        Some(("Patient.birthDate.extension", STRUCTURE)),
    );
    patient(
        r#""_birthDate":{"extension":{}}"#,
        Some(("Patient.birthDate.extension", STRUCTURE)),
    );
    patient(
        r#""_birthDate":{"extension":[{"url":"http://x","foo":1}]}"#,
        Some(("Patient.birthDate.extension[0].foo", STRUCTURE)),
    );
    patient(
        r#""_birthDate":{"id":""}"#,
        Some(("Patient.birthDate.id", VALUE)),
    );
    let given = |members: &str, expected| patient(&format!("\"name\":[{{{members}}}]"), expected);
    given(r#""given":["a",null],"_given":[null,{"id":"i"}]"#, None);
    given(r#""_given":[{"id":"i"}]"#, None);
    given(r#""given":["a"],"_given":[{"id":"i"}]"#, None);
    given(
        r#""given":["a",null]"#,
        Some(("Patient.name[0].given[1]", STRUCTURE)),
    );
    given(
        r#""given":[null],"_given":[null]"#,
        Some(("Patient.name[0].given[0]", STRUCTURE)),
    );
    given(
        r#""_given":[null]"#,
        Some(("Patient.name[0].given[0]", STRUCTURE)),
    );
    given(
        r#""given":["a","b"],"_given":[{"id":"i"}]"#,
        Some(("Patient.name[0].given", STRUCTURE)),
    );
    given(
        r#""given":["a"],"_given":{"id":"i"}"#,
        Some(("Patient.name[0].given", STRUCTURE)),
    );
}

#[test]
fn choices_have_one_type() {
    resource("Observation", r#""valueString":"a""#, None);
    resource(
        "Observation",
        r#""valueString":"a","_valueString":{"id":"i"}"#,
        None,
    );
    resource(
        "Observation",
        r#""valueString":"a","valueBoolean":true"#,
        Some(("Observation.value", STRUCTURE)),
    );
    resource(
        "Observation",
        r#""valueString":"a","_valueBoolean":{"id":"i"}"#,
        Some(("Observation.value", STRUCTURE)),
    );
    resource(
        "Observation",
        r#""valueFoo":"a""#,
        Some(("Observation.valueFoo", STRUCTURE)),
    );
    resource(
        "Observation",
        r#""value":"a""#,
        Some(("Observation.value", STRUCTURE)),
    );
    resource(
        "Observation",
        r#""valueQuantity":{"value":"1"}"#,
        Some(("Observation.value.ofType(Quantity).value", STRUCTURE)),
    );
}

#[test]
fn resources_inside_resources() {
    patient(r#""contained":[{"resourceType":"Basic","id":"a"}]"#, None);
    patient(
        r#""contained":[{"resourceType":"Basic","foo":1}]"#,
        Some(("Patient.contained[0].foo", STRUCTURE)),
    );
    patient(
        r#""contained":[{"id":"a"}]"#,
        Some(("Patient.contained[0]", STRUCTURE)),
    );
    patient(
        r#""contained":[{"resourceType":"HumanName"}]"#,
        Some(("Patient.contained[0]", STRUCTURE)),
    );
    patient(
        r#""contained":[{"resourceType":1}]"#,
        Some(("Patient.contained[0]", STRUCTURE)),
    );
    patient(
        r#""contained":[{"resourceType":"Basic","contained":[{"resourceType":"Basic"}]}]"#,
        Some(("Patient.contained[0].contained[0]", STRUCTURE)),
    );
    resource(
        "Bundle",
        r#""entry":[{"resource":{"resourceType":"Patient","contained":[{"resourceType":"Basic"}]}}]"#,
        None,
    );
    resource(
        "Bundle",
        r#""entry":[{"resource":{"resourceType":"Patient","foo":1}}]"#,
        Some(("Bundle.entry[0].resource.foo", STRUCTURE)),
    );
}

#[test]
fn roots() {
    for text in [
        "[]",
        "1",
        "{}",
        r#"{"id":"a"}"#,
        r#"{"resourceType":"Foo"}"#,
    ] {
        assert_eq!(findings(text).len(), 1, "{text}");
    }
    assert!(findings(r#"{"resourceType":"Patient"}"#).is_empty());
}

#[test]
fn narrative_is_well_formed() {
    let div = |text: &str| format!(r#""text":{{"status":"generated","div":{text}}}"#);
    let at = Some(("Patient.text.div", VALUE));
    patient(
        &div(r#""<div xmlns=\"http://www.w3.org/1999/xhtml\">a</div>""#),
        None,
    );
    patient(&div(r#""<div>a""#), at);
    patient(&div(r#""""#), at);
    patient(&div("1"), Some(("Patient.text.div", STRUCTURE)));
}

#[test]
fn all_findings_up_to_a_hundred() {
    let names = |count: usize| {
        let list = vec![r#"{"foo":1}"#; count].join(",");
        findings(&format!(r#"{{"resourceType":"Patient","name":[{list}]}}"#)).len()
    };
    assert_eq!(names(2), 2);
    assert_eq!(names(100), 100);
    assert_eq!(names(101), 101);
    assert_eq!(names(500), 101);
}

#[test]
fn official_examples_have_their_shape() {
    let Some(examples) = examples() else {
        return;
    };
    let mut all = Vec::new();
    for (file, text) in examples {
        let found = findings(&text);
        all.extend(
            found
                .into_iter()
                .map(|(at, code)| format!("{file}: {at}: {code}")),
        );
    }
    assert!(
        all.is_empty(),
        "{} findings:\n{}",
        all.len(),
        all.join("\n")
    );
}
