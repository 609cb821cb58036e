//! JSON that is no resource of R4: unknown members, wrong kinds, siblings, choices, contained resources.

use super::{Row, check, patient, row};
use crate::support::TestNode;

fn create(name: &'static str, members: &str, code: &'static str, expression: &'static str) -> Row {
    row(name, "POST", "Patient", patient(members)).gets(400, code, expression)
}

#[test]
fn members_and_kinds() {
    let node = TestNode::start();
    let s = "structure";
    check(
        &node,
        vec![
            create("unknown member", r#""foo":1"#, s, "Patient.foo"),
            create(
                "unknown member inside",
                r#""name":[{"family":"a"},{"surname":"b"}]"#,
                s,
                "Patient.name[1].surname",
            ),
            create(
                "member of another type",
                r#""status":"final""#,
                s,
                "Patient.status",
            ),
            create(
                "object for array",
                r#""name":{"family":"a"}"#,
                s,
                "Patient.name",
            ),
            create(
                "array for object",
                r#""maritalStatus":[]"#,
                s,
                "Patient.maritalStatus",
            ),
            create(
                "array for primitive",
                r#""active":[true]"#,
                s,
                "Patient.active",
            ),
            create(
                "string for boolean",
                r#""active":"true""#,
                s,
                "Patient.active",
            ),
            create(
                "number for string",
                r#""language":5"#,
                s,
                "Patient.language",
            ),
            create(
                "object for primitive",
                r#""gender":{}"#,
                s,
                "Patient.gender",
            ),
            create(
                "primitive for object",
                r#""maritalStatus":"M""#,
                s,
                "Patient.maritalStatus",
            ),
            create(
                "primitive in array of objects",
                r#""name":["a"]"#,
                s,
                "Patient.name[0]",
            ),
            create("null member", r#""active":null"#, s, "Patient.active"),
            create(
                "null in array of objects",
                r#""name":[null]"#,
                s,
                "Patient.name[0]",
            ),
            create(
                "null without sibling",
                r#""name":[{"given":["a",null]}]"#,
                s,
                "Patient.name[0].given[1]",
            ),
            create("empty array", r#""name":[]"#, s, "Patient.name"),
            create(
                "empty object",
                r#""maritalStatus":{}"#,
                s,
                "Patient.maritalStatus",
            ),
            create(
                "sibling that is no object",
                r#""_active":true"#,
                s,
                "Patient.active",
            ),
            create(
                "sibling with a foreign member",
                r#""active":true,"_active":{"value":true}"#,
                s,
                "Patient.active.value",
            ),
            create(
                "sibling of an object",
                r#""_maritalStatus":{"id":"a"}"#,
                s,
                "Patient._maritalStatus",
            ),
            create(
                "two choice types",
                r#""deceasedBoolean":true,"deceasedDateTime":"2020""#,
                s,
                "Patient.deceased",
            ),
            create(
                "a choice that is none",
                r#""deceasedString":"x""#,
                s,
                "Patient.deceasedString",
            ),
            create(
                "choice without type",
                r#""deceased":true"#,
                s,
                "Patient.deceased",
            ),
            create(
                "contained without type",
                r#""contained":[{"id":"a"}]"#,
                s,
                "Patient.contained[0]",
            ),
            create(
                "contained of unknown type",
                r#""contained":[{"resourceType":"Nothing"}]"#,
                s,
                "Patient.contained[0]",
            ),
            create(
                "contained in contained",
                r#""contained":[{"resourceType":"Patient","contained":[{"resourceType":"Patient"}]}]"#,
                s,
                "Patient.contained[0].contained[0]",
            ),
            create(
                "unknown member in contained",
                r#""contained":[{"resourceType":"Observation","foo":1}]"#,
                s,
                "Patient.contained[0].foo",
            ),
            create(
                "extension in the wrong place",
                r#""extension":{"url":"a"}"#,
                s,
                "Patient.extension",
            ),
            create(
                "type inside an element",
                r#""name":[{"resourceType":"HumanName"}]"#,
                s,
                "Patient.name[0].resourceType",
            ),
            create(
                "comments of an older FHIR",
                r#""fhir_comments":["a"]"#,
                s,
                "Patient.fhir_comments",
            ),
            create(
                "array in an array",
                r#""name":[[{"family":"a"}]]"#,
                s,
                "Patient.name[0]",
            ),
            create(
                "reference as a string",
                r#""managingOrganization":"Organization/1""#,
                s,
                "Patient.managingOrganization",
            ),
            create(
                "modifierExtension of a data type",
                r#""name":[{"modifierExtension":[{"url":"http://a","valueBoolean":true}]}]"#,
                s,
                "Patient.name[0].modifierExtension",
            ),
            create(
                "extension with a value of no type",
                r#""extension":[{"url":"http://a","valueFoo":1}]"#,
                s,
                "Patient.extension[0].valueFoo",
            ),
            create(
                "extension with two values",
                r#""extension":[{"url":"http://a","valueBoolean":true,"valueString":"a"}]"#,
                s,
                "Patient.extension[0].value",
            ),
            create(
                "siblings of another length",
                r#""name":[{"given":["a"],"_given":[null,{"id":"x"}]}]"#,
                s,
                "Patient.name[0].given",
            ),
            create(
                "null in both siblings",
                r#""name":[{"given":["a",null],"_given":[{"id":"x"},null]}]"#,
                s,
                "Patient.name[0].given[1]",
            ),
            create(
                "nulls only",
                r#""name":[{"given":[null]}]"#,
                s,
                "Patient.name[0].given[0]",
            ),
            create(
                "array of siblings for one value",
                r#""active":true,"_active":[{"id":"x"}]"#,
                s,
                "Patient.active",
            ),
            create(
                "empty sibling",
                r#""active":true,"_active":{}"#,
                s,
                "Patient.active",
            ),
            create(
                "contained that is no list",
                r#""contained":{"resourceType":"Group"}"#,
                s,
                "Patient.contained",
            ),
            create(
                "contained Patient with a bad value",
                r#""contained":[{"resourceType":"Patient","birthDate":"x"}]"#,
                "value",
                "Patient.contained[0].birthDate",
            ),
            create(
                "narrative as an object",
                r#""text":{"status":"generated","div":{}}"#,
                s,
                "Patient.text.div",
            ),
            create(
                "narrative that is no XHTML",
                r#""text":{"status":"generated","div":"hello"}"#,
                "value",
                "Patient.text.div",
            ),
            create(
                "narrative that is not closed",
                r#""text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p></div>"}"#,
                "value",
                "Patient.text.div",
            ),
            create(
                "narrative of another namespace",
                r#""text":{"status":"generated","div":"<div xmlns=\"http://hl7.org/fhir\">a</div>"}"#,
                "value",
                "Patient.text.div",
            ),
            create(
                "narrative with a document type",
                r#""text":{"status":"generated","div":"<!DOCTYPE div [<!ENTITY a \"b\">]><div xmlns=\"http://www.w3.org/1999/xhtml\">&a;</div>"}"#,
                "value",
                "Patient.text.div",
            ),
            create(
                "narrative with something behind it",
                r#""text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"/><script/>"}"#,
                "value",
                "Patient.text.div",
            ),
            row(
                "unknown type in the body",
                "POST",
                "Patient",
                r#"{"resourceType":"Nothing"}"#,
            )
            .gets(400, "invalid", "resourceType"),
            row(
                "other type in the body",
                "POST",
                "Patient",
                r#"{"resourceType":"Group"}"#,
            )
            .gets(400, "invalid", "resourceType"),
            row(
                "abstract type in the body",
                "POST",
                "Patient",
                r#"{"resourceType":"Resource"}"#,
            )
            .gets(400, "invalid", "resourceType"),
            row(
                "type that is no string",
                "POST",
                "Patient",
                r#"{"resourceType":7}"#,
            )
            .gets(400, s, ""),
            row(
                "a data type in the body",
                "POST",
                "Patient",
                r#"{"resourceType":"HumanName"}"#,
            )
            .gets(400, "invalid", "resourceType"),
            row(
                "type in lower case in the body",
                "POST",
                "Patient",
                r#"{"resourceType":"patient"}"#,
            )
            .gets(400, "invalid", "resourceType"),
        ],
    );
}
