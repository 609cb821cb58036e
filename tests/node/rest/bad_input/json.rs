//! What is no JSON, or none that is read here (IN-03, IN-07 to IN-11).

use super::{Row, check, patient, row};
use crate::support::TestNode;

const S: &str = "structure";
const V: &str = "value";

fn create(
    name: &'static str,
    body: impl Into<Vec<u8>>,
    code: &'static str,
    expression: &str,
) -> Row {
    row(name, "POST", "Patient", body).gets(400, code, expression)
}

/// A body that is broken before anything of it can be named.
fn no_json(name: &'static str, body: impl Into<Vec<u8>>) -> Row {
    create(name, body, S, "")
}

/// A number, or what should be one, as `Patient.multipleBirthInteger`.
fn number(name: &'static str, text: &str, code: &'static str) -> Row {
    let body = patient(&format!(r#""multipleBirthInteger":{text}"#));
    create(name, body, code, "Patient.multipleBirthInteger")
}

/// The characters between the quotes of `Patient.language`.
fn text(name: &'static str, characters: impl AsRef<[u8]>) -> Row {
    let mut body = br#"{"resourceType":"Patient","language":""#.to_vec();
    body.extend_from_slice(characters.as_ref());
    body.extend_from_slice(b"\"}");
    create(name, body, V, "Patient.language")
}

#[test]
fn json_grammar() {
    check(
        &TestNode::start(),
        vec![
            no_json("empty body", ""),
            no_json("white space only", "  \n"),
            no_json("a string", r#""Patient""#),
            no_json("a number", "7"),
            no_json("null", "null"),
            no_json("true", "true"),
            no_json("an array", "[]"),
            no_json("an array of resources", r#"[{"resourceType":"Patient"}]"#),
            no_json("an empty object", "{}"),
            no_json("XML", "<Patient xmlns=\"http://hl7.org/fhir\"/>"),
            no_json("single quotes", "{'resourceType':'Patient'}"),
            no_json("comment", "{/* a */\"resourceType\":\"Patient\"}"),
            no_json("unquoted name", "{resourceType:\"Patient\"}"),
            no_json("number as a name", "{1:2}"),
            no_json("form feed", "{\u{c}\"resourceType\":\"Patient\"}"),
            no_json("no-break space", "{\u{a0}\"resourceType\":\"Patient\"}"),
            no_json("missing colon", r#"{"resourceType" "Patient"}"#),
            create("truncated name", r#"{"resourceTy"#, S, ""),
            create(
                "truncated string",
                r#"{"resourceType":"Pat"#,
                S,
                "resourceType",
            ),
            create(
                "truncated object",
                r#"{"resourceType":"Patient""#,
                S,
                "Patient",
            ),
            create(
                "truncated array",
                r#"{"resourceType":"Patient","name":[{"family":"a"}"#,
                S,
                "Patient.name",
            ),
            create(
                "trailing comma",
                r#"{"resourceType":"Patient",}"#,
                S,
                "Patient",
            ),
            create(
                "trailing comma in an array",
                patient(r#""name":[{"family":"a"},]"#),
                S,
                "Patient.name[1]",
            ),
            create(
                "missing comma",
                r#"{"resourceType":"Patient" "active":true}"#,
                S,
                "Patient",
            ),
            create(
                "closed by another",
                patient(r#""name":[{"family":"a"]"#),
                S,
                "Patient.name[0]",
            ),
            create(
                "trailing garbage",
                r#"{"resourceType":"Patient"} x"#,
                S,
                "Patient",
            ),
            create(
                "trailing NUL",
                "{\"resourceType\":\"Patient\"}\0",
                S,
                "Patient",
            ),
            create(
                "two values",
                r#"{"resourceType":"Patient"}{}"#,
                S,
                "Patient",
            ),
            create("word", patient(r#""active":tru"#), S, "Patient.active"),
            create(
                "upper-case word",
                patient(r#""active":TRUE"#),
                S,
                "Patient.active",
            ),
            create(
                "undefined",
                patient(r#""active":undefined"#),
                S,
                "Patient.active",
            ),
        ],
    );
}

#[test]
fn json_numbers() {
    let observation = |name, value: &str, code| {
        let body = format!(
            r#"{{"resourceType":"Observation","status":"final","code":{{"text":"x"}},"valueQuantity":{{"value":{value}}}}}"#
        );
        let place = "Observation.valueQuantity.value";
        row(name, "POST", "Observation", body).gets(400, code, place)
    };
    check(
        &TestNode::start(),
        vec![
            number("NaN", "NaN", S),
            number("Infinity", "Infinity", S),
            number("negative infinity", "-Infinity", V),
            number("leading plus", "+1", S),
            number("two signs", "--1", V),
            number("a sign alone", "-", V),
            number("leading point", ".5", S),
            number("bare point", "1.", V),
            number("bare exponent", "1e", V),
            number("signed bare exponent", "1e+", V),
            number("Arabic digits", "\u{661}", S),
            create(
                "leading zero",
                patient(r#""multipleBirthInteger":01"#),
                S,
                "Patient",
            ),
            create(
                "hexadecimal",
                patient(r#""multipleBirthInteger":0x10"#),
                S,
                "Patient",
            ),
            create(
                "separator",
                patient(r#""multipleBirthInteger":1_000"#),
                S,
                "Patient",
            ),
            number("in_10 exponent", "1e999", V),
            number("in_10 length", &"1".repeat(65), V),
            number("in_10 a million digits", &"1".repeat(1_000_000), V),
            observation("in_10 decimal exponent", "1e301", V),
            observation("in_10 negative exponent", "1e-301", V),
            observation("in_10 decimal length", &format!("0.{}", "1".repeat(63)), V),
            observation("in_10 endless exponent", "1e99999999999999999999", V),
        ],
    );
}

#[test]
fn json_texts() {
    check(
        &TestNode::start(),
        vec![
            no_json(
                "in_11 byte order mark",
                "\u{feff}{\"resourceType\":\"Patient\"}",
            ),
            no_json(
                "in_11 invalid UTF-8",
                b"{\"resourceType\":\"Patient\",\"language\":\"\xff\"}".to_vec(),
            ),
            no_json(
                "in_11 overlong UTF-8",
                b"{\"resourceType\":\"Patient\",\"language\":\"\xc0\x80\"}".to_vec(),
            ),
            no_json(
                "in_11 a surrogate in UTF-8",
                b"{\"resourceType\":\"Patient\",\"language\":\"\xed\xa0\x80\"}".to_vec(),
            ),
            no_json(
                "in_11 latin1",
                b"{\"resourceType\":\"Patient\",\"name\":[{\"family\":\"Nicol\xf2\"}]}".to_vec(),
            ),
            no_json(
                "in_11 UTF-16",
                "{\"resourceType\":\"Patient\"}"
                    .encode_utf16()
                    .flat_map(u16::to_le_bytes)
                    .collect::<Vec<u8>>(),
            ),
            no_json("in_11 UTF-7", "+AHsAIgByAGUAcwAi-"),
            text("in_11 NUL", b"\0"),
            text("in_11 escaped NUL", r"\u0000"),
            text("in_11 control character", r"\u0007"),
            text("in_11 bare control character", b"\x07"),
            text("in_11 bare line feed", "a\nb"),
            text("in_11 bare tab", "a\tb"),
            text("in_11 lone high surrogate", r"\ud800"),
            text("in_11 high surrogate before a letter", r"\ud800\u0041"),
            text("in_11 lone low surrogate", r"\udc00"),
            text("in_11 surrogates the wrong way round", r"\udc00\ud800"),
            text("bad escape", r"\x41"),
            text("short unicode escape", r"\u12"),
            text("braced unicode escape", r"\u{41}"),
            text("signed unicode escape", r"\u+041"),
            create(
                "NUL in a name",
                r#"{"resourceType":"Patient","a\u0000":1}"#,
                V,
                "Patient",
            ),
        ],
    );
}

#[test]
fn json_members() {
    check(
        &TestNode::start(),
        vec![
            create(
                "in_09 duplicate at the top",
                patient(r#""active":true,"active":false"#),
                S,
                "Patient.active",
            ),
            create(
                "in_09 duplicate with the same value",
                patient(r#""active":true,"active":true"#),
                S,
                "Patient.active",
            ),
            create(
                "in_09 duplicate type",
                r#"{"resourceType":"Patient","resourceType":"Patient"}"#,
                S,
                "Patient.resourceType",
            ),
            create(
                "in_09 another type behind",
                r#"{"resourceType":"Patient","active":true,"resourceType":"Group"}"#,
                S,
                "Patient.resourceType",
            ),
            create(
                "in_09 duplicate id",
                patient(r#""id":"a","id":"b""#),
                S,
                "Patient.id",
            ),
            create(
                "in_09 duplicate inside",
                patient(r#""name":[{"family":"a"},{"family":"a","family":"b"}]"#),
                S,
                "Patient.name[1].family",
            ),
            create(
                "in_09 duplicate in contained",
                patient(r#""contained":[{"resourceType":"Group","id":"a","id":"a"}]"#),
                S,
                "Patient.contained[0].id",
            ),
            create(
                "in_09 duplicate sibling",
                patient(r#""_active":{"id":"a"},"_active":{"id":"b"}"#),
                S,
                "Patient._active",
            ),
            create(
                "in_09 duplicate by escape",
                patient(r#""active":true,"\u0061ctive":false"#),
                S,
                "Patient.active",
            ),
            create("empty name", patient(r#""":1"#), S, "Patient.``"),
            create(
                "name with a point",
                patient(r#""name.family":"a""#),
                S,
                "Patient.`name.family`",
            ),
            create(
                "name of a prototype",
                patient(r#""__proto__":{"a":1}"#),
                S,
                "Patient.__proto__",
            ),
        ],
    );
}

/// Extensions inside each other; each takes two levels, the resource one.
fn extensions(levels: usize, last: &str) -> String {
    let open = r#""extension":[{"url":"http://a","#.repeat(levels);
    patient(&format!("{open}{last}{}", "}]".repeat(levels)))
}

fn long(bytes: usize) -> String {
    patient(&format!(r#""name":[{{"text":"{}"}}]"#, "x".repeat(bytes)))
}

#[test]
fn json_sizes() {
    let deep = |levels: usize| format!("Patient{}", ".extension[0]".repeat(levels));
    let given = |count: usize| {
        patient(&format!(
            r#""name":[{{"given":[{}"a"]}}]"#,
            "\"a\",".repeat(count)
        ))
    };
    let members = |count: usize| {
        let members: Vec<String> = (0..count).map(|n| format!("\"a{n}\":1")).collect();
        patient(&members.join(","))
    };
    let node = TestNode::start();
    check(
        &node,
        vec![
            create(
                "in_07 depth",
                extensions(32, r#""valueString":"a""#),
                "too-long",
                &deep(32),
            ),
            create(
                "in_07 a million brackets",
                "[".repeat(1_000_000),
                "too-long",
                &"[0]".repeat(64),
            ),
            create(
                "in_07 a hundred thousand objects",
                "{\"a\":".repeat(100_000),
                "too-long",
                &vec!["a"; 64].join("."),
            ),
            create(
                "in_08 string",
                long((1 << 20) + 1),
                "too-long",
                "Patient.name[0].text",
            ),
            create(
                "in_08 items",
                given(200_001),
                "too-long",
                "Patient.name[0].given[199995]",
            ),
            create(
                "in_08 members",
                members(200_001),
                "too-long",
                "Patient.a199998",
            ),
            create("many unknown members", members(150_000), S, "Patient.a0"),
            create(
                "in_08 name",
                format!("{{\"{}\":1}}", "a".repeat((1 << 20) + 1)),
                "too-long",
                "",
            ),
            row("in_03 size", "POST", "Patient", {
                let names = vec![format!(r#"{{"text":"{}"}}"#, "x".repeat(1 << 20)); 5].join(",");
                patient(&format!(r#""name":[{names}]"#))
            })
            .gets(413, "too-long", ""),
        ],
    );
    // What is just within the limits is taken in.
    for body in [
        extensions(31, r#""valueCoding":{"code":"a"}"#),
        long(1 << 20),
        given(199_990),
    ] {
        let answer = node.post("Patient", &body);
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
    for value in ["1e300", "1e-300", &format!("0.{}", "1".repeat(62))] {
        let body = format!(
            r#"{{"resourceType":"Observation","status":"final","code":{{"text":"x"}},"valueQuantity":{{"value":{value}}}}}"#
        );
        let answer = node.post("Observation", &body);
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
}
