//! JSON that is no resource of R4: unknown members, wrong kinds, primitive formats.

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
                "",
            ),
            create("empty array", r#""name":[]"#, s, "Patient.name"),
            create(
                "empty object",
                r#""maritalStatus":{}"#,
                s,
                "Patient.maritalStatus",
            ),
            create("sibling that is no object", r#""_active":true"#, s, ""),
            create(
                "sibling with a foreign member",
                r#""active":true,"_active":{"value":true}"#,
                s,
                "",
            ),
            create(
                "sibling of an object",
                r#""_maritalStatus":{"id":"a"}"#,
                s,
                "",
            ),
            create(
                "two choice types",
                r#""deceasedBoolean":true,"deceasedDateTime":"2020""#,
                s,
                "",
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
                "",
            ),
            create(
                "contained of unknown type",
                r#""contained":[{"resourceType":"Nothing"}]"#,
                s,
                "",
            ),
            create(
                "contained in contained",
                r#""contained":[{"resourceType":"Patient","contained":[{"resourceType":"Patient"}]}]"#,
                s,
                "",
            ),
            create(
                "unknown member in contained",
                r#""contained":[{"resourceType":"Observation","foo":1}]"#,
                s,
                "",
            ),
            create(
                "extension in the wrong place",
                r#""extension":{"url":"a"}"#,
                s,
                "Patient.extension",
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
        ],
    );
}

#[test]
fn primitive_formats() {
    let node = TestNode::start();
    let v = "value";
    let observation = |name, member: &str, expression| {
        let body = format!(
            r#"{{"resourceType":"Observation","status":"final","code":{{"text":"x"}},{member}}}"#
        );
        row(name, "POST", "Observation", body).gets(400, v, expression)
    };
    check(
        &node,
        vec![
            create(
                "date month",
                r#""birthDate":"2000-13-01""#,
                v,
                "Patient.birthDate",
            ),
            create(
                "date day",
                r#""birthDate":"2001-02-29""#,
                v,
                "Patient.birthDate",
            ),
            create(
                "date form",
                r#""birthDate":"01/02/2000""#,
                v,
                "Patient.birthDate",
            ),
            create(
                "date year zero",
                r#""birthDate":"0000""#,
                v,
                "Patient.birthDate",
            ),
            create(
                "date with a time",
                r#""birthDate":"2000-01-01T10:00:00Z""#,
                v,
                "Patient.birthDate",
            ),
            create(
                "date of two digits",
                r#""birthDate":"99-01-01""#,
                v,
                "Patient.birthDate",
            ),
            create(
                "dateTime without zone",
                r#""deceasedDateTime":"2000-01-01T10:00:00""#,
                v,
                "",
            ),
            create(
                "dateTime hour",
                r#""deceasedDateTime":"2000-01-01T24:00:00Z""#,
                v,
                "",
            ),
            create(
                "dateTime without seconds",
                r#""deceasedDateTime":"2000-01-01T10:00Z""#,
                v,
                "",
            ),
            create(
                "code with a space in front",
                r#""gender":" male""#,
                v,
                "Patient.gender",
            ),
            create(
                "code with two spaces",
                r#""language":"it  IT""#,
                v,
                "Patient.language",
            ),
            create("empty code", r#""gender":"""#, v, "Patient.gender"),
            create(
                "empty string",
                r#""name":[{"family":""}]"#,
                v,
                "Patient.name[0].family",
            ),
            create(
                "uri with a space",
                r#""implicitRules":"http://a b""#,
                v,
                "Patient.implicitRules",
            ),
            create("id with an underscore", r#""id":"a_b""#, v, "Patient.id"),
            create(
                "id too long",
                &format!(r#""id":"{}""#, "x".repeat(65)),
                v,
                "Patient.id",
            ),
            create(
                "base64",
                r#""photo":[{"data":"%%%"}]"#,
                v,
                "Patient.photo[0].data",
            ),
            create(
                "unsignedInt below zero",
                r#""photo":[{"size":-1}]"#,
                v,
                "Patient.photo[0].size",
            ),
            create(
                "positiveInt zero",
                r#""telecom":[{"rank":0}]"#,
                v,
                "Patient.telecom[0].rank",
            ),
            create(
                "integer with a fraction",
                r#""multipleBirthInteger":1.5"#,
                v,
                "",
            ),
            create(
                "integer too large",
                r#""multipleBirthInteger":2147483648"#,
                v,
                "",
            ),
            create(
                "instant of a day",
                r#""meta":{"lastUpdated":"2000-01-01"}"#,
                v,
                "Patient.meta.lastUpdated",
            ),
            observation("time", r#""valueTime":"25:00:00""#, ""),
            observation(
                "instant without zone",
                r#""issued":"2000-01-01T10:00:00""#,
                "Observation.issued",
            ),
            observation("decimal as text", r#""effectiveDateTime":"yesterday""#, ""),
        ],
    );
}
