//! What is no JSON, or none that is read here (IN-03, IN-07 to IN-11).

use super::{Row, check, patient, row};
use crate::support::TestNode;

fn create(name: &'static str, body: impl Into<Vec<u8>>) -> Row {
    row(name, "POST", "Patient", body)
}

#[test]
fn json_texts() {
    let node = TestNode::start();
    let long = |bytes: usize| patient(&format!(r#""name":[{{"text":"{}"}}]"#, "x".repeat(bytes)));
    let nested = |depth: usize| "{\"extension\":[".repeat(depth);
    let mut rows = vec![
        create("empty body", ""),
        create("white space only", "  \n"),
        create("truncated object", r#"{"resourceType":"Patient""#),
        create("truncated string", r#"{"resourceType":"Pat"#),
        create(
            "truncated array",
            r#"{"resourceType":"Patient","name":[{"family":"a"}"#,
        ),
        create("trailing comma", r#"{"resourceType":"Patient",}"#),
        create("trailing garbage", r#"{"resourceType":"Patient"} x"#),
        create("two values", r#"{"resourceType":"Patient"}{}"#),
        create("single quotes", "{'resourceType':'Patient'}"),
        create("comment", "{/* a */\"resourceType\":\"Patient\"}"),
        create("unquoted name", "{resourceType:\"Patient\"}"),
        create("missing colon", r#"{"resourceType" "Patient"}"#),
        create(
            "missing comma",
            r#"{"resourceType":"Patient" "active":true}"#,
        ),
        create("word", patient(r#""active":tru"#)).gets(400, "structure", "Patient.active"),
        create("upper-case word", patient(r#""active":TRUE"#)).gets(
            400,
            "structure",
            "Patient.active",
        ),
        create("NaN", patient(r#""multipleBirthInteger":NaN"#)).gets(
            400,
            "structure",
            "Patient.multipleBirthInteger",
        ),
        create("Infinity", patient(r#""multipleBirthInteger":Infinity"#)).gets(
            400,
            "structure",
            "Patient.multipleBirthInteger",
        ),
        create("leading zero", patient(r#""multipleBirthInteger":01"#)).gets(400, "structure", ""),
        create("leading plus", patient(r#""multipleBirthInteger":+1"#)).gets(
            400,
            "structure",
            "Patient.multipleBirthInteger",
        ),
        create("bare point", patient(r#""multipleBirthInteger":1."#)).gets(
            400,
            "value",
            "Patient.multipleBirthInteger",
        ),
        create("hexadecimal", patient(r#""multipleBirthInteger":0x10"#)).gets(400, "structure", ""),
        create("in_10 exponent", patient(r#""multipleBirthInteger":1e999"#)).gets(
            400,
            "value",
            "Patient.multipleBirthInteger",
        ),
        create(
            "in_10 length",
            patient(&format!(r#""multipleBirthInteger":{}"#, "1".repeat(65))),
        )
        .gets(400, "value", "Patient.multipleBirthInteger"),
        create(
            "in_09 duplicate at the top",
            r#"{"resourceType":"Patient","active":true,"active":false}"#,
        )
        .gets(400, "structure", "Patient.active"),
        create(
            "in_09 duplicate type",
            r#"{"resourceType":"Patient","resourceType":"Patient"}"#,
        )
        .gets(400, "structure", ""),
        create(
            "in_09 duplicate inside",
            patient(r#""name":[{"family":"a"},{"family":"a","family":"b"}]"#),
        )
        .gets(400, "structure", "Patient.name[1].family"),
        create(
            "in_09 duplicate by escape",
            r#"{"resourceType":"Patient","active":true,"\u0061ctive":false}"#,
        )
        .gets(400, "structure", "Patient.active"),
        create(
            "in_11 byte order mark",
            "\u{feff}{\"resourceType\":\"Patient\"}",
        ),
        create(
            "in_11 invalid UTF-8",
            b"{\"resourceType\":\"Patient\",\"language\":\"\xff\"}".to_vec(),
        ),
        create(
            "in_11 overlong UTF-8",
            b"{\"resourceType\":\"Patient\",\"language\":\"\xc0\x80\"}".to_vec(),
        ),
        create(
            "in_11 UTF-16",
            "{\"resourceType\":\"Patient\"}"
                .encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect::<Vec<u8>>(),
        ),
        create(
            "in_11 NUL",
            b"{\"resourceType\":\"Patient\",\"language\":\"\0\"}".to_vec(),
        )
        .gets(400, "value", "Patient.language"),
        create("in_11 escaped NUL", patient(r#""language":"\u0000""#)).gets(
            400,
            "value",
            "Patient.language",
        ),
        create("in_11 control character", patient(r#""language":"\u0007""#)).gets(
            400,
            "value",
            "Patient.language",
        ),
        create("in_11 bare line feed", patient("\"language\":\"a\nb\"")).gets(
            400,
            "value",
            "Patient.language",
        ),
        create(
            "in_11 lone high surrogate",
            patient(r#""language":"\ud800""#),
        )
        .gets(400, "value", "Patient.language"),
        create(
            "in_11 lone low surrogate",
            patient(r#""language":"\udc00""#),
        )
        .gets(400, "value", "Patient.language"),
        create(
            "in_11 surrogates the wrong way round",
            patient(r#""language":"\udc00\ud800""#),
        )
        .gets(400, "value", "Patient.language"),
        create("bad escape", patient(r#""language":"\x41""#)).gets(
            400,
            "value",
            "Patient.language",
        ),
        create("short unicode escape", patient(r#""language":"\u12""#)).gets(
            400,
            "value",
            "Patient.language",
        ),
        create("in_07 depth", nested(40)).gets(400, "too-long", ""),
        create("in_07 a million brackets", "[".repeat(1_000_000)).gets(400, "too-long", ""),
        create("in_08 string", long((1 << 20) + 1)).gets(400, "too-long", "Patient.name[0].text"),
        create(
            "in_08 nodes",
            patient(&format!(
                r#""name":[{{"given":[{}"a"]}}]"#,
                "\"a\",".repeat(200_001)
            )),
        )
        .gets(400, "too-long", ""),
        create("in_03 size", {
            let names = vec![format!(r#"{{"text":"{}"}}"#, "x".repeat(1 << 20)); 5].join(",");
            patient(&format!(r#""name":[{names}]"#))
        })
        .gets(413, "too-long", ""),
    ];
    for (name, body) in [
        ("a string", r#""Patient""#),
        ("a number", "7"),
        ("null", "null"),
        ("true", "true"),
        ("an array", "[]"),
        ("an empty object", "{}"),
    ] {
        rows.push(create(name, body));
    }
    check(&node, rows);
}
