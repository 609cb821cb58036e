//! Values of primitive types that are not in the form R4 gives them (datatypes.html#primitive, IN-12).

use super::{Row, check, patient, row};
use crate::support::TestNode;

const DECEASED: &str = "Patient.deceased.ofType(dateTime)";
const BIRTHS: &str = "Patient.multipleBirth.ofType(integer)";
const EXTENSION: &str = "Patient.extension[0].value.ofType";

/// One member of a Patient, and the place that is named.
fn member(name: &'static str, member: &str, expression: &str) -> Row {
    row(name, "POST", "Patient", patient(member)).gets(400, "value", expression)
}

/// `Patient.birthDate`.
fn date(text: &'static str) -> Row {
    let name = if text.is_empty() { "empty date" } else { text };
    member(
        name,
        &format!(r#""birthDate":"{text}""#),
        "Patient.birthDate",
    )
}

/// `Patient.deceasedDateTime`.
fn date_time(text: &'static str) -> Row {
    member(text, &format!(r#""deceasedDateTime":"{text}""#), DECEASED)
}

/// The value of an extension, of any primitive type.
fn value(code: &'static str, json: &str) -> Row {
    let mut choice = code.to_owned();
    choice[..1].make_ascii_uppercase();
    let body = format!(r#""extension":[{{"url":"http://a","value{choice}":{json}}}]"#);
    member(code, &body, &format!("{EXTENSION}({code})"))
}

#[test]
fn in_12_dates_and_times() {
    check(
        &TestNode::start(),
        vec![
            date(""),
            date("2000-13-01"),
            date("2000-00-01"),
            date("2001-02-29"),
            date("2000-01-00"),
            date("01/02/2000"),
            date("0000"),
            date("99-01-01"),
            date("12000"),
            date("2000-1-1"),
            date("2000-001"),
            date("20000101"),
            date("2000-W01"),
            date("-2000"),
            date(" 2000"),
            date("2000-"),
            date("2000-01-01T10:00:00Z"),
            date_time("2000-01-01T10:00:00"),
            date_time("2000-01-01T24:00:00Z"),
            date_time("2000-01-01T10:60:00Z"),
            date_time("2000-01-01T10:00:61Z"),
            date_time("2000-01-01T10:00Z"),
            date_time("2000-01-01T10Z"),
            date_time("2000-01-01T10:00:00.Z"),
            date_time("2000-01-01T10:00:00+0100"),
            date_time("2000-01-01T10:00:00+15:00"),
            date_time("2000-01-01T10:00:00z"),
            date_time("2000-01-01t10:00:00Z"),
            date_time("2000-01-01 10:00:00Z"),
            date_time("Sat, 01 Jan 2000 10:00:00 GMT"),
            value("time", r#""25:00:00""#),
            value("time", r#""10:00""#),
            value("time", r#""10:00:00Z""#),
            value("instant", r#""2000-01-01""#),
            value("instant", r#""2000-01-01T10:00:00""#),
            member(
                "instant of a day in meta",
                r#""meta":{"lastUpdated":"2000-01-01"}"#,
                "Patient.meta.lastUpdated",
            ),
        ],
    );
}

#[test]
fn numbers_and_texts() {
    let long = format!(r#""id":"{}""#, "x".repeat(65));
    check(
        &TestNode::start(),
        vec![
            member(
                "integer with a fraction",
                r#""multipleBirthInteger":1.5"#,
                BIRTHS,
            ),
            member(
                "integer with a zero fraction",
                r#""multipleBirthInteger":1.0"#,
                BIRTHS,
            ),
            member(
                "integer with an exponent",
                r#""multipleBirthInteger":1e2"#,
                BIRTHS,
            ),
            member(
                "integer too large",
                r#""multipleBirthInteger":2147483648"#,
                BIRTHS,
            ),
            member(
                "integer too small",
                r#""multipleBirthInteger":-2147483649"#,
                BIRTHS,
            ),
            member(
                "unsignedInt below zero",
                r#""photo":[{"size":-1}]"#,
                "Patient.photo[0].size",
            ),
            member(
                "positiveInt zero",
                r#""telecom":[{"rank":0}]"#,
                "Patient.telecom[0].rank",
            ),
            value("unsignedInt", "2147483648"),
            value("positiveInt", "-5"),
            member(
                "code with a space in front",
                r#""gender":" male""#,
                "Patient.gender",
            ),
            member(
                "code with a space behind",
                r#""gender":"male ""#,
                "Patient.gender",
            ),
            member(
                "code with two spaces",
                r#""language":"it  IT""#,
                "Patient.language",
            ),
            member("empty code", r#""gender":"""#, "Patient.gender"),
            member(
                "empty string",
                r#""name":[{"family":""}]"#,
                "Patient.name[0].family",
            ),
            member(
                "uri with a space",
                r#""implicitRules":"http://a b""#,
                "Patient.implicitRules",
            ),
            member(
                "empty uri",
                r#""implicitRules":"""#,
                "Patient.implicitRules",
            ),
            member(
                "profile with a space",
                r#""meta":{"profile":["a b"]}"#,
                "Patient.meta.profile[0]",
            ),
            value("url", r#""http://a\nb""#),
            value("canonical", r#""http://a b|1""#),
            value("oid", r#""1.2.3""#),
            value("oid", r#""urn:oid:3.1""#),
            value("oid", r#""urn:oid:1.02""#),
            value("uuid", r#""7d0f4c8e-1f51-4c0e-8f1c-3f2f1d3b1a01""#),
            value("uuid", r#""urn:uuid:7d0f4c8e""#),
            value("markdown", r#""""#),
            value("id", r#""a/b""#),
            member("empty id", r#""id":"""#, "Patient.id"),
            member("id with an underscore", r#""id":"a_b""#, "Patient.id"),
            member("id with a slash", r#""id":"../a""#, "Patient.id"),
            member("id of another script", r#""id":"è""#, "Patient.id"),
            member("id too long", &long, "Patient.id"),
            member(
                "base64 alphabet",
                r#""photo":[{"data":"%%%"}]"#,
                "Patient.photo[0].data",
            ),
            member(
                "base64 length",
                r#""photo":[{"data":"QUJDR"}]"#,
                "Patient.photo[0].data",
            ),
            member(
                "base64 padding",
                r#""photo":[{"data":"QQ=A"}]"#,
                "Patient.photo[0].data",
            ),
            member(
                "base64url",
                r#""photo":[{"data":"-_-_"}]"#,
                "Patient.photo[0].data",
            ),
        ],
    );
}
